/* SPDX-License-Identifier: MIT */
/*
 * company.c - see company.h.
 *
 * The table is made of small sets.  A span id stands in an entry from when its texts are
 * complete until the request is answered; a reader that finds the same id before and behind
 * its copy has a good one, because no id comes twice.
 */
#include "runtime/core/company.h"

#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/arrival.h"
#include "runtime/core/context.h"
#include "runtime/core/process_carried.h"
#include "runtime/core/runtime.h"

#define SET 4u
#define BEING_FILLED UINT64_MAX

_Atomic uint32_t ta_company_count;

static struct ta_company *set_of(uint64_t span_id)
{
	uint32_t sets = ta_arena.company_count / SET;

	return &ta_arena.companies[(span_id >> 32) % sets * SET];
}

static struct ta_company *find(uint64_t span_id)
{
	struct ta_company *set = set_of(span_id);

	for (uint32_t at = 0; at < SET; at++)
		if (atomic_load_explicit(&set[at].span_id, memory_order_acquire) == span_id)
			return &set[at];
	return NULL;
}

static struct ta_company *claim(uint64_t span_id)
{
	struct ta_company *set = set_of(span_id);

	for (uint32_t at = 0; at < SET; at++) {
		uint64_t nobody = 0;

		if (atomic_compare_exchange_strong(&set[at].span_id, &nobody, BEING_FILLED)) {
			atomic_fetch_add(&ta_company_count, 1);
			return &set[at];
		}
	}
	ta_lost(TA_LOSS_INJECT);
	return NULL;
}

/* ---- what is worth keeping ---- */

static uint32_t usable(const char *text, size_t bytes, bool cut,
		       bool (*valid)(const char *text, size_t bytes))
{
	if (cut)
		bytes = ta_list_whole(text, bytes);
	return bytes && valid(text, bytes) ? (uint32_t)bytes : 0;
}

uint32_t ta_company_tracestate(const struct ta_http1_head *head)
{
	return usable(head->tracestate, head->tracestate_len,
		      head->cut & TA_HTTP1_CUT_TRACESTATE, ta_tracestate_valid);
}

static uint32_t baggage_of(const struct ta_http1_head *head)
{
	if (!(ta_runtime.propagators & TA_PROPAGATOR_BAGGAGE))
		return 0;
	return usable(head->baggage, head->baggage_len, head->cut & TA_HTTP1_CUT_BAGGAGE,
		      ta_baggage_valid);
}

/* ---- in and out ---- */

static void put_text(struct ta_company *company, uint32_t at, const char *text, uint32_t bytes)
{
	for (uint32_t done = 0; done < bytes; done += 8) {
		uint64_t word = 0;

		memcpy(&word, text + done, bytes - done < 8 ? bytes - done : 8);
		atomic_store_explicit(&company->words[(at + done) / 8], word,
				      memory_order_relaxed);
	}
}

void ta_company_keep(const struct ta_context *context, const struct ta_http1_head *head,
		     bool traced)
{
	uint32_t state = traced && head->tracestate_len ? ta_company_tracestate(head) : 0;
	uint32_t baggage = head->baggage_len ? baggage_of(head) : 0;
	struct ta_company *company;

	if ((state | baggage) == 0 || ta_runtime.propagate != TA_PROPAGATE_INJECT ||
	    (company = claim(context->span_id)) == NULL)
		return;
	atomic_store_explicit(&company->trace_hi, context->trace_hi, memory_order_relaxed);
	atomic_store_explicit(&company->trace_lo, context->trace_lo, memory_order_relaxed);
	atomic_store_explicit(&company->tracestate_bytes, state, memory_order_relaxed);
	atomic_store_explicit(&company->baggage_bytes, baggage, memory_order_relaxed);
	put_text(company, 0, head->tracestate, state);
	put_text(company, TA_HTTP1_TRACESTATE_MAX, head->baggage, baggage);
	atomic_store_explicit(&company->span_id, context->span_id, memory_order_release);
}

void ta_company_drop_slow(const struct ta_context *context)
{
	uint64_t span_id = context->span_id;
	struct ta_company *company = span_id ? find(span_id) : NULL;

	if (company && atomic_compare_exchange_strong(&company->span_id, &span_id, 0))
		atomic_fetch_sub(&ta_company_count, 1);
	if (context->parent_id)
		ta_arrival_drop(context);
}

static void copy(struct ta_company *company, struct ta_company_copy *out)
{
	uint32_t state = atomic_load_explicit(&company->tracestate_bytes, memory_order_relaxed);
	uint32_t baggage = atomic_load_explicit(&company->baggage_bytes, memory_order_relaxed);
	uint32_t first = TA_HTTP1_TRACESTATE_MAX / 8;

	out->tracestate_bytes = state <= TA_HTTP1_TRACESTATE_MAX ? state : 0;
	out->baggage_bytes = baggage <= TA_HTTP1_BAGGAGE_MAX ? baggage : 0;
	for (uint32_t at = 0; at * 8 < out->tracestate_bytes; at++)
		out->words[at] = atomic_load_explicit(&company->words[at], memory_order_relaxed);
	for (uint32_t at = 0; at * 8 < out->baggage_bytes; at++)
		out->words[first + at] =
			atomic_load_explicit(&company->words[first + at], memory_order_relaxed);
}

static bool of_request(uint64_t span_id, const struct ta_context *trace,
		       struct ta_company_copy *out)
{
	struct ta_company *company = find(span_id);

	if (company == NULL)
		return false;
	bool same = atomic_load_explicit(&company->trace_hi, memory_order_relaxed) ==
			    trace->trace_hi &&
		    atomic_load_explicit(&company->trace_lo, memory_order_relaxed) ==
			    trace->trace_lo;

	copy(company, out);
	atomic_thread_fence(memory_order_acquire);
	return same &&
	       atomic_load_explicit(&company->span_id, memory_order_relaxed) == span_id;
}

/* ---- what the program was started with ---- */

static void of_program(const struct ta_context *trace, struct ta_company_copy *out)
{
	const char *state, *baggage;
	uint32_t bytes;

	if (ta_runtime.remote.span_id == 0 || trace->trace_hi != ta_runtime.remote.trace_hi ||
	    trace->trace_lo != ta_runtime.remote.trace_lo)
		return;
	state = ta_carried_tracestate(&bytes);
	if (bytes <= TA_HTTP1_TRACESTATE_MAX) {
		memcpy(out->text, state ? state : "", bytes);
		out->tracestate_bytes = bytes;
	}
	baggage = ta_runtime.propagators & TA_PROPAGATOR_BAGGAGE ? ta_carried_baggage(&bytes) :
								   NULL;
	if (baggage == NULL)
		return;
	if (bytes > TA_HTTP1_BAGGAGE_MAX)
		bytes = (uint32_t)ta_list_whole(baggage, TA_HTTP1_BAGGAGE_MAX + 1);
	memcpy(out->text + TA_HTTP1_TRACESTATE_MAX, baggage, bytes);
	out->baggage_bytes = bytes;
}

void ta_company_of(uint64_t span_id, const struct ta_context *trace,
		   struct ta_company_copy *ret_copy)
{
	ret_copy->tracestate_bytes = ret_copy->baggage_bytes = 0;
	if (span_id == 0)
		of_program(trace, ret_copy);
	else if (atomic_load_explicit(&ta_company_count, memory_order_relaxed) == 0 ||
		 !of_request(span_id, trace, ret_copy))
		ret_copy->tracestate_bytes = ret_copy->baggage_bytes = 0;
}
