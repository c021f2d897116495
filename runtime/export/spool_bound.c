/* SPDX-License-Identifier: MIT */
/*
 * spool_bound.c - what is given up: the oldest of too much, and what is too old.
 *
 * Never what is under way or not committed.  Bytes on disk come back with a whole file
 * only, so a file of which a message is under way is passed over for them.
 *
 * Runs: agent, under the spool's lock.
 */
#include "runtime/export/spool_internal.h"

#include <unistd.h>

void ta_spool_drop(struct ta_spool *spool, enum ta_drop why, const struct ta_message_head *head)
{
	struct ta_message_head plain = *head;

	plain.done = 0;
	if (spool->options.dropped)
		spool->options.dropped(spool->options.user, why, &plain);
}

void ta_spool_forget(struct ta_spool *spool, struct ta_spool_put *put)
{
	char name[TA_SPOOL_NAME_BYTES];

	if (put->file_bytes) {
		ta_spool_file_name(TA_SPOOL_BATCH, put->number, name);
		unlinkat(spool->dir.fd, name, 0);
	}
	ta_spool_index_remove(&spool->index, put);
	ta_spool_put_free(put);
}

void ta_spool_finish(struct ta_spool *spool, struct ta_spool_put *put, uint32_t item)
{
	ta_spool_index_done(&spool->index, put, item);
	if (put->left == 0)
		ta_spool_forget(spool, put);
	else if (put->file_bytes)
		ta_spool_file_mark(spool->dir.fd, put->number, item);
}

/* The oldest message of that row; the row may be gone afterwards. */
static void give_up(struct ta_spool *spool, struct ta_spool_put *put, enum ta_drop why)
{
	ta_spool_drop(spool, why, &put->items[put->first].head);
	ta_spool_finish(spool, put, put->first);
}

static void bound_disk(struct ta_spool *spool)
{
	struct ta_spool_put *put;

	while (spool->index.disk_bytes > spool->options.max_bytes &&
	       (put = ta_spool_index_oldest(&spool->index, TA_SPOOL_ON_DISK, true)) != NULL)
		give_up(spool, put, TA_DROP_SPOOL_FULL);
}

static void bound_memory(struct ta_spool *spool)
{
	struct ta_spool_put *put;

	while (spool->index.memory_bytes > spool->options.max_memory_bytes &&
	       (put = ta_spool_index_oldest(&spool->index, TA_SPOOL_IN_MEMORY, false)) != NULL)
		give_up(spool, put, TA_DROP_NO_MEMORY);
}

static void bound_spans(struct ta_spool *spool)
{
	struct ta_spool_put *put;

	while (spool->options.max_spans && spool->index.spans > spool->options.max_spans &&
	       (put = ta_spool_index_next(&spool->index)) != NULL)
		give_up(spool, put, TA_DROP_SPOOL_FULL);
}

void ta_spool_bound(struct ta_spool *spool)
{
	bound_disk(spool);
	bound_memory(spool);
	bound_spans(spool);
}

/* Whether so much could be kept if nothing else were there. */
static bool fits(const struct ta_spool *spool, uint32_t count, uint64_t bytes, uint64_t spans,
		 bool on_disk)
{
	const struct ta_spool_put file = { .file_bytes = ta_spool_file_bytes(count, bytes) };

	if (count > TA_SPOOL_MESSAGES_MAX)
		return false;
	if (spool->options.max_spans && spans > spool->options.max_spans)
		return false;
	return on_disk ? ta_spool_put_cost(&file) <= spool->options.max_bytes
		       : bytes <= spool->options.max_memory_bytes;
}

uint32_t ta_spool_bound_trim(const struct ta_spool *spool, const struct ta_message *messages,
			     uint32_t count, bool on_disk)
{
	uint64_t bytes = 0, spans = 0;
	uint32_t trim = 0;

	for (uint32_t i = 0; i < count; i++) {
		bytes += messages[i].body.bytes;
		spans += messages[i].head.spans;
	}
	for (; trim < count && !fits(spool, count - trim, bytes, spans, on_disk); trim++) {
		bytes -= messages[trim].body.bytes;
		spans -= messages[trim].head.spans;
	}
	return trim;
}

/* In this row; whether there is something left in it that gets old. */
static bool age_row(struct ta_spool *spool, struct ta_spool_put *put, uint64_t limit_ns)
{
	const uint32_t count = put->count;

	for (uint32_t i = put->first; i < count; i++) {
		const struct ta_message_head *head = &put->items[i].head;
		bool last = put->left == 1;

		if (head->done != TA_SPOOL_WAITS || head->time_ns > limit_ns)
			continue;
		ta_spool_drop(spool, TA_DROP_SPOOL_AGE, head);
		ta_spool_finish(spool, put, i);
		if (last)
			return false;
	}
	return true;
}

static void note_oldest(struct ta_spool_index *index, const struct ta_spool_put *put)
{
	for (uint32_t i = 0; i < put->count; i++)
		if (put->items[i].head.done != TA_SPOOL_DONE &&
		    put->items[i].head.time_ns < index->oldest_ns)
			index->oldest_ns = put->items[i].head.time_ns;
}

/* Rows are looked at one by one only when one of them can be too old: clocks are set, so
 * their order says nothing for certain. */
void ta_spool_bound_age(struct ta_spool *spool, uint64_t now_ns)
{
	uint64_t age_ns = spool->options.max_age_ms * 1000000u, limit_ns = now_ns - age_ns;
	struct ta_spool_index *index = &spool->index;

	if (now_ns < age_ns || index->oldest_ns > limit_ns)
		return;
	index->oldest_ns = UINT64_MAX;
	for (int i = 0; i < TA_SPOOL_LISTS; i++) {
		struct ta_spool_put *next;

		for (struct ta_spool_put *put = index->lists[i].first; put; put = next) {
			next = put->next;
			if (i == TA_SPOOL_UNCOMMITTED || age_row(spool, put, limit_ns))
				note_oldest(index, put);
		}
	}
}
