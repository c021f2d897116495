/* SPDX-License-Identifier: MIT */
/*
 * metrics_otlp.c - all streams, told to a collector.
 *
 * Cumulative: everything since the start.  Delta: what is new since the last time, and
 * nothing where nothing is.  What a delta told is taken note of only when its messages
 * stand, so that running out of memory loses nothing.
 *
 * Runs: agent, the exporter's thread, under the lock of the metrics.
 */
#include "runtime/export/metrics_write.h"

static void write_histogram(struct ta_metrics *metrics, struct ta_metric_writer *writer,
			    struct ta_stream *stream, enum ta_measure measure)
{
	bool delta = metrics->options.delta || metrics->options.low_memory;
	const struct ta_histogram *histogram = ta_stream_histogram(stream, measure);
	const struct ta_metric *metric = ta_metric_of(stream->work, measure);
	struct ta_out_attr attrs[TA_METRIC_KEY_ATTRS];
	uint64_t counts[TA_METRIC_BUCKETS_MAX];

	if (!histogram || !histogram->news)
		return;
	for (uint32_t i = 0; i <= metric->bound_count; i++)
		counts[i] = histogram->counts[i] - (delta ? histogram->told[i] : 0);
	ta_metric_write(writer, stream->service, &(struct ta_metric_point){
		.metric = metric,
		.delta = delta,
		.attrs = attrs,
		.attr_count = ta_metric_key_attrs(stream->key, stream->key_bytes, attrs),
		.start_ns = delta ? metrics->told_ns : metrics->start_ns,
		.counts = counts,
		.sum = ta_metric_value(metric, histogram->sum - (delta ? histogram->told_sum : 0)),
		.min = ta_metric_value(metric, histogram->min),
		.max = ta_metric_value(metric, histogram->max),
		.exemplars = histogram->exemplars,
	});
}

static void write_service(struct ta_metrics *metrics, struct ta_metric_writer *writer,
			  const struct ta_service *service)
{
	for (unsigned int work = 0; work < TA_WORKS; work++)
		for (unsigned int measure = 0; measure < TA_MEASURES; measure++)
			for (struct ta_stream *stream = service->first;
			     stream && ta_metric_of(work, measure); stream = stream->next)
				if (stream->work == work)
					write_histogram(metrics, writer, stream, measure);
}

/* The page of a program that was replaced begins anew, and so do its numbers. */
static uint64_t since_told(const struct ta_metrics *metrics, const struct ta_self_point *point)
{
	uint64_t told = metrics->self_told[point->place];

	return point->value >= told ? point->value - told : point->value;
}

static uint64_t self_start(const struct ta_metrics *metrics)
{
	uint64_t started_ns =
		metrics->options.status ? ta_count_get(&metrics->options.status->started_ns) : 0;

	return started_ns && started_ns < metrics->start_ns ? started_ns : metrics->start_ns;
}

/* They are read when they are told: "asynchronous" in OpenTelemetry's words, which stay
 * cumulative where memory is to be saved. */
static void write_self(struct ta_metrics *metrics, struct ta_metric_writer *writer, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct ta_self_point *point = &metrics->self_points[i];
		bool delta = metrics->options.delta && point->metric->kind == TA_METRIC_COUNTER;
		uint64_t value = delta ? since_told(metrics, point) : point->value;

		if (delta && !value)
			continue;
		ta_metric_write(writer, metrics->self, &(struct ta_metric_point){
			.metric = point->metric,
			.delta = delta,
			.attrs = point->attrs,
			.attr_count = point->attr_count,
			.start_ns = delta ? metrics->told_ns : self_start(metrics),
			.value = value,
		});
	}
}

static void note_histogram(struct ta_histogram *histogram, bool delta)
{
	if (!histogram || !histogram->news)
		return;
	for (uint32_t i = 0; i < histogram->exemplar_count; i++)
		histogram->exemplars[i].fresh = false;
	if (!delta)
		return;
	memcpy(histogram->told, histogram->counts, sizeof(histogram->told));
	histogram->told_sum = histogram->sum;
	histogram->news = false;
}

/* What was told is not told again. */
static void note_told(struct ta_metrics *metrics, uint32_t self_count, uint64_t now_ns)
{
	bool delta = metrics->options.delta || metrics->options.low_memory;

	for (struct ta_service *service = metrics->services; service; service = service->next)
		for (struct ta_stream *stream = service->first; stream; stream = stream->next)
			for (unsigned int i = 0; i < TA_MEASURES; i++)
				note_histogram(ta_stream_histogram(stream, i), delta);
	for (uint32_t i = 0; i < self_count; i++)
		metrics->self_told[metrics->self_points[i].place] = metrics->self_points[i].value;
	metrics->told_ns = now_ns;
}

int ta_metrics_collect(struct ta_sink *sink, uint64_t now_ns, struct ta_messages *messages)
{
	struct ta_metrics *metrics = (struct ta_metrics *)sink;
	uint32_t before = messages->count, self_count;
	struct ta_metric_writer writer = { .messages = messages,
					   .format = metrics->options.format,
					   .gzip = metrics->options.gzip };
	int result;

	pthread_mutex_lock(&metrics->lock);
	/* Whatever the clock does, no interval ends before it began. */
	writer.now_ns = now_ns > metrics->told_ns ? now_ns : metrics->told_ns + 1;
	for (struct ta_service *service = metrics->services; service; service = service->next)
		write_service(metrics, &writer, service);
	self_count = ta_self_read(metrics);
	write_self(metrics, &writer, self_count);
	result = ta_metric_write_end(&writer, before);
	if (result == 0)
		note_told(metrics, self_count, writer.now_ns);
	pthread_mutex_unlock(&metrics->lock);
	return result;
}
