/* SPDX-License-Identifier: MIT */
/*
 * batch.c - what the exporter gets: copies, and data merged from scopes.
 *
 * Records, sessions and the strings of scopes stay where they are: groups that are
 * leaving do not change, events never do, and both hold their scope versions until
 * they are dropped.
 *
 * Runs: agent, the worker's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/worker.h"

#define HUB_CRUMBS_MAX 100u /* of the systems that have hubs */
#define ROOM_KEPT 512u	    /* spans: the usual batch */

/* A process as it is now: its pid may be learned, its end be seen, at any time. */
struct ta_process_copy {
	struct ta_process_copy *next;
	struct ta_process process;
};

/* Neighbours often have the same scopes: the last answer is kept. */
struct merged {
	uint64_t family, versions[3];
	uint32_t crumbs;
	const struct ta_scope_data *data;
};

static void free_rows(struct ta_gathered *gathered)
{
	free(gathered->spans);
	free(gathered->rows);
	free(gathered->merged);
	gathered->merged_count = 0;
	gathered->spans = NULL;
	gathered->rows = NULL;
	gathered->merged = NULL;
	gathered->room = 0;
}

void ta_batch_free(struct ta_gathered *gathered, struct ta_batch *batch)
{
	for (uint32_t i = 0; i < gathered->merged_count; i++)
		free(gathered->merged[i]);
	for (struct ta_process_copy *at = gathered->processes, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	free(gathered->events);
	free(batch->events);
	gathered->events = NULL;
	gathered->processes = NULL;
	gathered->merged_count = 0;
	if (gathered->room > ROOM_KEPT)
		free_rows(gathered);
	*batch = (struct ta_batch){ 0 };
}

void ta_gathered_fini(struct ta_gathered *gathered)
{
	free_rows(gathered);
}

static int64_t wall_offset_ns(void)
{
	struct timespec wall, monotonic;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return (int64_t)(wall.tv_sec - monotonic.tv_sec) * 1000000000 +
	       (wall.tv_nsec - monotonic.tv_nsec);
}

/* Room for so many things; what is there is no longer needed. */
static int make_room(struct ta_gathered *gathered, uint32_t count)
{
	if (gathered->room >= count)
		return 0;
	free_rows(gathered);
	gathered->spans = malloc(count * sizeof(gathered->spans[0]));
	gathered->rows = malloc(count * sizeof(gathered->rows[0]));
	gathered->merged = malloc(2 * count * sizeof(gathered->merged[0]));
	if (!gathered->spans || !gathered->rows || !gathered->merged) {
		free_rows(gathered);
		return -ENOMEM;
	}
	gathered->room = count;
	return 0;
}

static int begin(struct ta_gathered *gathered, struct ta_batch *batch, uint32_t spans,
		 uint32_t events)
{
	uint32_t most = spans > events ? spans : events;

	gathered->number++;
	*batch = (struct ta_batch){ .wall_offset_ns = wall_offset_ns() };
	if (make_room(gathered, most < ROOM_KEPT ? ROOM_KEPT : most) < 0)
		return -ENOMEM;
	batch->spans = gathered->rows;
	if (events == 0)
		return 0;
	batch->events = calloc(events, sizeof(batch->events[0]));
	gathered->events = calloc(events, sizeof(gathered->events[0]));
	if (batch->events && gathered->events)
		return 0;
	ta_batch_free(gathered, batch);
	return -ENOMEM;
}

/* NULL without memory: then the span says nothing of its process. */
static struct ta_process *copy_process(struct ta_gathered *gathered, struct ta_proc *proc)
{
	struct ta_process_copy *copy;

	if (proc->batch == gathered->number)
		return proc->batch_copy;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	copy->process = proc->process;
	copy->next = gathered->processes;
	gathered->processes = copy;
	proc->batch = gathered->number;
	proc->batch_copy = &copy->process;
	return &copy->process;
}

static const struct ta_scope_data *merge(struct ta_worker *worker, struct merged *last,
					 uint64_t family, const uint64_t versions[3],
					 uint32_t crumbs)
{
	struct ta_gathered *gathered = &worker->flush.gathered;
	struct ta_scope_data *data;

	if ((versions[0] | versions[1] | versions[2]) == 0)
		return NULL;
	if (last->family == family && last->crumbs == crumbs &&
	    memcmp(last->versions, versions, sizeof(last->versions)) == 0)
		return last->data;
	data = ta_scopes_merge(worker->state.scopes, family, versions, 3, crumbs);
	if (data)
		gathered->merged[gathered->merged_count++] = data;
	last->family = family;
	last->crumbs = crumbs;
	last->data = data;
	memcpy(last->versions, versions, sizeof(last->versions));
	return data;
}

/* The first of its process in its trace: what breadcrumbs go out with. */
static bool is_local_root(const struct ta_span *span)
{
	return span->parent_id == 0 || span->flags & TA_SPAN_REMOTE_PARENT ||
	       span->type == TA_SPAN_CONNECTION || span->type == TA_SPAN_HTTP_SERVER ||
	       span->type == TA_SPAN_SIGNAL || span->type == TA_SPAN_THREAD ||
	       span->type == TA_SPAN_COMMAND_SERVER || span->type == TA_SPAN_PROCESS;
}

static void copy_group(struct ta_worker *worker, const struct ta_group *group, uint32_t trace,
		       struct merged last[2])
{
	struct ta_gathered *gathered = &worker->flush.gathered;
	struct ta_batch *batch = &worker->flush.exporter.batch;

	for (uint32_t i = 0; i < group->count; i++) {
		const struct ta_held *held = group->spans[i];
		struct ta_span *span = &gathered->spans[batch->count];
		uint64_t scopes[3] = { held->global, held->span.isolation, held->span.current };
		uint64_t tags[3] = { held->tags, 0, 0 };

		*span = held->span;
		span->process = copy_process(gathered, held->proc);
		span->trace_index = trace;
		span->unsampled = group->unsampled;
		span->partial = group->partial;
		span->scope = merge(worker, &last[0], held->family, scopes,
				    is_local_root(span) ? (uint32_t)worker->config.max_breadcrumbs :
							  0);
		span->tags = merge(worker, &last[1], held->family, tags, 0);
		batch->spans[batch->count++] = span;
	}
}

int ta_batch_spans(struct ta_worker *worker, uint32_t skip, uint32_t groups, uint32_t spans)
{
	struct merged last[2] = { 0 };
	uint32_t at_group = 0;
	int error = begin(&worker->flush.gathered, &worker->flush.exporter.batch, spans, 0);

	if (error)
		return error;
	TA_LIST_EACH(at, &worker->state.buckets.groups) {
		if (at_group == skip + groups)
			break;
		if (at_group++ >= skip)
			copy_group(worker, TA_CONTAINER(at, struct ta_group, link), at_group, last);
	}
	return 0;
}

/* By time, and what came at one time as it arrived. */
static int earlier(const void *left, const void *right)
{
	const struct ta_event *a = *(struct ta_event *const *)left;
	const struct ta_event *b = *(struct ta_event *const *)right;

	if (a->record->time_ns != b->record->time_ns)
		return a->record->time_ns < b->record->time_ns ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void copy_event(struct ta_worker *worker, const struct ta_held_event *held,
		       struct merged *last)
{
	struct ta_gathered *gathered = &worker->flush.gathered;
	struct ta_batch *batch = &worker->flush.exporter.batch;
	struct ta_event *event = &gathered->events[batch->event_count];
	uint32_t crumbs = (uint32_t)worker->config.max_breadcrumbs;
	bool hub = held->event.record->flags & TA_CAPTURE_HUB;

	*event = held->event;
	event->process = copy_process(gathered, held->proc);
	event->scope = merge(worker, last, held->family, held->versions,
			     hub && crumbs > HUB_CRUMBS_MAX ? HUB_CRUMBS_MAX : crumbs);
	batch->events[batch->event_count++] = event;
}

int ta_batch_events(struct ta_worker *worker, uint32_t skip, uint32_t count)
{
	struct ta_batch *batch = &worker->flush.exporter.batch;
	struct merged last = { 0 };
	uint32_t at_event = 0;
	int error = begin(&worker->flush.gathered, batch, 0, count);

	if (error)
		return error;
	TA_LIST_EACH(at, &worker->state.events.ready) {
		if (batch->event_count == count)
			break;
		if (at_event++ >= skip)
			copy_event(worker, TA_CONTAINER(at, struct ta_held_event, link), &last);
	}
	if (batch->event_count)
		qsort(batch->events, batch->event_count, sizeof(batch->events[0]), earlier);
	return 0;
}
