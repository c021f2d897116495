/* SPDX-License-Identifier: MIT */
/*
 * peek.h - memory of our own process that may not be there.
 *
 * process_vm_readv answers EFAULT where a load would fault.
 *
 * Runs: signal handlers, any host thread.  No libc, errno untouched.
 */
#ifndef TA_CORE_PEEK_H
#define TA_CORE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of it or nothing. */
bool ta_peek(void *to, uintptr_t from, size_t bytes);

static inline bool ta_peek_word(uintptr_t *to, uintptr_t from)
{
	return ta_peek(to, from, sizeof(*to));
}

/* The text at from, cut where it no longer fits or can no longer be read; terminated.
 * Returns its length.  to_bytes is at least 1. */
size_t ta_peek_text(char *to, size_t to_bytes, uintptr_t from);

#endif
