/* SPDX-License-Identifier: MIT */
/*
 * metrics_self.c - what the agent tells of itself, out of its status page.
 *
 * Under OpenTelemetry's names where the conventions have one (otel.sdk.*, process.*; they
 * are in development there), else below tagalong.*.  docs/metrics.md lists them.  Every
 * number has a place of its own that never changes, so that deltas can be told.
 *
 * Runs: agent, any thread, under the lock of the metrics.
 */
#include "runtime/export/metrics_internal.h"

#define FIELD(name) offsetof(struct ta_status_page, name)
#define OF_QUEUE(name) offsetof(struct ta_status_queue, name)
#define COUNTER(words, units, about)                                                               \
	{ .name = (words), .unit = (units), .description = (about), .kind = TA_METRIC_COUNTER, .scale = 1 }
#define UPDOWN(words, units, about)                                                                \
	{ .name = (words), .unit = (units), .description = (about), .kind = TA_METRIC_UPDOWN, .scale = 1 }

/* Numbers of the page that stand alone; key and value: an attribute, or NULL. */
static const struct page_number {
	struct ta_metric metric;
	size_t field;
} page_numbers[] = {
	{ UPDOWN("otel.sdk.span.live", "{span}", "Spans that have begun and not ended."),
	  FIELD(open_spans) },
	{ COUNTER("tagalong.span.ended", "{span}", "Spans that have ended."), FIELD(spans_ended) },
	{ COUNTER("tagalong.span.unsampled", "{span}", "Spans that head sampling left out."),
	  FIELD(unsampled_spans) },
	{ COUNTER("tagalong.span.late", "{span}", "Spans that came when their trace was gone."),
	  FIELD(late_spans) },
	{ COUNTER("tagalong.span.lost", "{span}", "Spans that the agent gave up for want of memory."),
	  FIELD(lost_spans) },
	{ COUNTER("tagalong.event.captured", "{event}", "Events that programs captured."),
	  FIELD(events_captured) },
	{ COUNTER("tagalong.event.lost", "{event}", "Events that were given up."),
	  FIELD(lost_events) },
	{ COUNTER("tagalong.record.read", "{record}", "Records read from programs."),
	  FIELD(records) },
	{ COUNTER("tagalong.record.io", "By", "Size of the records read from programs."),
	  FIELD(record_bytes) },
	{ COUNTER("tagalong.record.lost", "{record}",
		  "Records that found no room in a program's lanes."), FIELD(lost_records) },
	{ UPDOWN("tagalong.trace.open", "{trace}", "Traces that are not complete."),
	  FIELD(open_traces) },
	{ UPDOWN("tagalong.span.held", "{span}", "Spans in the agent's memory."),
	  FIELD(held_spans) },
	{ UPDOWN("tagalong.span.held.size", "By", "Size of the spans in the agent's memory."),
	  FIELD(held_bytes) },
	{ UPDOWN("tagalong.program.count", "{program}", "Programs that are traced."),
	  FIELD(programs) },
	{ UPDOWN("tagalong.lane.limit", "{lane}", "Lanes that programs have."), FIELD(lanes) },
	{ UPDOWN("tagalong.lane.count", "{lane}", "Lanes that are in use."), FIELD(lanes_used) },
	{ COUNTER("tagalong.agent.restarts", "{restart}", "Times that the agent's worker was restarted."),
	  FIELD(restarts) },
	{ UPDOWN("process.memory.usage", "By", "The amount of physical memory in use."),
	  FIELD(memory_bytes) },
};

static const struct ta_metric cpu_time = { .name = "process.cpu.time", .unit = "s",
					   .description = "Total CPU seconds.",
					   .kind = TA_METRIC_COUNTER, .scale = 1e6 };
static const struct ta_metric streams = UPDOWN("tagalong.metric.streams", "{stream}",
					       "Streams of metrics, without overflows.");
static const struct ta_metric not_counted =
	COUNTER("tagalong.metric.lost", "{value}", "Values not counted for want of memory.");

/* Numbers of each destination that carry only its name. */
static const struct page_number queue_numbers[] = {
	{ COUNTER("tagalong.exporter.requests", "{request}", "Requests sent."), OF_QUEUE(requests) },
	{ COUNTER("tagalong.exporter.retries", "{request}", "Requests sent again."),
	  OF_QUEUE(retries) },
	{ COUNTER("tagalong.exporter.io", "By", "Bytes sent."), OF_QUEUE(bytes_sent) },
	{ UPDOWN("tagalong.exporter.active_requests", "{request}", "Requests without an answer yet."),
	  OF_QUEUE(in_flight) },
	{ UPDOWN("tagalong.exporter.queue.size", "By", "Size of what waits."),
	  OF_QUEUE(waiting_bytes) },
	{ UPDOWN("tagalong.exporter.queue.messages", "{message}", "Messages that wait."),
	  OF_QUEUE(waiting_messages) },
};

/* What is exported: spans, log records (events), data points. */
static const struct things {
	struct ta_metric exported, inflight, taken, unsampled;
	size_t file; /* written to the file; 0: never */
} things[TA_THINGS] = {
	[TA_SPANS] = {
		COUNTER("otel.sdk.exporter.span.exported", "{span}",
			"The number of spans for which the export has finished, either successful or failed."),
		UPDOWN("otel.sdk.exporter.span.inflight", "{span}",
		       "The number of spans which were passed to the exporter, but that have not been "
		       "exported yet (neither successful, nor failed)."),
		COUNTER("tagalong.exporter.span.taken", "{span}", "Spans meant for the destination."),
		COUNTER("tagalong.exporter.span.unsampled", "{span}",
			"Spans that sampling for the destination left out."),
		FIELD(file_spans),
	},
	[TA_EVENTS] = {
		COUNTER("otel.sdk.exporter.log.exported", "{log_record}",
			"The number of log records for which the export has finished, either successful or failed."),
		UPDOWN("otel.sdk.exporter.log.inflight", "{log_record}",
		       "The number of log records which were passed to the exporter, but that have not been "
		       "exported yet (neither successful, nor failed)."),
		COUNTER("tagalong.exporter.log.taken", "{log_record}", "Events meant for the destination."),
		COUNTER("tagalong.exporter.log.unsampled", "{log_record}",
			"Events that sampling for the destination left out."),
		FIELD(file_events),
	},
	[TA_POINTS] = {
		COUNTER("otel.sdk.exporter.metric_data_point.exported", "{data_point}",
			"The number of metric data points for which the export has finished, either "
			"successful or failed."),
		UPDOWN("otel.sdk.exporter.metric_data_point.inflight", "{data_point}",
		       "The number of metric data points which were passed to the exporter, but that have "
		       "not been exported yet (neither successful, nor failed)."),
		COUNTER("tagalong.exporter.metric_data_point.taken", "{data_point}",
			"Data points meant for the destination."),
		COUNTER("tagalong.exporter.metric_data_point.unsampled", "{data_point}",
			"Data points left out."),
		0,
	},
};

/* Places that are passed over count as well: each number keeps its own. */
struct row {
	struct ta_self_point *points;
	uint32_t count, place;
};

static void set_attr(struct ta_self_point *point, const char *name, const char *text)
{
	point->attrs[point->attr_count++] = (struct ta_out_attr){
		.name = name, .name_bytes = (uint32_t)strlen(name), .plain_name = true,
		.type = TA_ATTR_STRING, .text = text, .text_bytes = (uint32_t)strlen(text)
	};
}

/* component, error: attributes, or NULL. */
static void put(struct row *row, bool there, const struct ta_metric *metric, const char *component,
		const char *error, uint64_t value)
{
	struct ta_self_point *point = &row->points[row->count];

	if (row->place >= TA_METRIC_SELF_MAX)
		return;
	if (there) {
		*point = (struct ta_self_point){ .metric = metric, .place = row->place, .value = value };
		if (component)
			set_attr(point, "otel.component.name", component);
		if (error)
			set_attr(point, "error.type", error);
		row->count++;
	}
	row->place++;
}

static uint64_t number_at(const void *base, size_t offset)
{
	return ta_count_get((const ta_count *)(const void *)((const char *)base + offset));
}

/* Which things a queue is for. */
static bool carries(unsigned int queue, unsigned int thing)
{
	static const unsigned int masks[TA_QUEUES] = {
		[TA_QUEUE_OTLP_TRACES] = 1u << TA_SPANS,
		[TA_QUEUE_OTLP_LOGS] = 1u << TA_EVENTS,
		[TA_QUEUE_OTLP_METRICS] = 1u << TA_POINTS,
		[TA_QUEUE_SENTRY] = 1u << TA_SPANS | 1u << TA_EVENTS,
		[TA_QUEUE_ENVELOPES] = 1u << TA_SPANS | 1u << TA_EVENTS,
	};

	return masks[queue] >> thing & 1;
}

static uint64_t waiting(const struct ta_status_queue *queue, unsigned int thing)
{
	const ta_count *counts[TA_THINGS] = { [TA_SPANS] = &queue->waiting_spans,
					      [TA_EVENTS] = &queue->waiting_events,
					      [TA_POINTS] = &queue->waiting_points };

	return ta_count_get(counts[thing]);
}

static void put_exported(struct row *row, const struct ta_status_page *page, unsigned int thing)
{
	const struct ta_metric *metric = &things[thing].exported;

	if (things[thing].file)
		put(row, true, metric, "file", NULL, number_at(page, things[thing].file));
	for (unsigned int i = 0; i < TA_QUEUES; i++) {
		const struct ta_status_queue *queue = &page->queues[i];
		const char *name = ta_queue_name(i);
		bool there = carries(i, thing) && ta_count_get(&queue->wanted);

		put(row, there, metric, name, NULL, ta_count_get(&queue->sent[thing]));
		for (unsigned int drop = 0; drop < TA_DROPS; drop++) {
			uint64_t count = ta_count_get(&queue->dropped[drop][thing]);

			put(row, there && count && drop != TA_DROP_SAMPLED, metric, name,
			    ta_drop_name(drop), count);
		}
	}
}

static void put_thing(struct row *row, const struct ta_status_page *page, unsigned int thing)
{
	const struct things *metrics = &things[thing];

	put_exported(row, page, thing);
	for (unsigned int what = 0; what < 3; what++)
		for (unsigned int i = 0; i < TA_QUEUES; i++) {
			const struct ta_status_queue *queue = &page->queues[i];
			const struct ta_metric *metric = what == 0 ? &metrics->inflight :
							 what == 1 ? &metrics->taken :
								     &metrics->unsampled;
			uint64_t value = what == 0 ? waiting(queue, thing) :
					 what == 1 ? ta_count_get(&queue->taken[thing]) :
						     ta_count_get(&queue->dropped[TA_DROP_SAMPLED][thing]);

			put(row, carries(i, thing) && ta_count_get(&queue->wanted) &&
				 (what < 2 || value), metric, ta_queue_name(i), NULL, value);
		}
}

static void put_queues(struct row *row, const struct ta_status_page *page)
{
	for (size_t number = 0; number < sizeof(queue_numbers) / sizeof(queue_numbers[0]); number++)
		for (unsigned int i = 0; i < TA_QUEUES; i++)
			put(row, ta_count_get(&page->queues[i].wanted) != 0,
			    &queue_numbers[number].metric, ta_queue_name(i), NULL,
			    number_at(&page->queues[i], queue_numbers[number].field));
}

uint32_t ta_self_read(struct ta_metrics *metrics)
{
	const struct ta_status_page *page = metrics->options.status;
	struct row row = { .points = metrics->self_points };

	put(&row, true, &streams, NULL, NULL, metrics->stream_count);
	put(&row, true, &not_counted, NULL, NULL, metrics->not_counted);
	if (!page)
		return row.count;
	for (size_t i = 0; i < sizeof(page_numbers) / sizeof(page_numbers[0]); i++)
		put(&row, true, &page_numbers[i].metric, NULL, NULL,
		    number_at(page, page_numbers[i].field));
	put(&row, true, &cpu_time, NULL, NULL, ta_count_get(&page->cpu_us));
	for (unsigned int thing = 0; thing < TA_THINGS; thing++)
		put_thing(&row, page, thing);
	put_queues(&row, page);
	return row.count;
}
