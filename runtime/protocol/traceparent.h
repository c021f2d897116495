/* SPDX-License-Identifier: MIT */
/*
 * traceparent.h - W3C trace context (level 2): reading and writing traceparent; the same of
 * sentry-trace, which Sentry's SDKs send.
 *
 * Pure.  An invalid value is ignored as a whole: the trace starts anew.
 */
#ifndef TA_PROTOCOL_TRACEPARENT_H
#define TA_PROTOCOL_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TA_TRACEPARENT_BYTES 55
#define TA_SENTRY_TRACE_BYTES 51

struct ta_traceparent {
	uint64_t trace_hi, trace_lo;
	uint64_t span_id;
	uint8_t flags; /* bit 0: sampled */
	bool undecided; /* sentry-trace: nothing is said about that */
};

/* Whether text is a valid traceparent; *ret_parent is written only then. */
bool ta_traceparent_parse(const char *text, size_t bytes, struct ta_traceparent *ret_parent);

/* The same for <32 hex>-<16 hex>, and perhaps -0 or -1. */
bool ta_sentry_trace_parse(const char *text, size_t bytes, struct ta_traceparent *ret_parent);

/* Writes TA_SENTRY_TRACE_BYTES characters and a NUL. */
void ta_sentry_trace_format(const struct ta_traceparent *parent, char *out);

/* Writes TA_TRACEPARENT_BYTES characters and a NUL, version 00. */
void ta_traceparent_format(const struct ta_traceparent *parent, char *out);

#endif
