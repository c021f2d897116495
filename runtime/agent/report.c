/* SPDX-License-Identifier: MIT */
/*
 * report.c - what the worker knows, into the status page.
 *
 * Runs: agent, the worker's thread.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

/* Text that changes rarely: a comparison costs less than making readers wait. */
static void set_text(struct ta_status_text *text, const char *words, uint64_t now_ns)
{
	char before[TA_STATUS_TEXT];

	ta_status_get(text, before);
	if (strncmp(before, words, sizeof(before) - 1) != 0)
		ta_status_set(text, words, now_ns);
}

static uint64_t resident_bytes(void)
{
	unsigned long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void report_process(struct ta_status_page *status)
{
	struct rusage usage;

	ta_count_set(&status->memory_bytes, resident_bytes());
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		ta_count_set(&status->cpu_us,
			     (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
				     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
}

uint64_t ta_lost_records(const struct ta_mapped *mapped)
{
	uint64_t lost = 0;

	for (int i = 0; i < TA_LOSS_COUNT; i++)
		lost += atomic_load(&mapped->shared->lost[i]);
	return lost;
}

static uint32_t lanes_used(const struct ta_mapped *mapped)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < mapped->lane_count; i++) {
		uint64_t owner = atomic_load_explicit(ta_mapped_owner(mapped, i),
						      memory_order_relaxed);

		used += owner > TA_OWNER_AGENT;
	}
	return used;
}

static void report_segments(struct ta_worker *worker, uint64_t now_ns)
{
	struct ta_status_page *status = worker->status;
	uint64_t lost = worker->lost_gone, lanes = 0, used = 0, programs = 0;
	const char *exe = "";

	TA_LIST_EACH(at, &worker->segments.mapped) {
		const struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		lost += ta_lost_records(mapped);
		programs += !mapped->finished;
		lanes += mapped->lane_count;
		used += lanes_used(mapped);
		exe = mapped->exe;
	}
	ta_count_set(&status->programs, programs);
	ta_count_set(&status->lanes, lanes);
	ta_count_set(&status->lanes_used, used);
	ta_count_set(&status->lost_records, lost);
	if (*exe)
		set_text(&status->exe, exe, now_ns);
}

static void report_held(const struct ta_worker *worker)
{
	const struct ta_state *state = &worker->state;
	struct ta_status_page *status = worker->status;
	const struct ta_buckets *buckets = &state->buckets;

	ta_count_set(&status->open_traces, buckets->active_traces);
	ta_count_set(&status->held_spans, buckets->held_count - buckets->open_units);
	ta_count_set(&status->held_bytes, buckets->held_bytes);
	ta_count_set(&status->spans_ended,
		     state->exported + buckets->group_spans + buckets->counters.unsampled +
			     buckets->counters.dropped);
	ta_count_set(&status->events_captured,
		     state->exported_events + state->events.count + state->events.counters.dropped);
	ta_count_set(&status->unsampled_spans, buckets->counters.unsampled);
	ta_count_set(&status->lost_spans, buckets->counters.dropped + buckets->counters.refused_spans);
	ta_count_set(&status->lost_events,
		     state->events.counters.dropped + state->events.counters.refused);
	ta_count_set(&status->late_spans, buckets->counters.late);
	ta_count_set(&status->records, worker->records);
	ta_count_set(&status->record_bytes, worker->record_bytes);
}

static void report_file(struct ta_worker *worker, uint64_t now_ns)
{
	const struct ta_way *spans = &worker->flush.ways[TA_OUTPUT_SPANS];
	const struct ta_way *events = &worker->flush.ways[TA_OUTPUT_EVENTS];
	const struct ta_way *bad = spans->error ? spans : events;

	set_text(&worker->status->file, spans->path, now_ns);
	set_text(&worker->status->file_error, bad->error ? strerror(-bad->error) : "", now_ns);
	if (spans->path[0]) {
		ta_count_set(&worker->status->file_spans, worker->state.exported);
		ta_count_set(&worker->status->file_events, worker->state.exported_events);
		ta_count_set(&worker->status->file_bytes,
			     atomic_load_explicit(&worker->flush.exporter.file_bytes,
						  memory_order_relaxed));
	}
}

void ta_report_status(struct ta_worker *worker)
{
	uint64_t now_ns = ta_unix_now_ns();

	if (ta_count_get(&worker->status->pid) != (uint64_t)getpid()) {
		ta_count_set(&worker->status->pid, (uint64_t)getpid());
		ta_count_set(&worker->status->started_ns, now_ns);
	}
	ta_count_set(&worker->status->alive_ns, now_ns);
	report_process(worker->status);
	report_segments(worker, now_ns);
	report_held(worker);
	report_file(worker, now_ns);
}
