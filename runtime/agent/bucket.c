/* SPDX-License-Identifier: MIT */
/*
 * bucket.c - spans held per trace until the trace is complete.
 *
 * Spans stay findable by id until they are exported, also when they have ended:
 * attributes that another thread wrote before the end may be read after it, and a
 * program may tag a span that is over.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/bucket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/held.h"
#include "runtime/agent/orphan.h"
#include "runtime/agent/unit.h"

int ta_buckets_init(struct ta_buckets *buckets, struct ta_procs *procs, struct ta_scopes *scopes)
{
	*buckets = (struct ta_buckets){
		.procs = procs, .scopes = scopes, .bytes_max = TA_HELD_BYTES_MAX, .pass = 1
	};
	ta_list_init(&buckets->all);
	ta_list_init(&buckets->settling);
	ta_list_init(&buckets->orphans);
	ta_list_init(&buckets->groups);
	if (ta_map_init(&buckets->spans) == 0 && ta_map_init(&buckets->traces) == 0 &&
	    ta_map_init(&buckets->sessions) == 0 && ta_map_init(&buckets->orphans_by_span) == 0 &&
	    ta_map_init(&buckets->orphans_by_trace) == 0 && ta_units_init(buckets) == 0)
		return 0;
	return -ENOMEM;
}

static void free_bucket(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	ta_map_remove(&buckets->traces, &bucket->by_trace);
	ta_list_remove(&bucket->link);
	ta_list_remove(&bucket->settling);
	ta_tag_list_fini(&bucket->tags);
	ta_session_drop(&buckets->sessions, &bucket->session);
	ta_spares_give(&buckets->spares, bucket, sizeof(*bucket));
}

static void free_spans_of(struct ta_buckets *buckets, struct ta_list *list)
{
	TA_LIST_EACH(at, list)
		ta_held_free(buckets, TA_CONTAINER(at, struct ta_held, link));
}

void ta_buckets_fini(struct ta_buckets *buckets)
{
	ta_buckets_drop_groups(buckets, buckets->group_count);
	TA_LIST_EACH(at, &buckets->all) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);

		free_spans_of(buckets, &bucket->open);
		free_spans_of(buckets, &bucket->ended);
		free_bucket(buckets, bucket);
	}
	ta_orphans_fini(buckets);
	ta_units_fini(buckets);
	ta_map_fini(&buckets->spans);
	ta_map_fini(&buckets->traces);
	ta_map_fini(&buckets->sessions);
	ta_map_fini(&buckets->orphans_by_span);
	ta_map_fini(&buckets->orphans_by_trace);
	ta_spares_fini(&buckets->spares);
}

uint64_t ta_trace_key(const struct ta_buckets *buckets, uint64_t trace_hi, uint64_t trace_lo)
{
	unsigned __int128 product =
		(unsigned __int128)(trace_hi ^ buckets->traces.seed) * (buckets->spans.seed | 1);

	return trace_lo ^ (uint64_t)(product >> 64) ^ (uint64_t)product;
}

struct ta_bucket *ta_buckets_find(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo)
{
	struct ta_map_node *node =
		ta_map_find(&buckets->traces, ta_trace_key(buckets, trace_hi, trace_lo));

	for (; node; node = ta_map_next(node)) {
		struct ta_bucket *bucket = TA_CONTAINER(node, struct ta_bucket, by_trace);

		if (bucket->trace_hi == trace_hi && bucket->trace_lo == trace_lo)
			return bucket;
	}
	return NULL;
}

static struct ta_bucket *new_bucket(struct ta_buckets *buckets, uint64_t trace_hi,
				    uint64_t trace_lo)
{
	struct ta_bucket *bucket = ta_spares_take(&buckets->spares, sizeof(*bucket));

	if (!bucket)
		return NULL;
	*bucket = (struct ta_bucket){ .trace_hi = trace_hi, .trace_lo = trace_lo };
	ta_list_init(&bucket->link);
	ta_list_init(&bucket->settling);
	ta_list_init(&bucket->open);
	ta_list_init(&bucket->ended);
	ta_list_init(&bucket->groups);
	ta_tag_list_init(&bucket->tags);
	ta_map_add(&buckets->traces, &bucket->by_trace, ta_trace_key(buckets, trace_hi, trace_lo));
	return bucket;
}

struct ta_bucket *ta_bucket_of(struct ta_buckets *buckets, uint64_t trace_hi, uint64_t trace_lo)
{
	struct ta_bucket *bucket = ta_buckets_find(buckets, trace_hi, trace_lo);

	if (!bucket)
		bucket = new_bucket(buckets, trace_hi, trace_lo);
	if (bucket && ta_list_empty(&bucket->link)) {
		bucket->since_ns = buckets->now_ns;
		bucket->age = ++buckets->age;
		ta_list_append(&buckets->all, &bucket->link);
	}
	return bucket;
}

void ta_bucket_release(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	if (bucket->open_count + bucket->units + bucket->ended_count > 0)
		return;
	ta_list_remove(&bucket->link);
	ta_list_remove(&bucket->settling);
	if (ta_list_empty(&bucket->groups))
		free_bucket(buckets, bucket);
}

void ta_bucket_count(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	bool open = bucket->open_count + bucket->units > 0 && bucket->ended_count > 0;
	bool active = bucket->open_count > 0 || open; /* a unit alone is nothing */

	buckets->active_traces += (uint32_t)active - (uint32_t)bucket->counted_active;
	buckets->open_buckets += (uint32_t)open - (uint32_t)bucket->counted_open;
	bucket->counted_active = active;
	bucket->counted_open = open;
}

struct ta_bucket_counts ta_buckets_counts(const struct ta_buckets *buckets)
{
	return (struct ta_bucket_counts){ .complete_spans = buckets->group_spans,
					  .active_traces = buckets->active_traces,
					  .open_buckets = buckets->open_buckets };
}

static bool is_unit(const struct ta_held *held)
{
	return held->span.type == TA_SPAN_UNIT;
}

/* Whether its trace waits for its end. */
static bool holds(const struct ta_held *held)
{
	return is_unit(held) || !(held->span.flags & TA_SPAN_LOOSE);
}

static void add_open(struct ta_buckets *buckets, struct ta_bucket *bucket, struct ta_held *held)
{
	held->bucket = bucket;
	ta_list_append(&bucket->open, &held->link);
	ta_list_append(&held->proc->open, &held->proc_link);
	if (holds(held)) {
		ta_list_remove(&bucket->settling);
		bucket->holding++;
	}
	if (is_unit(held)) {
		buckets->open_units++;
		bucket->units++;
		bucket->units_started++;
	} else {
		bucket->open_count++;
	}
	ta_bucket_count(buckets, bucket);
	ta_map_add(&buckets->spans, &held->node, held->span.span_id);
}

/* Of callers that disagree the one counts who wants the trace. */
static void note_parent(struct ta_bucket *bucket, const struct ta_record_span_start *start)
{
	if (start->flags & TA_SPAN_NOT_SAMPLED) {
		if (bucket->parent == TA_PARENT_NONE)
			bucket->parent = TA_PARENT_NOT_SAMPLED;
	} else if (start->flags & TA_SPAN_REMOTE_PARENT) {
		bucket->parent = TA_PARENT_SAMPLED;
	}
}

struct ta_held *ta_bucket_start(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t family,
				uint32_t tid, const struct ta_record_span_start *start,
				const struct ta_place *place)
{
	if (start->span_id == 0 || ta_held_find(buckets, start->span_id)) {
		buckets->counters.twice++;
		return NULL;
	}
	bool unit = start->type == TA_SPAN_UNIT;
	struct ta_held *held = buckets->held_count < TA_SPANS_HELD_MAX &&
					       ta_buckets_bytes(buckets) < buckets->bytes_max ?
				       ta_held_new(buckets, proc, family, tid, start) :
				       NULL;
	if (held && place)
		ta_held_put(held, place);
	struct ta_bucket *bucket =
		held ? ta_bucket_of(buckets, held->span.trace_hi, held->span.trace_lo) : NULL;

	if (!bucket) {
		buckets->counters.refused += !unit;
		buckets->counters.refused_spans += !unit;
		if (held)
			ta_held_free(buckets, held);
		return NULL;
	}
	add_open(buckets, bucket, held);
	return held;
}

/* A trace's session is its root's, and known before its tags are.  What has moved says
 * nothing about the trace: it began elsewhere. */
static void learn_trace(struct ta_buckets *buckets, struct ta_held *held,
			const struct ta_record_span_start *start)
{
	struct ta_bucket *bucket = held->bucket;
	bool first = bucket->open_count + bucket->units + bucket->ended_count == 1 &&
		     ta_list_empty(&bucket->groups);
	bool native = bucket->trace_hi == start->trace_hi && bucket->trace_lo == start->trace_lo;
	bool learned = false;

	if (native && !is_unit(held)) {
		note_parent(bucket, start);
		learned = ta_session_learn(&buckets->sessions, &bucket->session,
					   ta_held_start(held), first);
	}
	if (first)
		ta_orphans_of_trace(buckets, bucket, TA_TAGS_OF_TRACE);
	if (learned)
		ta_orphans_of_trace(buckets, bucket, TA_TAGS_OF_SESSION);
}

static void start_span(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
		       const struct ta_record_span_start *start)
{
	struct ta_place place = ta_units_place(buckets, start);
	struct ta_held *held;

	if (start->type == TA_SPAN_UNIT && !ta_units_may_start(buckets, start))
		return;
	held = ta_bucket_start(buckets, proc, proc->segment_id, tid, start, &place);
	if (!held)
		return;
	learn_trace(buckets, held, start);
	ta_orphans_of_span(buckets, start->span_id);
}

void ta_bucket_rest(struct ta_buckets *buckets, struct ta_bucket *bucket, uint64_t zero_pass)
{
	if (bucket->holding > 0 || bucket->ended_count == 0 || !ta_list_empty(&bucket->settling))
		return;
	bucket->zero_pass = zero_pass;
	ta_list_append(&buckets->settling, &bucket->settling);
}

/* One open span less; the trace may be complete now. */
static void count_closed(struct ta_buckets *buckets, struct ta_bucket *bucket, bool held_it,
			 uint64_t zero_pass)
{
	bucket->open_count--;
	bucket->holding -= held_it;
	ta_bucket_count(buckets, bucket);
	ta_bucket_rest(buckets, bucket, zero_pass);
}

static void move_to_ended(struct ta_buckets *buckets, struct ta_held *held, uint64_t zero_pass)
{
	struct ta_bucket *bucket = held->bucket;

	ta_list_remove(&held->link);
	ta_list_remove(&held->proc_link);
	ta_list_append(&bucket->ended, &held->link);
	bucket->ended_count++;
	if (held->span.end_ns > bucket->last_end_ns)
		bucket->last_end_ns = held->span.end_ns;
	held->ended_seq = buckets->tag_seq;
	held->proc->contributed = true;
	if (buckets->on_end)
		buckets->on_end(buckets->on_end_user, held);
	count_closed(buckets, bucket, holds(held), zero_pass);
}

/* As if the span had never started.  A trace of which nothing is left goes
 * without a trace. */
static void cancel_span(struct ta_buckets *buckets, struct ta_held *held)
{
	struct ta_bucket *bucket = held->bucket;
	bool held_it = holds(held);

	if (held->span.end != TA_SPAN_OPEN) {
		buckets->counters.twice++;
		return;
	}
	ta_held_free(buckets, held);
	count_closed(buckets, bucket, held_it, buckets->pass);
	ta_bucket_release(buckets, bucket);
}

static void end_span(struct ta_buckets *buckets, struct ta_held *held,
		     const struct ta_record_span_end *end)
{
	bool let_go = held->span.end == TA_SPAN_LET_GO;

	if (let_go && held->group && held->group->leaving) {
		buckets->counters.late++;
		return;
	}
	if (held->span.end != TA_SPAN_OPEN && !let_go) {
		buckets->counters.twice++;
		return;
	}
	if (!ta_held_keep_end(buckets, held, end))
		buckets->counters.refused++;
	if (!(end->flags & TA_END_SCOPES_OF_START))
		ta_held_set_scopes(buckets, held, end->isolation, end->current);
	ta_held_set_global(buckets, held, end->global);
	held->recorded_end = true;
	held->span.end_ns = end->end_ns;
	held->span.status = end->status;
	held->span.reason = end->reason;
	held->span.end = TA_SPAN_ENDED;
	if (!let_go)
		move_to_ended(buckets, held, buckets->pass);
}

static void add_record(struct ta_buckets *buckets, struct ta_held *held,
		       const struct ta_record *record)
{
	if (held->group && held->group->leaving) {
		buckets->counters.late++;
		return;
	}
	ta_tags_give(buckets, held); /* what was set before comes before it */
	if (!ta_held_make_room(buckets, held, (uint32_t)record->units * 8) ||
	    !ta_held_keep(buckets, held, record))
		buckets->counters.refused++;
}

/* Nothing is written about a unit but its end. */
static void apply_to_unit(struct ta_buckets *buckets, struct ta_held *held,
			  const struct ta_record *record)
{
	struct ta_bucket *bucket = held->bucket;

	if (record->kind == TA_RECORD_SPAN_END)
		ta_unit_end(buckets, held, (const struct ta_record_span_end *)record);
	else if (record->kind == TA_RECORD_SPAN_CANCEL)
		ta_unit_end(buckets, held, NULL);
	else
		return;
	ta_bucket_release(buckets, bucket);
}

void ta_bucket_apply(struct ta_buckets *buckets, struct ta_held *held,
		     const struct ta_record *record)
{
	if (is_unit(held))
		apply_to_unit(buckets, held, record);
	else if (record->kind == TA_RECORD_SPAN_CANCEL)
		cancel_span(buckets, held);
	else if (record->kind == TA_RECORD_SPAN_END)
		end_span(buckets, held, (const struct ta_record_span_end *)record);
	else
		add_record(buckets, held, record);
}

void ta_buckets_tags(struct ta_buckets *buckets, const struct ta_record_tags *record)
{
	struct ta_trace_id trace = ta_units_trace(buckets, record->trace_hi, record->trace_lo);
	struct ta_bucket *bucket = ta_buckets_find(buckets, trace.hi, trace.lo);

	if (record->of != TA_TAGS_OF_TRACE && record->of != TA_TAGS_OF_SESSION)
		buckets->counters.unknown++;
	else if (!bucket || !ta_tags_take(buckets, bucket, record))
		ta_orphans_keep(buckets, &record->head, buckets->pass);
}

void ta_buckets_record(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
		       const struct ta_record *record)
{
	if (record->kind == TA_RECORD_SPAN_START) {
		start_span(buckets, proc, tid, (const struct ta_record_span_start *)record);
		return;
	}
	if (record->kind == TA_RECORD_TAGS) {
		ta_buckets_tags(buckets, (const struct ta_record_tags *)record);
		return;
	}
	uint64_t span_id = ta_record_span_id(record);
	struct ta_held *held = ta_held_find(buckets, span_id);
	struct ta_unit *unit = held ? NULL : ta_units_find(buckets, span_id);

	if (held)
		ta_bucket_apply(buckets, held, record);
	else if (unit && record->kind == TA_RECORD_SPAN_END)
		ta_unit_end_late(buckets, unit, (const struct ta_record_span_end *)record);
	else if (unit || ta_units_is_loose(buckets, span_id))
		return;
	else if (span_id)
		ta_orphans_keep(buckets, record, buckets->pass);
	else
		buckets->counters.unknown++; /* no span has that id */
}

/* A process that ended in an orderly way has ended its spans, without a record. */
void ta_bucket_close(struct ta_buckets *buckets, struct ta_held *held, uint64_t end_ns,
		     enum ta_span_end how)
{
	if (is_unit(held)) {
		ta_unit_end(buckets, held, NULL);
		return;
	}
	held->span.end = (uint8_t)how;
	held->span.reason = how == TA_SPAN_ENDED ? TA_END_PROCESS_END : held->span.reason;
	held->span.end_ns = end_ns > held->span.start_ns ? end_ns : held->span.start_ns;
	move_to_ended(buckets, held, buckets->pass - 1);
}

/* Of a unit's trace nothing may be left. */
static void close_and_release(struct ta_buckets *buckets, struct ta_held *held, uint64_t end_ns,
			      enum ta_span_end how)
{
	struct ta_bucket *bucket = held->bucket;

	ta_bucket_close(buckets, held, end_ns, how);
	ta_bucket_release(buckets, bucket);
}

void ta_buckets_close_process(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t end_ns)
{
	bool orderly = proc->end_record_ns != 0 && proc->exec_ns == 0;

	TA_LIST_EACH(at, &proc->open) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, proc_link);
		bool replaced = proc->exec_ns != 0 && held->span.type == TA_SPAN_PROCESS;

		if (replaced) { /* exec is how a program ends, too */
			ta_bucket_close(buckets, held, end_ns, TA_SPAN_ENDED);
			held->span.reason = TA_END_NORMAL;
			continue;
		}
		close_and_release(buckets, held, orderly ? proc->end_record_ns : end_ns,
				  orderly ? TA_SPAN_ENDED : TA_SPAN_HOST_DIED);
	}
}

/* Units are not: exchanges of other threads may go on with them. */
static bool is_bound_to_thread(const struct ta_span *span)
{
	return span->type == TA_SPAN_THREAD || span->type == TA_SPAN_SIGNAL ||
	       (span->type == TA_SPAN_API && (span->flags & TA_SPAN_OF_THREAD));
}

void ta_buckets_close_thread(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
			     uint64_t end_ns)
{
	TA_LIST_EACH(at, &proc->open) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, proc_link);

		if (held->span.tid == tid && is_bound_to_thread(&held->span))
			close_and_release(buckets, held, end_ns, TA_SPAN_HOST_DIED);
	}
}

void ta_buckets_give_up(struct ta_buckets *buckets, struct ta_bucket *bucket, uint64_t end_ns)
{
	buckets->counters.given_up += bucket->open_count;
	TA_LIST_EACH(at, &bucket->open)
		ta_bucket_close(buckets, TA_CONTAINER(at, struct ta_held, link), end_ns,
				TA_SPAN_GIVEN_UP);
	ta_bucket_release(buckets, bucket);
}

/* In groups the same spans count for less: without what else belongs to a span. */
uint64_t ta_buckets_open_bytes(const struct ta_buckets *buckets)
{
	uint64_t more = TA_HELD_OVERHEAD - sizeof(struct ta_held);
	uint64_t all = ta_buckets_bytes(buckets);
	uint64_t complete = buckets->group_bytes + buckets->group_spans * more +
			    (uint64_t)buckets->group_count * TA_TRACE_OVERHEAD;

	return all > complete ? all - complete : 0;
}

static bool has_settled(const struct ta_buckets *buckets, const struct ta_bucket *bucket)
{
	return bucket->zero_pass < buckets->pass;
}

/* The earliest end of those that may still turn out not to be complete. */
static uint64_t earliest_unsettled(const struct ta_buckets *buckets)
{
	uint64_t earliest = UINT64_MAX;

	TA_LIST_EACH(at, &buckets->settling) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, settling);

		if (!has_settled(buckets, bucket) && bucket->last_end_ns < earliest)
			earliest = bucket->last_end_ns;
	}
	return earliest;
}

/* A trace that was complete earlier may have been read later: then this one waits one
 * pass more, so that it does not overtake it.  Never two: ends may be lies. */
static bool is_due(const struct ta_buckets *buckets, const struct ta_bucket *bucket,
		   uint64_t earliest)
{
	return has_settled(buckets, bucket) &&
	       (bucket->last_end_ns <= earliest || bucket->zero_pass + 1 < buckets->pass);
}

static int by_end(const void *left, const void *right)
{
	const struct ta_bucket *a = *(struct ta_bucket *const *)left;
	const struct ta_bucket *b = *(struct ta_bucket *const *)right;

	if (a->last_end_ns != b->last_end_ns)
		return a->last_end_ns < b->last_end_ns ? -1 : 1;
	return a->age < b->age ? -1 : a->age > b->age;
}

/* What the trace did not wait for ends with it. */
static void let_loose_ones_go(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	uint64_t end_ns = bucket->last_end_ns;

	TA_LIST_EACH(at, &bucket->open)
		ta_bucket_close(buckets, TA_CONTAINER(at, struct ta_held, link), end_ns,
				TA_SPAN_LET_GO);
}

static void complete_due(struct ta_buckets *buckets)
{
	uint64_t earliest = earliest_unsettled(buckets);
	uint32_t count = 0, used = 0;
	bool sorted = true;

	TA_LIST_EACH(counted, &buckets->settling)
		count += is_due(buckets, TA_CONTAINER(counted, struct ta_bucket, settling), earliest);
	struct ta_bucket **due = count ? calloc(count, sizeof(struct ta_bucket *)) : NULL;

	if (!due)
		return; /* without memory they simply wait */
	TA_LIST_EACH(at, &buckets->settling) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, settling);

		if (!is_due(buckets, bucket, earliest))
			continue;
		due[used++] = bucket;
		sorted = sorted && (used == 1 || by_end(&due[used - 2], &due[used - 1]) < 0);
	}
	if (!sorted)
		qsort(due, used, sizeof(struct ta_bucket *), by_end);
	for (uint32_t i = 0; i < used; i++) {
		let_loose_ones_go(buckets, due[i]);
		ta_buckets_part(buckets, due[i]);
	}
	free(due);
}

bool ta_buckets_settling(const struct ta_buckets *buckets)
{
	return !ta_list_empty(&buckets->settling) || !ta_list_empty(&buckets->orphans);
}

bool ta_buckets_settle(struct ta_buckets *buckets)
{
	ta_orphans_settle(buckets);
	complete_due(buckets);
	buckets->pass++;
	return ta_buckets_settling(buckets);
}
