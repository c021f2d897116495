/* SPDX-License-Identifier: MIT */
/*
 * test_metrics_otlp.c - metrics on their way to a collector: both encodings say the same,
 * deltas add up to what is cumulative, messages stay small, and what the agent tells of
 * itself is what its status page says.
 */
#include "tests/unit/metrics.h"

#include <zlib.h>

static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_messages messages;
static struct ta_status_page page;
static const struct ta_batch batch = { .wall_offset_ns = 1700000000000000000ll };
static const uint64_t base_ns = 4000000000ull * 1000000000ull; /* later than any clock */

static struct ta_sink *make(enum ta_format format, bool delta, bool low_memory)
{
	struct ta_metrics_options options = { .format = format, .delta = delta,
					      .low_memory = low_memory, .status = &page };
	struct ta_sink *sink = ta_metrics_new(enrich, &options);

	if (!sink)
		exit(2);
	return sink;
}

static void collect(struct ta_sink *sink, uint64_t seconds)
{
	ta_messages_clear(&messages);
	check_same(ta_metrics_collect(sink, base_ns + seconds * 1000000000u, &messages), 0);
	decode(&messages);
}

/* One batch of spans for all sinks; seeds make the same ones. */
static void feed(struct ta_sink *sink, unsigned int seed, unsigned int count)
{
	static const char *const methods[] = { "GET", "POST", "PUT" };
	struct ta_span span;

	srand(seed);
	sink->class->begin(sink, &batch);
	ta_metrics_exported(sink, seed % 2 == 0);
	for (unsigned int i = 0; i < count; i++) {
		if (rand() % 4) {
			show_request(&span, methods[rand() % 3], "/a\"\\b", rand() % 2 ? 200 : 500,
				     (uint64_t)rand() * 10);
			show_number("http.request.body.size", rand() % 20000);
		} else {
			show(TA_SPAN_THREAD, &span, (uint64_t)rand());
		}
		span.trace_lo = span.span_id = i + 1;
		sink->class->span(sink, &span, &shown);
		if (i % 10 == 9)
			sink->class->trace_end(sink);
	}
	check_same(sink->class->end(sink, NULL), 0);
}

static void check_same_point(const struct point *a, const struct point *b)
{
	check_text(a->resource, b->resource);
	check_text(a->metric, b->metric);
	check_text(a->unit, b->unit);
	check_text(a->attrs, b->attrs);
	check_text(a->exemplars, b->exemplars);
	check_same(a->temporality, b->temporality);
	check_same(a->monotonic, b->monotonic);
	check_same(a->histogram, b->histogram);
	check_same(a->real, b->real);
	check_same(a->time, b->time);
	check_same(a->count, b->count);
	check_same(a->value, b->value);
	check(a->sum == b->sum && a->min == b->min && a->max == b->max && a->number == b->number,
	      "%s", a->metric);
	check_same(a->bucket_count, b->bucket_count);
	check(memcmp(a->counts, b->counts, sizeof(a->counts)) == 0, "counts of %s", a->metric);
	check(memcmp(a->bounds, b->bounds, sizeof(a->bounds)) == 0, "bounds of %s", a->metric);
}

static void encodings_agree(void)
{
	struct point *first;
	uint32_t count, histograms = 0, with_exemplars = 0;

	memset(&page, 0, sizeof(page));
	page.started_ns = 1000;
	page.cpu_us = 1234567;
	page.records = 1ull << 60;
	page.queues[TA_QUEUE_OTLP_TRACES].wanted = 1;
	page.queues[TA_QUEUE_OTLP_TRACES].dropped[TA_DROP_REFUSED][TA_SPANS] = 3;
	for (int delta = 0; delta < 2; delta++) {
		struct ta_sink *pb = make(TA_FORMAT_PROTOBUF, delta, false);
		struct ta_sink *json = make(TA_FORMAT_JSON, delta, false);

		feed(pb, 42, 3000);
		feed(json, 42, 3000);
		collect(pb, 1);
		first = points.items;
		count = points.count;
		points.items = NULL;
		points.capacity = 0;
		collect(json, 1);
		check_same(points.count, count);
		check(count > 20, "%u points", count);
		for (uint32_t i = 0; i < count && i < points.count; i++) {
			check_same_point(&first[i], &points.items[i]);
			histograms += first[i].histogram;
			with_exemplars += first[i].exemplars[0] != 0;
		}
		check(histograms && with_exemplars, "%u histograms, %u with exemplars", histograms,
		      with_exemplars);
		free(first);
		pb->class->free(pb);
		json->class->free(json);
	}
}

/* Three intervals: what deltas told, added up, is what cumulative points say. */
static void deltas_add_up(void)
{
	struct ta_sink *sums = make(TA_FORMAT_PROTOBUF, false, false);
	struct ta_sink *delta = make(TA_FORMAT_PROTOBUF, true, false);
	static const char what[] = "http.server.request.duration";
	static const char which[] = "method=PUT,url.scheme=http,http.response.status_code=200";
	unsigned long long count = 0, counts[15] = { 0 }, end = 0;
	const struct point *point;
	double sum = 0;

	for (unsigned int i = 0; i < 3; i++) {
		feed(sums, i, 1000);
		feed(delta, i, 1000);
		collect(delta, i + 1);
		point = point_of(what, which);
		if (!check(point != NULL, "no delta"))
			break;
		check_same(point->temporality, 1);
		check(i == 0 || point->start == end, "an interval begins where the last one ended");
		end = point->time;
		check_same(end, base_ns + (i + 1) * 1000000000ull);
		count += point->count;
		sum += point->sum;
		for (int j = 0; j < 15; j++)
			counts[j] += point->counts[j];
		check(point->min >= 0 && point->max <= 21.5 && point->min <= point->max, "%g", point->min);
	}
	collect(delta, 4); /* nothing new: nothing said */
	check_same(points_of(what), 0);
	check_same(points_of("tagalong.span.duration"), 0);
	check(point_of("tagalong.metric.streams", "") && point_of("tagalong.metric.streams", "")->temporality == 2,
	      "what goes up and down is cumulative");
	collect(sums, 4);
	point = point_of(what, which);
	if (check(point != NULL, "no sum")) {
		check_same(point->temporality, 2);
		check_same(point->count, count);
		check(fabs(point->sum - sum) < 1e-9, "%.17g, deltas %.17g", point->sum, sum);
		for (int j = 0; j < 15; j++)
			check_same(point->counts[j], counts[j]);
	}
	collect(sums, 5); /* again, with the same numbers */
	check(point_of(what, which) && point_of(what, which)->count == count, "cumulative goes on");
	sums->class->free(sums);
	delta->class->free(delta);
}

static void low_memory(void)
{
	struct ta_sink *sink;

	memset(&page, 0, sizeof(page));
	sink = make(TA_FORMAT_PROTOBUF, false, true);
	page.records = 10;
	feed(sink, 1, 100);
	collect(sink, 1);
	check(point_of("tagalong.span.duration", "") && point_of("tagalong.span.duration", "")->temporality == 1,
	      "histograms are deltas");
	check(point_of("tagalong.record.read", "") && point_of("tagalong.record.read", "")->temporality == 2,
	      "what is read when it is told is cumulative");
	collect(sink, 2);
	check_same(points_of("tagalong.span.duration"), 0);
	check(point_of("tagalong.record.read", "") && point_of("tagalong.record.read", "")->value == 10, "records");
	sink->class->free(sink);
}

/* Time that steps back makes no interval end before its beginning. */
static void clock_steps_back(void)
{
	struct ta_sink *sink = make(TA_FORMAT_JSON, true, false);

	for (uint64_t i = 0; i < 3; i++) {
		feed(sink, 1, 20);
		collect(sink, 10 - i);
		check(points.count > 0 && points.items[0].time > points.items[0].start, "%llu to %llu",
		      points.items[0].start, points.items[0].time);
	}
	sink->class->free(sink);
}

/* Deltas of the page's counters, too, and a page that begins anew. */
static void self_deltas(void)
{
	struct ta_sink *sink = make(TA_FORMAT_PROTOBUF, true, false);
	static const unsigned long long values[] = { 5, 5, 12, 3 }, wanted[] = { 5, 0, 7, 3 };

	memset(&page, 0, sizeof(page));
	for (unsigned int i = 0; i < 4; i++) {
		const struct point *point;

		page.spans_ended = values[i];
		collect(sink, i + 1);
		point = point_of("tagalong.span.ended", "");
		check((point ? point->value : 0) == wanted[i], "%u: %llu", i, point ? point->value : 0);
		check(!point || (point->temporality == 1 && point->monotonic), "%u", i);
	}
	sink->class->free(sink);
}

static void check_value(const char *metric, const char *attrs, unsigned long long value)
{
	const struct point *point = point_of(metric, attrs);

	if (check(point != NULL, "no %s {%s}", metric, attrs))
		check(point->value == value && strcmp(point->attrs, attrs) == 0, "%s {%s}: %llu", metric,
		      point->attrs, point->value);
}

static void of_itself(void)
{
	struct ta_sink *sink = make(TA_FORMAT_PROTOBUF, false, false);
	struct ta_status_queue *traces = &page.queues[TA_QUEUE_OTLP_TRACES];
	struct ta_status_queue *metrics = &page.queues[TA_QUEUE_OTLP_METRICS];

	memset(&page, 0, sizeof(page));
	page.started_ns = 77;
	page.cpu_us = 2500000;
	page.memory_bytes = 9000000;
	page.file_spans = 11;
	page.lost_records = 4;
	traces->wanted = metrics->wanted = 1;
	traces->taken[TA_SPANS] = 100;
	traces->sent[TA_SPANS] = 60;
	traces->dropped[TA_DROP_SPOOL_FULL][TA_SPANS] = 5;
	traces->dropped[TA_DROP_SAMPLED][TA_SPANS] = 20;
	traces->waiting_spans = 15;
	traces->requests = 8;
	metrics->taken[TA_POINTS] = 50;
	metrics->sent[TA_POINTS] = 30;
	metrics->dropped[TA_DROP_REFUSED][TA_POINTS] = 4;
	metrics->waiting_points = 16;
	page.queues[TA_QUEUE_SENTRY].sent[TA_SPANS] = 99; /* not wanted: not there */
	collect(sink, 1);
	check_value("otel.sdk.exporter.span.exported", "otel.component.name=file,", 11);
	check_value("otel.sdk.exporter.span.exported", "otel.component.name=otlp-traces,", 60);
	check_value("otel.sdk.exporter.span.exported",
		    "otel.component.name=otlp-traces,error.type=spool_full,", 5);
	check(!point_of("otel.sdk.exporter.span.exported", "error.type=sampled"), "no failure");
	check_value("tagalong.exporter.span.unsampled", "otel.component.name=otlp-traces,", 20);
	check_value("otel.sdk.exporter.span.inflight", "otel.component.name=otlp-traces,", 15);
	check_value("tagalong.exporter.span.taken", "otel.component.name=otlp-traces,", 100);
	check_value("otel.sdk.exporter.metric_data_point.inflight", "otel.component.name=otlp-metrics,", 16);
	check_value("tagalong.exporter.requests", "otel.component.name=otlp-traces,", 8);
	check_value("tagalong.record.lost", "", 4);
	check_value("process.memory.usage", "", 9000000);
	check(!point_of("otel.sdk.exporter.span.exported", "sentry"), "a destination that nobody wants");
	if (check(point_of("process.cpu.time", "") != NULL, "no time")) {
		check(point_of("process.cpu.time", "")->number == 2.5, "%g", point_of("process.cpu.time", "")->number);
		check_same(point_of("process.cpu.time", "")->start, 77);
		check_same(point_of("process.cpu.time", "")->monotonic, true);
	}
	check(!point_of("process.memory.usage", "")->monotonic, "memory goes down as well");
	for (uint32_t i = 0; i < points.count; i++)
		for (uint32_t j = 0; j < i; j++)
			check(strcmp(points.items[i].metric, points.items[j].metric) ||
			      strcmp(points.items[i].attrs, points.items[j].attrs),
			      "twice: %s {%s}", points.items[i].metric, points.items[i].attrs);
	sink->class->free(sink);
}

static void give_streams(struct ta_sink *sink, unsigned int count)
{
	static char text[300];
	struct ta_span span;

	memset(text, '"', sizeof(text) - 1); /* twice as long in JSON */
	sink->class->begin(sink, &batch);
	ta_metrics_exported(sink, true);
	for (unsigned int i = 0; i < count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%06u", i);
		memcpy(text, number, 6);
		show_request(&span, "GET", text, 200, 1);
		show_word("error.type", text);
		show_number("http.request.body.size", 1);
		show_number("http.response.body.size", 1);
		for (uint64_t ns = 1; ns < 1ull << 40; ns <<= 1) {
			span.end_ns = span.start_ns + ns;
			sink->class->span(sink, &span, &shown);
		}
	}
	sink->class->end(sink, NULL);
}

static void messages_are_split(void)
{
	for (int format = TA_FORMAT_PROTOBUF; format <= TA_FORMAT_JSON; format++) {
		struct ta_sink *sink = make((enum ta_format)format, false, false);
		unsigned long long total = 0;

		give_streams(sink, TA_METRIC_STREAMS_MAX);
		collect(sink, 1);
		check(messages.count > 1, "%u messages", messages.count);
		for (uint32_t i = 0; i < messages.count; i++)
			check(messages.items[i].body.bytes <= TA_MESSAGE_BYTES, "%zu bytes",
			      messages.items[i].body.bytes);
		check_same(points_of("http.server.request.duration"), TA_METRIC_STREAMS_MAX);
		check_same(points_of("http.server.response.body.size"), TA_METRIC_STREAMS_MAX);
		for (uint32_t i = 0; i < points.count; i++)
			total += points.items[i].count;
		check_same(total, 3ull * 40 * TA_METRIC_STREAMS_MAX);
		sink->class->free(sink);
	}
}

static void compressed(void)
{
	struct ta_metrics_options options = { .format = TA_FORMAT_JSON, .gzip = true };
	struct ta_sink *sink = ta_metrics_new(enrich, &options);
	static unsigned char plain[1 << 20];
	z_stream stream = { 0 };

	feed(sink, 3, 100);
	ta_messages_clear(&messages);
	check_same(ta_metrics_collect(sink, base_ns, &messages), 0);
	if (check(messages.count == 1, "%u", messages.count)) {
		check_same(messages.items[0].head.gzip, 1);
		stream.next_in = (unsigned char *)messages.items[0].body.data;
		stream.avail_in = (unsigned int)messages.items[0].body.bytes;
		stream.next_out = plain;
		stream.avail_out = sizeof(plain);
		check_same(inflateInit2(&stream, 31), Z_OK);
		check_same(inflate(&stream, Z_FINISH), Z_STREAM_END);
		points_clear();
		decode_json((const char *)plain, stream.total_out);
		inflateEnd(&stream);
		check(point_of("tagalong.span.duration", "") != NULL, "what was told");
	}
	sink->class->free(sink);
}

/* Nothing counted and no status: a delta has nothing to say, so there is no message. */
static void nothing(void)
{
	struct ta_metrics_options options = { .format = TA_FORMAT_PROTOBUF, .delta = true };
	struct ta_sink *sink = ta_metrics_new(enrich, &options);

	ta_messages_clear(&messages);
	check_same(ta_metrics_collect(sink, base_ns, &messages), 0);
	decode(&messages);
	for (uint32_t i = 0; i < points.count; i++)
		check(points.items[i].temporality == 2, "%s", points.items[i].metric);
	check_same(points_of("http.server.request.duration"), 0);
	sink->class->free(sink);
}

int main(void)
{
	config = plain_config();
	enrich = ta_enrich_new(&config);
	check_group("encodings agree", encodings_agree);
	check_group("deltas add up", deltas_add_up);
	check_group("low memory", low_memory);
	check_group("a clock that steps back", clock_steps_back);
	check_group("deltas of the page", self_deltas);
	check_group("the agent itself", of_itself);
	check_group("messages are split", messages_are_split);
	check_group("compressed", compressed);
	check_group("nothing", nothing);
	ta_messages_fini(&messages);
	ta_enrich_free(enrich);
	free(points.items);
	return check_status();
}
