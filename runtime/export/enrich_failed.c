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

void ta_type_status(struct ta_enrich *enrich, const struct ta_span *span,
		    const struct ta_facts *facts, struct ta_out_span *out)
{
	switch (span->type) {
	case TA_SPAN_HTTP_SERVER:
	case TA_SPAN_HTTP_CLIENT:
		ta_http_status(enrich, span, facts, out);
		break;
	case TA_SPAN_CONNECTION:
	case TA_SPAN_CONNECT:
	case TA_SPAN_TURN:
		ta_connection_status(enrich, span, facts, out);
		break;
	case TA_SPAN_COMMAND:
	case TA_SPAN_COMMAND_SERVER:
		ta_command_status(enrich, span, facts, out);
		break;
	case TA_SPAN_LOOKUP:
		ta_lookup_status(facts, out);
		break;
	case TA_SPAN_PROCESS:
		ta_process_status(enrich, facts, out);
		break;
	default:
		break;
	}
}

bool ta_enrich_failed(struct ta_enrich *enrich, const struct ta_span *span)
{
	struct ta_facts facts;
	struct ta_out_span out; /* large, and hardly touched */

	ta_facts_collect(span, &facts);
	out.attr_count = out.dropped_attrs = 0;
	ta_status_begin(&facts, &out);
	ta_type_status(enrich, span, &facts, &out);
	ta_facts_exceptions(span, &facts);
	ta_status_end(span, &facts, &out);
	return out.status == TA_STATUS_ERROR;
}
