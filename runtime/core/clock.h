/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the one clock of all records: CLOCK_MONOTONIC.
 *
 * Where the processor's time stamp counter runs at one rate always, times in between
 * two looks at the kernel's clock, a millisecond apart at most, are worked out from the
 * counter: a third of the price of clock_gettime.  They differ from the kernel's by
 * less than the tick of a few dozen nanoseconds that the two looks differ by, and never
 * run backwards against one another.
 *
 * Runs: any host thread, signal handlers.  No locks: a reader that meets a writer asks
 * the kernel.  No system call where the kernel's clock source has a vDSO path.
 */
#ifndef TA_CORE_CLOCK_H
#define TA_CORE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* When the counter stood at ticks it was ns; it makes mult / 2^32 ns a tick.  Odd
 * sequence numbers: being written, or not to be used. */
struct ta_clock_anchor {
	_Atomic uint32_t sequence;
	_Atomic uint32_t ticks_valid; /* how far from ticks it may be used; 0: not yet */
	_Atomic uint64_t ticks;
	_Atomic uint64_t ns;
	_Atomic uint64_t mult;
};

extern struct ta_clock_anchor ta_clock_anchor __attribute__((visibility("hidden")));

/* Constructor: whether the counter can be used at all. */
void ta_clock_init(void);

/* From here on the coarse clock (a few ms): the counter must not be read, because
 * seccomp's strict mode and prctl(PR_SET_TSC) make that fatal. */
void ta_clock_coarse(void);

/* Asks the kernel, and sets the anchor anew. */
uint64_t ta_clock_slow(void);

static inline uint64_t ta_now_ns(void)
{
#if defined(__x86_64__)
	uint32_t sequence =
		atomic_load_explicit(&ta_clock_anchor.sequence, memory_order_acquire);
	uint32_t valid =
		atomic_load_explicit(&ta_clock_anchor.ticks_valid, memory_order_relaxed);

	if (__builtin_expect((sequence & 1) == 0 && valid != 0, 1)) {
		uint64_t ticks = atomic_load_explicit(&ta_clock_anchor.ticks, memory_order_relaxed);
		uint64_t ns = atomic_load_explicit(&ta_clock_anchor.ns, memory_order_relaxed);
		uint64_t mult = atomic_load_explicit(&ta_clock_anchor.mult, memory_order_relaxed);
		uint64_t passed = __builtin_ia32_rdtsc() - ticks;

		atomic_thread_fence(memory_order_acquire);
		if (passed < valid && atomic_load_explicit(&ta_clock_anchor.sequence,
							   memory_order_relaxed) == sequence)
			return ns + (passed * mult >> 32);
	}
#endif
	return ta_clock_slow();
}

#endif
