/* SPDX-License-Identifier: MIT */
/*
 * metrics_write.h - data points one by one into ExportMetricsServiceRequests, as protobuf
 * or JSON (opentelemetry-proto 1.x, metrics.proto).
 *
 * Resources and metrics are opened when a point of theirs comes and closed when one of
 * others does; a message that is full is closed, and the next one opens them again.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_METRICS_WRITE_H
#define TA_EXPORT_METRICS_WRITE_H

#include "runtime/export/metrics_internal.h"

struct ta_metric_writer {
	struct ta_messages *messages;
	enum ta_format format;
	bool gzip;
	uint64_t now_ns;

	struct ta_buf buf;
	uint32_t points; /* in buf */
	const struct ta_service *service; /* those that are open */
	const struct ta_metric *metric;
	bool delta;
	size_t opened[5]; /* protobuf: resource metrics, scope metrics, metric, data, point */
	bool failed;
};

struct ta_metric_point {
	const struct ta_metric *metric;
	bool delta;
	const struct ta_out_attr *attrs;
	uint32_t attr_count;
	uint64_t start_ns;
	uint64_t value; /* of counters */
	/* of histograms: */
	const uint64_t *counts;
	double sum, min, max;
	const struct ta_exemplar *exemplars; /* fresh ones are written; or NULL */
};

/* Adds one point; when memory runs out, the end tells. */
void ta_metric_write(struct ta_metric_writer *writer, const struct ta_service *service,
		     const struct ta_metric_point *point);
/* Closes the last message.  0 or -ENOMEM: then messages are as they were. */
int ta_metric_write_end(struct ta_metric_writer *writer, uint32_t messages_before);

/* A sum or a value in the metric's unit. */
double ta_metric_value(const struct ta_metric *metric, ta_metric_sum value);
/* The shortest decimals that are read as the same number. */
void ta_metric_put_double(struct ta_buf *buf, double value);

#endif
