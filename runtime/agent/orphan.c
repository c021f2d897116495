/* SPDX-License-Identifier: MIT */
/*
 * orphan.c - records whose span or trace has not started, as far as we have read.
 *
 * One list by age over all of them, and one per span or trace that somebody waits
 * for, so that a start finds its own without looking at the others'.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/orphan.h"

#include <stdlib.h>

#include "runtime/agent/held.h"

/* What records wait for: a span (lo), a trace, or the session of a trace. */
struct wanted {
	struct ta_map_node node;
	struct ta_map *map;
	struct ta_list orphans;
	uint64_t hi, lo;
	uint8_t of; /* enum ta_tags_of; 0: a span */
};

struct orphan {
	struct ta_list link;	/* all, oldest first */
	struct ta_list sibling; /* of the same wanted, oldest first */
	struct wanted *wanted;
	uint64_t pass;
	struct ta_record *record;
};

static void free_orphan(struct ta_buckets *buckets, struct orphan *orphan)
{
	struct wanted *wanted = orphan->wanted;

	ta_list_remove(&orphan->link);
	ta_list_remove(&orphan->sibling);
	buckets->orphan_count--;
	buckets->held_bytes -= (uint32_t)orphan->record->units * 8;
	free(orphan->record);
	free(orphan);
	if (!ta_list_empty(&wanted->orphans))
		return;
	ta_map_remove(wanted->map, &wanted->node);
	free(wanted);
}

/* What is looked for, with its map and key, as far as they are known without it. */
static struct wanted span_wanted(struct ta_buckets *buckets, uint64_t span_id)
{
	return (struct wanted){ .node = { .key = span_id },
				.map = &buckets->orphans_by_span,
				.lo = span_id };
}

static struct wanted trace_wanted(struct ta_buckets *buckets, uint64_t hi, uint64_t lo, uint8_t of)
{
	return (struct wanted){ .node = { .key = ta_trace_key(buckets, hi, lo) },
				.map = &buckets->orphans_by_trace,
				.hi = hi,
				.lo = lo,
				.of = of };
}

static struct wanted *find(const struct wanted *like)
{
	struct ta_map_node *node = ta_map_find(like->map, like->node.key);

	for (; node; node = ta_map_next(node)) {
		struct wanted *wanted = TA_CONTAINER(node, struct wanted, node);

		if (wanted->hi == like->hi && wanted->lo == like->lo && wanted->of == like->of)
			return wanted;
	}
	return NULL;
}

static struct wanted *find_or_make(const struct wanted *like)
{
	struct wanted *wanted = find(like);

	if (wanted)
		return wanted;
	wanted = malloc(sizeof(*wanted));
	if (!wanted)
		return NULL;
	*wanted = *like;
	ta_list_init(&wanted->orphans);
	ta_map_add(wanted->map, &wanted->node, like->node.key);
	return wanted;
}

static struct wanted *wanted_of(struct ta_buckets *buckets, const struct ta_record *record)
{
	const struct ta_record_tags *tags = (const void *)record;
	struct wanted like = record->kind == TA_RECORD_TAGS ?
				     trace_wanted(buckets, tags->trace_hi, tags->trace_lo, tags->of) :
				     span_wanted(buckets, ta_record_span_id(record));

	return find_or_make(&like);
}

static bool has_room(const struct ta_buckets *buckets, const struct ta_record *record)
{
	uint32_t bytes = (uint32_t)record->units * 8;

	return buckets->orphan_count < TA_ORPHANS_MAX && bytes <= TA_ORPHAN_BYTES_MAX &&
	       ta_buckets_bytes(buckets) + bytes <= buckets->bytes_max;
}

static struct orphan *new_orphan(const struct ta_record *record)
{
	struct orphan *orphan = calloc(1, sizeof(*orphan));

	if (!orphan)
		return NULL;
	orphan->record = ta_record_copy(record);
	if (!orphan->record) {
		free(orphan);
		return NULL;
	}
	return orphan;
}

void ta_orphans_keep(struct ta_buckets *buckets, const struct ta_record *record, uint64_t pass)
{
	struct orphan *orphan = has_room(buckets, record) ? new_orphan(record) : NULL;

	if (!orphan) {
		buckets->counters.unknown++;
		return;
	}
	orphan->wanted = wanted_of(buckets, record);
	if (!orphan->wanted) {
		free(orphan->record);
		free(orphan);
		buckets->counters.unknown++;
		return;
	}
	orphan->pass = pass;
	ta_list_append(&buckets->orphans, &orphan->link);
	ta_list_append(&orphan->wanted->orphans, &orphan->sibling);
	buckets->orphan_count++;
	buckets->held_bytes += (uint32_t)record->units * 8;
}

void ta_orphans_of_span(struct ta_buckets *buckets, uint64_t span_id)
{
	struct wanted like = span_wanted(buckets, span_id);
	struct wanted *wanted = like.map->count ? find(&like) : NULL;
	bool last = !wanted;

	while (!last) {
		struct orphan *orphan = TA_CONTAINER(wanted->orphans.next, struct orphan, sibling);
		struct ta_held *held = ta_held_find(buckets, span_id);

		last = orphan->sibling.next == &wanted->orphans; /* wanted goes with it */
		if (held) /* not any more, once it is cancelled */
			ta_bucket_apply(buckets, held, orphan->record);
		free_orphan(buckets, orphan);
	}
}

void ta_orphans_of_trace(struct ta_buckets *buckets, struct ta_bucket *bucket, enum ta_tags_of of)
{
	struct wanted like = trace_wanted(buckets, bucket->trace_hi, bucket->trace_lo, (uint8_t)of);
	struct wanted *wanted = like.map->count ? find(&like) : NULL;
	bool last = !wanted;

	while (!last) {
		struct orphan *orphan = TA_CONTAINER(wanted->orphans.next, struct orphan, sibling);

		last = orphan->sibling.next == &wanted->orphans;
		ta_tags_take(buckets, bucket, (const void *)orphan->record);
		free_orphan(buckets, orphan);
	}
}

void ta_orphans_settle(struct ta_buckets *buckets)
{
	TA_LIST_EACH(at, &buckets->orphans) {
		struct orphan *orphan = TA_CONTAINER(at, struct orphan, link);

		if (orphan->pass >= buckets->pass)
			return; /* so are all that came later */
		buckets->counters.unknown++;
		free_orphan(buckets, orphan);
	}
}

void ta_orphans_fini(struct ta_buckets *buckets)
{
	TA_LIST_EACH(at, &buckets->orphans)
		free_orphan(buckets, TA_CONTAINER(at, struct orphan, link));
}

void ta_orphans_visit(const struct ta_buckets *buckets, ta_orphan_visit_fn *visit, void *user)
{
	TA_LIST_EACH(at, &buckets->orphans) {
		const struct orphan *orphan = TA_CONTAINER(at, struct orphan, link);

		visit(user, orphan->record, orphan->pass);
	}
}
