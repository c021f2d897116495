/* SPDX-License-Identifier: MIT */
/*
 * sentry.h - traces and events as Sentry envelopes: one sink for both.
 *
 * A trace becomes transactions: one for each span that is the first of its kind of work in
 * its process (a request, a signal, a thread or connection without a request above it, an
 * API span with nothing above it, whatever has its parent elsewhere), with the spans
 * below it up to the next such one; at most 1,000 spans in one transaction, the earliest
 * stay, and the rest follow in further transactions (never lost: split).  An event becomes an
 * event item, a log a log item.  One event or transaction per envelope.
 *
 * Event ids are made of trace id, span id and part, so that the same data encoded twice are
 * one for Sentry.  Envelope headers without sent_at (message.h).  FACTS 3; Sentry developer
 * documentation: envelopes, event payloads, transactions.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_SENTRY_H
#define TA_EXPORT_SENTRY_H

#include "runtime/export/sink.h"
#include "runtime/export/target.h"

struct ta_sentry_options {
	const struct ta_dsn *dsn; /* public_key may be NULL (envelopes on disk without a DSN) */
	const char *release, *environment; /* release may be NULL */
	double sample_rate;	   /* of errors and messages */
	double traces_sample_rate; /* of what goes to Sentry; for the trace header too */
	double trace_share; /* the share that head sampling leaves: for sample_rate of the trace header */
};

/* enrich as in otlp_pb.h.  What sampling leaves out is counted in dropped() of the owner. */
struct ta_sink *ta_sentry_sink(struct ta_enrich *enrich, const struct ta_sentry_options *options,
			       void (*dropped)(void *user, enum ta_drop why,
					       const struct ta_message_head *what),
			       void *user);

/* ---- client reports: what was dropped, told to Sentry ---- */

/* Counts by reason and category since the last report.  Not locked: the owner does. */
struct ta_sentry_report {
	uint64_t counts[TA_DROPS + 1][TA_CATEGORIES]; /* [TA_DROPS]: network_error */
};

/* A dropped transaction also counts its spans and itself as spans. */
void ta_sentry_report_add(struct ta_sentry_report *report, unsigned int why,
			  const struct ta_message_head *what);
bool ta_sentry_report_any(const struct ta_sentry_report *report);
/* Appends the item (header line, payload, newline) and empties the report.  time_ns: Unix. */
void ta_sentry_report_put(struct ta_sentry_report *report, uint64_t time_ns, struct ta_buf *buf);
/* An envelope with nothing but the report, as a message. */
void ta_sentry_report_message(struct ta_sentry_report *report, const struct ta_dsn *dsn,
			      uint64_t time_ns, struct ta_message *message);

/* ---- rate limits ---- */

struct ta_sentry_limits {
	uint64_t until_ns[TA_CATEGORIES]; /* by the agent's clock; [TA_CATEGORY_NONE]: all */
};

/* From an answer: X-Sentry-Rate-Limits if there is one (limits, or NULL); else, on a 429,
 * Retry-After (seconds or a date, or NULL), else 60 s.  The longer limit stays.  unix_ns:
 * the time, for a date. */
void ta_sentry_limits_read(struct ta_sentry_limits *state, const char *limits,
			   const char *retry_after, int status, uint64_t now_ns, uint64_t unix_ns);
bool ta_sentry_limited(const struct ta_sentry_limits *state, enum ta_category category,
		       uint64_t now_ns);

#endif
