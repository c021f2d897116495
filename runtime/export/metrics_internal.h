/* SPDX-License-Identifier: MIT */
/*
 * metrics_internal.h - what the files of the metrics share.
 *
 * metrics.c is the sink and the lock; metrics_key.c tells from a span what it is counted
 * under, metrics_store.c counts, metrics_service.c makes resources, metrics_self.c reads
 * the agent's status; metrics_otlp.c collects, metrics_write.c encodes, metrics_text.c and
 * metrics_name.c make Prometheus' texts.  Nothing else includes this.
 *
 * Everything in the store is guarded by its lock, but `exported`, `enrich` and what
 * belongs to the batch under way: those are the exporter's thread's own.
 *
 * Runs: agent.
 */
#ifndef TA_EXPORT_METRICS_INTERNAL_H
#define TA_EXPORT_METRICS_INTERNAL_H

#include <pthread.h>
#include <string.h>

#include "runtime/export/metrics.h"

#define TA_METRIC_BUCKETS_MAX 16u
#define TA_METRIC_VALUE_MAX 256u	/* bytes of an attribute's text; the rest is cut off */
#define TA_METRIC_SERVICES_MAX 256u	/* further ones are counted together */
#define TA_METRIC_PROCESSES 256u	/* places for processes whose service is known */
#define TA_METRIC_TABLE 4096u		/* of streams; at most half full */
#define TA_METRIC_SELF_MAX 384u		/* numbers that the agent tells of itself */

_Static_assert(TA_METRIC_STREAMS_MAX <= TA_METRIC_TABLE / 2, "the table has to stay sparse");

/* What a span is counted as. */
enum ta_work {
	TA_WORK_SERVER, /* HTTP, served */
	TA_WORK_CLIENT, /* HTTP, asked for */
	TA_WORK_DB,
	TA_WORK_OTHER, /* a local root that is none of these */
	TA_WORKS,
	TA_WORK_NONE = TA_WORKS
};

/* The histograms of one stream. */
enum ta_measure { TA_MEASURE_DURATION, TA_MEASURE_REQUEST, TA_MEASURE_RESPONSE, TA_MEASURES };

enum ta_metric_kind {
	TA_METRIC_HISTOGRAM,
	TA_METRIC_COUNTER, /* a sum that only rises */
	TA_METRIC_UPDOWN,  /* a sum that does not */
};

struct ta_metric {
	const char *name, *description, *unit;
	enum ta_metric_kind kind;
	/* Of histograms: whole nanoseconds or bytes, ascending; value / scale is in unit. */
	const uint64_t *bounds;
	uint32_t bound_count;
	double scale;
};

/* NULL: that kind of work is not measured so. */
const struct ta_metric *ta_metric_of(enum ta_work work, enum ta_measure measure);

/* Attributes of metrics; the numbers stand in keys. */
enum ta_metric_attr {
	TA_METRIC_METHOD = 1,
	TA_METRIC_SCHEME,
	TA_METRIC_STATUS,
	TA_METRIC_ROUTE,
	TA_METRIC_ERROR,
	TA_METRIC_VERSION,
	TA_METRIC_ADDRESS,
	TA_METRIC_PORT,
	TA_METRIC_TEMPLATE,
	TA_METRIC_DB_SYSTEM,
	TA_METRIC_DB_COLLECTION,
	TA_METRIC_DB_NAMESPACE,
	TA_METRIC_DB_OPERATION,
	TA_METRIC_DB_STATUS,
	TA_METRIC_DB_SUMMARY,
	TA_METRIC_DB_PROCEDURE,
	TA_METRIC_OP,
	TA_METRIC_NAMESPACE,
	TA_METRIC_REQUEST_SIZE,
	TA_METRIC_RESPONSE_SIZE,
	TA_METRIC_SPAN_TYPE,
	TA_METRIC_SPAN_NAME,
	TA_METRIC_OVERFLOW,
	TA_METRIC_ATTRS
};

#define TA_METRIC_KEY_ATTRS 12u /* most attributes of one stream */
#define TA_METRIC_KEY_BYTES (TA_METRIC_KEY_ATTRS * (TA_METRIC_VALUE_MAX + 4u) + 8u)

/* What a span is counted under: rows of attribute number, type, length and value, filled
 * up with zeros to a multiple of 8 bytes. */
struct ta_metric_key {
	enum ta_work work;
	uint32_t bytes;
	int64_t sizes[TA_MEASURES]; /* of the bodies; -1: not known */
	_Alignas(8) char data[TA_METRIC_KEY_BYTES];
};

/* False when the span is not counted. */
bool ta_metric_key_make(const struct ta_span *span, const struct ta_out_span *out,
			struct ta_metric_key *ret_key);
void ta_metric_key_overflow(struct ta_metric_key *key);
/* The attributes of a key: at most TA_METRIC_KEY_ATTRS; texts point into it. */
uint32_t ta_metric_key_attrs(const char *data, uint32_t bytes, struct ta_out_attr *attrs);

struct ta_exemplar {
	uint64_t trace_hi, trace_lo, span_id; /* 0: there is none */
	uint64_t time_ns;		      /* Unix */
	uint64_t value;
	bool fresh; /* since the last collect() */
};

typedef unsigned __int128 ta_metric_sum; /* sums are exact, whatever comes */

struct ta_histogram {
	uint64_t counts[TA_METRIC_BUCKETS_MAX];
	uint64_t told[TA_METRIC_BUCKETS_MAX]; /* of counts, by earlier deltas */
	ta_metric_sum sum, told_sum;
	uint64_t min, max;	       /* of what is not told yet */
	bool news;		       /* there is such */
	struct ta_exemplar *exemplars; /* one a bucket; NULL: none yet */
	uint32_t exemplar_count;
};

struct ta_service;

/* All values of one set of attributes, of one service. */
struct ta_stream {
	uint64_t hash;
	struct ta_service *service;
	struct ta_stream *next; /* of the service */
	enum ta_work work;
	uint32_t key_bytes;
	struct ta_histogram duration;
	struct ta_histogram *sizes[TA_MEASURES]; /* [TA_MEASURE_DURATION] is not used */
	char key[];
};

static inline struct ta_histogram *ta_stream_histogram(struct ta_stream *stream,
						       enum ta_measure measure)
{
	return measure == TA_MEASURE_DURATION ? &stream->duration : stream->sizes[measure];
}

/* A resource: what all processes of a service have in common. */
struct ta_service {
	struct ta_service *next;
	uint64_t hash;
	struct ta_out_attr *attrs;
	uint32_t attr_count;
	char *memory; /* texts of attrs */
	char instance[37];
	struct ta_stream *first, *last;
	struct ta_stream *overflow[TA_WORKS];
};

/* One number that the agent tells of itself. */
struct ta_self_point {
	const struct ta_metric *metric;
	struct ta_out_attr attrs[2];
	uint32_t attr_count;
	uint32_t place; /* in told[] */
	uint64_t value;
};

struct ta_metrics {
	struct ta_sink sink;
	struct ta_enrich *enrich;
	struct ta_metrics_options options;
	bool exported; /* the trace under way goes out */

	/* of the batch under way */
	const struct ta_batch *batch;
	const struct ta_process *process; /* of the last span */
	struct ta_service *service;	  /* and its service */
	bool locked;

	pthread_mutex_t lock;
	uint64_t start_ns, told_ns; /* Unix: of the first value; of the last collect() */
	uint64_t seed;
	struct ta_service *services, *last_service;
	struct ta_service *other; /* processes that are not known, services beyond the limit */
	struct ta_service *self;
	uint32_t service_count, stream_count;
	uint64_t not_counted; /* values, for want of memory */
	struct ta_stream *table[TA_METRIC_TABLE];
	struct {
		uint64_t proc_id, print;
		struct ta_service *service;
	} processes[TA_METRIC_PROCESSES];
	struct ta_self_point self_points[TA_METRIC_SELF_MAX];
	uint64_t self_told[TA_METRIC_SELF_MAX];
};

/* metrics_store.c: counts the span under its key. */
void ta_metric_count(struct ta_metrics *metrics, struct ta_service *service,
		     const struct ta_metric_key *key, const struct ta_span *span,
		     uint64_t end_unix_ns);
void ta_stream_free(struct ta_stream *stream);

/* metrics_service.c: the service of a process, never NULL. */
struct ta_service *ta_service_of(struct ta_metrics *metrics, const struct ta_process *process);
/* Makes `other` and `self`; 0 or -ENOMEM. */
int ta_services_init(struct ta_metrics *metrics);
void ta_services_fini(struct ta_metrics *metrics);
const struct ta_out_attr *ta_service_attr(const struct ta_service *service, const char *name);

/* metrics_self.c: fills in self_points, those of one metric together; how many. */
uint32_t ta_self_read(struct ta_metrics *metrics);

/* A hash; what is hashed is a multiple of 8 bytes. */
static inline uint64_t ta_metric_hash(uint64_t seed, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		unsigned __int128 product;
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		product = (unsigned __int128)(seed ^ word ^ 0x9e3779b97f4a7c15ull) *
			  0xd6e8feb86659fd93ull;
		seed = (uint64_t)product ^ (uint64_t)(product >> 64) ^ (seed << 1);
	}
	return seed;
}

#endif
