/* SPDX-License-Identifier: MIT */
/*
 * stack.h - where something was captured: registers and the top of the stack, as they are.
 *
 * The host unwinds nothing: the agent does, and knows names (runtime/stacks).
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_STACK_H
#define TA_CORE_STACK_H

#include <stdint.h>

#include "runtime/core/thread.h"

/* A thread begins, and this is an address in its first frame. */
void ta_stack_begin(uintptr_t frame);

/* A STACK record for the event that was just recorded.  What cannot be read is left out.
 * Makes system calls; in a sandbox none, and then there is no record. */
void ta_stack_publish(struct ta_thread *thread, uint64_t event_hi, uint64_t event_lo);

#endif
