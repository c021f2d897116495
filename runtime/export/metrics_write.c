/* SPDX-License-Identifier: MIT */
/*
 * metrics_write.c - messages of metrics: what is open, when one is full, and how they end.
 *
 * Runs: agent, the exporter's thread.  No lock of its own.
 */
#include "runtime/export/metrics_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/export/gzip.h"
#include "runtime/export/metrics_json.h"
#include "runtime/export/metrics_pb.h"

/* A message ends when this little is left: a point and what has to be opened anew fits. */
#define SLACK (64u << 10)

double ta_metric_value(const struct ta_metric *metric, ta_metric_sum value)
{
	if (value <= 1ull << 53)
		return (double)value / metric->scale; /* both are exact: rounded once */
	return (double)((long double)value / (long double)metric->scale);
}

void ta_metric_put_double(struct ta_buf *buf, double value)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	ta_buf_puts(buf, text);
}

static bool is_json(const struct ta_metric_writer *writer)
{
	return writer->format == TA_FORMAT_JSON;
}

static void close_metric(struct ta_metric_writer *writer)
{
	if (!writer->metric)
		return;
	if (is_json(writer))
		ta_metric_json_close_metric(writer);
	else
		ta_metric_pb_close_metric(writer);
	writer->metric = NULL;
}

static void close_service(struct ta_metric_writer *writer)
{
	close_metric(writer);
	if (!writer->service)
		return;
	if (is_json(writer))
		ta_metric_json_close_service(writer);
	else
		ta_metric_pb_close_service(writer);
	writer->service = NULL;
}

static void open_service(struct ta_metric_writer *writer, const struct ta_service *service)
{
	if (writer->service == service)
		return;
	close_service(writer);
	if (is_json(writer))
		ta_metric_json_open_service(writer, service);
	else
		ta_metric_pb_open_service(writer, service);
	writer->service = service;
}

static void open_metric(struct ta_metric_writer *writer, const struct ta_metric_point *point)
{
	if (writer->metric == point->metric)
		return;
	close_metric(writer);
	if (is_json(writer))
		ta_metric_json_open_metric(writer, point->metric);
	else
		ta_metric_pb_open_metric(writer, point->metric);
	writer->metric = point->metric;
	writer->delta = point->delta;
}

/* The body is what was written, or that compressed. */
static void take_body(struct ta_metric_writer *writer, struct ta_message *message)
{
	if (!writer->gzip) {
		message->body = writer->buf;
		writer->buf = (struct ta_buf){ 0 };
	} else if (ta_gzip(writer->buf.data, writer->buf.bytes, &message->body) != 0) {
		writer->failed = true;
	}
	ta_buf_clear(&writer->buf);
	message->head.gzip = writer->gzip;
	message->head.bytes = (uint32_t)message->body.bytes;
	message->head.format = (uint8_t)writer->format;
	message->head.points = writer->points;
	message->head.time_ns = writer->now_ns;
}

static void finish_message(struct ta_metric_writer *writer)
{
	struct ta_message *message;

	if (!writer->points)
		return;
	close_service(writer);
	if (is_json(writer))
		ta_buf_puts(&writer->buf, "]}");
	if (writer->buf.failed || writer->buf.bytes > UINT32_MAX) {
		writer->failed = true;
		return;
	}
	message = ta_messages_add(writer->messages);
	if (message)
		take_body(writer, message);
	else
		writer->failed = true;
	writer->points = 0;
}

void ta_metric_write(struct ta_metric_writer *writer, const struct ta_service *service,
		     const struct ta_metric_point *point)
{
	if (writer->failed)
		return;
	if (!writer->points && is_json(writer))
		ta_buf_puts(&writer->buf, "{\"resourceMetrics\":[");
	open_service(writer, service);
	open_metric(writer, point);
	if (is_json(writer))
		ta_metric_json_point(writer, point);
	else
		ta_metric_pb_point(writer, point);
	writer->points++;
	if (writer->buf.failed)
		writer->failed = true;
	else if (writer->buf.bytes > TA_MESSAGE_BYTES - SLACK)
		finish_message(writer);
}

int ta_metric_write_end(struct ta_metric_writer *writer, uint32_t messages_before)
{
	if (!writer->failed)
		finish_message(writer);
	ta_buf_fini(&writer->buf);
	if (!writer->failed)
		return 0;
	while (writer->messages->count > messages_before)
		ta_buf_fini(&writer->messages->items[--writer->messages->count].body);
	return -ENOMEM;
}
