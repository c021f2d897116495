/* SPDX-License-Identifier: MIT */
/*
 * lane_claim.c - compare-and-swap over the lane directory.
 *
 * Runs: any host thread, signal handlers, forked children.  No locks.  In a
 * sandbox only lanes that are ready are taken, because populating one is a
 * system call.
 */
#include "runtime/core/lane_claim.h"

#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/wire/lane.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static _Atomic uint32_t next_hint;

static bool is_free(uint32_t index)
{
	return atomic_load_explicit(&ta_segment_owners(ta_runtime.segment)[index],
				    memory_order_relaxed) == TA_OWNER_FREE;
}

static bool take(uint32_t index, uint64_t token)
{
	uint64_t free = TA_OWNER_FREE;

	return atomic_compare_exchange_strong(&ta_segment_owners(ta_runtime.segment)[index], &free,
					      token);
}

static bool is_ready(uint32_t index)
{
	return atomic_load(&ta_segment_ready(ta_runtime.segment)[index]) != 0;
}

static bool populate(uint32_t index)
{
	struct ta_segment *segment = ta_runtime.segment;

	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return false;
	if (ta_sys(SYS_madvise, ta_lane_at(segment, index), segment->lane_bytes,
		   MADV_POPULATE_WRITE) != 0)
		return false;
	atomic_store(&ta_segment_ready(segment)[index], 1);
	return true;
}

/* Whether a former owner's records have been taken, but for a little. */
bool ta_lane_drained(uint32_t index)
{
	struct ta_segment *segment = ta_runtime.segment;
	struct ta_lane *lane = ta_lane_at(segment, index);

	return atomic_load(&lane->head) - atomic_load(&lane->tail) <=
	       ta_lane_ring_bytes(segment) / 4;
}

/* What to look for, in this order: no thread should begin with a full lane. */
enum wish { READY_AND_DRAINED, NOT_READY, READY };

/* The directory is asked first: a look into a lane is a page fault in a child that
 * was just forked, and there may be hundreds. */
static bool fits(uint32_t index, enum wish wish)
{
	if (!is_free(index))
		return false;
	if (wish == NOT_READY)
		return !is_ready(index);
	return is_ready(index) && (wish == READY || ta_lane_drained(index));
}

static int claim(uint64_t token, enum wish wish)
{
	uint32_t count = ta_runtime.segment->lane_count;
	uint32_t index = atomic_load_explicit(&next_hint, memory_order_relaxed);

	for (uint32_t step = 0; step < count; step++, index++) {
		if (index >= count)
			index = 0;
		if (!fits(index, wish) || !take(index, token))
			continue;
		if (is_ready(index) || populate(index)) {
			atomic_store_explicit(&next_hint, index, memory_order_relaxed);
			return (int)index;
		}
		ta_lane_give_back(index);
		if (wish == NOT_READY)
			return -1; /* no memory: the next one would fail as well */
	}
	return -1;
}

int ta_lane_claim_more(uint64_t token)
{
	int index = claim(token, READY_AND_DRAINED);

	return index < 0 ? claim(token, NOT_READY) : index;
}

int ta_lane_claim(uint64_t token)
{
	int index = ta_lane_claim_more(token);

	if (index < 0)
		index = claim(token, READY);
	if (index < 0) {
		atomic_fetch_add(&ta_runtime.segment->lanes_wanted, 1);
		ta_agent_wake();
		ta_lost(TA_LOSS_NO_LANE);
	}
	return index;
}

void ta_lane_give_back(uint32_t index)
{
	atomic_store_explicit(&ta_segment_owners(ta_runtime.segment)[index], TA_OWNER_FREE,
			      memory_order_release);
}

void ta_lane_prepare(void)
{
	struct ta_segment *segment = ta_runtime.segment;

	for (uint32_t index = 0; index < segment->lane_count; index++)
		if (is_ready(index) && is_free(index))
			return;
	int index = claim(~0ull, NOT_READY);

	if (index >= 0)
		ta_lane_give_back((uint32_t)index);
}
