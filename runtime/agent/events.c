/* SPDX-License-Identifier: MIT */
/*
 * events.c - what was captured, held until it is exported.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include "runtime/agent/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/unit.h"

#define HALVES_MAX 8 /* events whose ids have the same lower half */

int ta_events_init(struct ta_events *events, struct ta_procs *procs, struct ta_scopes *scopes)
{
	*events = (struct ta_events){ .procs = procs, .scopes = scopes, .pass = 1 };
	events->bytes_max = TA_EVENT_BYTES_MAX;
	ta_list_init(&events->waiting);
	ta_list_init(&events->ready);
	ta_list_init(&events->awaiting);
	ta_list_init(&events->undecided);
	return ta_map_init(&events->by_id);
}

static void free_event(struct ta_events *events, struct ta_held_event *held)
{
	for (int i = 0; i < 3; i++)
		ta_scopes_unref(events->scopes, held->family, held->versions[i]);
	ta_map_remove(&events->by_id, &held->node);
	ta_list_remove(&held->link);
	events->bytes -= held->bytes;
	events->count--;
	ta_proc_unref(events->procs, held->proc);
	free(held->event.record);
	free((char *)held->event.stack);
	free(held->event.stack_record);
	free(held);
}

void ta_events_fini(struct ta_events *events)
{
	ta_events_drop(events, 0, events->count);
	ta_map_fini(&events->by_id);
}

/* Ids are random: many that share a half were made up to keep us busy.  NULL: none is
 * held; *ret_full says whether that is worth anything. */
static struct ta_held_event *find(const struct ta_events *events, uint64_t id_hi, uint64_t id_lo,
				  bool *ret_full)
{
	struct ta_map_node *node = ta_map_find(&events->by_id, id_lo);
	int looks = 0;

	*ret_full = false;
	for (; node && looks < HALVES_MAX; node = ta_map_next(node), looks++) {
		struct ta_held_event *held = TA_CONTAINER(node, struct ta_held_event, node);

		if (held->event.record->id_hi == id_hi)
			return held;
	}
	*ret_full = looks == HALVES_MAX;
	return NULL;
}

static bool is_held(const struct ta_events *events, const struct ta_record_event *record)
{
	bool full;

	return find(events, record->id_hi, record->id_lo, &full) != NULL || full;
}

/* A hub applies its topmost scope and nothing else. */
static void take_scopes(struct ta_events *events, struct ta_held_event *held)
{
	const struct ta_record_event *record = held->event.record;

	if (!(record->flags & TA_CAPTURE_HUB)) {
		held->versions[0] = record->global;
		held->versions[1] = record->isolation;
	}
	held->versions[2] = record->current;
	for (int i = 0; i < 3; i++)
		ta_scopes_ref(events->scopes, held->family, held->versions[i]);
}

static struct ta_held_event *make(struct ta_proc *proc, uint64_t family, uint32_t tid,
				  const struct ta_record_event *record)
{
	struct ta_held_event *held = calloc(1, sizeof(*held));
	uint32_t bytes = (uint32_t)record->head.units * 8;

	if (!held)
		return NULL;
	held->event.record = malloc(bytes);
	if (!held->event.record) {
		free(held);
		return NULL;
	}
	memcpy(held->event.record, record, bytes);
	held->event.tid = tid;
	held->event.process = &proc->process;
	held->proc = proc;
	held->family = family;
	held->bytes = bytes + (uint32_t)sizeof(*held);
	held->awaits = record->type == TA_CAPTURE_CRASH;
	return held;
}

static struct ta_held_event *add(struct ta_events *events, struct ta_proc *proc, uint64_t family,
				 uint32_t tid, const struct ta_record_event *record)
{
	if (is_held(events, record)) {
		events->counters.twice++;
		return NULL;
	}
	struct ta_held_event *held = events->count < 2 * TA_EVENTS_MAX &&
						     events->bytes < 2 * events->bytes_max ?
					     make(proc, family, tid, record) :
					     NULL;

	if (!held) {
		events->counters.refused++;
		return NULL;
	}
	take_scopes(events, held);
	ta_proc_ref(proc);
	ta_map_add(&events->by_id, &held->node, record->id_lo);
	held->pass = events->pass;
	events->bytes += held->bytes;
	events->count++;
	ta_list_append(&events->waiting, &held->link);
	if (record->type == TA_CAPTURE_CRASH)
		ta_deaths_note(&events->deaths, proc->process.pid, record);
	return held;
}

void ta_events_record(struct ta_events *events, struct ta_proc *proc, uint64_t family,
		      uint32_t tid, const struct ta_record_event *record)
{
	add(events, proc, family, tid, record);
}

/* One more piece of memory that belongs to an event. */
static void *hold(struct ta_events *events, struct ta_held_event *held, const void *data,
		  uint32_t bytes)
{
	void *copy = malloc(bytes + 1);

	if (!copy)
		return NULL;
	memcpy(copy, data, bytes);
	((char *)copy)[bytes] = '\0';
	held->bytes += bytes;
	events->bytes += bytes;
	return copy;
}

void ta_events_stack_record(struct ta_events *events, const struct ta_record_stack *record)
{
	bool full;
	struct ta_held_event *held = find(events, record->id_hi, record->id_lo, &full);
	uint32_t bytes = (uint32_t)record->head.units * 8;

	if (!held || held->event.stack_record || events->bytes + bytes > events->bytes_max)
		return;
	held->event.stack_record = hold(events, held, record, bytes);
}

/* False: its unit is open. */
static bool place(const struct ta_events *events, struct ta_held_event *held, bool now)
{
	now = now || held->event.record->type == TA_CAPTURE_CRASH; /* nothing comes of it */
	return !events->buckets || ta_units_place_event(events->buckets, held->event.record, now);
}

static void append_ready(struct ta_events *events, struct ta_held_event *held)
{
	ta_list_append(&events->ready, &held->link);
	events->ready_count++;
}

static void make_ready(struct ta_events *events, struct ta_held_event *held, bool now)
{
	ta_list_remove(&held->link);
	if (held->awaits) {
		ta_list_append(&events->awaiting, &held->link);
		return;
	}
	if (!place(events, held, now)) {
		ta_list_append(&events->undecided, &held->link);
		return;
	}
	append_ready(events, held);
}

void ta_events_stack(struct ta_events *events, uint64_t id_hi, uint64_t id_lo, const char *json,
		     uint32_t bytes)
{
	bool full;
	struct ta_held_event *held = find(events, id_hi, id_lo, &full);

	if (!held || !held->awaits)
		return;
	if (bytes > 0) {
		held->event.stack = hold(events, held, json, bytes);
		held->event.stack_bytes = held->event.stack ? bytes : 0;
	}
	held->awaits = false;
	if (held->pass < events->pass)
		make_ready(events, held, false);
}

/* In order, as soon as their units have ended. */
static void decide(struct ta_events *events)
{
	if (!events->buckets || events->units_ended == events->buckets->units_ended)
		return;
	events->units_ended = events->buckets->units_ended;
	TA_LIST_EACH(at, &events->undecided)
		make_ready(events, TA_CONTAINER(at, struct ta_held_event, link), false);
}

void ta_events_undecided_go(struct ta_events *events, uint32_t count)
{
	TA_LIST_EACH(at, &events->undecided) {
		if (count-- == 0)
			return;
		make_ready(events, TA_CONTAINER(at, struct ta_held_event, link), true);
	}
}

/* The child itself has told it. */
static void let_go(struct ta_events *events, struct ta_held_event *held)
{
	free_event(events, held);
	events->gone++;
	events->counters.told++;
}

bool ta_events_settle(struct ta_events *events)
{
	decide(events);
	TA_LIST_EACH(at, &events->waiting) {
		struct ta_held_event *held = TA_CONTAINER(at, struct ta_held_event, link);

		if (held->pass >= events->pass)
			break; /* the others came later */
		if (ta_deaths_told(&events->deaths, held->event.record))
			let_go(events, held);
		else
			make_ready(events, held, false);
	}
	events->pass++;
	return !ta_list_empty(&events->waiting);
}

uint32_t ta_events_surplus(const struct ta_events *events, uint32_t spare)
{
	const struct ta_list *lists[] = { &events->ready, &events->undecided, &events->waiting,
					  &events->awaiting };
	uint32_t count = events->count, surplus = 0;
	uint64_t bytes = events->bytes;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		TA_LIST_EACH(at, lists[i]) {
			if (count <= TA_EVENTS_MAX && bytes <= events->bytes_max)
				return surplus;
			if (spare > 0) {
				spare--;
				continue;
			}
			bytes -= TA_CONTAINER(at, struct ta_held_event, link)->bytes;
			count--;
			surplus++;
		}
	}
	return surplus;
}

/* Drops from one list; what is still to be spared and dropped goes on in the next. */
static void drop_from(struct ta_events *events, struct ta_list *list, uint32_t *spare,
		      uint32_t *count)
{
	TA_LIST_EACH(at, list) {
		if (*count == 0)
			return;
		if (*spare > 0) {
			--*spare;
			continue;
		}
		events->ready_count -= list == &events->ready;
		free_event(events, TA_CONTAINER(at, struct ta_held_event, link));
		events->gone++;
		--*count;
	}
}

void ta_events_drop(struct ta_events *events, uint32_t spare, uint32_t count)
{
	drop_from(events, &events->ready, &spare, &count);
	drop_from(events, &events->undecided, &spare, &count);
	drop_from(events, &events->waiting, &spare, &count);
	drop_from(events, &events->awaiting, &spare, &count);
}

void ta_events_restore(struct ta_events *events, struct ta_proc *proc, uint64_t family,
		       uint32_t tid, enum ta_event_stage stage, const struct ta_record_event *record)
{
	struct ta_held_event *held = add(events, proc, family, tid, record);

	if (!held || stage == TA_EVENT_NEW)
		return;
	held->pass = events->pass - 1;
	if (stage == TA_EVENT_WAITING)
		return;
	ta_list_remove(&held->link);
	if (stage == TA_EVENT_UNDECIDED) {
		ta_list_append(&events->undecided, &held->link);
		events->units_ended = UINT64_MAX; /* look at once */
	} else if (held->awaits) {
		ta_list_append(&events->awaiting, &held->link);
	} else {
		append_ready(events, held);
	}
}
