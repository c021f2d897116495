/* SPDX-License-Identifier: MIT */
/*
 * export_track.c - how the spans of one thread are drawn without lying.
 *
 * A viewer draws what lies within another thing's time as a part of it.  So a span is on its
 * thread's track only inside its own parent, or where nothing else is; every other one (a
 * server that serves requests in turns has many at once) begins a track of its own, on which
 * its children follow it.  A track is a lane here: a stack of spans that are open.
 *
 * Each span is looked at once: n log n with the sorting, whatever overlaps.
 *
 * Pure, but for memory.
 */
#include "runtime/cli/export.h"

#include <stdlib.h>

struct export_lane {
	struct export_lane *next;
	struct export_span *top;
	uint32_t async; /* 0: the thread's own */
};

int ta_export_track_order(const void *a, const void *b)
{
	const struct export_span *x = *(struct export_span *const *)a;
	const struct export_span *y = *(struct export_span *const *)b;
	uint32_t p = x->place.context->process->number, q = y->place.context->process->number;

	if (p != q)
		return p < q ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (x->show.start_ns != y->show.start_ns)
		return x->show.start_ns < y->show.start_ns ? -1 : 1;
	if (x->show.end_ns != y->show.end_ns)
		return x->show.end_ns > y->show.end_ns ? -1 : 1;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->show.id < y->show.id ? -1 : x->show.id > y->show.id;
}

bool ta_export_same_track(const struct export_span *a, const struct export_span *b)
{
	return a->place.context->process == b->place.context->process && a->tid == b->tid;
}

static void pop(struct export_sweep *sweep, struct export_lane *lane)
{
	struct export_span *span = lane->top;

	lane->top = span->under;
	if (lane->async && sweep->end)
		sweep->end(sweep->user, span);
}

static void pop_ended(struct export_sweep *sweep, struct export_lane *lane, uint64_t now_ns)
{
	while (lane->top && lane->top->show.end_ns <= now_ns)
		pop(sweep, lane);
}

static void push(struct export_sweep *sweep, struct export_lane *lane, struct export_span *span)
{
	span->nested = lane->top != NULL;
	span->under = lane->top;
	span->lane = lane;
	span->async = lane->async;
	lane->top = span;
	if (sweep->begin)
		sweep->begin(sweep->user, span);
}

/* The lane of its parent, when that is the innermost thing open there and holds it whole. */
static struct export_lane *lane_of_parent(struct export_sweep *sweep,
					  const struct export_span *span)
{
	struct export_span *parent = (struct export_span *)span->show.parent;

	if (!parent || !ta_export_same_track(parent, span) || !parent->lane)
		return NULL;
	pop_ended(sweep, parent->lane, span->show.start_ns);
	return parent->lane->top == parent && span->show.end_ns <= parent->show.end_ns ?
		       parent->lane : NULL;
}

static struct export_lane *new_lane(struct export_sweep *sweep, struct export_lane *thread)
{
	struct export_lane *lane = ta_show_alloc(NULL, sizeof(*lane));

	*lane = (struct export_lane){ .next = thread->next, .async = ++sweep->async };
	thread->next = lane;
	return lane;
}

static void place(struct export_sweep *sweep, struct export_lane *thread, struct export_span *span)
{
	struct export_lane *lane = lane_of_parent(sweep, span);

	if (!lane) {
		pop_ended(sweep, thread, span->show.start_ns);
		lane = thread->top ? new_lane(sweep, thread) : thread;
	}
	push(sweep, lane, span);
}

void ta_export_sweep(struct export_sweep *sweep, struct export_span **spans, uint32_t count)
{
	struct export_lane thread = { 0 };

	for (uint32_t i = 0; i < count; i++)
		spans[i]->lane = NULL;
	for (uint32_t i = 0; i < count; i++)
		place(sweep, &thread, spans[i]);
	while (thread.top)
		pop(sweep, &thread);
	for (struct export_lane *lane = thread.next, *next; lane; lane = next) {
		next = lane->next;
		while (lane->top)
			pop(sweep, lane);
		free(lane);
	}
	for (uint32_t i = 0; i < count; i++)
		spans[i]->lane = NULL;
}
