/* SPDX-License-Identifier: MIT */
/*
 * modules.h - the objects that are loaded, out of the dynamic linker's own list.
 *
 * Runs: any host thread, signal handlers.  No locks: the list is read as it stands (it is
 * made for debuggers, which stop the process at any moment), and every step is bounded.
 */
#ifndef TA_CORE_MODULES_H
#define TA_CORE_MODULES_H

#include <stdint.h>

/* Finds the list; once, in the constructor. */
void ta_modules_init(void);

/* Rows of struct ta_module (runtime/wire/crash.h), as many as fit.  Returns the bytes. */
uint32_t ta_modules_put(char *out, uint32_t out_bytes);

#endif
