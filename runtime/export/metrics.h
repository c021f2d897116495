/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - rates, errors and durations from all spans, sampled or not; and what the agent
 * has to say of itself.
 *
 * Instruments and attributes as OpenTelemetry's semantic conventions (1.44) have them:
 * http.server.request.duration, http.server.request.body.size and .response.body.size,
 * http.client.request.duration, db.client.operation.duration; and tagalong.span.duration of
 * local roots that are none of these: explicit buckets, seconds or bytes; one stream per
 * service (resource) and set of attributes, bounded: what comes beyond goes to one stream
 * with otel.metric.overflow = true.  Exemplars: the newest span of each bucket of those that
 * are exported.  Of the agent itself: spans read, lost by cause, exported, waiting, by
 * destination (otel.sdk.* where they have a name, else tagalong.*).  docs/metrics.md.
 *
 * A sink (spans only) that takes unsampled traces too; its end() makes no messages.  Asked
 * for them it does.
 *
 * Runs: agent.  The sink and collect() on the exporter's thread, prometheus() on the
 * delivery's: one lock.
 */
#ifndef TA_EXPORT_METRICS_H
#define TA_EXPORT_METRICS_H

#include "runtime/agent/status.h"
#include "runtime/export/sink.h"

#define TA_METRIC_STREAMS_MAX 2000u /* and one for what overflows, of each service and instrument */

struct ta_metrics_options {
	bool delta;	/* since the last collect(); else since the start */
	bool low_memory; /* delta for counters and histograms, cumulative for the others */
	enum ta_format format;
	bool gzip;
	const struct ta_status_page *status; /* what it tells of the agent */
};

struct ta_sink *ta_metrics_new(struct ta_enrich *enrich, const struct ta_metrics_options *options);

/* An exemplar only points to a trace that goes out somewhere: the walk says so for each trace
 * before its spans. */
void ta_metrics_exported(struct ta_sink *metrics, bool exported);

/* All streams as ExportMetricsServiceRequests.  Times: Unix.  0 or -ENOMEM. */
int ta_metrics_collect(struct ta_sink *metrics, uint64_t now_ns, struct ta_messages *messages);

/* The same, cumulative, as Prometheus text 0.0.4 or OpenMetrics 1.0 (with exemplars). */
void ta_metrics_prometheus(struct ta_sink *metrics, bool openmetrics, uint64_t now_ns,
			   struct ta_buf *out);

#endif
