/* SPDX-License-Identifier: MIT */
/*
 * held.c - one span that is held: its records, its scope versions, its memory.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/held.h"

#include <stdlib.h>
#include <string.h>

#define TA_LATE_STEPS_MAX 64u

static uint32_t bytes_of(const struct ta_record *record)
{
	return (uint32_t)record->units * 8;
}

struct ta_record *ta_record_copy(const struct ta_record *record)
{
	struct ta_record *copy = malloc(bytes_of(record));

	if (copy)
		memcpy(copy, record, bytes_of(record));
	return copy;
}

uint64_t ta_record_span_id(const struct ta_record *record)
{
	switch (record->kind) {
	case TA_RECORD_SPAN_ATTRS:
		return ((const struct ta_record_span_attrs *)record)->span_id;
	case TA_RECORD_SPAN_EVENT:
		return ((const struct ta_record_span_event *)record)->span_id;
	case TA_RECORD_SPAN_LINK:
		return ((const struct ta_record_span_link *)record)->span_id;
	case TA_RECORD_SPAN_END:
		return ((const struct ta_record_span_end *)record)->span_id;
	case TA_RECORD_SPAN_CANCEL:
		return ((const struct ta_record_span_cancel *)record)->span_id;
	default:
		return 0;
	}
}

struct ta_held *ta_held_find(const struct ta_buckets *buckets, uint64_t span_id)
{
	struct ta_map_node *node = ta_map_find(&buckets->spans, span_id);

	return node ? TA_CONTAINER(node, struct ta_held, node) : NULL;
}

static void ref_scopes(struct ta_buckets *buckets, const struct ta_held *held)
{
	ta_scopes_ref(buckets->scopes, held->family, held->span.isolation);
	ta_scopes_ref(buckets->scopes, held->family, held->span.current);
	ta_scopes_ref(buckets->scopes, held->family, held->global);
	ta_scopes_ref(buckets->scopes, held->family, held->tags);
}

static void unref_scopes(struct ta_buckets *buckets, const struct ta_held *held)
{
	ta_scopes_unref(buckets->scopes, held->family, held->span.isolation);
	ta_scopes_unref(buckets->scopes, held->family, held->span.current);
	ta_scopes_unref(buckets->scopes, held->family, held->global);
	ta_scopes_unref(buckets->scopes, held->family, held->tags);
}

void ta_held_set_scopes(struct ta_buckets *buckets, struct ta_held *held, uint64_t isolation,
			uint64_t current)
{
	ta_scopes_ref(buckets->scopes, held->family, isolation);
	ta_scopes_ref(buckets->scopes, held->family, current);
	ta_scopes_unref(buckets->scopes, held->family, held->span.isolation);
	ta_scopes_unref(buckets->scopes, held->family, held->span.current);
	held->span.isolation = isolation;
	held->span.current = current;
}

void ta_held_set_global(struct ta_buckets *buckets, struct ta_held *held, uint64_t global)
{
	ta_scopes_ref(buckets->scopes, held->family, global);
	ta_scopes_unref(buckets->scopes, held->family, held->global);
	held->global = global;
}

bool ta_held_has_room(const struct ta_buckets *buckets, const struct ta_held *held, uint32_t bytes)
{
	return held->record_bytes + (uint64_t)bytes <= TA_SPAN_BYTES_MAX &&
	       ta_buckets_bytes(buckets) + bytes <= buckets->bytes_max;
}

static bool make_place(struct ta_held *held)
{
	struct ta_record_list *list = &held->span.records;
	bool first = list->items == held->first;
	struct ta_record **items;

	if (list->count < list->capacity)
		return true;
	items = realloc(first ? NULL : list->items, list->capacity * 2 * sizeof(items[0]));
	if (!items)
		return false;
	if (first)
		memcpy(items, held->first, sizeof(held->first));
	list->items = items;
	list->capacity *= 2;
	return true;
}

static bool is_own(const struct ta_held *held, const struct ta_record *record)
{
	return (const char *)record >= held->own && (const char *)record < held->own + held->room_bytes;
}

void ta_held_let_go(struct ta_held *held, struct ta_record *record)
{
	if (!is_own(held, record))
		free(record);
}

/* In the span's own memory as long as there is room. */
static struct ta_record *copy_of(struct ta_held *held, const struct ta_record *record)
{
	uint32_t bytes = bytes_of(record);
	char *own = held->own + held->room;

	if (bytes > held->room_bytes - held->room)
		return ta_record_copy(record);
	held->room += bytes;
	memcpy(own, record, bytes);
	return (struct ta_record *)own;
}

/* When attributes were set; 0: at no time in particular (tags of a trace), they stay
 * where they are. */
static uint64_t time_of(const struct ta_record *record)
{
	return record->kind == TA_RECORD_SPAN_ATTRS ?
		       ((const struct ta_record_span_attrs *)record)->time_ns :
		       0;
}

/* Attributes of one span may come by several lanes, which are read in turn. */
static bool is_later(const struct ta_record *record, const struct ta_record *other)
{
	return time_of(other) != 0 && time_of(record) > time_of(other);
}

/* The end last, attributes by time; at most a few steps, because lanes are read often. */
static void move_up(struct ta_record **items, uint32_t last)
{
	struct ta_record *record = items[last];

	for (uint32_t steps = 0; last > 0 && steps < TA_LATE_STEPS_MAX; last--, steps++) {
		if (items[last - 1]->kind != TA_RECORD_SPAN_END &&
		    !is_later(items[last - 1], record))
			break;
		items[last] = items[last - 1];
	}
	items[last] = record;
}

bool ta_held_keep_own(struct ta_buckets *buckets, struct ta_held *held, struct ta_record *record)
{
	struct ta_record_list *list = &held->span.records;
	uint32_t bytes = bytes_of(record), last = list->count;

	if (!make_place(held)) {
		ta_held_let_go(held, record);
		return false;
	}
	list->items[list->count++] = record;
	move_up(list->items, last);
	held->record_bytes += bytes;
	buckets->held_bytes += bytes;
	if (held->group) {
		held->group->bytes += bytes;
		buckets->group_bytes += bytes;
	}
	return true;
}

bool ta_held_keep(struct ta_buckets *buckets, struct ta_held *held, const struct ta_record *record)
{
	struct ta_record *copy = copy_of(held, record);

	return copy && ta_held_keep_own(buckets, held, copy);
}

bool ta_held_keep_end(struct ta_buckets *buckets, struct ta_held *held,
		      const struct ta_record_span_end *end)
{
	struct ta_record_span_end bare = *end;

	if (bytes_of(&end->head) == sizeof(bare) ||
	    ta_held_make_room(buckets, held, bytes_of(&end->head)))
		return ta_held_keep(buckets, held, &end->head);
	bare.head.units = sizeof(bare) / 8;
	ta_held_keep(buckets, held, &bare.head);
	return false;
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

static struct ta_held *new_held(struct ta_buckets *buckets, uint32_t start_bytes)
{
	size_t bytes = ta_spares_room(sizeof(struct ta_held) + start_bytes + TA_RECORD_ROOM);
	struct ta_held *held = ta_spares_take(&buckets->spares, bytes);

	if (!held)
		return NULL;
	memset(held, 0, sizeof(*held));
	held->room_bytes = (uint32_t)(bytes - sizeof(*held));
	held->span.records.items = held->first;
	held->span.records.capacity = TA_RECORDS_FIRST;
	ta_list_init(&held->link);
	ta_list_init(&held->proc_link);
	return held;
}

static void give_back(struct ta_buckets *buckets, struct ta_held *held)
{
	ta_spares_give(&buckets->spares, held, sizeof(*held) + held->room_bytes);
}

struct ta_held *ta_held_new(struct ta_buckets *buckets, struct ta_proc *proc, uint64_t family,
			    uint32_t tid, const struct ta_record_span_start *start)
{
	struct ta_held *held = new_held(buckets, bytes_of(&start->head));

	if (!held)
		return NULL;
	if (!ta_held_has_room(buckets, held, bytes_of(&start->head)) ||
	    !ta_held_keep(buckets, held, &start->head)) {
		give_back(buckets, held);
		return NULL;
	}
	fill_span(&held->span, start);
	held->span.tid = tid;
	held->span.process = &proc->process;
	held->proc = proc;
	held->family = family;
	held->global = proc->segment_id == family ? proc->global : 0;
	held->tags = start->tags;
	ta_proc_ref(proc);
	ref_scopes(buckets, held);
	buckets->held_count++;
	return held;
}

void ta_held_free(struct ta_buckets *buckets, struct ta_held *held)
{
	ta_map_remove(&buckets->spans, &held->node);
	unref_scopes(buckets, held);
	ta_list_remove(&held->link);
	ta_list_remove(&held->proc_link);
	for (uint32_t i = 0; i < held->span.records.count; i++)
		ta_held_let_go(held, held->span.records.items[i]);
	if (held->span.records.items != held->first)
		free(held->span.records.items);
	buckets->held_count--;
	buckets->held_bytes -= held->record_bytes;
	ta_proc_unref(buckets->procs, held->proc);
	give_back(buckets, held);
}
