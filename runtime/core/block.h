/* SPDX-License-Identifier: MIT */
/*
 * block.h - blocks that the program opens and closes: forks of scopes, hubs.
 *
 * Every push has its pop, also when there was no room for a frame.  A block of the
 * macros gives the address of a variable of its own: when something happens on an
 * older stack frame, the block was left by a long jump, and is closed.
 *
 * Runs: the owning thread, inside the guard.
 */
#ifndef TA_CORE_BLOCK_H
#define TA_CORE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/context.h"

/* kind: TA_FRAME_SCOPE, TA_FRAME_ISOLATION. */
bool ta_block_push(struct ta_thread *thread, enum ta_frame_kind kind, uintptr_t block);
bool ta_block_push_hub(struct ta_thread *thread, uint64_t hub, uintptr_t block);
/* Pops the innermost of that kind.  False: there is none. */
bool ta_block_pop(struct ta_thread *thread, enum ta_frame_kind kind);

/* A block begins at this address: one that is open there was left by a long jump. */
void ta_block_begins(struct ta_thread *thread, uintptr_t block);

/* Closes blocks that were left by a long jump; stack: an address in the caller's frame. */
void ta_block_heal_slow(struct ta_thread *thread, uintptr_t stack);

#endif
