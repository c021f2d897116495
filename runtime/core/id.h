/* SPDX-License-Identifier: MIT */
/*
 * id.h - random ids from a generator per thread (wyrand's mixing step).
 *
 * Seeded per lane claim, from a number that no other claim has (ta_process_unique);
 * a forked child claims a lane of its own under a new seed (OpenTelemetry's SDKs
 * reseed after fork as well).  So two ids are the same by chance only, of 64 bits
 * each.  Seeds are told apart by counting, not by the clock and an address: two threads
 * can agree in what both make together, and then agree in every id.
 *
 * Runs: the owning thread and its signal handlers.  The state is advanced by one
 * instruction, so a handler that interrupts a step never repeats its number.
 */
#ifndef TA_CORE_ID_H
#define TA_CORE_ID_H

#include <stdint.h>

struct ta_id_source {
	uint64_t state;
	uint64_t salt; /* two sources that come to the same state differ in this */
};

/* The old state; the new one is in place when this returns. */
static inline uint64_t ta_id_advance(struct ta_id_source *ids)
{
	uint64_t step = 0xa0761d6478bd642full;

#if defined(__x86_64__)
	/* Without a lock prefix: atomic towards signal handlers is all that is needed. */
	__asm__ volatile("xaddq %0, %1" : "+r"(step), "+m"(ids->state) : : "cc");
	return step;
#else
	return __atomic_fetch_add(&ids->state, step, __ATOMIC_RELAXED);
#endif
}

/* Never 0: W3C trace context, sections 3.2.2.3 and 3.2.2.4. */
static inline uint64_t ta_id_next(struct ta_id_source *ids)
{
	uint64_t state = ta_id_advance(ids);
	unsigned __int128 product =
		(unsigned __int128)state * (state ^ (0xe7037ed1a0b428dbull + ids->salt));
	uint64_t id = (uint64_t)(product >> 64) ^ (uint64_t)product;

	return id ? id : 1;
}

#endif
