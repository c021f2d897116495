/* SPDX-License-Identifier: MIT */
/*
 * metrics_json.c - the parts of an ExportMetricsServiceRequest as JSON (proto3's JSON with
 * OTLP's exceptions: ids in hexadecimal, 64-bit numbers as texts, enumerations as numbers).
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/metrics_json.h"

#include "runtime/export/otlp_value.h"

#define PUT TA_PUT

enum { DELTA = 1, CUMULATIVE = 2 };

/* A comma, unless something was opened just now. */
static void separate(struct ta_buf *buf)
{
	char last = buf->bytes ? buf->data[buf->bytes - 1] : '[';

	if (last != '[' && last != '{')
		ta_buf_putc(buf, ',');
}

static void put_attribute(struct ta_buf *buf, const struct ta_out_attr *attr)
{
	separate(buf);
	PUT(buf, "{\"key\":");
	ta_buf_put_json(buf, attr->name, attr->name_bytes);
	PUT(buf, ",\"value\":");
	ta_otlp_put_value(buf, attr);
	ta_buf_putc(buf, '}');
}

static void put_attributes(struct ta_buf *buf, const struct ta_out_attr *attrs, uint32_t count)
{
	if (!count)
		return;
	separate(buf);
	PUT(buf, "\"attributes\":[");
	for (uint32_t i = 0; i < count; i++)
		put_attribute(buf, &attrs[i]);
	ta_buf_putc(buf, ']');
}

void ta_metric_json_open_service(struct ta_metric_writer *writer, const struct ta_service *service)
{
	struct ta_buf *buf = &writer->buf;

	separate(buf);
	PUT(buf, "{\"resource\":{");
	put_attributes(buf, service->attrs, service->attr_count);
	PUT(buf, "},\"scopeMetrics\":[{\"scope\":{\"name\":\"tagalong\",\"version\":\"" TA_VERSION
		 "\"},\"metrics\":[");
}

void ta_metric_json_close_service(struct ta_metric_writer *writer)
{
	PUT(&writer->buf, "],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL "\"}],\"schemaUrl\":\"" TA_OTLP_SCHEMA_URL
			  "\"}");
}

void ta_metric_json_open_metric(struct ta_metric_writer *writer, const struct ta_metric *metric)
{
	struct ta_buf *buf = &writer->buf;

	separate(buf);
	PUT(buf, "{\"name\":");
	ta_buf_put_json(buf, metric->name, strlen(metric->name));
	PUT(buf, ",\"description\":");
	ta_buf_put_json(buf, metric->description, strlen(metric->description));
	PUT(buf, ",\"unit\":");
	ta_buf_put_json(buf, metric->unit, strlen(metric->unit));
	ta_buf_puts(buf, metric->kind == TA_METRIC_HISTOGRAM ? ",\"histogram\":{\"dataPoints\":[" :
							       ",\"sum\":{\"dataPoints\":[");
}

void ta_metric_json_close_metric(struct ta_metric_writer *writer)
{
	PUT(&writer->buf, "],\"aggregationTemporality\":");
	ta_buf_put_i64(&writer->buf, writer->delta ? DELTA : CUMULATIVE);
	if (writer->metric->kind == TA_METRIC_COUNTER)
		PUT(&writer->buf, ",\"isMonotonic\":true");
	PUT(&writer->buf, "}}");
}

static void put_counts(struct ta_buf *buf, const struct ta_metric_point *point)
{
	uint64_t count = 0;

	PUT(buf, ",\"bucketCounts\":[");
	for (uint32_t i = 0; i <= point->metric->bound_count; i++) {
		separate(buf);
		ta_buf_putc(buf, '"');
		ta_buf_put_u64(buf, point->counts[i]);
		ta_buf_putc(buf, '"');
		count += point->counts[i];
	}
	PUT(buf, "],\"count\":\"");
	ta_buf_put_u64(buf, count);
	PUT(buf, "\",\"explicitBounds\":[");
	for (uint32_t i = 0; i < point->metric->bound_count; i++) {
		separate(buf);
		ta_metric_put_double(buf, ta_metric_value(point->metric, point->metric->bounds[i]));
	}
	PUT(buf, "],\"sum\":");
	ta_metric_put_double(buf, point->sum);
	PUT(buf, ",\"min\":");
	ta_metric_put_double(buf, point->min);
	PUT(buf, ",\"max\":");
	ta_metric_put_double(buf, point->max);
}

static void put_exemplar(struct ta_buf *buf, const struct ta_metric *metric,
			 const struct ta_exemplar *exemplar)
{
	separate(buf);
	PUT(buf, "{\"timeUnixNano\":\"");
	ta_buf_put_u64(buf, exemplar->time_ns);
	PUT(buf, "\",\"asDouble\":");
	ta_metric_put_double(buf, ta_metric_value(metric, exemplar->value));
	PUT(buf, ",\"spanId\":\"");
	ta_buf_put_hex64(buf, exemplar->span_id);
	PUT(buf, "\",\"traceId\":\"");
	ta_buf_put_hex64(buf, exemplar->trace_hi);
	ta_buf_put_hex64(buf, exemplar->trace_lo);
	PUT(buf, "\"}");
}

static void put_exemplars(struct ta_buf *buf, const struct ta_metric_point *point)
{
	bool any = false;

	for (uint32_t i = 0; point->exemplars && i <= point->metric->bound_count; i++) {
		if (!point->exemplars[i].fresh)
			continue;
		if (!any)
			PUT(buf, ",\"exemplars\":[");
		any = true;
		put_exemplar(buf, point->metric, &point->exemplars[i]);
	}
	if (any)
		ta_buf_putc(buf, ']');
}

static void put_number(struct ta_buf *buf, const struct ta_metric_point *point)
{
	if (point->metric->scale > 1) {
		PUT(buf, ",\"asDouble\":");
		ta_metric_put_double(buf, ta_metric_value(point->metric, point->value));
	} else {
		PUT(buf, ",\"asInt\":\"");
		ta_buf_put_u64(buf, point->value);
		ta_buf_putc(buf, '"');
	}
}

void ta_metric_json_point(struct ta_metric_writer *writer, const struct ta_metric_point *point)
{
	struct ta_buf *buf = &writer->buf;

	separate(buf);
	ta_buf_putc(buf, '{');
	put_attributes(buf, point->attrs, point->attr_count);
	separate(buf);
	PUT(buf, "\"startTimeUnixNano\":\"");
	ta_buf_put_u64(buf, point->start_ns);
	PUT(buf, "\",\"timeUnixNano\":\"");
	ta_buf_put_u64(buf, writer->now_ns);
	ta_buf_putc(buf, '"');
	if (point->metric->kind == TA_METRIC_HISTOGRAM) {
		put_counts(buf, point);
		put_exemplars(buf, point);
	} else {
		put_number(buf, point);
	}
	ta_buf_putc(buf, '}');
}
