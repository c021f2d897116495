/* SPDX-License-Identifier: MIT */
/*
 * lane.h - a ring of records with one writing thread and one reader.
 *
 * A lane has two rings: the main ring, and a small one for a signal handler that
 * interrupts its own thread in the middle of a write to the main ring.  Heads
 * and tails count bytes and only grow; their difference is what is unread.  A
 * record never crosses the end of a ring: the rest is filled with TA_RECORD_PAD.
 *
 * Writer: reserve (checks room), fill in place, commit (one release store).
 * Nothing is visible before the commit, so an abandoned reservation costs
 * nothing.  Full means: count, and go on.
 * Reader: load head (acquire), look at records in place, store tail (release).
 *
 * Locks: none.  Runs: writer side in the host, inside the guard or in a signal
 * handler; reader side in the agent.
 */
#ifndef TA_WIRE_LANE_H
#define TA_WIRE_LANE_H

#include <stdbool.h>
#include "runtime/wire/record.h"
#include "runtime/wire/segment.h"

struct ta_lane {
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t head;	      /* main ring, by the writer */
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t tail;	      /* main ring, by the agent */
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t signal_head; /* signal ring, by the writer */
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t signal_tail; /* signal ring, by the agent */
	/* Who has claimed the lane; the agent reclaims it when that thread is gone. */
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t proc_id;
	_Atomic uint32_t pid; /* 0: not known (claimed in a sandbox) */
	_Atomic uint32_t tid; /* 0: not known */
	_Atomic uint64_t claimed_ns; /* 0 while nobody has claimed it in full */
	_Atomic uint32_t seq; /* of the last record, over both rings and all owners */
	uint8_t unused[128];
};

#define TA_LANE_HEADER_BYTES 512u
_Static_assert(sizeof(struct ta_lane) <= TA_LANE_HEADER_BYTES, "wire format");
_Static_assert(offsetof(struct ta_lane, proc_id) == 256, "wire format");

static inline struct ta_lane *ta_lane_at(struct ta_segment *segment, uint32_t index)
{
	return (struct ta_lane *)(void *)((char *)segment + segment->header_bytes +
					  (size_t)index * segment->lane_bytes);
}

static inline uint32_t ta_lane_ring_bytes(const struct ta_segment *segment)
{
	return segment->lane_bytes - TA_LANE_HEADER_BYTES - segment->signal_ring_bytes;
}

static inline char *ta_lane_ring(struct ta_lane *lane)
{
	return (char *)lane + TA_LANE_HEADER_BYTES;
}

static inline char *ta_lane_signal_ring(const struct ta_segment *segment, struct ta_lane *lane)
{
	return ta_lane_ring(lane) + ta_lane_ring_bytes(segment);
}

/* A writer's private view of one ring.  Lives in host memory, never shared. */
struct ta_ring_writer {
	char *base;
	_Atomic uint64_t *shared_head;
	_Atomic uint64_t *shared_tail;
	uint64_t head;	    /* next byte, as published */
	uint64_t tail_seen; /* the reader's tail when we last looked */
	uint32_t size;
	uint32_t pos; /* head % size */
	uint32_t pad; /* bytes of padding that the open reservation has before it */
};

void ta_ring_writer_init(struct ta_ring_writer *ring, char *base, uint32_t size,
			 _Atomic uint64_t *head, _Atomic uint64_t *tail);

/* Room for one record of size bytes (a multiple of 8, at most a quarter of the
 * ring), or NULL when the ring is full.  No side effect that a reader can see. */
static inline void *ta_ring_reserve(struct ta_ring_writer *ring, uint32_t size)
{
	uint32_t pad = ring->pos + size > ring->size ? ring->size - ring->pos : 0;

	if (ring->head + pad + size - ring->tail_seen > ring->size) {
		ring->tail_seen = atomic_load_explicit(ring->shared_tail, memory_order_acquire);
		if (ring->head + pad + size - ring->tail_seen > ring->size)
			return NULL;
	}
	ring->pad = pad;
	return ring->base + (pad ? 0 : ring->pos);
}

/* Publishes the reservation.  size is what was reserved, or less. */
static inline void ta_ring_commit(struct ta_ring_writer *ring, uint32_t size)
{
	if (ring->pad) {
		struct ta_record *pad = (struct ta_record *)(void *)(ring->base + ring->pos);

		*pad = (struct ta_record){ .units = (uint16_t)(ring->pad / 8),
					   .kind = TA_RECORD_PAD };
		ring->head += ring->pad;
		ring->pos = 0;
	}
	ring->head += size;
	ring->pos += size;
	if (ring->pos == ring->size)
		ring->pos = 0;
	atomic_store_explicit(ring->shared_head, ring->head, memory_order_release);
}

/* True when more than half of the ring is unread, as far as the writer knows
 * without another look; looks again before it says yes. */
static inline bool ta_ring_past_half(struct ta_ring_writer *ring)
{
	if (ring->head - ring->tail_seen <= ring->size / 2)
		return false;
	ring->tail_seen = atomic_load_explicit(ring->shared_tail, memory_order_acquire);
	return ring->head - ring->tail_seen > ring->size / 2;
}

/* A reader's view of one ring. */
struct ta_ring_reader {
	const char *base;
	_Atomic uint64_t *shared_head;
	_Atomic uint64_t *shared_tail;
	uint32_t size;
};

struct ta_ring_reader ta_lane_reader(struct ta_segment *segment, struct ta_lane *lane);
struct ta_ring_reader ta_lane_signal_reader(struct ta_segment *segment, struct ta_lane *lane);

/* Copies up to capacity bytes of whole, well-formed records (padding left out)
 * into out and reports in *ret_tail the tail to store with ta_ring_release().
 * Copying first makes the records safe against a host that rewrites them.
 * Returns the bytes copied; *ret_skipped gets the bytes that made no sense and
 * were jumped over (the reader then goes on at the head). */
uint32_t ta_ring_take(const struct ta_ring_reader *ring, char *out, uint32_t capacity,
		      uint64_t *ret_tail, uint64_t *ret_skipped);

/* Gives the space before tail back to the writer. */
static inline void ta_ring_release(const struct ta_ring_reader *ring, uint64_t tail)
{
	atomic_store_explicit(ring->shared_tail, tail, memory_order_release);
}

#endif
