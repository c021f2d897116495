/* SPDX-License-Identifier: MIT */
/*
 * publish.c - choosing the ring, building in place, waking the agent.
 *
 * Which ring: the main one, unless this thread was interrupted while it was
 * writing there.  A mark left behind by a handler that jumped out is recognised
 * by ta_thread_heal() (signal levels), or here: on the same level a second write
 * can only mean that the first one was abandoned.
 *
 * The agent is woken when a lane passes half, once per filling, and only if it
 * said that it sleeps; never in a sandbox, where the call might be fatal.
 *
 * Runs: the owning thread.  No locks; the wake is the only system call.
 */
#include "runtime/core/publish.h"

#include <linux/futex.h>
#include <string.h>

#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"

static struct ta_ring_writer *choose_ring(struct ta_thread *thread, uintptr_t stack)
{
	uint8_t mark = (uint8_t)(ta_tls.level + 1);

	if (thread->main_busy == mark && stack >= thread->main_busy_at)
		thread->main_busy = thread->signal_busy = 0;
	if (thread->main_busy == 0) {
		thread->main_busy_at = stack;
		thread->main_busy = mark;
		return &thread->main_ring;
	}
	if (thread->signal_busy)
		return NULL;
	thread->signal_busy = mark;
	return &thread->signal_ring;
}

static void give_back(struct ta_thread *thread, struct ta_ring_writer *ring)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (ring == &thread->main_ring)
		thread->main_busy = 0;
	else
		thread->signal_busy = 0;
}

bool ta_emit_reserve_slow(struct ta_emit *emit, struct ta_thread *thread, uint32_t room,
			  uintptr_t stack)
{
	struct ta_ring_writer *ring = choose_ring(thread, stack);

	atomic_signal_fence(memory_order_seq_cst);
	if (ring == NULL) {
		ta_lost(TA_LOSS_SIGNAL_NESTED);
		return false;
	}
	char *record = room <= ring->size / 4 ? ta_ring_reserve(ring, room) : NULL;

	if (__builtin_expect(record == NULL, 0) && room <= ring->size / 4 &&
	    ring == &thread->main_ring && ta_thread_change_lane(thread))
		record = ta_ring_reserve(ring, room);
	if (record == NULL) {
		give_back(thread, ring);
		ta_lost(TA_LOSS_LANE_FULL);
		return false;
	}
	*emit = (struct ta_emit){ .thread = thread,
				  .ring = ring,
				  .record = record,
				  .cursor = record,
				  .end = record + room };
	return true;
}

void ta_agent_wake(void)
{
	struct ta_segment *segment = ta_runtime.segment;

	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return;
	if (atomic_load_explicit(&segment->agent_waiting, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange(&segment->agent_waiting, 0) != 0)
		ta_sys(SYS_futex, &segment->agent_waiting, FUTEX_WAKE, 1);
}

void ta_emit_commit_slow(struct ta_emit *emit, uint32_t bytes)
{
	ta_ring_commit(emit->ring, bytes);
	give_back(emit->thread, emit->ring);
	if (!ta_ring_past_half(emit->ring))
		emit->thread->woken = false;
	else if (!emit->thread->woken) {
		emit->thread->woken = true;
		ta_agent_wake();
	}
}

void ta_emit_int(struct ta_emit *emit, enum ta_attr_key key, int64_t value)
{
	char *at = ta_emit_attr(emit, (uint8_t)key, TA_ATTR_INT, sizeof(value));

	if (at)
		memcpy(at, &value, sizeof(value));
}

void ta_emit_bool(struct ta_emit *emit, enum ta_attr_key key, bool value)
{
	char *at = ta_emit_attr(emit, (uint8_t)key, TA_ATTR_BOOL, 1);

	if (at)
		*at = value;
}

void ta_emit_bytes(struct ta_emit *emit, enum ta_attr_key key, const void *data, uint32_t bytes)
{
	ta_emit_typed(emit, key, TA_ATTR_BYTES, data, bytes);
}

void ta_emit_named(struct ta_emit *emit, const char *name, uint32_t name_bytes,
		   enum ta_attr_type type, const void *value, uint32_t bytes)
{
	char *at = name_bytes > 255 ? NULL
				    : ta_emit_attr(emit, TA_ATTR_NAMED, type, 1 + name_bytes + bytes);

	if (at == NULL)
		return;
	*at = (char)name_bytes;
	memcpy(at + 1, name, name_bytes);
	if (bytes)
		memcpy(at + 1 + name_bytes, value, bytes);
}

