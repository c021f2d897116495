/* SPDX-License-Identifier: MIT */
/*
 * names.c - the stacks of captured events, with names.
 *
 * The host has recorded registers and bytes; tagalong-stacks (stacks.h) makes frames of
 * them.  It has a bounded time for each, and for all of a batch: what comes later goes out
 * without a stack rather than late.
 *
 * Runs: agent, the exporter's thread.
 */
#include <string.h>

#include "runtime/agent/clock.h"
#include "runtime/agent/exporter.h"

#define ONE_MS 2000
#define BATCH_NS 4000000000ull

static void fill_request(struct ta_stacks_request *request, const struct ta_event *event)
{
	const struct ta_record_stack *record = event->stack_record;

	*request = (struct ta_stacks_request){ .magic = TA_STACKS_MAGIC,
					       .kind = TA_STACKS_COPY,
					       .tid = record->tid,
					       .register_count = record->register_count,
					       .stack_bytes = record->stack_bytes,
					       .module_bytes = record->module_bytes,
					       .stack_at = record->stack_at };
	memcpy(request->registers, record + 1, record->register_count * sizeof(uint64_t));
	if (!event->process)
		return;
	request->pid = event->process->end_ns ? 0 : event->process->pid;
	memcpy(request->exe, event->process->exe, sizeof(request->exe));
}

/* Where its JSON stands in exporter->names: offsets, because the buffer moves. */
static void find_one(struct ta_exporter *exporter, const struct ta_event *event)
{
	const char *modules = (const char *)(event->stack_record + 1) +
			      event->stack_record->register_count * sizeof(uint64_t);
	struct ta_stacks_request request;

	fill_request(&request, event);
	if (ta_stacks_copy(&exporter->stacks, &request, modules,
			   modules + event->stack_record->module_bytes, ONE_MS,
			   &exporter->names) == 0)
		ta_buf_putc(&exporter->names, '\0');
}

/* Pointers into the buffer, when it has stopped growing. */
static void point(struct ta_exporter *exporter, const uint32_t *bytes)
{
	const char *at = exporter->names.data;

	for (uint32_t i = 0; i < exporter->batch.event_count && i < TA_NAMES_MAX; i++) {
		if (bytes[i] == 0)
			continue;
		exporter->batch.events[i]->stack = at;
		exporter->batch.events[i]->stack_bytes = bytes[i] - 1;
		at += bytes[i];
	}
}

void ta_names_find(struct ta_exporter *exporter)
{
	uint64_t until = ta_agent_now_ns() + BATCH_NS;
	uint32_t bytes[TA_NAMES_MAX] = { 0 };

	ta_buf_clear(&exporter->names);
	for (uint32_t i = 0; i < exporter->batch.event_count && i < TA_NAMES_MAX; i++) {
		const struct ta_event *event = exporter->batch.events[i];
		size_t before = exporter->names.bytes;

		if (!event->stack_record || event->stack || ta_agent_now_ns() > until)
			continue;
		find_one(exporter, event);
		bytes[i] = exporter->names.failed ? 0 : (uint32_t)(exporter->names.bytes - before);
	}
	if (!exporter->names.failed)
		point(exporter, bytes);
}
