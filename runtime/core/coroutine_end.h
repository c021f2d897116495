/* SPDX-License-Identifier: MIT */
/*
 * coroutine_end.h - seeing the end of a coroutine that libc made.
 *
 * libc goes on to uc_link by a call of its own, so the place on the coroutine's stack where
 * its function returns to is changed, before it first runs.
 *
 * Runs: any host thread; the end on the coroutine's own stack.
 */
#ifndef TA_CORE_COROUTINE_END_H
#define TA_CORE_COROUTINE_END_H

#include <stdint.h>
#include <ucontext.h>

static inline uintptr_t ta_saved_stack(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#else
	return (uintptr_t)context->uc_mcontext.sp;
#endif
}

/* A coroutine that was made and has not run yet; high: the end of its stack.  Does nothing
 * where the stack is not as glibc leaves it. */
void ta_coroutine_see_end(uintptr_t high, const ucontext_t *made);

#endif
