/* SPDX-License-Identifier: MIT */
/*
 * buckets.c - fuzzer: any row of span records, passes, parts, exports and deaths, and
 * snapshots that somebody wrote on.
 *
 * First byte even: the rest is a walk (tests/unit/bucket_walk.h), three bytes a step;
 * the counts have to be right after every step, and a restored twin the same.  Odd:
 * eight times four bytes tell what is changed in which image of the snapshot that is
 * made at the end of the walk behind them, and restored.
 */
#include "tests/unit/bucket_walk.h"

#define CHANGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct damage {
	const uint8_t *changes; /* which image, offset (two bytes), what it is xored with */
	struct walker *walker;
	uint32_t count;
};

static void restore_damaged(void *user, const void *image, size_t bytes)
{
	struct damage *damage = user;
	uint8_t *copy = malloc(bytes); /* so that a read behind it is seen */

	memcpy(copy, image, bytes);
	for (int i = 0; i < CHANGES; i++) {
		const uint8_t *change = damage->changes + 4 * i;
		size_t offset = change[1] | (size_t)change[2] << 8;

		if (change[0] == damage->count && offset < bytes)
			copy[offset] ^= change[3];
		else if (change[0] == damage->count)
			bytes -= offset % bytes; /* cut short */
	}
	damage->count++;
	ta_buckets_restore(&damage->walker->buckets, copy, bytes);
	free(copy);
}

static void go_on(struct walker *walker)
{
	for (uint8_t x = 0; x < 24; x++)
		walk_step(walker, (uint8_t[]){ 3, x, x });
	for (int i = 0; i < 3; i++)
		ta_buckets_settle(&walker->buckets);
	ta_buckets_leaving(&walker->buckets, 2);
	ta_buckets_drop_groups(&walker->buckets, 1);
}

static void walk_damaged(const uint8_t *data, size_t bytes)
{
	struct walker walker, twin;
	struct damage damage = { .changes = data, .walker = &twin };

	if (bytes < 4 * CHANGES)
		return;
	data += 4 * CHANGES;
	bytes -= 4 * CHANGES;
	walker_init(&walker);
	walker_init(&twin);
	for (; bytes >= 3; data += 3, bytes -= 3)
		walk_step(&walker, data);
	ta_buckets_save(&walker.buckets, restore_damaged, &damage);
	go_on(&twin);
	walker_fini(&twin);
	walker_fini(&walker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0)
		return 0;
	if (data[0] & 1) {
		walk_damaged(data + 1, bytes - 1);
		return 0;
	}
	const char *fault = walk(data + 1, bytes - 1);

	if (fault) {
		fprintf(stderr, "%s\n", fault);
		abort();
	}
	return 0;
}
