/* SPDX-License-Identifier: MIT */
/*
 * sentry_internal.h - what the files of the Sentry encoder share.
 *
 * sentry.c is the sink and its sampling; sentry_trace.c puts spans into transactions,
 * sentry_transaction.c writes those, sentry_span.c one span, sentry_kind.c says what it is; sentry_event.c writes events,
 * sentry_stack.c exceptions and stacks, sentry_own.c what a program's own event brings,
 * sentry_log.c logs; sentry_scope.c what scopes hold; sentry_envelope.c envelopes.  Nothing else includes this.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_SENTRY_INTERNAL_H
#define TA_EXPORT_SENTRY_INTERNAL_H

#include "runtime/export/sentry.h"
#include "runtime/export/sentry_json.h"
#include "runtime/export/stack.h"

#define TA_SENTRY_SDK "{\"name\":\"tagalong.native\",\"version\":\"" TA_VERSION "\"}"
#define TA_SENTRY_ITEM_BYTES ((1u << 20) - (16u << 10)) /* of a payload; the limit is 1 MiB */
#define TA_SENTRY_SPANS_MAX 1000u /* in one transaction, besides itself */
#define TA_SENTRY_SPAN_BYTES (64u << 10) /* of one span, before its texts are cut */
#define TA_SENTRY_LOGS_MAX 100u /* in one item */

/* What is left out of something that is too large; the first is everything. */
struct ta_sentry_shrink {
	const char *said; /* what is missing, for people; NULL: nothing */
	size_t text_bytes; /* longest text */
	uint32_t crumbs, entries; /* at most so many: the newest, the first */
	bool no_crumb_data, no_extras, no_rest; /* rest: contexts and what few people read */
	const char *stack_said; /* what of stacks is missing, for people; or NULL */
	struct ta_stack_cut stack;
};
#define TA_SENTRY_SHRINKS 5u
extern const struct ta_sentry_shrink ta_sentry_shrinks[TA_SENTRY_SHRINKS];

struct ta_sentry_traces; /* sentry_trace.c */

/* What a process is, made once for a batch. */
struct ta_sentry_process {
	const struct ta_process *process;
	struct ta_buf contexts; /* ,"name":{...} */
};

struct ta_sentry {
	struct ta_sink sink;
	struct ta_enrich *enrich;
	struct ta_sentry_options options;
	void (*dropped)(void *user, enum ta_drop why, const struct ta_message_head *what);
	void *user;

	struct ta_buf address;	/* "dsn":"..." of envelope headers; or nothing */
	struct ta_buf standing; /* "platform": ... members of every event */
	struct ta_buf contexts; /* "os":{...},"device":{...} */
	char server_name[256];
	uint64_t threshold, error_threshold; /* of sampling */
	double share;			     /* of all traces that goes to Sentry */
	uint64_t share_threshold;
	char share_text[32];

	const struct ta_batch *batch;
	struct ta_messages done; /* of this batch */
	struct ta_sentry_process process;
	struct ta_sentry_traces *traces;
	struct ta_message_head left_out, left_out_events; /* by sampling, of this batch */
	struct ta_buf payload;
	struct ta_buf extras; /* that an event brings */
	struct ta_buf logs; /* inside of an item */
	uint32_t log_count;
	uint64_t log_time_ns;
	bool failed;
};

/* ---- sentry_scope.c: members behind what is there; each writes nothing when empty ---- */

void ta_sentry_put_tags(struct ta_buf *buf, const struct ta_entry *tags, uint32_t count,
			const struct ta_sentry_shrink *shrink);
void ta_sentry_put_user(struct ta_buf *buf, const struct ta_event_data *data,
			const struct ta_sentry_shrink *shrink);
/* The scopes' and the event's own contexts but "trace", then the sink's own where there is
 * none of that name. */
void ta_sentry_put_contexts(struct ta_sentry *sentry, struct ta_buf *buf,
			    const struct ta_process *process, const struct ta_event_data *data,
			    const struct ta_sentry_shrink *shrink);
/* With what was left out.  more: members of its own behind them; or NULL. */
void ta_sentry_put_extras(struct ta_buf *buf, const struct ta_event_data *data,
			  const struct ta_buf *more, const struct ta_sentry_shrink *shrink);
void ta_sentry_put_crumbs(struct ta_buf *buf, const struct ta_event_data *data,
			  const struct ta_sentry_shrink *shrink);
void ta_sentry_put_fingerprint(struct ta_buf *buf, const struct ta_event_data *data,
			       const struct ta_sentry_shrink *shrink);
/* Contexts that every event has: made once. */
void ta_sentry_make_contexts(struct ta_buf *buf, const char *server_name);

/* ---- sentry_span.c ---- */

/* How it went, in Sentry's words. */
const char *ta_sentry_status(const struct ta_span *span, const struct ta_out_span *out);
/* contexts.trace of a transaction, with braces. */
void ta_sentry_put_trace(struct ta_buf *buf, const struct ta_span *span,
			 const struct ta_out_span *out, int64_t wall_offset_ns);
/* An element of spans; parent_id: the one that it has in its transaction. */
void ta_sentry_put_span(struct ta_buf *buf, const struct ta_span *span,
			const struct ta_out_span *out, uint64_t parent_id, int64_t wall_offset_ns);
/* "tags" of a span, as enriched. */
void ta_sentry_put_span_tags(struct ta_buf *buf, const struct ta_out_span *out);
/* sentry_kind.c: "op" and "origin" of a span; its "description". */
void ta_sentry_put_kind(struct ta_buf *buf, const struct ta_span *span,
			const struct ta_out_span *out);
void ta_sentry_put_description(struct ta_buf *buf, const struct ta_span *span,
			       const struct ta_out_span *out);
const struct ta_out_attr *ta_sentry_find(const struct ta_out_span *out, const char *name);

/* ---- sentry_trace.c ---- */

struct ta_sentry_traces *ta_sentry_traces_new(void);
void ta_sentry_traces_free(struct ta_sentry_traces *traces);
void ta_sentry_traces_add(struct ta_sentry *sentry, const struct ta_span *span,
			  const struct ta_out_span *out);
void ta_sentry_traces_end(struct ta_sentry *sentry); /* of one trace */
void ta_sentry_traces_reset(struct ta_sentry *sentry); /* nothing of them goes out */

/* ---- sentry_transaction.c ---- */

/* One that is being filled: the span that it stands for, and spans below it. */
struct ta_sentry_transaction {
	struct ta_buf trace; /* contexts.trace */
	struct ta_buf common; /* members of all its parts */
	struct ta_buf first; /* members of its first part */
	struct ta_buf contexts; /* of all parts, behind trace */
	struct ta_buf spans;
	struct ta_buf name; /* in quotes */
	struct ta_buf kind; /* op and origin */
	uint64_t trace_hi, trace_lo, span_id;
	uint64_t start_ns, end_ns; /* Unix; of a further part those of its spans */
	uint64_t part_span_id; /* what the spans of this part hang below */
	uint32_t part, count; /* number of the part; spans in it besides itself */
	const char *status;
	bool low_cardinality; /* of its name */
};

void ta_sentry_transaction_open(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction,
				const struct ta_span *span, const struct ta_out_span *out);
/* Adds a span; closes the part before when it is full.  parent_part: where its parent is. */
void ta_sentry_transaction_add(struct ta_sentry *sentry, struct ta_sentry_transaction *transaction,
			       const struct ta_span *span, const struct ta_out_span *out,
			       uint32_t parent_part);
/* Makes a message of the part. */
void ta_sentry_transaction_close(struct ta_sentry *sentry,
				 struct ta_sentry_transaction *transaction);
void ta_sentry_transaction_fini(struct ta_sentry_transaction *transaction);

/* ---- sentry_stack.c: own are the members that are there already (ta_sentry_own_member) ---- */

/* exception, threads, debug_meta, as far as there is anything of them. */
void ta_sentry_put_stacks(struct ta_buf *buf, const struct ta_event *event,
			  const struct ta_event_data *data, unsigned int own,
			  const struct ta_sentry_shrink *shrink);

/* ---- sentry_event.c, sentry_own.c, sentry_log.c ---- */

void ta_sentry_event(struct ta_sentry *sentry, const struct ta_event *event,
		     const struct ta_event_data *data);

/* The JSON of a program's own event; empty for other events. */
struct ta_json_slice ta_sentry_own_json(const struct ta_event *event);
/* Members that no scope has, in the form that the schema has: exceptions, stacks, request
 * ...; what it does not know goes to extras, as the inside of an object.  timestamp etc.
 * are left to the caller: a member that was written is a bit of the result. */
enum ta_sentry_own_member {
	TA_SENTRY_OWN_TIMESTAMP = 1,
	TA_SENTRY_OWN_RELEASE = 2,
	TA_SENTRY_OWN_ENVIRONMENT = 4,
	TA_SENTRY_OWN_SERVER_NAME = 8,
	TA_SENTRY_OWN_PLATFORM = 16,
	TA_SENTRY_OWN_EXCEPTION = 32,
	TA_SENTRY_OWN_THREADS = 64,
	TA_SENTRY_OWN_IMAGES = 128,
};
unsigned int ta_sentry_put_own(struct ta_buf *buf, struct ta_json_slice json,
			       struct ta_buf *extras, const struct ta_sentry_shrink *shrink);

void ta_sentry_log(struct ta_sentry *sentry, const struct ta_event *event,
		   const struct ta_event_data *data);
void ta_sentry_logs_close(struct ta_sentry *sentry);

/* ---- sentry_envelope.c ---- */

/* What the trace header says; trace_hi | trace_lo is 0: there is none. */
struct ta_sentry_envelope {
	uint64_t event_hi, event_lo; /* 0: none */
	uint64_t trace_hi, trace_lo;
	const struct ta_buf *transaction; /* its name in quotes, if low in cardinality; or NULL */
	bool transaction_sent;		  /* this is one: its trace is sampled, whoever decided */
	const char *type;		  /* of the item */
	const char *content_type;	  /* or NULL */
	uint32_t item_count;		  /* 0: not said */
};

/* A message of one item, behind those of the batch.  time_ns: Unix. */
void ta_sentry_message(struct ta_sentry *sentry, const struct ta_sentry_envelope *envelope,
		       const struct ta_message_head *head, const struct ta_buf *payload);

/* "dsn":"https://key@host/1"; nothing without one. */
void ta_sentry_put_dsn(struct ta_buf *buf, const struct ta_dsn *dsn);

/* Number, spread over 64 bits: ids out of ids. */
uint64_t ta_sentry_mix(uint64_t number);

static inline bool ta_sentry_takes(uint64_t number, uint64_t threshold)
{
	return (number & 0x00ffffffffffffffull) >= threshold;
}

#endif
