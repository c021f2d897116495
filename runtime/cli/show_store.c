/* SPDX-License-Identifier: MIT */
/*
 * show_store.c - spans and events by trace, however they are spread over the files.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"

void *ta_show_alloc(void *old, size_t bytes)
{
	void *memory = realloc(old, bytes);

	if (!memory) {
		ta_cli_say("out of memory; show a smaller file, or fewer lines with tail -n");
		exit(1);
	}
	return memory;
}

char *ta_show_copy(const char *text)
{
	size_t bytes = strlen(text) + 1;

	return memcpy(ta_show_alloc(NULL, bytes), text, bytes);
}

const struct show_process *ta_show_store_process(struct show_store *store, const char *service,
						 uint64_t pid)
{
	struct show_process *process = store->processes;

	for (int i = 0; process && i < 8; i++, process = process->next)
		if (process->pid == pid && strcmp(process->service, service) == 0)
			return process;
	process = ta_show_alloc(NULL, sizeof(*process));
	process->service = ta_show_copy(service);
	process->pid = pid;
	process->next = store->processes;
	store->processes = process;
	return process;
}

static uint32_t *slot_of(struct show_store *store, uint64_t hi, uint64_t lo)
{
	uint64_t hash = (hi ^ lo * 0x9e3779b97f4a7c15ull);
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & (store->slot_count - 1);

	while (store->slots[at]) {
		const struct show_trace *trace = store->traces[store->slots[at] - 1];

		if (trace->hi == hi && trace->lo == lo)
			break;
		at = (at + 1) & (store->slot_count - 1);
	}
	return &store->slots[at];
}

static void grow_slots(struct show_store *store)
{
	store->slot_count = store->slot_count ? store->slot_count * 2 : 1024;
	free(store->slots);
	store->slots = ta_show_alloc(NULL, store->slot_count * sizeof(*store->slots));
	memset(store->slots, 0, store->slot_count * sizeof(*store->slots));
	for (uint32_t i = 0; i < store->count; i++)
		*slot_of(store, store->traces[i]->hi, store->traces[i]->lo) = i + 1;
}

static struct show_trace *trace_of(struct show_store *store, uint64_t hi, uint64_t lo)
{
	struct show_trace *trace;
	uint32_t *slot;

	if (store->count * 2 >= store->slot_count)
		grow_slots(store);
	slot = slot_of(store, hi, lo);
	if (*slot)
		return store->traces[*slot - 1];
	if (store->count == store->capacity) {
		store->capacity = store->capacity ? store->capacity * 2 : 256;
		store->traces = ta_show_alloc(store->traces,
					      store->capacity * sizeof(struct show_trace *));
	}
	trace = ta_show_alloc(NULL, sizeof(*trace));
	*trace = (struct show_trace){ .hi = hi, .lo = lo, .start_ns = UINT64_MAX };
	store->traces[store->count++] = trace;
	*slot = store->count;
	return trace;
}

void ta_show_span_free(struct show_span *span)
{
	free(span->name);
	free(span->notes);
	free(span);
}

void ta_show_store_add(struct show_store *store, uint64_t hi, uint64_t lo, struct show_span *span)
{
	struct show_trace *trace = trace_of(store, hi, lo);

	if (trace->count == trace->capacity) {
		trace->capacity = trace->capacity ? trace->capacity * 2 : 4;
		trace->spans = ta_show_alloc(trace->spans,
					     trace->capacity * sizeof(struct show_span *));
	}
	store->with_spans += trace->count == 0;
	trace->spans[trace->count++] = span;
	trace->touched = store->pass;
	if (span->start_ns < trace->start_ns)
		trace->start_ns = span->start_ns;
	if (span->end_ns > trace->end_ns)
		trace->end_ns = span->end_ns;
}

void ta_show_event_free(struct show_event *event)
{
	free(event->word);
	free(event->text);
	free(event->id);
	cJSON_Delete(event->attributes);
	free(event);
}

void ta_show_store_event(struct show_store *store, uint64_t hi, uint64_t lo,
			 struct show_event *event)
{
	struct show_trace *trace = trace_of(store, hi, lo);

	if (trace->event_count == trace->event_capacity) {
		trace->event_capacity = trace->event_capacity ? trace->event_capacity * 2 : 4;
		trace->events = ta_show_alloc(trace->events,
					      trace->event_capacity * sizeof(struct show_event *));
	}
	event->pass = store->pass;
	trace->events[trace->event_count++] = event;
}

static void free_trace(struct show_trace *trace)
{
	for (uint32_t i = 0; i < trace->count; i++)
		ta_show_span_free(trace->spans[i]);
	for (uint32_t i = 0; i < trace->event_count; i++)
		ta_show_event_free(trace->events[i]);
	free(trace->spans);
	free(trace->events);
	free(trace);
}

void ta_show_store_clear(struct show_store *store)
{
	for (uint32_t i = 0; i < store->count; i++)
		free_trace(store->traces[i]);
	for (struct show_process *process = store->processes, *next; process; process = next) {
		next = process->next;
		free(process->service);
		free(process);
	}
	free(store->traces);
	free(store->slots);
	*store = (struct show_store){ .pass = store->pass, .verbose = store->verbose };
}
