/* SPDX-License-Identifier: MIT */
/*
 * enrich_failed.c - whether a span will be exported with status error.
 *
 * Sampling asks that of every span of a trace before anything is encoded.  The parts of
 * ta_enrich_span() that decide about status run here in the same order, and nothing
 * else does, so the answers are the same.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

bool ta_enrich_failed(struct ta_enrich *enrich, const struct ta_span *span)
{
	struct ta_facts facts;
	struct ta_out_span out; /* large, and hardly touched */

	ta_facts_collect(span, &facts);
	out.attr_count = out.dropped_attrs = 0;
	ta_status_begin(&facts, &out);
	if (span->type == TA_SPAN_HTTP_SERVER)
		ta_http_status(enrich, span, &facts, &out);
	else if (span->type == TA_SPAN_CONNECTION)
		ta_connection_status(enrich, span, &facts, &out);
	ta_facts_exceptions(span, &facts);
	ta_status_end(span, &facts, &out);
	return out.status == TA_STATUS_ERROR;
}
