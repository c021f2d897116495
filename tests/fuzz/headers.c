/* SPDX-License-Identifier: MIT */
/*
 * headers.c - fuzzes the values that traces travel in: traceparent, sentry-trace, tracestate, baggage.
 *
 * What was read is written as the same again; a list's certain part lies in it, and is
 * one that may be handed on, or nothing.
 */
#include "runtime/protocol/baggage.h"
#include "runtime/protocol/traceparent.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool is_same(const struct ta_traceparent *a, const struct ta_traceparent *b)
{
	return a->trace_hi == b->trace_hi && a->trace_lo == b->trace_lo && a->span_id == b->span_id;
}

static void parents(const char *text, size_t bytes)
{
	struct ta_traceparent parent = { 0 }, again = { 0 };
	char out[TA_TRACEPARENT_BYTES + TA_SENTRY_TRACE_BYTES + 1];

	if (ta_traceparent_parse(text, bytes, &parent)) {
		demand((parent.trace_hi | parent.trace_lo) != 0 && parent.span_id != 0);
		ta_traceparent_format(&parent, out);
		demand(ta_traceparent_parse(out, strlen(out), &again) && is_same(&parent, &again));
	}
	if (ta_sentry_trace_parse(text, bytes, &parent)) {
		ta_sentry_trace_format(&parent, out);
		demand(ta_sentry_trace_parse(out, strlen(out), &again) && is_same(&parent, &again));
	}
}

static void lists(const char *text, size_t bytes)
{
	size_t whole = ta_list_whole(text, bytes);

	demand(whole <= bytes);
	if (whole && ta_baggage_valid(text, bytes))
		demand(memchr(text, '=', bytes) != NULL);
	if (ta_tracestate_valid(text, bytes))
		demand(memchr(text, '=', bytes) != NULL && memchr(text, '\n', bytes) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes + 1); /* exactly: what is behind is not theirs */

	if (bytes)
		memcpy(text, data, bytes);
	parents(text, bytes);
	lists(text, bytes);
	free(text);
	return 0;
}
