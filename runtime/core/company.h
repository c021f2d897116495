/* SPDX-License-Identifier: MIT */
/*
 * company.h - what came with a request's trace and goes on with it: tracestate and baggage.
 *
 * Kept under the request's span id while it is not answered, in a table of fixed size; only
 * requests that had any are in it.  Whoever asks may come from another thread while the
 * request is answered: then there is nothing, never another request's.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#ifndef TA_CORE_COMPANY_H
#define TA_CORE_COMPANY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/protocol/baggage.h"
#include "runtime/protocol/http1.h"

#define TA_COMPANY_TEXT_MAX (TA_HTTP1_TRACESTATE_MAX + TA_HTTP1_BAGGAGE_MAX)

struct ta_context;

/* An entry of the table.  The text is written and read in words, because a reader may be
 * there while it goes. */
struct ta_company {
	_Atomic uint64_t span_id; /* 0: free */
	_Atomic uint64_t trace_hi, trace_lo;
	_Atomic uint32_t tracestate_bytes, baggage_bytes;
	_Atomic uint64_t words[TA_COMPANY_TEXT_MAX / 8];
};

/* A copy of one. */
struct ta_company_copy {
	uint32_t tracestate_bytes, baggage_bytes;
	union {
		char text[TA_COMPANY_TEXT_MAX]; /* tracestate, then baggage */
		uint64_t words[TA_COMPANY_TEXT_MAX / 8];
	};
};

/* Bytes of a head's tracestate that may be handed on; 0: none, or not valid. */
uint32_t ta_company_tracestate(const struct ta_http1_head *head);

/* A request has come; traced: it continues the trace that its tracestate is about. */
void ta_company_keep(const struct ta_context *context, const struct ta_http1_head *head,
		     bool traced);

/* Entries of this table and of arrival.h's: one look for both. */
extern _Atomic uint32_t ta_company_count __attribute__((visibility("hidden")));
void ta_company_drop_slow(const struct ta_context *context);

/* It is answered. */
static inline void ta_company_drop(const struct ta_context *context)
{
	if (__builtin_expect(atomic_load_explicit(&ta_company_count, memory_order_relaxed) != 0, 0))
		ta_company_drop_slow(context);
}

/* What goes on with requests of that trace that are made for that span, or, 0, for none. */
void ta_company_of(uint64_t span_id, const struct ta_context *trace,
		   struct ta_company_copy *ret_copy);

#endif
