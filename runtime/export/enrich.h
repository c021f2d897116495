/* SPDX-License-Identifier: MIT */
/*
 * enrich.h - from a span's raw records to its name, kind, status, attributes, events
 * and links under OpenTelemetry's semantic conventions (1.44).
 *
 * One struct ta_enrich per agent; it remembers the path segments it has seen,
 * so that names stay low in cardinality.  Not thread safe.
 */
#ifndef TA_EXPORT_ENRICH_H
#define TA_EXPORT_ENRICH_H

#include "runtime/agent/model.h"
#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"
#include "runtime/wire/config.h"

struct ta_enrich;

/* An attribute under its final name: prefix and name together.  Strings need not be
 * terminated nor valid UTF-8 (the encoder takes care); they live until the next call
 * for a span. */
struct ta_out_attr {
	const char *prefix; /* a literal such as "tagalong.tag.", or NULL */
	const char *name;
	uint32_t prefix_bytes, name_bytes;
	uint8_t type; /* enum ta_attr_type */
	bool plain_name; /* known to need no escape in JSON */
	int64_t number;
	double real;
	const char *text; /* STRING, BYTES, JSON */
	uint32_t text_bytes;
};

#define TA_OUT_ATTRS_MAX 128 /* OpenTelemetry's limits */
#define TA_OUT_EVENTS_MAX 128
#define TA_OUT_LINKS_MAX 128

enum ta_out_event_kind {
	TA_OUT_RECORDED = 1, /* by the program */
	TA_OUT_EXCEPTION,    /* the error that ended the span */
	TA_OUT_CRUMB,	     /* a breadcrumb of the span's scopes */
};

struct ta_limits;

/* One event of a span; its attributes are read with ta_out_walk_next(). */
struct ta_out_event {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	const char *name;
	uint32_t name_bytes;
	uint8_t kind;	   /* enum ta_out_event_kind */
	const char *attrs; /* a row as in records */
	uint32_t attr_bytes;
	struct ta_limits *limits; /* OTEL_*_LIMIT; NULL: none */
};

struct ta_out_link {
	uint64_t trace_hi, trace_lo, span_id;
	const char *attrs;
	uint32_t attr_bytes;
	struct ta_limits *limits;
};

struct ta_out_span {
	char name[256];
	uint32_t name_bytes;
	int kind;   /* OTLP SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
	int status; /* OTLP StatusCode: 0 unset, 1 ok, 2 error */
	char status_message[256];
	char trace_state[520];
	uint32_t attr_count, event_count, link_count;
	uint32_t dropped_attrs, dropped_events, dropped_links;
	struct ta_out_attr attrs[TA_OUT_ATTRS_MAX];
	struct ta_out_event events[TA_OUT_EVENTS_MAX]; /* by time */
	struct ta_out_link links[TA_OUT_LINKS_MAX];
};

/* A walk over the attributes of an event or a link. */
struct ta_out_walk {
	const char *cursor, *end;
	uint8_t kind;		     /* enum ta_out_event_kind; 0: a link */
	struct ta_json_walk members; /* of a JSON object that holds several */
	bool in_members;
	char key[256]; /* a member's name, where it had escapes */
	struct ta_limits *limits;
	uint32_t count;	  /* attributes so far */
	uint32_t dropped; /* by limits; known when the walk has ended */
};

/* config and its strings must outlive the result.  NULL when out of memory. */
struct ta_enrich *ta_enrich_new(const struct ta_config *config);
void ta_enrich_free(struct ta_enrich *enrich);

/* What was wrong with the configuration, one sentence each, for the agent's log:
 * number index, or NULL after the last. */
const char *ta_enrich_warning(const struct ta_enrich *enrich, size_t index);

void ta_enrich_span(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out);

/* The same with all attributes in full, whatever OTEL_*_LIMIT say of them: for rules. */
void ta_enrich_span_in_full(struct ta_enrich *enrich, const struct ta_span *span,
			    struct ta_out_span *out);

/* Only name, kind and status: what belongs to its type, without what the program added. */
void ta_enrich_name(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out);

/* Whether that ends with status error, for a fraction of the price. */
bool ta_enrich_failed(struct ta_enrich *enrich, const struct ta_span *span);

/* The attributes of an event or a link, one by one; each lives until the next. */
void ta_out_event_walk(const struct ta_out_event *event, struct ta_out_walk *walk);
void ta_out_link_walk(const struct ta_out_link *link, struct ta_out_walk *walk);
bool ta_out_walk_next(struct ta_out_walk *walk, struct ta_out_attr *ret_attr);

/* An entry of a scope as an attribute under prefix (a literal) and its key. */
void ta_out_entry(struct ta_out_attr *attr, const char *prefix, uint32_t prefix_bytes,
		  const struct ta_entry *entry);
/* One of a user's entries under OpenTelemetry's names; false when it is to be left out. */
bool ta_out_user(struct ta_out_attr *attr, const struct ta_entry *entry);

/* ---- what a process says about itself; process may be NULL (not known) ---- */

/* Its resource attributes one by one: a text, or a number where text is NULL. */
typedef void ta_resource_fn(void *user, const char *key, const char *text, int64_t number);
void ta_enrich_resource_walk(struct ta_enrich *enrich, const struct ta_process *process,
			     ta_resource_fn *one, void *user);

/* Encoded once per process: the inside of a JSON array of KeyValue, and the fields
 * attributes (1) of a protobuf Resource. */
void ta_enrich_resource_json(struct ta_enrich *enrich, const struct ta_process *process,
			     struct ta_buf *buf);
void ta_enrich_resource_pb(struct ta_enrich *enrich, const struct ta_process *process,
			   struct ta_buf *buf);

/* service.name; "" when out of memory.  Lives until the next call for any process. */
const char *ta_enrich_service_name(struct ta_enrich *enrich, const struct ta_process *process);

/* One textual attribute (service.version, deployment.environment.name ...) as a terminated
 * copy, cut between characters to size; false when it is not there. */
bool ta_enrich_resource_text(struct ta_enrich *enrich, const struct ta_process *process,
			     const char *key, char *out, size_t size);

#endif
