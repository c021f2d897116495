/* SPDX-License-Identifier: MIT */
/*
 * destinations.c - where spans and events go: files, receivers, metrics; opened as they are
 * configured.
 *
 * The file and every receiver get what they get independently of one another: each has its
 * sink and its rule for tail sampling, each receiver its queue (runtime/export/delivery.h).
 *
 * Runs: agent, the worker's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/agent/worker.h"
#include "runtime/export/metrics.h"
#include "runtime/export/otlp_pb.h"
#include "runtime/export/sentry.h"

#define SENTRY_SHARE 0x1p56 /* of thresholds */

static void say(void *user, const char *sentence)
{
	ta_log_say(user, "%s", sentence);
}

/* ---- rules ---- */

struct rule {
	const char *variable, *text;
};

static struct rule rule_of(const struct ta_config *config, enum ta_route_kind kind)
{
	const struct rule own[TA_ROUTES] = {
		[TA_ROUTE_FILE] = { "TAGALONG_KEEP_FILE", config->keep_file },
		[TA_ROUTE_OTLP] = { "TAGALONG_KEEP_OTLP", config->keep_otlp },
		[TA_ROUTE_SENTRY] = { "TAGALONG_KEEP_SENTRY", config->keep_sentry },
		[TA_ROUTE_ENVELOPES] = { "TAGALONG_KEEP_SENTRY", config->keep_sentry },
	};

	return own[kind].text[0] ? own[kind] : (struct rule){ "TAGALONG_KEEP", config->keep };
}

static int open_rule(struct ta_worker *worker, enum ta_route_kind kind)
{
	struct rule rule = rule_of(&worker->config, kind);
	char error[256] = "";
	struct ta_keep *keep = ta_keep_new(rule.variable, rule.text, error, sizeof(error));

	if (error[0])
		ta_log_say(&worker->log, "%s", error);
	worker->flush.exporter.encode.routes[kind].keep = keep;
	return keep ? 0 : -ENOMEM;
}

/* ---- sinks ---- */

static int open_file_route(struct ta_worker *worker)
{
	struct ta_encode *encode = &worker->flush.exporter.encode;
	struct ta_route *route = &encode->routes[TA_ROUTE_FILE];
	struct ta_message_limits one_line = { UINT32_MAX, UINT32_MAX };

	route->spans = ta_otlp_traces_sink(encode->enrich, TA_FORMAT_JSON, false, one_line);
	route->events = ta_otlp_logs_sink(encode->enrich, TA_FORMAT_JSON, false, one_line);
	return route->spans && route->events ? open_rule(worker, TA_ROUTE_FILE) : -ENOMEM;
}

static int open_otlp_route(struct ta_worker *worker)
{
	struct ta_encode *encode = &worker->flush.exporter.encode;
	struct ta_route *route = &encode->routes[TA_ROUTE_OTLP];
	const struct ta_target *traces = &worker->flush.targets.targets[TA_QUEUE_OTLP_TRACES];
	const struct ta_target *logs = &worker->flush.targets.targets[TA_QUEUE_OTLP_LOGS];
	struct ta_message_limits limits = { worker->flush.targets.max_batch, TA_MESSAGE_BYTES };

	if (traces->wanted)
		route->spans = ta_otlp_traces_sink(encode->enrich, traces->format, traces->gzip,
						   limits);
	if (logs->wanted)
		route->events = ta_otlp_logs_sink(encode->enrich, logs->format, logs->gzip, limits);
	if ((traces->wanted && !route->spans) || (logs->wanted && !route->events))
		return -ENOMEM;
	return open_rule(worker, TA_ROUTE_OTLP);
}

static void sentry_dropped(void *user, enum ta_drop why, const struct ta_message_head *what)
{
	ta_delivery_dropped(user, TA_QUEUE_SENTRY, why, what);
}

static void envelope_dropped(void *user, enum ta_drop why, const struct ta_message_head *what)
{
	ta_delivery_dropped(user, TA_QUEUE_ENVELOPES, why, what);
}

/* The share that head sampling leaves, as far as it decides itself. */
static double head_share(const struct ta_worker *worker)
{
	return 1 - (double)worker->state.buckets.sampler.threshold / SENTRY_SHARE;
}

static int open_sentry_route(struct ta_worker *worker, enum ta_route_kind kind)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_route *route = &flush->exporter.encode.routes[kind];
	struct ta_sentry_options options = {
		.dsn = &flush->targets.dsn,
		.release = flush->targets.release,
		.environment = flush->targets.environment,
		.sample_rate = worker->config.sentry_sample_rate,
		.traces_sample_rate = worker->config.sentry_traces_sample_rate,
		.trace_share = head_share(worker),
	};

	route->spans = ta_sentry_sink(flush->exporter.encode.enrich, &options,
				      kind == TA_ROUTE_SENTRY ? sentry_dropped : envelope_dropped,
				      flush->exporter.delivery);
	route->events = route->spans;
	return route->spans ? open_rule(worker, kind) : -ENOMEM;
}

/* ---- metrics ---- */

static void render_metrics(void *user, bool openmetrics, struct ta_buf *out)
{
	ta_metrics_prometheus(user, openmetrics, ta_unix_now_ns(), out);
}

static int open_metrics(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	const struct ta_target *target = &flush->targets.targets[TA_QUEUE_OTLP_METRICS];
	const char *temporality = worker->config.metric_temporality;
	struct ta_metrics_options options = {
		.delta = strcasecmp(temporality, "delta") == 0,
		.low_memory = strcasecmp(temporality, "lowmemory") == 0,
		.format = target->format,
		.gzip = target->gzip,
		.status = worker->status,
	};

	if (temporality[0] && !options.delta && !options.low_memory &&
	    strcasecmp(temporality, "cumulative") != 0)
		ta_log_say(&worker->log,
			   "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=%.40s was not "
			   "understood (allowed: cumulative|delta|lowmemory); using cumulative",
			   temporality);
	flush->exporter.encode.metrics = ta_metrics_new(flush->exporter.encode.enrich, &options);
	if (target->wanted)
		flush->metrics_ns = worker->now_ns + worker->config.metric_interval_ms * 1000000u;
	return flush->exporter.encode.metrics ? 0 : -ENOMEM;
}

/* A port that is taken is no reason to stop. */
static void serve_metrics(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	const struct ta_targets *targets = &flush->targets;
	int error = ta_delivery_serve(flush->exporter.delivery, render_metrics,
				      flush->exporter.encode.metrics);

	if (error)
		ta_log_say(&worker->log, "no metrics on %s port %u: %s%s", targets->prometheus_host,
			   targets->prometheus_port, strerror(-error),
			   error == -EADDRINUSE ? "; another agent may have it: TAGALONG_PROMETHEUS "
						  "takes another port" :
						  "");
}

/* ---- receivers ---- */

static int spool_place(const struct ta_worker *worker, char *out, size_t out_bytes)
{
	const struct ta_config *config = &worker->config;
	int bytes;

	if (config->spool_dir[0] == '/')
		bytes = snprintf(out, out_bytes, "%s", config->spool_dir);
	else if (config->spool_dir[0] && worker->options.cwd)
		bytes = snprintf(out, out_bytes, "%s/%s", worker->options.cwd, config->spool_dir);
	else if (!config->run_dir[0] &&
		 ta_file_state_path(worker->options.envp, "tagalong/spool", out, out_bytes) == 0)
		return 0;
	else
		bytes = snprintf(out, out_bytes, "%s/spool", worker->options.run_dir);
	return bytes >= 0 && (size_t)bytes < out_bytes ? 0 : -ENAMETOOLONG;
}

static bool is_anything_wanted(const struct ta_targets *targets)
{
	bool wanted = targets->prometheus_host != NULL;

	for (int i = 0; i < TA_QUEUES; i++)
		wanted |= targets->targets[i].wanted;
	return wanted;
}

static int open_delivery(struct ta_worker *worker)
{
	struct ta_exporter *exporter = &worker->flush.exporter;
	char spool[4096];
	struct ta_delivery_options options = {
		.targets = &worker->flush.targets,
		.spool_dir = spool,
		.key = worker->options.key,
		.spool_bytes = worker->config.spool_bytes,
		.spool_age_ms = worker->config.spool_age_ms,
		.memory_bytes = worker->config.memory_bytes / 4,
		.status = worker->status,
		.say = say,
		.user = &worker->log,
	};
	int error = spool_place(worker, spool, sizeof(spool));

	if (error)
		return error;
	exporter->delivery = ta_delivery_new(&options);
	if (!exporter->delivery)
		return -ENOMEM;
	exporter->number = ta_delivery_last(exporter->delivery);
	if (worker->state.flushing.number > exporter->number)
		exporter->number = worker->state.flushing.number;
	return 0;
}

static int open_receivers(struct ta_worker *worker)
{
	const struct ta_targets *targets = &worker->flush.targets;
	int error = open_delivery(worker);

	if (!error)
		error = open_otlp_route(worker);
	if (!error && targets->targets[TA_QUEUE_SENTRY].wanted)
		error = open_sentry_route(worker, TA_ROUTE_SENTRY);
	if (!error && targets->targets[TA_QUEUE_ENVELOPES].wanted)
		error = open_sentry_route(worker, TA_ROUTE_ENVELOPES);
	if (!error && targets->metrics)
		error = open_metrics(worker);
	if (!error && targets->prometheus_host)
		serve_metrics(worker);
	return error;
}

int ta_destinations_open(struct ta_worker *worker, const char *path)
{
	struct ta_exporter *exporter = &worker->flush.exporter;
	int error = ta_outputs_open(worker, path);

	exporter->encode.enrich = ta_enrich_new(&worker->config);
	if (!exporter->encode.enrich)
		return -ENOMEM;
	if (!error && (exporter->files[TA_OUTPUT_SPANS] || exporter->fd >= 0))
		error = open_file_route(worker);
	if (!error && is_anything_wanted(&worker->flush.targets))
		error = open_receivers(worker);
	return error;
}

/* ---- as time goes by ---- */

/* Metrics go out at their interval, and once more when nobody is left to be served. */
void ta_destinations_tick(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	bool ends = worker->empty_since_ns != 0 && !flush->metrics_ended;

	flush->metrics_ended = worker->empty_since_ns != 0;
	if (!flush->metrics_ns || (!ends && worker->now_ns < flush->metrics_ns))
		return;
	ta_report_status(worker);
	ta_exporter_collect(&flush->exporter);
	flush->metrics_ns = worker->now_ns + worker->config.metric_interval_ms * 1000000u;
}

uint64_t ta_destinations_wake_ns(const struct ta_worker *worker)
{
	return worker->flush.metrics_ns ? worker->flush.metrics_ns : UINT64_MAX;
}

static uint64_t sent_messages(const struct ta_status_page *status)
{
	uint64_t sent = 0;

	for (int i = 0; i < TA_QUEUES; i++)
		for (int thing = 0; thing < TA_THINGS; thing++)
			sent += ta_count_get(&status->queues[i].sent[thing]);
	return sent;
}

bool ta_destinations_busy(struct ta_worker *worker, uint64_t patience_ns)
{
	struct ta_flush *flush = &worker->flush;
	uint64_t sent = sent_messages(worker->status);

	if (!flush->exporter.delivery || ta_delivery_idle(flush->exporter.delivery))
		return false;
	if (sent != flush->sent || worker->empty_since_ns > flush->sent_ns) {
		flush->sent = sent;
		flush->sent_ns = worker->now_ns;
	}
	return worker->now_ns - flush->sent_ns < patience_ns;
}
