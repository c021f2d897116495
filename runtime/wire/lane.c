/* SPDX-License-Identifier: MIT */
/*
 * lane.c - setting up a writer, and the reader that trusts nothing.
 *
 * Runs: ta_ring_writer_init in the host when a thread claims a lane; the rest in
 * the agent.  No locks, no allocation.
 *
 * The reader refuses: a head behind the tail or more than a ring ahead of it, a
 * record that is empty, leaves the ring or passes the head.  It then skips to
 * the head, because nothing behind a broken record can be found again.
 */
#include "runtime/wire/lane.h"

#include <string.h>

void ta_ring_writer_init(struct ta_ring_writer *ring, char *base, uint32_t size,
			 _Atomic uint64_t *head, _Atomic uint64_t *tail)
{
	*ring = (struct ta_ring_writer){ .base = base,
					 .size = size,
					 .shared_head = head,
					 .shared_tail = tail };
	ring->head = atomic_load_explicit(head, memory_order_acquire);
	ring->tail_seen = atomic_load_explicit(tail, memory_order_acquire);
	ring->pos = (uint32_t)(ring->head % size);
}

struct ta_ring_reader ta_lane_reader(struct ta_segment *segment, struct ta_lane *lane)
{
	return (struct ta_ring_reader){ .base = ta_lane_ring(lane),
					.shared_head = &lane->head,
					.shared_tail = &lane->tail,
					.size = ta_lane_ring_bytes(segment) };
}

struct ta_ring_reader ta_lane_signal_reader(struct ta_segment *segment, struct ta_lane *lane)
{
	return (struct ta_ring_reader){ .base = ta_lane_signal_ring(segment, lane),
					.shared_head = &lane->signal_head,
					.shared_tail = &lane->signal_tail,
					.size = segment->signal_ring_bytes };
}

/* Size of the record at pos, or 0 when it cannot be one. */
static uint32_t record_bytes_at(const struct ta_ring_reader *ring, uint32_t pos, uint64_t left)
{
	struct ta_record record;

	memcpy(&record, ring->base + pos, sizeof(record));
	uint32_t bytes = (uint32_t)record.units * 8;

	if (bytes < sizeof(record) || bytes > left || bytes > ring->size - pos)
		return 0;
	return bytes;
}

uint32_t ta_ring_take(const struct ta_ring_reader *ring, char *out, uint32_t capacity,
		      uint64_t *ret_tail, uint64_t *ret_skipped)
{
	uint64_t head = atomic_load_explicit(ring->shared_head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(ring->shared_tail, memory_order_relaxed);
	uint32_t taken = 0;

	*ret_skipped = 0;
	if (head - tail > ring->size || head % 8 != 0 || tail % 8 != 0) {
		*ret_skipped = head - tail;
		tail = head;
	}
	while (tail != head) {
		uint32_t pos = (uint32_t)(tail % ring->size);
		uint32_t bytes = record_bytes_at(ring, pos, head - tail);

		if (bytes == 0) {
			*ret_skipped += head - tail;
			tail = head;
			break;
		}
		if (((const struct ta_record *)(const void *)(ring->base + pos))->kind != TA_RECORD_PAD) {
			if (bytes > capacity - taken)
				break;
			memcpy(out + taken, ring->base + pos, bytes);
			/* The host may have rewritten the length since it was checked. */
			((struct ta_record *)(void *)(out + taken))->units = (uint16_t)(bytes / 8);
			taken += bytes;
		}
		tail += bytes;
	}
	*ret_tail = tail;
	return taken;
}
