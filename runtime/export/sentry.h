/* SPDX-License-Identifier: MIT */
/*
 * sentry.h - traces and events as Sentry envelopes: one sink for both.
 *
 * A trace becomes transactions: one for each span that is the first of its kind of work in
 * its process (a request, a signal, a thread or connection with nothing or only a thread
 * above it, an API span with nothing above it, whatever has its parent elsewhere: in another
 * process, in another batch), with the spans below it up to the next such one.  At most
 * 1,000 spans and 1 MiB in one transaction: the first ones of the batch's order stay, and the
 * rest follow in further transactions (never lost: split).  A further part stands below the
 * first one's span, under its name, with a span id that nobody recorded: of it, a message's
 * head counts the recorded spans only.  An event becomes an event item, a log a log item.
 * One event or transaction per envelope.
 *
 * Event ids are made of trace id, span id and part (of events: they are the recorded ones), so
 * that the same data encoded twice are one for Sentry.  Envelope headers without sent_at (message.h).  FACTS 3; Sentry developer
 * documentation: envelopes, event payloads, transactions.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_SENTRY_H
#define TA_EXPORT_SENTRY_H

#include "runtime/export/sink.h"
#include "runtime/export/target.h"

/* Not copied: what it points at outlives the sink. */
struct ta_sentry_options {
	const struct ta_dsn *dsn; /* public_key may be NULL (envelopes on disk without a DSN) */
	const char *release, *environment; /* release may be NULL */
	double sample_rate;	   /* of errors and messages, by their ids */
	double traces_sample_rate; /* of all traces, by their ids: the smaller one of it and */
	double trace_share; /* what head sampling leaves is sample_rate of the trace header */
};

/* enrich as in otlp_pb.h.  What sampling leaves out is counted in dropped() of the owner, or
 * NULL: once a batch and category, from end(), and only if that answers 0. */
struct ta_sink *ta_sentry_sink(struct ta_enrich *enrich, const struct ta_sentry_options *options,
			       void (*dropped)(void *user, enum ta_drop why,
					       const struct ta_message_head *what),
			       void *user);

/* ---- client reports: what was dropped, told to Sentry ---- */

/* Counts by reason and category since the last report.  Not locked: the owner does. */
struct ta_sentry_report {
	uint64_t counts[TA_DROPS + 1][TA_CATEGORIES]; /* [TA_DROPS]: network_error */
};

/* A dropped transaction also counts its spans and itself as spans (head.spans has both).
 * Reports are not reported.  Sentry wants no count of what was answered by 429: that is for
 * the caller to know. */
void ta_sentry_report_add(struct ta_sentry_report *report, unsigned int why,
			  const struct ta_message_head *what);
bool ta_sentry_report_any(const struct ta_sentry_report *report);
/* Appends the item (header line, payload, newline) and empties the report; out of memory
 * (buf->failed) it stays as it is.  time_ns: Unix. */
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
