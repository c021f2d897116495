/* SPDX-License-Identifier: MIT */
/*
 * clock.c - keeping the time stamp counter's anchor.
 *
 * The rate is measured over an interval of at least MEASURE_NS that is begun anew
 * every REMEASURE_NS, so it follows the kernel's adjustments.  A new anchor never lies
 * before what the old one would say now; the lead is made up for by a lower rate until
 * the next one.
 *
 * Runs: any host thread, signal handlers.  One writer at a time, the others ask the
 * kernel.  A writer that is jumped out of leaves the counter unused for good.
 */
#include "runtime/core/clock.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define VALID_NS 1000000u
#define MEASURE_NS 20000000u
#define REMEASURE_NS 2000000000ull
#define MULT_MAX (1ull << 33) /* two ns a tick: slower counters are not worth it */

struct ta_clock_anchor ta_clock_anchor = { .sequence = 1 };

static clockid_t kernel_clock = CLOCK_MONOTONIC;

static uint64_t kernel_ns(void)
{
	struct timespec now;

	clock_gettime(kernel_clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#if defined(__x86_64__)

/* The beginning of the interval that the rate is measured over, and the next one's. */
static struct mark {
	uint64_t ticks, ns;
} marks[2];

#define LOOK_TICKS_MAX 10000u /* both clocks read without an interruption in between */

/* Both clocks at one moment.  False: something came between. */
static bool look(uint64_t *ret_ticks, uint64_t *ret_ns)
{
	uint64_t before = __builtin_ia32_rdtsc();

	*ret_ns = kernel_ns();
	*ret_ticks = __builtin_ia32_rdtsc();
	return *ret_ticks - before < LOOK_TICKS_MAX;
}

#define INVARIANT_TSC (1u << 8) /* CPUID 80000007h, EDX */

static bool has_steady_counter(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & INVARIANT_TSC);
}

void ta_clock_init(void)
{
	uint64_t ticks, ns;

	if (!has_steady_counter())
		return;
	/* The first look faults the vDSO's pages in. */
	if (!look(&ticks, &ns) && !look(&ticks, &ns) && !look(&ticks, &ns))
		return;
	marks[0] = marks[1] = (struct mark){ ticks, ns };
	atomic_store(&ta_clock_anchor.sequence, 0);
}

/* Ticks to ns as measured; 0: not long enough yet. */
static uint64_t measure(uint64_t ticks, uint64_t ns)
{
	struct mark *mark = &marks[0];

	if (ns - marks[1].ns > REMEASURE_NS) {
		marks[0] = marks[1];
		marks[1] = (struct mark){ ticks, ns };
	}
	if (ns - mark->ns < MEASURE_NS || ticks <= mark->ticks)
		return 0;
	return (uint64_t)(((unsigned __int128)(ns - mark->ns) << 32) / (ticks - mark->ticks));
}

static void set_anchor(uint64_t ticks, uint64_t ns)
{
	struct ta_clock_anchor *anchor = &ta_clock_anchor;
	uint64_t mult = measure(ticks, ns), passed = ticks - atomic_load(&anchor->ticks);
	uint64_t old = atomic_load(&anchor->ns) +
		       (uint64_t)((unsigned __int128)passed * atomic_load(&anchor->mult) >> 32);
	bool ahead = atomic_load(&anchor->ticks_valid) && old > ns && old - ns < VALID_NS / 2;

	if (mult == 0 || mult > MULT_MAX) {
		atomic_store_explicit(&anchor->ticks_valid, 0, memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&anchor->ticks, ticks, memory_order_relaxed);
	atomic_store_explicit(&anchor->ns, ahead ? old : ns, memory_order_relaxed);
	atomic_store_explicit(&anchor->ticks_valid, (uint32_t)(((uint64_t)VALID_NS << 32) / mult),
			      memory_order_relaxed);
	if (ahead)
		mult -= mult * (old - ns) / VALID_NS;
	atomic_store_explicit(&anchor->mult, mult, memory_order_relaxed);
}

uint64_t ta_clock_slow(void)
{
	struct ta_clock_anchor *anchor = &ta_clock_anchor;
	uint32_t sequence = atomic_load_explicit(&anchor->sequence, memory_order_relaxed);
	uint64_t ticks, ns;

	if ((sequence & 1) ||
	    !atomic_compare_exchange_strong(&anchor->sequence, &sequence, sequence + 1))
		return kernel_ns();
	if (look(&ticks, &ns)) {
		set_anchor(ticks, ns);
		if (atomic_load_explicit(&anchor->ticks_valid, memory_order_relaxed))
			ns = atomic_load_explicit(&anchor->ns, memory_order_relaxed);
	}
	atomic_store_explicit(&anchor->sequence, sequence + 2, memory_order_release);
	return ns;
}

#else

void ta_clock_init(void)
{
}

uint64_t ta_clock_slow(void)
{
	return kernel_ns();
}

#endif

void ta_clock_coarse(void)
{
	kernel_clock = CLOCK_MONOTONIC_COARSE;
	atomic_store(&ta_clock_anchor.sequence, 1);
}
