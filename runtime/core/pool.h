/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a lock-free list of free numbers.
 *
 * A stack of indices; the top carries a tag that changes with every operation,
 * so that a number which was taken and given back meanwhile is noticed.  Numbers
 * that were never used come from a counter, so untouched pool memory stays
 * untouched.
 *
 * Runs: any host thread, signal handlers.  A thread that dies in the middle
 * loses at most the number that it was about to get.
 */
#ifndef TA_CORE_POOL_H
#define TA_CORE_POOL_H

#include <stdatomic.h>
#include <stdint.h>

struct ta_pool {
	_Atomic uint64_t top; /* tag << 32 | index + 1 */
	_Atomic uint32_t fresh;
	uint32_t size;
	_Atomic uint32_t *next; /* link of each number: index + 1 */
};

/* A number, or -1. */
static inline int ta_pool_take(struct ta_pool *pool)
{
	uint64_t top = atomic_load(&pool->top);

	while ((uint32_t)top != 0) {
		uint32_t index = (uint32_t)top - 1;
		uint64_t below = ((top >> 32) + 1) << 32 | atomic_load(&pool->next[index]);

		if (atomic_compare_exchange_weak(&pool->top, &top, below))
			return (int)index;
	}
	uint32_t index = atomic_fetch_add(&pool->fresh, 1);

	if (index < pool->size)
		return (int)index;
	atomic_store(&pool->fresh, pool->size);
	return -1;
}

static inline void ta_pool_give(struct ta_pool *pool, uint32_t index)
{
	uint64_t top = atomic_load(&pool->top);

	do {
		atomic_store(&pool->next[index], (uint32_t)top);
	} while (!atomic_compare_exchange_weak(&pool->top, &top,
					       ((top >> 32) + 1) << 32 | (index + 1)));
}

#endif
