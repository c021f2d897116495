/* SPDX-License-Identifier: MIT */
/*
 * metrics_store.c - the streams and their histograms.
 *
 * A stream is found by the hash of its key in a table that is at most half full, and is
 * never given up: the numbers of a service only rise as long as the agent lives.  So there
 * are at most TA_METRIC_STREAMS_MAX; what comes beyond is counted in one stream of its
 * service and kind of work.  Sums are whole numbers (nanoseconds, bytes), so that they are
 * exact and deltas add up.
 *
 * Runs: agent, the exporter's thread, under the store's lock.  No allocation but for new
 * streams and the first exemplar of a histogram.
 */
#include "runtime/export/metrics_internal.h"

#include <stdlib.h>

#define MS 1000000ull

/* Of http.*.request.duration, advised by the conventions. */
static const uint64_t request_bounds[] = { 5 * MS,   10 * MS,	25 * MS,   50 * MS,   75 * MS,
					   100 * MS, 250 * MS,	500 * MS,  750 * MS,  1000 * MS,
					   2500 * MS, 5000 * MS, 7500 * MS, 10000 * MS };
/* Of db.client.operation.duration, advised as well. */
static const uint64_t db_bounds[] = { 1 * MS,	5 * MS,	   10 * MS,   50 * MS,	 100 * MS,
				      500 * MS, 1000 * MS, 5000 * MS, 10000 * MS };
/* Without advice: the default of OpenTelemetry's SDKs. */
static const uint64_t size_bounds[] = { 0,   5,	  10,  25,   50,   75,	 100,  250,
					500, 750, 1000, 2500, 5000, 7500, 10000 };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
_Static_assert(COUNT(size_bounds) < TA_METRIC_BUCKETS_MAX, "room for the last bucket");

#define DURATION(words, about, list)                                                               \
	{ .name = (words), .description = (about), .unit = "s", .bounds = (list),                  \
	  .bound_count = COUNT(list), .scale = 1e9 }
#define SIZE(words, about)                                                                         \
	{ .name = (words), .description = (about), .unit = "By", .bounds = size_bounds,            \
	  .bound_count = COUNT(size_bounds), .scale = 1 }

static const struct ta_metric instruments[TA_WORKS][TA_MEASURES] = {
	[TA_WORK_SERVER] = {
		DURATION("http.server.request.duration", "Duration of HTTP server requests.",
			 request_bounds),
		SIZE("http.server.request.body.size", "Size of HTTP server request bodies."),
		SIZE("http.server.response.body.size", "Size of HTTP server response bodies."),
	},
	[TA_WORK_CLIENT] = { DURATION("http.client.request.duration",
				      "Duration of HTTP client requests.", request_bounds) },
	[TA_WORK_DB] = { DURATION("db.client.operation.duration",
				  "Duration of database client operations.", db_bounds) },
	[TA_WORK_OTHER] = { DURATION("tagalong.span.duration",
				     "Duration of connections, threads, signal deliveries, "
				     "processes, served commands and root spans of the "
				     "program.", request_bounds) },
};

const struct ta_metric *ta_metric_of(enum ta_work work, enum ta_measure measure)
{
	return instruments[work][measure].name ? &instruments[work][measure] : NULL;
}

static struct ta_stream *new_stream(struct ta_service *service, const struct ta_metric_key *key,
				    uint64_t hash)
{
	struct ta_stream *stream = calloc(1, sizeof(*stream) + key->bytes);

	if (!stream)
		return NULL;
	stream->hash = hash;
	stream->service = service;
	stream->work = key->work;
	stream->key_bytes = key->bytes;
	memcpy(stream->key, key->data, key->bytes);
	if (service->last)
		service->last->next = stream;
	else
		service->first = stream;
	service->last = stream;
	return stream;
}

void ta_stream_free(struct ta_stream *stream)
{
	for (unsigned int i = 0; i < TA_MEASURES; i++) {
		struct ta_histogram *histogram = ta_stream_histogram(stream, i);

		if (!histogram)
			continue;
		free(histogram->exemplars);
		if (i != TA_MEASURE_DURATION)
			free(histogram);
	}
	free(stream);
}

static struct ta_stream *overflow_of(struct ta_service *service, enum ta_work work)
{
	struct ta_metric_key key;

	if (service->overflow[work])
		return service->overflow[work];
	key.work = work;
	ta_metric_key_overflow(&key);
	service->overflow[work] = new_stream(service, &key, 0);
	return service->overflow[work];
}

static bool is_stream(const struct ta_stream *stream, const struct ta_service *service,
		      const struct ta_metric_key *key, uint64_t hash)
{
	return stream->hash == hash && stream->service == service && stream->work == key->work &&
	       stream->key_bytes == key->bytes && memcmp(stream->key, key->data, key->bytes) == 0;
}

/* NULL when out of memory. */
static struct ta_stream *find_stream(struct ta_metrics *metrics, struct ta_service *service,
				     const struct ta_metric_key *key)
{
	uint64_t hash = ta_metric_hash(metrics->seed ^ service->hash ^ (uint64_t)key->work,
				       key->data, key->bytes);
	uint32_t place = (uint32_t)hash % TA_METRIC_TABLE;
	struct ta_stream *stream;

	for (; (stream = metrics->table[place]); place = (place + 1) % TA_METRIC_TABLE)
		if (is_stream(stream, service, key, hash))
			return stream;
	if (metrics->stream_count < TA_METRIC_STREAMS_MAX)
		stream = new_stream(service, key, hash);
	if (!stream)
		return overflow_of(service, key->work);
	metrics->table[place] = stream;
	metrics->stream_count++;
	return stream;
}

static uint32_t bucket_of(const struct ta_metric *metric, uint64_t value)
{
	uint32_t bucket = 0;

	while (bucket < metric->bound_count && value > metric->bounds[bucket])
		bucket++;
	return bucket;
}

static void set_exemplar(struct ta_histogram *histogram, const struct ta_metric *metric,
			 uint32_t bucket, const struct ta_exemplar *exemplar)
{
	if (!histogram->exemplars) {
		histogram->exemplars = calloc(metric->bound_count + 1, sizeof(*exemplar));
		if (!histogram->exemplars)
			return; /* the value is counted all the same */
		histogram->exemplar_count = metric->bound_count + 1;
	}
	histogram->exemplars[bucket] = *exemplar;
}

/* exemplar->span_id 0: none. */
static void add(struct ta_histogram *histogram, const struct ta_metric *metric, uint64_t value,
		struct ta_exemplar *exemplar)
{
	uint32_t bucket = bucket_of(metric, value);

	if (!histogram->news || value < histogram->min)
		histogram->min = value;
	if (!histogram->news || value > histogram->max)
		histogram->max = value;
	histogram->news = true;
	histogram->counts[bucket]++;
	histogram->sum += value;
	exemplar->value = value;
	if (exemplar->span_id)
		set_exemplar(histogram, metric, bucket, exemplar);
}

static void add_size(struct ta_metrics *metrics, struct ta_stream *stream, enum ta_measure measure,
		     int64_t size, struct ta_exemplar *exemplar)
{
	const struct ta_metric *metric = ta_metric_of(stream->work, measure);

	if (!metric || size < 0)
		return;
	if (!stream->sizes[measure])
		stream->sizes[measure] = calloc(1, sizeof(*stream->sizes[measure]));
	if (stream->sizes[measure])
		add(stream->sizes[measure], metric, (uint64_t)size, exemplar);
	else
		metrics->not_counted++;
}

void ta_metric_count(struct ta_metrics *metrics, struct ta_service *service,
		     const struct ta_metric_key *key, const struct ta_span *span,
		     uint64_t end_unix_ns)
{
	struct ta_stream *stream = find_stream(metrics, service, key);
	struct ta_exemplar exemplar = { .trace_hi = span->trace_hi, .trace_lo = span->trace_lo,
					.span_id = metrics->exported ? span->span_id : 0,
					.time_ns = end_unix_ns, .fresh = true };

	if (!stream) {
		metrics->not_counted++;
		return;
	}
	add(&stream->duration, ta_metric_of(key->work, TA_MEASURE_DURATION),
	    span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0, &exemplar);
	add_size(metrics, stream, TA_MEASURE_REQUEST, key->sizes[TA_MEASURE_REQUEST], &exemplar);
	add_size(metrics, stream, TA_MEASURE_RESPONSE, key->sizes[TA_MEASURE_RESPONSE], &exemplar);
}
