/* SPDX-License-Identifier: MIT */
/*
 * enrich_status.c - how a span went.
 *
 * In this order: what the program said (its last word), the death of the process, how
 * the span ended or what its type makes of it, exceptions that were recorded.  A span
 * that the program called OK is OK, whatever happened.
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

static void set_message(struct ta_out_span *out, const char *text, size_t bytes)
{
	if (bytes >= sizeof(out->status_message))
		bytes = ta_utf8_cut(text, sizeof(out->status_message) - 1);
	if (bytes)
		memcpy(out->status_message, text, bytes);
	out->status_message[bytes] = '\0';
}

void ta_out_error(struct ta_out_span *out, const char *type)
{
	if (out->status == TA_STATUS_OK)
		return;
	out->status = TA_STATUS_ERROR;
	if (!ta_out_find(out, TA_NAME("error.type")))
		ta_out_text(out, TA_NAME("error.type"), type, strlen(type));
}

/* error.type of what was thrown, else of nothing in particular. */
static void add_error(const struct ta_facts *facts, struct ta_out_span *out)
{
	if (facts->exception && facts->exception_type_bytes && out->status != TA_STATUS_OK &&
	    !ta_out_find(out, TA_NAME("error.type")))
		ta_out_text(out, TA_NAME("error.type"), facts->exception_type,
			    facts->exception_type_bytes);
	ta_out_error(out, "_OTHER");
}

void ta_status_begin(const struct ta_facts *facts, struct ta_out_span *out)
{
	out->status_message[0] = '\0';
	out->status = ta_facts_int(facts, TA_ATTR_STATUS) == TA_STATUS_OK ? TA_STATUS_OK :
									    TA_STATUS_UNSET;
}

static void note_death(const struct ta_span *span, struct ta_out_span *out)
{
	static const char words[] = "process ended with the span open";

	if (span->end == TA_SPAN_HOST_DIED) {
		if (out->status != TA_STATUS_OK)
			set_message(out, words, sizeof(words) - 1);
		ta_out_error(out, "process_died");
	}
	if (span->end == TA_SPAN_HOST_DIED || span->end == TA_SPAN_GIVEN_UP ||
	    span->reason == TA_END_PROCESS_END)
		ta_out_bool(out, TA_NAME("tagalong.unfinished"), true);
}

void ta_status_end(const struct ta_span *span, const struct ta_facts *facts,
		   struct ta_out_span *out)
{
	bool failed = span->status == TA_STATUS_ERROR || facts->exception;

	note_death(span, out);
	if (ta_facts_int(facts, TA_ATTR_STATUS) == TA_STATUS_ERROR) {
		uint32_t bytes = 0;
		const char *message = ta_facts_text(facts, TA_ATTR_STATUS_MESSAGE, &bytes);

		set_message(out, message, bytes);
		add_error(facts, out);
	} else if (failed && out->status != TA_STATUS_OK) {
		if (facts->exception && !out->status_message[0])
			set_message(out, facts->exception_message, facts->exception_message_bytes);
		add_error(facts, out);
	} else if (span->status == TA_STATUS_OK && !out->status) {
		out->status = TA_STATUS_OK;
	}
}
