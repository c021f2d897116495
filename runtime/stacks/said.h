/* SPDX-License-Identifier: MIT */
/*
 * said.h - what a process said about its own death: libc's abort message, a C++ exception.
 *
 * Both are read out of the memory of a process that still stands; every pointer in there may
 * be nonsense, and is only ever an address to be read.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_SAID_H
#define TA_STACKS_SAID_H

#include "runtime/stacks/memory.h"
#include "runtime/stacks/space.h"

#define TA_SAID_MAX 1024u

/* Of assert, malloc, the stack protector, fortified functions; "" when there is none. */
void ta_abort_message(const struct ta_space *space, uint32_t pid, char text[TA_SAID_MAX]);

/* The C++ exception that is in flight, found on the stack from sp on.  Type "" when there is
 * none; value "" when it cannot be told. */
void ta_thrown(const struct ta_space *space, struct ta_memory *memory, uint64_t sp,
	       char type[TA_SAID_MAX], char value[TA_SAID_MAX]);

#endif
