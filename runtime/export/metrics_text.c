/* SPDX-License-Identifier: MIT */
/*
 * metrics_text.c - all streams as Prometheus reads them: text 0.0.4, or OpenMetrics 1.0,
 * which has units, exemplars and times of creation.
 *
 * Always cumulative, whatever is told elsewhere.  One agent stands for several services:
 * as a collector does it, their names are in the labels job and instance of every sample,
 * and the rest of their resources is in target_info.
 *
 * The lock is held for one copy at a time: counting goes on while a scrape is written.
 *
 * Runs: agent, the delivery's thread; takes the lock of the metrics.
 */
#include "runtime/export/metrics_name.h"
#include "runtime/export/metrics_write.h"

#include <stdio.h>

struct text {
	struct ta_metrics *metrics;
	struct ta_buf *out;
	bool openmetrics;
	const struct ta_metric *metric; /* whose family was opened */
	struct ta_family family;
};

static void put_service_labels(struct ta_buf *out, const struct ta_service *service)
{
	const struct ta_out_attr *space = ta_service_attr(service, "service.namespace");
	const struct ta_out_attr *name = ta_service_attr(service, "service.name");
	const struct ta_out_attr *instance = ta_service_attr(service, "service.instance.id");

	ta_buf_puts(out, "job=\"");
	if (space && space->text_bytes) {
		ta_put_label_text(out, space->text, space->text_bytes);
		ta_buf_putc(out, '/');
	}
	if (name)
		ta_put_label_text(out, name->text, name->text_bytes);
	ta_buf_puts(out, "\",instance=\"");
	if (instance)
		ta_put_label_text(out, instance->text, instance->text_bytes);
	ta_buf_putc(out, '"');
}

/* The lines in front of a family's samples. */
static void open_family(struct text *text, const struct ta_metric *metric)
{
	bool counter = metric->kind == TA_METRIC_COUNTER;
	struct ta_buf *out = text->out;
	char name[TA_FAMILY_MAX + 8];

	if (text->metric == metric)
		return;
	text->metric = metric;
	ta_family_of(metric, &text->family);
	snprintf(name, sizeof(name), "%s%s", text->family.name,
		 counter && !text->openmetrics ? "_total" : "");
	ta_buf_puts(out, "# TYPE ");
	ta_buf_puts(out, name);
	ta_buf_puts(out, counter ? " counter\n" :
			 metric->kind == TA_METRIC_HISTOGRAM ? " histogram\n" : " gauge\n");
	if (text->openmetrics && text->family.unit[0]) {
		ta_buf_puts(out, "# UNIT ");
		ta_buf_puts(out, name);
		ta_buf_putc(out, ' ');
		ta_buf_puts(out, text->family.unit);
		ta_buf_putc(out, '\n');
	}
	ta_buf_puts(out, "# HELP ");
	ta_buf_puts(out, name);
	ta_buf_putc(out, ' ');
	ta_buf_puts(out, metric->description);
	ta_buf_putc(out, '\n');
}

/* Name and labels; what is between the braces of one stream is always the same. */
static void put_sample(struct text *text, const char *suffix, const struct ta_buf *labels,
		       const char *le)
{
	struct ta_buf *out = text->out;

	ta_buf_puts(out, text->family.name);
	ta_buf_puts(out, suffix);
	ta_buf_putc(out, '{');
	ta_buf_put(out, labels->data, labels->bytes);
	if (le) {
		ta_buf_puts(out, ",le=\"");
		ta_buf_puts(out, le);
		ta_buf_putc(out, '"');
	}
	ta_buf_puts(out, "} ");
}

static void put_labels(struct ta_buf *labels, const struct ta_service *service,
		       const struct ta_out_attr *attrs, uint32_t count)
{
	ta_buf_clear(labels);
	put_service_labels(labels, service);
	ta_put_label(labels, "otel_scope_name", "tagalong", 8);
	ta_put_label(labels, "otel_scope_version", TA_VERSION, strlen(TA_VERSION));
	for (uint32_t i = 0; i < count; i++)
		ta_put_label_attr(labels, &attrs[i]);
}

/* Seconds with all their nanoseconds: no double could hold them. */
static void put_time(struct ta_buf *out, uint64_t unix_ns)
{
	char digits[40];

	snprintf(digits, sizeof(digits), "%llu.%09llu", (unsigned long long)(unix_ns / 1000000000u),
		 (unsigned long long)(unix_ns % 1000000000u));
	ta_buf_puts(out, digits);
}

static void put_exemplar(struct text *text, const struct ta_metric *metric,
			 const struct ta_exemplar *exemplar)
{
	struct ta_buf *out = text->out;

	ta_buf_puts(out, " # {trace_id=\"");
	ta_buf_put_hex64(out, exemplar->trace_hi);
	ta_buf_put_hex64(out, exemplar->trace_lo);
	ta_buf_puts(out, "\",span_id=\"");
	ta_buf_put_hex64(out, exemplar->span_id);
	ta_buf_puts(out, "\"} ");
	ta_metric_put_double(out, ta_metric_value(metric, exemplar->value));
	ta_buf_putc(out, ' ');
	put_time(out, exemplar->time_ns);
}

/* The upper bound of a bucket; OpenMetrics wants whole numbers with ".0". */
static void put_bound(struct text *text, const struct ta_metric *metric, uint32_t bucket,
		      struct ta_buf *bound)
{
	ta_buf_clear(bound);
	if (bucket == metric->bound_count) {
		ta_buf_puts(bound, "+Inf");
	} else {
		double value = ta_metric_value(metric, metric->bounds[bucket]);

		ta_metric_put_double(bound, value);
		if (text->openmetrics && !memchr(bound->data ? bound->data : "", '.', bound->bytes))
			ta_buf_puts(bound, ".0");
	}
	ta_buf_putc(bound, '\0');
}

static void put_buckets(struct text *text, const struct ta_histogram *histogram,
			const struct ta_buf *labels, struct ta_buf *bound)
{
	const struct ta_metric *metric = text->metric;
	uint64_t count = 0;

	for (uint32_t i = 0; i <= metric->bound_count; i++) {
		put_bound(text, metric, i, bound);
		count += histogram->counts[i];
		put_sample(text, "_bucket", labels, bound->failed ? "" : bound->data);
		ta_buf_put_u64(text->out, count);
		if (text->openmetrics && i < histogram->exemplar_count &&
		    histogram->exemplars[i].span_id)
			put_exemplar(text, metric, &histogram->exemplars[i]);
		ta_buf_putc(text->out, '\n');
	}
	put_sample(text, "_count", labels, NULL);
	ta_buf_put_u64(text->out, count);
}

/* A histogram as it is at one moment. */
struct moment {
	struct ta_histogram histogram;
	struct ta_exemplar exemplars[TA_METRIC_BUCKETS_MAX];
};

/* False when the stream has none. */
static bool copy_histogram(struct ta_stream *stream, enum ta_measure measure,
			   struct moment *moment)
{
	const struct ta_histogram *histogram = ta_stream_histogram(stream, measure);

	if (!histogram)
		return false;
	moment->histogram = *histogram;
	if (histogram->exemplar_count)
		memcpy(moment->exemplars, histogram->exemplars,
		       histogram->exemplar_count * sizeof(moment->exemplars[0]));
	moment->histogram.exemplars = moment->exemplars;
	return true;
}

static void put_histogram(struct text *text, const struct ta_stream *stream,
			  enum ta_measure measure, const struct ta_histogram *histogram)
{
	struct ta_out_attr attrs[TA_METRIC_KEY_ATTRS];
	struct ta_buf labels = { 0 }, bound = { 0 };

	open_family(text, ta_metric_of(stream->work, measure));
	put_labels(&labels, stream->service, attrs,
		   ta_metric_key_attrs(stream->key, stream->key_bytes, attrs));
	put_buckets(text, histogram, &labels, &bound);
	ta_buf_putc(text->out, '\n');
	put_sample(text, "_sum", &labels, NULL);
	ta_metric_put_double(text->out, ta_metric_value(text->metric, histogram->sum));
	if (text->openmetrics) {
		ta_buf_putc(text->out, '\n');
		put_sample(text, "_created", &labels, NULL);
		put_time(text->out, text->metrics->start_ns);
	}
	ta_buf_putc(text->out, '\n');
	text->out->failed |= labels.failed || bound.failed;
	ta_buf_fini(&labels);
	ta_buf_fini(&bound);
}

/* With the lock held, but not while a stream is written: streams and their keys stay. */
static void put_histograms(struct text *text, enum ta_work work, enum ta_measure measure)
{
	struct moment moment;

	if (!ta_metric_of(work, measure))
		return;
	for (struct ta_service *service = text->metrics->services; service; service = service->next)
		for (struct ta_stream *stream = service->first; stream; stream = stream->next) {
			if (stream->work != work || !copy_histogram(stream, measure, &moment))
				continue;
			pthread_mutex_unlock(&text->metrics->lock);
			put_histogram(text, stream, measure, &moment.histogram);
			pthread_mutex_lock(&text->metrics->lock);
		}
}

static void put_self_point(struct text *text, const struct ta_self_point *point)
{
	struct ta_buf labels = { 0 };

	open_family(text, point->metric);
	put_labels(&labels, text->metrics->self, point->attrs, point->attr_count);
	put_sample(text, point->metric->kind == TA_METRIC_COUNTER ? "_total" : "", &labels, NULL);
	if (point->metric->scale > 1)
		ta_metric_put_double(text->out, ta_metric_value(point->metric, point->value));
	else
		ta_buf_put_u64(text->out, point->value);
	ta_buf_putc(text->out, '\n');
	text->out->failed |= labels.failed;
	ta_buf_fini(&labels);
}

/* Of those that have samples. */
static void put_targets(struct text *text)
{
	struct ta_buf *out = text->out;

	ta_buf_puts(out, text->openmetrics ? "# TYPE target info\n# HELP target Target metadata\n" :
					     "# TYPE target_info gauge\n"
					     "# HELP target_info Target metadata\n");
	for (struct ta_service *service = text->metrics->services; service; service = service->next) {
		if (!service->first && service != text->metrics->self)
			continue;
		ta_buf_puts(out, "target_info{");
		put_service_labels(out, service);
		ta_put_target_labels(out, service);
		ta_buf_puts(out, "} 1\n");
	}
}

void ta_metrics_prometheus(struct ta_sink *sink, bool openmetrics, uint64_t now_ns,
			   struct ta_buf *out)
{
	struct ta_metrics *metrics = (struct ta_metrics *)sink;
	struct text text = { .metrics = metrics, .out = out, .openmetrics = openmetrics };
	uint32_t self_count;

	(void)now_ns; /* a sample's time is when it is fetched */
	pthread_mutex_lock(&metrics->lock);
	put_targets(&text);
	for (unsigned int work = 0; work < TA_WORKS; work++)
		for (unsigned int measure = 0; measure < TA_MEASURES; measure++)
			put_histograms(&text, work, measure);
	self_count = ta_self_read(metrics);
	for (uint32_t i = 0; i < self_count; i++)
		put_self_point(&text, &metrics->self_points[i]);
	if (openmetrics)
		ta_buf_puts(out, "# EOF\n");
	pthread_mutex_unlock(&metrics->lock);
}
