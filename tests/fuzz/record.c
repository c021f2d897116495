/* SPDX-License-Identifier: MIT */
/*
 * record.c - fuzzes everything that the agent reads out of a lane.
 *
 * Input: head (8 bytes), tail (8 bytes), size of the ring in units of 64 bytes
 * (1 byte), capacity of the reader's buffer in units of 8 (1 byte), then the
 * bytes of the ring.  The records that come out are checked and read like the
 * agent reads them; each is copied to a place of exactly its size first.  Then
 * the same bytes are looked at as a segment's header.
 */
#include "runtime/wire/record.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/wire/lane.h"
#include "runtime/wire/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void read_attributes(const struct ta_record *record, uint32_t bytes)
{
	uint32_t attr_bytes;
	const char *first = ta_record_attrs(record, &attr_bytes), *cursor = first;
	const char *end = first + attr_bytes;
	struct ta_attr_view attr;
	volatile char sum = 0;

	demand(attr_bytes <= bytes);
	while (ta_attr_next(&cursor, end, &attr)) {
		demand(attr.value >= first && attr.value + attr.bytes <= end && cursor <= end);
		for (uint16_t i = 0; i < attr.bytes; i++)
			sum = (char)(sum + attr.value[i]);
		ta_attr_int(&attr);
		const char *name = ta_attr_name(attr.key);

		demand(name == NULL || name[0] != '\0');
	}
}

static void read_record(const char *at, uint32_t bytes)
{
	struct ta_record *record = malloc(bytes);

	memcpy(record, at, bytes);
	if (ta_record_valid(record, bytes)) {
		if (record->kind == TA_RECORD_SCOPE_SET) {
			const struct ta_record_scope_set *set = (const void *)record;

			demand(sizeof(*set) + set->key_bytes + set->value_bytes <= bytes);
		}
		read_attributes(record, bytes);
	}
	free(record);
}

/* Takes once; returns whether the reader moved on. */
static int take(const struct ta_ring_reader *ring, uint32_t capacity)
{
	char *out = malloc(capacity ? capacity : 1);
	uint64_t before = atomic_load(ring->shared_tail), head = atomic_load(ring->shared_head);
	uint64_t tail, skipped;
	uint32_t taken = ta_ring_take(ring, out, capacity, &tail, &skipped);

	demand(taken <= capacity && taken % 8 == 0);
	demand(head - tail <= ring->size);
	if (skipped > 0)
		demand(tail == head);
	for (uint32_t at = 0, size; at < taken; at += size) {
		struct ta_record record;

		demand(taken - at >= sizeof(record));
		memcpy(&record, out + at, sizeof(record));
		size = record.units * 8u;
		demand(size >= sizeof(record) && size <= taken - at);
		read_record(out + at, size);
	}
	ta_ring_release(ring, tail);
	free(out);
	return tail != before;
}

static void read_ring(const uint8_t *data, size_t bytes)
{
	_Atomic uint64_t head, tail;
	uint64_t counters[2];
	uint32_t size = (data[16] % 64u + 1) * 64, capacity = data[17] * 8u;
	char *base = aligned_alloc(64, size);
	size_t rounds = 0;

	memcpy(counters, data, sizeof(counters));
	atomic_init(&head, counters[0]);
	atomic_init(&tail, counters[1]);
	memset(base, 0, size);
	memcpy(base, data + 18, bytes - 18 < size ? bytes - 18 : size);
	struct ta_ring_reader ring = { base, &head, &tail, size };

	while (take(&ring, capacity))
		demand(++rounds <= size / 8 + 1);
	take(&ring, size); /* with room for all of it nothing can stay behind */
	demand(atomic_load(&head) == atomic_load(&tail));
	free(base);
}

static void read_segment(const uint8_t *data, size_t bytes)
{
	struct ta_segment *segment = aligned_alloc(TA_CACHE_LINE, sizeof(*segment));

	memset(segment, 0, sizeof(*segment));
	memcpy((void *)segment, data, bytes < sizeof(*segment) ? bytes : sizeof(*segment));
	uint64_t mapped = (uint64_t)1 << (data[bytes - 1] % 40);

	if (ta_segment_check(segment, mapped) == 0) {
		char *end = (char *)ta_lane_at(segment, segment->lane_count);

		demand((uint64_t)(end - (char *)segment) <= mapped);
		demand(ta_lane_ring_bytes(segment) % 8 == 0);
		demand(ta_lane_ring_bytes(segment) < segment->lane_bytes);
	}
	free(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 18)
		return 0;
	read_ring(data, bytes);
	read_segment(data, bytes);
	return 0;
}
