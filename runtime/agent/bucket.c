/* SPDX-License-Identifier: MIT */
/*
 * bucket.c - spans held per trace until the trace is complete.
 *
 * Spans stay findable by id until they are grouped, also when they have ended:
 * attributes that another thread wrote before the end may be read after it.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/bucket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/order.h"

struct orphan {
	struct ta_list link;
	struct ta_map_node node; /* by span_id */
	uint64_t pass;
	struct ta_record *record;
};

int ta_buckets_init(struct ta_buckets *buckets, struct ta_procs *procs, struct ta_scopes *scopes)
{
	*buckets = (struct ta_buckets){ .procs = procs, .scopes = scopes, .pass = 1 };
	ta_list_init(&buckets->all);
	ta_list_init(&buckets->settling);
	ta_list_init(&buckets->orphans);
	ta_list_init(&buckets->groups);
	if (ta_map_init(&buckets->spans) == 0 && ta_map_init(&buckets->traces) == 0 &&
	    ta_map_init(&buckets->orphans_by_span) == 0)
		return 0;
	return -ENOMEM;
}

static struct ta_record *copy_record(const struct ta_record *record)
{
	size_t bytes = (size_t)record->units * 8;
	struct ta_record *copy = malloc(bytes);

	if (copy)
		memcpy(copy, record, bytes);
	return copy;
}

static void ref_scopes(struct ta_buckets *buckets, const struct ta_held *held)
{
	ta_scopes_ref(buckets->scopes, held->family, held->span.isolation);
	ta_scopes_ref(buckets->scopes, held->family, held->span.current);
	ta_scopes_ref(buckets->scopes, held->family, held->global);
}

static void unref_scopes(struct ta_buckets *buckets, const struct ta_held *held)
{
	ta_scopes_unref(buckets->scopes, held->family, held->span.isolation);
	ta_scopes_unref(buckets->scopes, held->family, held->span.current);
	ta_scopes_unref(buckets->scopes, held->family, held->global);
}

static void free_held(struct ta_buckets *buckets, struct ta_held *held)
{
	unref_scopes(buckets, held);
	ta_list_remove(&held->link);
	ta_list_remove(&held->proc_link);
	for (uint32_t i = 0; i < held->span.records.count; i++)
		free(held->span.records.items[i]);
	free(held->span.records.items);
	buckets->held_count--;
	buckets->held_bytes -= held->record_bytes;
	ta_proc_unref(buckets->procs, held->proc);
	free(held);
}

static void free_bucket(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	ta_map_remove(&buckets->traces, &bucket->node);
	ta_list_remove(&bucket->link);
	ta_list_remove(&bucket->settling);
	free(bucket);
}

static void free_orphan(struct ta_buckets *buckets, struct orphan *orphan)
{
	ta_map_remove(&buckets->orphans_by_span, &orphan->node);
	ta_list_remove(&orphan->link);
	buckets->orphan_count--;
	free(orphan->record);
	free(orphan);
}

static void free_spans_of(struct ta_buckets *buckets, struct ta_list *list)
{
	TA_LIST_EACH(at, list) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);

		ta_map_remove(&buckets->spans, &held->node);
		free_held(buckets, held);
	}
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
	TA_LIST_EACH(orphan, &buckets->orphans)
		free_orphan(buckets, TA_CONTAINER(orphan, struct orphan, link));
	ta_map_fini(&buckets->spans);
	ta_map_fini(&buckets->traces);
	ta_map_fini(&buckets->orphans_by_span);
}

struct ta_bucket *ta_buckets_find(const struct ta_buckets *buckets, uint64_t trace_hi,
				  uint64_t trace_lo)
{
	struct ta_map_node *node = ta_map_find(&buckets->traces, trace_lo);

	while (node && TA_CONTAINER(node, struct ta_bucket, node)->trace_hi != trace_hi)
		node = ta_map_next(node);
	return node ? TA_CONTAINER(node, struct ta_bucket, node) : NULL;
}

static struct ta_bucket *bucket_of(struct ta_buckets *buckets, uint64_t trace_hi, uint64_t trace_lo)
{
	struct ta_bucket *bucket = ta_buckets_find(buckets, trace_hi, trace_lo);

	if (bucket)
		return bucket;
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	bucket->trace_hi = trace_hi;
	bucket->since_ns = buckets->now_ns;
	ta_list_init(&bucket->settling);
	ta_list_init(&bucket->open);
	ta_list_init(&bucket->ended);
	ta_list_append(&buckets->all, &bucket->link);
	ta_map_add(&buckets->traces, &bucket->node, trace_lo);
	return bucket;
}

static struct ta_held *find_span(const struct ta_buckets *buckets, uint64_t span_id)
{
	struct ta_map_node *node = ta_map_find(&buckets->spans, span_id);

	return node ? TA_CONTAINER(node, struct ta_held, node) : NULL;
}

/* Keeps a copy; one that comes after the end goes before it. */
static bool keep_record(struct ta_buckets *buckets, struct ta_held *held,
			const struct ta_record *record)
{
	struct ta_record_list *list = &held->span.records;
	uint32_t bytes = (uint32_t)record->units * 8;

	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity ? list->capacity * 2 : 2;
		struct ta_record **items = realloc(list->items, capacity * sizeof(items[0]));

		if (!items)
			return false;
		list->items = items;
		list->capacity = capacity;
	}
	struct ta_record *copy = copy_record(record);

	if (!copy)
		return false;
	list->items[list->count++] = copy;
	if (list->count > 1 && list->items[list->count - 2]->kind == TA_RECORD_SPAN_END) {
		list->items[list->count - 1] = list->items[list->count - 2];
		list->items[list->count - 2] = copy;
	}
	held->record_bytes += bytes;
	buckets->held_bytes += bytes;
	return true;
}

static void add_open(struct ta_buckets *buckets, struct ta_bucket *bucket, struct ta_held *held)
{
	held->bucket = bucket;
	ta_list_append(&bucket->open, &held->link);
	ta_list_append(&held->proc->open, &held->proc_link);
	ta_list_remove(&bucket->settling);
	bucket->open_count++;
	ta_map_add(&buckets->spans, &held->node, held->span.span_id);
}

static void fill_span(struct ta_span *span, const struct ta_record_span_start *start)
{
	span->trace_hi = start->trace_hi;
	span->trace_lo = start->trace_lo;
	span->span_id = start->span_id;
	span->parent_id = start->parent_id;
	span->start_ns = start->start_ns;
	span->isolation = start->isolation;
	span->current = start->current;
	span->link_trace_hi = start->link_trace_hi;
	span->link_trace_lo = start->link_trace_lo;
	span->link_span_id = start->link_span_id;
	span->type = start->type;
	span->flags = start->flags;
}

static struct ta_held *new_held(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
				const struct ta_record_span_start *start)
{
	struct ta_held *held = calloc(1, sizeof(*held));

	if (!held)
		return NULL;
	if (!keep_record(buckets, held, &start->head)) {
		free(held->span.records.items);
		free(held);
		return NULL;
	}
	fill_span(&held->span, start);
	held->span.tid = tid;
	held->span.process = &proc->process;
	held->proc = proc;
	held->family = proc->segment_id;
	held->global = proc->global;
	ta_list_init(&held->link);
	ta_list_init(&held->proc_link);
	ta_proc_ref(proc);
	ref_scopes(buckets, held);
	buckets->held_count++;
	return held;
}

static struct ta_held *start_span(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
				  const struct ta_record_span_start *start)
{
	if (start->span_id == 0 || find_span(buckets, start->span_id)) {
		buckets->counters.twice++;
		return NULL;
	}
	struct ta_bucket *bucket =
		buckets->held_count < TA_SPANS_HELD_MAX ?
			bucket_of(buckets, start->trace_hi, start->trace_lo) :
			NULL;
	struct ta_held *held = bucket ? new_held(buckets, proc, tid, start) : NULL;

	if (!held) {
		buckets->counters.refused++;
		if (bucket && bucket->open_count + bucket->ended_count == 0)
			free_bucket(buckets, bucket);
		return NULL;
	}
	add_open(buckets, bucket, held);
	return held;
}

static void set_scopes(struct ta_buckets *buckets, struct ta_held *held, uint64_t isolation,
		       uint64_t current)
{
	struct ta_held old = *held;

	held->span.isolation = isolation;
	held->span.current = current;
	ref_scopes(buckets, held);
	unref_scopes(buckets, &old);
}

/* One open span less; the trace may be complete now. */
static void count_closed(struct ta_buckets *buckets, struct ta_bucket *bucket, uint64_t zero_pass)
{
	if (--bucket->open_count > 0)
		return;
	bucket->zero_pass = zero_pass;
	ta_list_append(&buckets->settling, &bucket->settling);
}

static void move_to_ended(struct ta_buckets *buckets, struct ta_held *held, uint64_t zero_pass)
{
	struct ta_bucket *bucket = held->bucket;

	ta_list_remove(&held->link);
	ta_list_remove(&held->proc_link);
	ta_list_append(&bucket->ended, &held->link);
	bucket->ended_count++;
	held->proc->contributed = true;
	count_closed(buckets, bucket, zero_pass);
}

/* As if the span had never started.  A trace of which nothing is left goes
 * without a trace. */
static void cancel_span(struct ta_buckets *buckets, struct ta_held *held)
{
	struct ta_bucket *bucket = held->bucket;

	if (held->span.end != TA_SPAN_OPEN) {
		buckets->counters.twice++;
		return;
	}
	ta_map_remove(&buckets->spans, &held->node);
	free_held(buckets, held);
	count_closed(buckets, bucket, buckets->pass);
	if (bucket->open_count + bucket->ended_count == 0)
		free_bucket(buckets, bucket);
}

static void end_span(struct ta_buckets *buckets, struct ta_held *held,
		     const struct ta_record_span_end *end)
{
	if (held->span.end != TA_SPAN_OPEN) {
		buckets->counters.twice++;
		return;
	}
	if (!keep_record(buckets, held, &end->head))
		buckets->counters.refused++;
	set_scopes(buckets, held, end->isolation, end->current);
	held->span.end_ns = end->end_ns;
	held->span.status = end->status;
	held->span.reason = end->reason;
	held->span.end = TA_SPAN_ENDED;
	move_to_ended(buckets, held, buckets->pass);
}

static void add_attrs(struct ta_buckets *buckets, struct ta_held *held,
		      const struct ta_record *record)
{
	if (held->record_bytes + (uint32_t)record->units * 8 > TA_SPAN_BYTES_MAX ||
	    !keep_record(buckets, held, record))
		buckets->counters.refused++;
}

static uint64_t span_id_of(const struct ta_record *record)
{
	if (record->kind == TA_RECORD_SPAN_ATTRS)
		return ((const struct ta_record_span_attrs *)record)->span_id;
	if (record->kind == TA_RECORD_SPAN_CANCEL)
		return ((const struct ta_record_span_cancel *)record)->span_id;
	return ((const struct ta_record_span_end *)record)->span_id;
}

static void apply_to(struct ta_buckets *buckets, struct ta_held *held,
		     const struct ta_record *record)
{
	if (record->kind == TA_RECORD_SPAN_ATTRS)
		add_attrs(buckets, held, record);
	else if (record->kind == TA_RECORD_SPAN_CANCEL)
		cancel_span(buckets, held);
	else
		end_span(buckets, held, (const struct ta_record_span_end *)record);
}

/* Its start may still be in a lane that was read before it was written. */
static void keep_orphan(struct ta_buckets *buckets, const struct ta_record *record)
{
	struct orphan *orphan = buckets->orphan_count < TA_ORPHANS_MAX ? calloc(1, sizeof(*orphan)) :
									 NULL;

	if (orphan)
		orphan->record = copy_record(record);
	if (!orphan || !orphan->record) {
		free(orphan);
		buckets->counters.unknown++;
		return;
	}
	orphan->pass = buckets->pass;
	ta_list_append(&buckets->orphans, &orphan->link);
	ta_map_add(&buckets->orphans_by_span, &orphan->node, span_id_of(record));
	buckets->orphan_count++;
}

static void adopt_orphans(struct ta_buckets *buckets, struct ta_held *held)
{
	uint64_t span_id = held->span.span_id;

	if (!ta_map_find(&buckets->orphans_by_span, span_id))
		return;
	TA_LIST_EACH(at, &buckets->orphans) {
		struct orphan *orphan = TA_CONTAINER(at, struct orphan, link);

		if (orphan->node.key != span_id)
			continue;
		held = find_span(buckets, span_id); /* not any more, once it is cancelled */
		if (held)
			apply_to(buckets, held, orphan->record);
		free_orphan(buckets, orphan);
	}
}

void ta_buckets_record(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
		       const struct ta_record *record)
{
	struct ta_held *held;

	if (record->kind == TA_RECORD_SPAN_START) {
		held = start_span(buckets, proc, tid, (const struct ta_record_span_start *)record);
		if (held)
			adopt_orphans(buckets, held);
		return;
	}
	held = find_span(buckets, span_id_of(record));
	if (held)
		apply_to(buckets, held, record);
	else
		keep_orphan(buckets, record);
}

/* A process that ended in an orderly way has ended its spans, without a record. */
static void close_dead(struct ta_buckets *buckets, struct ta_held *held, uint64_t end_ns,
		       bool orderly)
{
	held->span.end = orderly ? TA_SPAN_ENDED : TA_SPAN_HOST_DIED;
	held->span.reason = orderly ? TA_END_PROCESS_END : held->span.reason;
	held->span.end_ns = end_ns > held->span.start_ns ? end_ns : held->span.start_ns;
	move_to_ended(buckets, held, buckets->pass - 1);
}

void ta_buckets_close_process(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t end_ns)
{
	bool orderly = proc->end_record_ns != 0 && proc->exec_ns == 0;

	TA_LIST_EACH(at, &proc->open)
		close_dead(buckets, TA_CONTAINER(at, struct ta_held, proc_link),
			   orderly ? proc->end_record_ns : end_ns, orderly);
}

static bool is_bound_to_thread(const struct ta_span *span)
{
	return span->type == TA_SPAN_THREAD || span->type == TA_SPAN_SIGNAL ||
	       span->type == TA_SPAN_API;
}

void ta_buckets_close_thread(struct ta_buckets *buckets, struct ta_proc *proc, uint32_t tid,
			     uint64_t end_ns)
{
	TA_LIST_EACH(at, &proc->open) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, proc_link);

		if (held->span.tid == tid && is_bound_to_thread(&held->span))
			close_dead(buckets, held, end_ns, false);
	}
}

/* The newest version of the process's global scope, while the process is known. */
static void take_global(struct ta_buckets *buckets, struct ta_held *held)
{
	uint64_t old = held->global;

	if (held->proc->segment_id != held->family || held->proc->global == old)
		return;
	held->global = held->proc->global;
	ta_scopes_ref(buckets->scopes, held->family, held->global);
	ta_scopes_unref(buckets->scopes, held->family, old);
}

static void add_group(struct ta_buckets *buckets, struct ta_group *group)
{
	ta_list_append(&buckets->groups, &group->link);
	buckets->group_count++;
	buckets->group_spans += group->count;
	buckets->group_bytes += group->bytes;
}

void ta_buckets_part(struct ta_buckets *buckets, struct ta_bucket *bucket)
{
	struct ta_group *group = calloc(1, sizeof(*group));

	bucket->since_ns = buckets->now_ns;
	if (group)
		group->spans = calloc(bucket->ended_count + 1, sizeof(group->spans[0]));
	if (!group || !group->spans || bucket->ended_count == 0) {
		if (group)
			free(group->spans);
		free(group);
		return; /* without memory the trace simply waits */
	}
	TA_LIST_EACH(at, &bucket->ended) {
		struct ta_held *held = TA_CONTAINER(at, struct ta_held, link);

		ta_list_remove(&held->link);
		ta_map_remove(&buckets->spans, &held->node);
		take_global(buckets, held);
		held->bucket = NULL;
		group->spans[group->count++] = held;
		group->bytes += held->record_bytes + sizeof(*held);
	}
	bucket->ended_count = 0;
	ta_spans_order(group->spans, group->count);
	add_group(buckets, group);
}

static void settle_orphans(struct ta_buckets *buckets)
{
	TA_LIST_EACH(at, &buckets->orphans) {
		struct orphan *orphan = TA_CONTAINER(at, struct orphan, link);

		if (orphan->pass >= buckets->pass)
			continue;
		buckets->counters.unknown++;
		free_orphan(buckets, orphan);
	}
}

bool ta_buckets_settle(struct ta_buckets *buckets)
{
	settle_orphans(buckets);
	TA_LIST_EACH(at, &buckets->settling) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, settling);

		if (bucket->zero_pass >= buckets->pass)
			continue;
		ta_buckets_part(buckets, bucket);
		if (bucket->ended_count == 0)
			free_bucket(buckets, bucket);
	}
	buckets->pass++;
	return !ta_list_empty(&buckets->settling) || !ta_list_empty(&buckets->orphans);
}

void ta_buckets_drop_groups(struct ta_buckets *buckets, uint32_t count)
{
	for (; count > 0 && buckets->group_count > 0; count--) {
		struct ta_group *group = TA_CONTAINER(buckets->groups.next, struct ta_group, link);

		ta_list_remove(&group->link);
		buckets->group_count--;
		buckets->groups_gone++;
		buckets->group_spans -= group->count;
		buckets->group_bytes -= group->bytes;
		for (uint32_t i = 0; i < group->count; i++)
			free_held(buckets, group->spans[i]);
		free(group->spans);
		free(group);
	}
}

void ta_buckets_visit_orphans(struct ta_buckets *buckets, ta_orphan_visit_fn *visit, void *user)
{
	TA_LIST_EACH(at, &buckets->orphans)
		visit(user, TA_CONTAINER(at, struct orphan, link)->record);
}

void ta_buckets_begin_group(struct ta_buckets *buckets)
{
	struct ta_group *group = calloc(1, sizeof(*group));

	if (group)
		add_group(buckets, group);
}

/* Moves an ended span into the newest group, which came just before it. */
static void restore_grouped(struct ta_buckets *buckets, struct ta_held *held)
{
	struct ta_bucket *bucket = held->bucket;
	struct ta_group *group = TA_CONTAINER(buckets->groups.prev, struct ta_group, link);
	struct ta_held **spans = NULL;

	if (!ta_list_empty(&buckets->groups))
		spans = realloc(group->spans, (group->count + 1) * sizeof(spans[0]));
	if (!spans)
		return;
	group->spans = spans;
	spans[group->count++] = held;
	group->bytes += held->record_bytes + sizeof(*held);
	buckets->group_spans++;
	buckets->group_bytes += held->record_bytes + sizeof(*held);
	ta_list_remove(&held->link);
	ta_map_remove(&buckets->spans, &held->node);
	held->bucket = NULL;
	if (--bucket->ended_count == 0 && bucket->open_count == 0)
		free_bucket(buckets, bucket);
}

static void restore_scopes(struct ta_buckets *buckets, struct ta_held *held, uint64_t global)
{
	ta_scopes_ref(buckets->scopes, held->family, global);
	ta_scopes_unref(buckets->scopes, held->family, held->global);
	held->global = global;
}

void ta_buckets_restore(struct ta_buckets *buckets, struct ta_proc *proc,
			const struct ta_span_image *image, const char *records, uint32_t bytes)
{
	uint64_t family = proc->segment_id;
	uint32_t at = 0;
	struct ta_held *held = NULL;

	proc->segment_id = image->family; /* the span's, should the process be detached */
	while (at + sizeof(struct ta_record) <= bytes) {
		const struct ta_record *record = (const void *)(records + at);
		uint32_t size = (uint32_t)record->units * 8;

		if (size > bytes - at || !ta_record_valid(record, size))
			break;
		if (record->kind == TA_RECORD_SPAN_START && !held)
			held = start_span(buckets, proc, image->tid,
					  (const struct ta_record_span_start *)record);
		else if (held && record->kind != TA_RECORD_SPAN_START)
			apply_to(buckets, held, record);
		at += size;
	}
	proc->segment_id = family;
	if (!held)
		return;
	restore_scopes(buckets, held, image->global);
	if (image->end != TA_SPAN_OPEN && held->span.end == TA_SPAN_OPEN)
		close_dead(buckets, held, image->end_ns, image->end == TA_SPAN_ENDED);
	held->bucket->zero_pass = buckets->pass; /* the snapshot ends with a pass */
	if (image->grouped && held->span.end != TA_SPAN_OPEN)
		restore_grouped(buckets, held);
}
