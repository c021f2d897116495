/* SPDX-License-Identifier: MIT */
/*
 * alone.h - atomic steps that cost less while the process has one thread.
 *
 * A locked instruction takes about twenty cycles, a request meets ten of them, and many
 * servers have one thread.  Without the lock prefix an instruction is still atomic
 * towards the signal handlers of its own thread.  Whoever makes a second thread says so
 * first (hooks/thread.c), and so does a thread that is seen for the first time; there is no
 * way back.
 *
 * Runs: any host thread, signal handlers, on private memory only.
 */
#ifndef TA_CORE_ALONE_H
#define TA_CORE_ALONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/runtime.h"

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define TA_KNOWS_ALONE 1
#else
#define TA_KNOWS_ALONE 0
#endif

static inline bool ta_is_alone(void)
{
	return TA_KNOWS_ALONE &&
	       !atomic_load_explicit(&ta_runtime.threaded, memory_order_relaxed);
}

static inline void ta_is_threaded(void)
{
	if (!atomic_load_explicit(&ta_runtime.threaded, memory_order_relaxed))
		atomic_store(&ta_runtime.threaded, true);
}

/* Puts new in the place of old; false: something else was there.  Acquires. */
static inline bool ta_swap64(_Atomic uint64_t *at, uint64_t old, uint64_t new)
{
#if TA_KNOWS_ALONE
	if (ta_is_alone()) {
		bool swapped;

		__asm__ volatile("cmpxchgq %3, %1"
				 : "=@cce"(swapped), "+m"(*at), "+a"(old)
				 : "r"(new)
				 : "memory");
		return swapped;
	}
#endif
	return atomic_compare_exchange_strong_explicit(at, &old, new, memory_order_acquire,
						       memory_order_relaxed);
}

/* Adds, and returns what was there.  Releases. */
static inline uint64_t ta_add64(_Atomic uint64_t *at, uint64_t more)
{
#if TA_KNOWS_ALONE
	if (ta_is_alone()) {
		__asm__ volatile("xaddq %0, %1" : "+r"(more), "+m"(*at) : : "memory", "cc");
		return more;
	}
#endif
	return atomic_fetch_add_explicit(at, more, memory_order_release);
}

/* Adds to a number that orders nothing. */
static inline void ta_count32(_Atomic int32_t *at, int32_t more)
{
#if TA_KNOWS_ALONE
	if (ta_is_alone()) {
		__asm__ volatile("addl %1, %0" : "+m"(*at) : "ri"(more) : "memory", "cc");
		return;
	}
#endif
	atomic_fetch_add_explicit(at, more, memory_order_relaxed);
}

#endif
