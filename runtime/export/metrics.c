/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - the sink that counts: which service, which moment, and the lock.
 *
 * The lock is taken with a trace's first span and given back at its end, so that a span
 * costs no lock and a reader waits for one trace at most.
 *
 * Runs: agent.  The sink's functions on the exporter's thread.
 */
#include "runtime/export/metrics_internal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "runtime/agent/clock.h"

static struct ta_metrics *metrics_of(struct ta_sink *sink)
{
	return (struct ta_metrics *)sink;
}

static void unlock(struct ta_metrics *metrics)
{
	if (!metrics->locked)
		return;
	metrics->locked = false;
	pthread_mutex_unlock(&metrics->lock);
}

static void begin(struct ta_sink *sink, const struct ta_batch *batch)
{
	struct ta_metrics *metrics = metrics_of(sink);

	metrics->batch = batch;
	metrics->process = NULL;
	metrics->service = NULL;
	metrics->exported = false;
}

static void take_span(struct ta_sink *sink, const struct ta_span *span,
		      const struct ta_out_span *out)
{
	struct ta_metrics *metrics = metrics_of(sink);
	struct ta_metric_key key;
	uint64_t end_ns;

	if (!ta_metric_key_make(span, out, &key))
		return;
	if (!metrics->locked) {
		pthread_mutex_lock(&metrics->lock);
		metrics->locked = true;
	}
	if (!metrics->service || metrics->process != span->process) {
		metrics->service = ta_service_of(metrics, span->process);
		metrics->process = span->process;
	}
	end_ns = span->end_ns > span->start_ns ? span->end_ns : span->start_ns;
	end_ns += (uint64_t)ta_batch_wall_offset(metrics->batch, span->process);
	ta_metric_count(metrics, metrics->service, &key, span, end_ns);
}

static void end_trace(struct ta_sink *sink)
{
	unlock(metrics_of(sink));
}

static int end(struct ta_sink *sink, struct ta_messages *messages)
{
	(void)messages; /* it makes them when it is asked to */
	unlock(metrics_of(sink));
	metrics_of(sink)->batch = NULL;
	return 0;
}

static void free_metrics(struct ta_sink *sink)
{
	struct ta_metrics *metrics = metrics_of(sink);

	if (!metrics)
		return;
	unlock(metrics);
	ta_services_fini(metrics);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

static const struct ta_sink_class metrics_class = {
	.name = "metrics",
	.begin = begin,
	.span = take_span,
	.trace_end = end_trace,
	.end = end,
	.free = free_metrics,
};

struct ta_sink *ta_metrics_new(struct ta_enrich *enrich, const struct ta_metrics_options *options)
{
	struct ta_metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->sink = (struct ta_sink){ .class = &metrics_class, .unsampled = true };
	metrics->enrich = enrich;
	metrics->options = *options;
	metrics->start_ns = metrics->told_ns = ta_unix_now_ns();
	pthread_mutex_init(&metrics->lock, NULL);
	/* Programs choose what is hashed: they must not know into which places it goes. */
	if (getrandom(&metrics->seed, sizeof(metrics->seed), GRND_NONBLOCK) < 0)
		metrics->seed = metrics->start_ns;
	if (ta_services_init(metrics) != 0) {
		free_metrics(&metrics->sink);
		return NULL;
	}
	return &metrics->sink;
}

void ta_metrics_exported(struct ta_sink *metrics, bool exported)
{
	metrics_of(metrics)->exported = exported;
}
