/* SPDX-License-Identifier: MIT */
/*
 * metrics_pb.c - the parts of an ExportMetricsServiceRequest as protobuf.
 *
 * Fields in order.  Counts and bounds are packed; what is a member of a oneof or optional
 * is written also when it is 0.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/metrics_pb.h"

#include <endian.h>

#include "runtime/export/otlp_pb_value.h"
#include "runtime/export/otlp_value.h"

enum { DELTA = 1, CUMULATIVE = 2 };
enum { RESOURCE_METRICS, SCOPE_METRICS, METRIC, DATA, POINT }; /* in writer->opened */
enum { RESOURCE = 1, RESOURCE_ATTRIBUTES = 1, SCOPES = 2, SCHEMA_URL = 3 };
enum { SCOPE = 1, SCOPE_NAME = 1, SCOPE_VERSION = 2, METRICS = 2 };
enum { NAME = 1, DESCRIPTION = 2, UNIT = 3, SUM = 7, HISTOGRAM = 9 };
enum { DATA_POINTS = 1, TEMPORALITY = 2, IS_MONOTONIC = 3 };
enum { START_TIME = 2, TIME = 3 }; /* of all points */
enum { NUMBER_AS_DOUBLE = 4, NUMBER_AS_INT = 6, NUMBER_ATTRIBUTES = 7 };
enum { COUNT = 4, TOTAL = 5, BUCKET_COUNTS = 6, BOUNDS = 7, EXEMPLARS = 8, ATTRIBUTES = 9, MIN = 11, MAX = 12 };
enum { EXEMPLAR_TIME = 2, EXEMPLAR_AS_DOUBLE = 3, SPAN_ID = 4, TRACE_ID = 5 };

static void put_text(struct ta_buf *buf, unsigned int field, const char *text)
{
	ta_pb_text(buf, field, text, strlen(text));
}

static void put_attributes(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attrs,
			   uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ta_otlp_pb_attr(buf, field, &attrs[i]);
}

void ta_metric_pb_open_service(struct ta_metric_writer *writer, const struct ta_service *service)
{
	struct ta_buf *buf = &writer->buf;
	size_t opened;

	writer->opened[RESOURCE_METRICS] = ta_pb_open(buf, 1);
	opened = ta_pb_open(buf, RESOURCE);
	put_attributes(buf, RESOURCE_ATTRIBUTES, service->attrs, service->attr_count);
	ta_pb_close(buf, opened);
	writer->opened[SCOPE_METRICS] = ta_pb_open(buf, SCOPES);
	opened = ta_pb_open(buf, SCOPE);
	put_text(buf, SCOPE_NAME, "tagalong");
	put_text(buf, SCOPE_VERSION, TA_VERSION);
	ta_pb_close(buf, opened);
}

void ta_metric_pb_close_service(struct ta_metric_writer *writer)
{
	put_text(&writer->buf, SCHEMA_URL, TA_OTLP_SCHEMA_URL);
	ta_pb_close(&writer->buf, writer->opened[SCOPE_METRICS]);
	put_text(&writer->buf, SCHEMA_URL, TA_OTLP_SCHEMA_URL);
	ta_pb_close(&writer->buf, writer->opened[RESOURCE_METRICS]);
}

void ta_metric_pb_open_metric(struct ta_metric_writer *writer, const struct ta_metric *metric)
{
	struct ta_buf *buf = &writer->buf;

	writer->opened[METRIC] = ta_pb_open(buf, METRICS);
	put_text(buf, NAME, metric->name);
	put_text(buf, DESCRIPTION, metric->description);
	put_text(buf, UNIT, metric->unit);
	writer->opened[DATA] = ta_pb_open(buf, metric->kind == TA_METRIC_HISTOGRAM ? HISTOGRAM : SUM);
}

void ta_metric_pb_close_metric(struct ta_metric_writer *writer)
{
	ta_pb_uint(&writer->buf, TEMPORALITY, writer->delta ? DELTA : CUMULATIVE);
	if (writer->metric->kind == TA_METRIC_COUNTER)
		ta_pb_uint(&writer->buf, IS_MONOTONIC, 1);
	ta_pb_close(&writer->buf, writer->opened[DATA]);
	ta_pb_close(&writer->buf, writer->opened[METRIC]);
}

static void put_counts(struct ta_buf *buf, const struct ta_metric_point *point)
{
	uint64_t counts[TA_METRIC_BUCKETS_MAX], total = 0;

	for (uint32_t i = 0; i <= point->metric->bound_count; i++) {
		counts[i] = htole64(point->counts[i]);
		total += point->counts[i];
	}
	ta_pb_fixed64_always(buf, COUNT, total);
	ta_pb_double_always(buf, TOTAL, point->sum);
	ta_pb_bytes(buf, BUCKET_COUNTS, counts, (point->metric->bound_count + 1) * sizeof(counts[0]));
}

static void put_bounds(struct ta_buf *buf, const struct ta_metric *metric)
{
	uint64_t words[TA_METRIC_BUCKETS_MAX];

	for (uint32_t i = 0; i < metric->bound_count; i++) {
		double bound = ta_metric_value(metric, metric->bounds[i]);

		memcpy(&words[i], &bound, sizeof(bound));
		words[i] = htole64(words[i]);
	}
	ta_pb_bytes(buf, BOUNDS, words, metric->bound_count * sizeof(words[0]));
}

static void put_exemplar(struct ta_buf *buf, const struct ta_metric *metric,
			 const struct ta_exemplar *exemplar)
{
	uint64_t trace[2] = { htobe64(exemplar->trace_hi), htobe64(exemplar->trace_lo) };
	uint64_t span = htobe64(exemplar->span_id);
	size_t opened = ta_pb_open(buf, EXEMPLARS);

	ta_pb_fixed64(buf, EXEMPLAR_TIME, exemplar->time_ns);
	ta_pb_double_always(buf, EXEMPLAR_AS_DOUBLE, ta_metric_value(metric, exemplar->value));
	ta_pb_bytes(buf, SPAN_ID, &span, sizeof(span));
	ta_pb_bytes(buf, TRACE_ID, trace, sizeof(trace));
	ta_pb_close(buf, opened);
}

static void put_histogram(struct ta_buf *buf, const struct ta_metric_point *point)
{
	put_counts(buf, point);
	put_bounds(buf, point->metric);
	for (uint32_t i = 0; point->exemplars && i <= point->metric->bound_count; i++)
		if (point->exemplars[i].fresh)
			put_exemplar(buf, point->metric, &point->exemplars[i]);
	put_attributes(buf, ATTRIBUTES, point->attrs, point->attr_count);
	ta_pb_double_always(buf, MIN, point->min);
	ta_pb_double_always(buf, MAX, point->max);
}

static void put_number(struct ta_buf *buf, const struct ta_metric_point *point)
{
	if (point->metric->scale > 1)
		ta_pb_double_always(buf, NUMBER_AS_DOUBLE,
				    ta_metric_value(point->metric, point->value));
	else
		ta_pb_fixed64_always(buf, NUMBER_AS_INT, point->value);
	put_attributes(buf, NUMBER_ATTRIBUTES, point->attrs, point->attr_count);
}

void ta_metric_pb_point(struct ta_metric_writer *writer, const struct ta_metric_point *point)
{
	struct ta_buf *buf = &writer->buf;

	writer->opened[POINT] = ta_pb_open(buf, DATA_POINTS);
	ta_pb_fixed64(buf, START_TIME, point->start_ns);
	ta_pb_fixed64(buf, TIME, writer->now_ns);
	if (point->metric->kind == TA_METRIC_HISTOGRAM)
		put_histogram(buf, point);
	else
		put_number(buf, point);
	ta_pb_close(buf, writer->opened[POINT]);
}
