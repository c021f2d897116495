/* SPDX-License-Identifier: MIT */
/*
 * test_lane_full.c - a thread whose lanes are full, in a directory that has no more.
 *
 * Nobody takes records but the test.  Every record that is refused is counted; few of them
 * look for another lane; and as soon as there is room records go into it again.
 */
#include "runtime/core/arena.h"
#include "runtime/core/publish.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define SOMEBODY 77u
#define LOOK_WITHIN 256u /* refused records, at most, between two looks */

#define RECORD_ROOM 512u /* a full lane has less left, and taking 8 bytes makes no room */

/* One record; false: there was no room. */
static bool put(struct ta_thread *thread)
{
	struct ta_emit emit;
	uint32_t bytes = sizeof(struct ta_record_span_cancel);

	if (!ta_emit_begin(&emit, thread, TA_RECORD_SPAN_CANCEL, bytes, RECORD_ROOM - bytes))
		return false;
	emit.cursor = emit.end;
	memset(emit.record + bytes, 0, RECORD_ROOM - bytes);
	ta_emit_commit(&emit);
	return true;
}

static void fill(struct ta_thread *thread)
{
	while (put(thread))
		;
}

/* Records that are refused until one is not; or limit. */
static uint32_t refused(struct ta_thread *thread, uint32_t limit)
{
	uint32_t count = 0;

	while (count < limit && !put(thread))
		count++;
	return count;
}

/* Every lane that is free gets an owner that writes nothing. */
static void occupy(void)
{
	for (uint32_t at = 0; at < ta_runtime.segment->lane_count; at++) {
		uint64_t free = TA_OWNER_FREE;

		atomic_compare_exchange_strong(&ta_segment_owners(ta_runtime.segment)[at], &free,
					       SOMEBODY);
	}
}

/* One of those is free again, or all. */
static void vacate(bool all)
{
	for (uint32_t at = 0; at < ta_runtime.segment->lane_count; at++) {
		uint64_t somebody = SOMEBODY;

		if (atomic_compare_exchange_strong(&ta_segment_owners(ta_runtime.segment)[at],
						   &somebody, TA_OWNER_FREE) &&
		    !all)
			return;
	}
}

/* The agent takes so many bytes out of the lane that is written to. */
static void drain(struct ta_thread *thread, uint64_t bytes)
{
	atomic_fetch_add(&thread->lane->tail, bytes);
}

/* With a full lane and no other one. */
static struct ta_thread *begin_full(void)
{
	struct ta_thread *thread = ta_thread_self();

	occupy();
	fill(thread);
	return thread;
}

static void end_full(void)
{
	vacate(true);
	core_skip();
}

static void count_losses(void *unused)
{
	struct ta_thread *thread = begin_full();
	uint64_t before = core_lost(TA_LOSS_LANE_FULL);

	(void)unused;
	check_same(refused(thread, 5000), 5000);
	check_same(core_lost(TA_LOSS_LANE_FULL) - before, 5000);
	end_full();
}

/* Not each of the first ones, and never more than LOOK_WITHIN without a look. */
static void look_seldom(void *unused)
{
	struct ta_thread *thread = begin_full();
	uint32_t count;

	(void)unused;
	refused(thread, 10000);
	vacate(false);
	count = refused(thread, 10000);
	check(count > 0 && count <= LOOK_WITHIN, "%u", count);
	check_same(thread->spill_count, 1);
	/* And the next filling begins with a look. */
	occupy();
	fill(thread);
	refused(thread, 3);
	vacate(false);
	count = refused(thread, 10000);
	check(count <= 4, "%u", count);
	end_full();
}

static void flow_at_once(void *unused)
{
	struct ta_thread *thread = begin_full();

	(void)unused;
	refused(thread, 10000);
	core_skip();
	check_same(refused(thread, 10), 0);
	check_same(thread->spill_count, 0);
	end_full();
}

/* Something was taken, but too little: then there may be lanes as well. */
static void look_when_it_moves(void *unused)
{
	struct ta_thread *thread = begin_full();

	(void)unused;
	refused(thread, 10000);
	vacate(false);
	drain(thread, 8);
	check_same(refused(thread, 10), 0);
	check_same(thread->spill_count, 1);
	end_full();
}

/* One of its own that was drained is found without the directory. */
static void go_back(void *unused)
{
	struct ta_thread *thread = ta_thread_self();

	(void)unused;
	occupy();
	vacate(false);
	fill(thread);
	check_same(thread->spill_count, 1);
	refused(thread, 10000);
	struct ta_lane *first = ta_lane_at(ta_runtime.segment, thread->index);

	check(thread->lane != first, "the first one is full");
	atomic_store(&first->tail, atomic_load(&first->head));
	check_same(refused(thread, 10), 0);
	check(thread->lane == first, "it is in the first one again");
	end_full();
}

#define IN_THREAD(name, function)                                                                  \
	static void name(void)                                                                     \
	{                                                                                          \
		core_in_thread(function, NULL);                                                    \
		core_skip();                                                                       \
	}
IN_THREAD(losses, count_losses)
IN_THREAD(looks, look_seldom)
IN_THREAD(flows, flow_at_once)
IN_THREAD(moves, look_when_it_moves)
IN_THREAD(own, go_back)

int main(void)
{
	core_start();
	check_group("what is refused is counted, one by one", losses);
	check_group("few look for another lane", looks);
	check_group("an agent that has caught up is seen at once", flows);
	check_group("one that has begun to is a reason to look", moves);
	check_group("lanes of its own are always looked at", own);
	return check_status();
}
