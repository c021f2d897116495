/* SPDX-License-Identifier: MIT */
/*
 * test_lane.c - the ring: wrap, full, padding, two threads, and hostile bytes.
 */
#include "runtime/wire/lane.h"

#include <pthread.h>
#include <sched.h>

#include "tests/unit/check.h"

#define RING_BYTES 1024u

/* A ring whose every byte belongs to the test. */
struct ring {
	char *base;
	_Atomic uint64_t head, tail;
	struct ta_ring_writer writer;
	struct ta_ring_reader reader;
};

static void ring_open(struct ring *ring, uint32_t size, uint64_t position)
{
	ring->base = aligned_alloc(8, size);
	memset(ring->base, 0xee, size);
	atomic_store(&ring->head, position);
	atomic_store(&ring->tail, position);
	ta_ring_writer_init(&ring->writer, ring->base, size, &ring->head, &ring->tail);
	ring->reader = (struct ta_ring_reader){ ring->base, &ring->head, &ring->tail, size };
}

static void ring_close(struct ring *ring)
{
	free(ring->base);
}

/* A record of bytes bytes whose payload tells seq; false when the ring is full. */
static bool put(struct ring *ring, uint32_t bytes, uint32_t seq)
{
	struct ta_record *record = ta_ring_reserve(&ring->writer, bytes);

	if (!record)
		return false;
	memset(record, (int)(seq % 251), bytes);
	*record = (struct ta_record){ .units = (uint16_t)(bytes / 8),
				      .kind = TA_RECORD_SPAN_ATTRS,
				      .seq = seq };
	ta_ring_commit(&ring->writer, bytes);
	return true;
}

static bool is_intact(const char *at, uint32_t seq)
{
	struct ta_record record;

	memcpy(&record, at, sizeof(record));
	if (record.kind != TA_RECORD_SPAN_ATTRS || record.seq != seq || record.units < 2)
		return false;
	for (uint32_t i = sizeof(record); i < record.units * 8u; i++)
		if ((unsigned char)at[i] != seq % 251)
			return false;
	return true;
}

/* Takes all there is; every record must be intact and the next in order. */
static uint32_t take(struct ring *ring, uint32_t capacity, uint32_t *seq)
{
	char *out = malloc(capacity ? capacity : 1);
	uint64_t tail, skipped;
	uint32_t bytes = ta_ring_take(&ring->reader, out, capacity, &tail, &skipped), at = 0;

	check(bytes <= capacity, "%u of %u", bytes, capacity);
	check_same(skipped, 0);
	while (at < bytes && check(is_intact(out + at, *seq), "record %u at %u", *seq, at)) {
		at += (uint32_t)((struct ta_record *)(void *)(out + at))->units * 8;
		++*seq;
	}
	ta_ring_release(&ring->reader, tail);
	free(out);
	return bytes;
}

static void empty(void)
{
	struct ring ring;
	uint32_t seq = 0;

	ring_open(&ring, RING_BYTES, 0);
	check_same(take(&ring, RING_BYTES, &seq), 0);
	check_same(seq, 0);
	ring_close(&ring);
}

/* Lengths that do not divide the ring, so that padding has every length. */
static void wraps(void)
{
	struct ring ring;
	uint32_t written = 0, read = 0;

	for (uint64_t position = 0; position < 3 * RING_BYTES; position += 8) {
		ring_open(&ring, RING_BYTES, position);
		written = read = 0;
		for (int round = 0; round < 60; round++) {
			uint32_t bytes = 16 + written * 24 % 240;

			check(put(&ring, bytes, written), "no room in an empty ring");
			written++;
			take(&ring, RING_BYTES, &read);
			check_same(read, written);
		}
		ring_close(&ring);
	}
}

static void counter_overflows(void)
{
	struct ring ring;
	uint32_t written = 0, read = 0;

	ring_open(&ring, RING_BYTES, UINT64_MAX - 2047); /* a multiple of the ring, as 2^64 is */
	while (written < 100) {
		check(put(&ring, 88, written++), "no room");
		take(&ring, RING_BYTES, &read);
	}
	check_same(read, 100);
	ring_close(&ring);
}

static void fills(void)
{
	struct ring ring;
	uint32_t written = 0, read = 0;

	ring_open(&ring, RING_BYTES, 0);
	while (written < 1000 && put(&ring, 64, written))
		written++;
	check_same(written, RING_BYTES / 64);
	check(ta_ring_past_half(&ring.writer), "full, and not past half");
	check(!put(&ring, 16, written), "room in a full ring");
	take(&ring, 64, &read);
	check_same(read, 1);
	check(put(&ring, 64, written++), "no room after a release");
	check(!put(&ring, 16, written), "room in a full ring");
	take(&ring, RING_BYTES, &read);
	check_same(read, written);
	check(!ta_ring_past_half(&ring.writer), "empty, and past half");
	ring_close(&ring);
}

/* Room for the record but not for the padding before it is no room. */
static void padding_needs_room(void)
{
	struct ring ring;
	uint32_t written = 0, read = 0;

	ring_open(&ring, RING_BYTES, 0);
	for (int i = 0; i < 4; i++)
		put(&ring, 208, written++);
	take(&ring, 208, &read); /* 192 bytes at the end and 208 at the beginning are free */
	check(!put(&ring, 256, written), "256 bytes in 192 or 208");
	check(put(&ring, 200, written++), "no room for 200 bytes behind the padding");
	take(&ring, RING_BYTES, &read);
	check_same(read, written);
	ring_close(&ring);
}

static void abandoned(void)
{
	struct ring ring;
	uint32_t read = 0;

	ring_open(&ring, RING_BYTES, RING_BYTES - 16);
	check(ta_ring_reserve(&ring.writer, 64) == ring.base, "not at the beginning");
	check_same(take(&ring, RING_BYTES, &read), 0);
	check(ta_ring_reserve(&ring.writer, 16) == ring.base + RING_BYTES - 16, "not at the end");
	ta_ring_reserve(&ring.writer, 64);
	check(put(&ring, 64, 0), "no room");
	check_same(take(&ring, RING_BYTES, &read), 64);
	ring_close(&ring);
}

/* Less may be committed than was reserved. */
static void shortened(void)
{
	struct ring ring;
	uint32_t read = 0;

	ring_open(&ring, RING_BYTES, 0);
	for (uint32_t seq = 0; seq < 50; seq++) {
		struct ta_record *record = ta_ring_reserve(&ring.writer, 256);

		if (!check(record != NULL, "no room"))
			break;
		memset(record, (int)seq, 24);
		*record = (struct ta_record){ .units = 3, .kind = TA_RECORD_SPAN_ATTRS, .seq = seq };
		ta_ring_commit(&ring.writer, 24);
		take(&ring, RING_BYTES, &read);
		check_same(read, seq + 1);
	}
	ring_close(&ring);
}

static void small_buffers(void)
{
	struct ring ring;
	uint32_t written = 0, read = 0;

	ring_open(&ring, RING_BYTES, 512);
	while (put(&ring, 16 + written % 5 * 8, written))
		written++;
	for (int i = 0; i < 100 && read < written; i++)
		take(&ring, 64, &read);
	check_same(read, written);
	ring_close(&ring);
}

/* ---- two threads ---- */

#define RECORDS 300000u

static atomic_bool given_up;

static void *produce(void *argument)
{
	struct ring *ring = argument;

	for (uint32_t seq = 0; seq < RECORDS && !atomic_load(&given_up);) {
		if (put(ring, 16 + seq * 40 % 248, seq))
			seq++;
		else
			sched_yield();
	}
	return NULL;
}

static void two_threads(void)
{
	struct ring ring;
	pthread_t producer;
	uint32_t read = 0;

	ring_open(&ring, 4096, 0);
	if (!check(pthread_create(&producer, NULL, produce, &ring) == 0, "no thread"))
		return;
	while (read < RECORDS && !check_state.failed)
		if (take(&ring, read % 2 ? 4096 : 300, &read) == 0)
			sched_yield();
	atomic_store(&given_up, true);
	pthread_join(producer, NULL);
	check_same(read, RECORDS);
	check_same(atomic_load(&ring.head), atomic_load(&ring.tail));
	ring_close(&ring);
}

/* ---- hostile writers ---- */

/* Takes once: ends, stays inside, gives only whole records, leaves nothing odd. */
static uint64_t take_hostile(struct ring *ring, uint32_t capacity)
{
	char *out = malloc(capacity ? capacity : 1);
	uint64_t tail, skipped;
	uint32_t bytes = ta_ring_take(&ring->reader, out, capacity, &tail, &skipped), at = 0;

	check(bytes <= capacity, "%u of %u", bytes, capacity);
	while (at < bytes) {
		struct ta_record record;

		if (!check(bytes - at >= sizeof(record), "a rest of %u bytes", bytes - at))
			break;
		memcpy(&record, out + at, sizeof(record));
		if (!check(record.units > 0 && record.units * 8u <= bytes - at, "%u units in %u",
			   record.units, bytes - at))
			break;
		at += record.units * 8u;
	}
	ta_ring_release(&ring->reader, tail);
	free(out);
	return skipped;
}

static void hostile_heads(void)
{
	static const uint64_t heads[] = { RING_BYTES + 8, 1, 7, 9, 12, UINT64_MAX, UINT64_MAX - 7,
					  1ull << 63 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct ring ring;

		ring_open(&ring, RING_BYTES, 0);
		put(&ring, 64, 0);
		atomic_store(&ring.head, heads[i]);
		check_same(take_hostile(&ring, RING_BYTES), heads[i]);
		check_same(atomic_load(&ring.tail), heads[i]);
		ring_close(&ring);
	}
}

static void hostile_tails(void)
{
	static const uint64_t tails[] = { 72, 8, 60, UINT64_MAX, 1ull << 40 };

	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		struct ring ring;

		ring_open(&ring, RING_BYTES, 0);
		put(&ring, 64, 0);
		atomic_store(&ring.tail, tails[i]);
		check_same(take_hostile(&ring, RING_BYTES) != 0, true);
		check_same(atomic_load(&ring.tail), 64);
		ring_close(&ring);
	}
}

static void hostile_lengths(void)
{
	static const uint16_t units[] = { 0, 9, 128, 129, 65535 };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct ring ring;

		ring_open(&ring, RING_BYTES, 0);
		put(&ring, 64, 0);
		put(&ring, 64, 1);
		((struct ta_record *)(void *)(ring.base + 64))->units = units[i];
		check_same(take_hostile(&ring, RING_BYTES), 64);
		check_same(atomic_load(&ring.tail), 128);
		put(&ring, 64, 2);
		check_same(take_hostile(&ring, RING_BYTES), 0);
		ring_close(&ring);
	}
}

/* A record that runs over the end of the ring, though not past the head. */
static void hostile_crossing(void)
{
	struct ring ring;

	ring_open(&ring, RING_BYTES, RING_BYTES - 64);
	put(&ring, 64, 0);
	put(&ring, 64, 1);
	((struct ta_record *)(void *)(ring.base + RING_BYTES - 64))->units = 16;
	check_same(take_hostile(&ring, RING_BYTES), 128);
	ring_close(&ring);
}

static void hostile_bytes(void)
{
	uint32_t seed = 7;

	for (int round = 0; round < 20000; round++) {
		struct ring ring;

		ring_open(&ring, 256, 0);
		for (size_t i = 0; i < 256; i++) {
			seed = seed * 1664525u + 1013904223u;
			ring.base[i] = (char)(seed >> 24 & (i % 8 ? 0xff : 7));
			if (i % 8 == 1)
				ring.base[i] = 0;
		}
		atomic_store(&ring.tail, seed >> 3 & 0xf8);
		atomic_store(&ring.head, atomic_load(&ring.tail) + (seed >> 12 & 0x1f8));
		for (int i = 0; i < 40; i++)
			take_hostile(&ring, i % 2 ? 256 : 40);
		ring_close(&ring);
	}
}

/* ---- lanes of a segment ---- */

static void lanes_in_a_segment(void)
{
	const uint32_t lane_bytes = TA_LANE_BYTES_MIN, header = ta_segment_header_bytes(2);
	struct ta_segment *segment = aligned_alloc(TA_WIRE_PAGE, header + 2 * lane_bytes);

	memset(segment, 0, header + 2 * lane_bytes);
	segment->lane_count = 2;
	segment->lane_bytes = lane_bytes;
	segment->header_bytes = header;
	segment->signal_ring_bytes = 2048;
	struct ta_lane *lane = ta_lane_at(segment, 0);
	struct ta_ring_reader readers[] = { ta_lane_reader(segment, lane),
					    ta_lane_signal_reader(segment, lane) };
	char *next = (char *)ta_lane_at(segment, 1);

	check_same(readers[0].size, lane_bytes - 512 - 2048);
	check_same(readers[1].size, 2048);
	check(readers[0].base + readers[0].size == readers[1].base, "a gap between the rings");
	check(readers[1].base + readers[1].size == next, "the signal ring leaves the lane");
	memset((void *)(uintptr_t)readers[0].base, 0x11, readers[0].size);
	memset((void *)(uintptr_t)readers[1].base, 0x22, readers[1].size);
	check(atomic_load(&lane->head) == 0 && atomic_load(&lane->signal_tail) == 0 && *next == 0,
	      "rings overlap what is beside them");
	free(segment);
}

int main(void)
{
	check_group("empty", empty);
	check_group("wraps", wraps);
	check_group("counter overflows", counter_overflows);
	check_group("fills", fills);
	check_group("padding needs room", padding_needs_room);
	check_group("abandoned reservation", abandoned);
	check_group("shortened record", shortened);
	check_group("small buffers", small_buffers);
	check_group("two threads", two_threads);
	check_group("hostile heads", hostile_heads);
	check_group("hostile tails", hostile_tails);
	check_group("hostile lengths", hostile_lengths);
	check_group("hostile record over the end", hostile_crossing);
	check_group("hostile bytes", hostile_bytes);
	check_group("lanes in a segment", lanes_in_a_segment);
	return check_status();
}
