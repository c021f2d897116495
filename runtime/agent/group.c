/* SPDX-License-Identifier: MIT */
/*
 * group.c - spans that leave together: made, kept until they are out, dropped.
 *
 * While a group leaves, the exporter's thread reads its records through copies of
 * its spans, so nothing in it may change or move.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/held.h"
#include "runtime/agent/order.h"
#include "runtime/agent/unit.h"

static size_t group_bytes(uint32_t capacity)
{
	return sizeof(struct ta_group) + capacity * sizeof(struct ta_held *);
}

struct ta_group *ta_group_new(struct ta_buckets *buckets, struct ta_bucket *bucket,
			      uint32_t capacity)
{
	struct ta_group *group = ta_spares_take(&buckets->spares, group_bytes(capacity + 1));

	if (!group)
		return NULL;
	memset(group, 0, sizeof(*group));
	group->spans = group->own;
	group->own_capacity = group->capacity = capacity + 1;
	group->bucket = bucket;
	ta_list_append(&buckets->groups, &group->link);
	ta_list_append(&bucket->groups, &group->trace_link);
	buckets->group_count++;
	return group;
}

static bool make_place(struct ta_group *group)
{
	bool own = group->spans == group->own;
	struct ta_held **spans;

	if (group->count < group->capacity)
		return true;
	spans = realloc(own ? NULL : group->spans, group->capacity * 2 * sizeof(spans[0]));
	if (!spans)
		return false;
	if (own)
		memcpy(spans, group->own, group->count * sizeof(spans[0]));
	group->spans = spans;
	group->capacity *= 2;
	return true;
}

bool ta_group_take(struct ta_buckets *buckets, struct ta_group *group, struct ta_held *held)
{
	uint64_t bytes = held->record_bytes + sizeof(*held);

	if (!make_place(group))
		return false;
	ta_list_remove(&held->link);
	held->bucket->ended_count--;
	held->group = group;
	group->spans[group->count++] = held;
	group->bytes += bytes;
	buckets->group_bytes += bytes;
	buckets->group_spans++;
	return true;
}

/* The newest version of the process's global scope, while the process is known; for
 * spans whose end said nothing of it. */
static void take_global(struct ta_buckets *buckets, struct ta_held *held)
{
	if (!held->recorded_end && held->proc->segment_id == held->family &&
	    held->proc->global != held->global)
		ta_held_set_global(buckets, held, held->proc->global);
}

bool ta_bucket_is_sampled(const struct ta_buckets *buckets, const struct ta_bucket *bucket)
{
	return ta_sampler_takes(&buckets->sampler, bucket->trace_lo, bucket->parent);
}

static void forget_ended(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	TA_LIST_EACH(at, &bucket->ended)
		ta_held_free(buckets, TA_CONTAINER(at, struct ta_held, link));
	buckets->counters.unsampled += bucket->ended_count;
	bucket->ended_count = 0;
}

static void gather_ended(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	struct ta_group *group = ta_group_new(buckets, bucket, bucket->ended_count);

	if (!group)
		return; /* without memory the trace simply waits */
	group->unsampled = !ta_bucket_is_sampled(buckets, bucket);
	group->partial = bucket->open_count + bucket->units > 0;
	TA_LIST_EACH(at, &bucket->ended) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);

		take_global(buckets, held);
		ta_group_take(buckets, group, held);
	}
	ta_spans_order(group->spans, group->count);
}

void ta_buckets_part(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	bucket->since_ns = buckets->now_ns;
	ta_units_part(buckets, bucket);
	if (bucket->ended_count > 0) {
		if (buckets->keep_unsampled || ta_bucket_is_sampled(buckets, bucket))
			gather_ended(buckets, bucket);
		else
			forget_ended(buckets, bucket);
	}
	if (bucket->ended_count == 0) {
		bucket->last_end_ns = 0;
		ta_list_remove(&bucket->settling);
	}
	ta_bucket_count(buckets, bucket);
	ta_bucket_release(buckets, bucket);
}

static void leave(struct ta_buckets *buckets, struct ta_group *group, bool with_tags)
{
	group->leaving = true;
	ta_session_copy(&buckets->sessions, &group->session, &group->bucket->session);
	for (uint32_t i = 0; i < group->count; i++) {
		if (with_tags) {
			ta_tags_give(buckets, group->spans[i]);
			ta_units_fix_links(buckets, group->spans[i]);
		}
		ta_session_show(&group->session, &group->spans[i]->span);
	}
}

void ta_groups_leave(struct ta_buckets *buckets, uint32_t count, bool with_tags)
{
	uint32_t at_group = 0;

	TA_LIST_EACH(at, &buckets->groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		if (at_group == count)
			break;
		if (!group->leaving)
			leave(buckets, group, with_tags);
		at_group++;
	}
	if (at_group > buckets->leaving_count)
		buckets->leaving_count = at_group;
}

void ta_buckets_leaving(struct ta_buckets *buckets, uint32_t count)
{
	ta_groups_leave(buckets, count, true);
}

void ta_buckets_stay(struct ta_buckets *buckets)
{
	TA_LIST_EACH(at, &buckets->groups) {
		if (buckets->leaving_count == 0)
			return;
		TA_CONTAINER(at, struct ta_group, link)->leaving = false;
		buckets->leaving_count--;
	}
}

static void drop(struct ta_buckets *buckets, struct ta_group *group)
{
	struct ta_bucket *bucket = group->bucket;

	ta_list_remove(&group->link);
	ta_list_remove(&group->trace_link);
	buckets->group_count--;
	buckets->groups_gone++;
	buckets->leaving_count -= group->leaving;
	buckets->group_spans -= group->count;
	buckets->group_bytes -= group->bytes;
	buckets->counters.unsampled += group->unsampled ? group->count : 0;
	for (uint32_t i = 0; i < group->count; i++) {
		if (group->spans[i]->span.end == TA_SPAN_LET_GO)
			ta_units_note_loose(buckets, &group->spans[i]->span);
		ta_held_free(buckets, group->spans[i]);
	}
	ta_session_drop(&buckets->sessions, &group->session);
	if (group->spans != group->own)
		free(group->spans);
	ta_spares_give(&buckets->spares, group, group_bytes(group->own_capacity));
	ta_bucket_release(buckets, bucket);
}

void ta_buckets_drop_groups(struct ta_buckets *buckets, uint32_t count)
{
	for (; count > 0 && buckets->group_count > 0; count--)
		drop(buckets, TA_CONTAINER(buckets->groups.next, struct ta_group, link));
}
