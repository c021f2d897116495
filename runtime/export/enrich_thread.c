/* SPDX-License-Identifier: MIT */
/*
 * enrich_thread.c - spans of threads and of signal deliveries.
 *
 * OpenTelemetry has conventions for neither; the names below tagalong.* are
 * documented in docs/.  Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <signal.h>
#include <stdio.h>

void ta_enrich_thread(struct ta_enrich *enrich, const struct ta_span *span,
		      const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes;
	const char *comm = ta_span_named(span, "thread.name", &bytes);
	int64_t tid = ta_facts_int(facts, TA_ATTR_THREAD_ID);
	char *start;

	out->kind = 1;
	ta_out_name(out, "thread", 6);
	if (comm && bytes) {
		ta_out_name(out, " ", 1);
		ta_out_name(out, comm, bytes);
	}
	if (!tid)
		tid = span->tid;
	if (tid)
		ta_out_int(out, TA_NAME("thread.id"), tid);
	if (!ta_facts_have(facts, TA_ATTR_START_ROUTINE) || !(start = ta_scratch(enrich, 24)))
		return;
	snprintf(start, 24, "0x%llx", (unsigned long long)ta_facts_int(facts, TA_ATTR_START_ROUTINE));
	ta_out_text(out, TA_NAME("tagalong.thread.start"), start, strlen(start));
}

/* "SIGUSR1", "SIGRTMIN+3"; a number that is no signal stays a number. */
static const char *signal_name(struct ta_enrich *enrich, int64_t number)
{
	const char *abbreviation =
		number > 0 && number < NSIG ? sigabbrev_np((int)number) : NULL;
	char *name = ta_scratch(enrich, 32);

	if (!name)
		return "unknown";
	if (abbreviation)
		snprintf(name, 32, "SIG%s", abbreviation);
	else if (number == SIGRTMIN)
		snprintf(name, 32, "SIGRTMIN");
	else if (number > SIGRTMIN && number <= SIGRTMAX)
		snprintf(name, 32, "SIGRTMIN+%d", (int)number - SIGRTMIN);
	else
		snprintf(name, 32, "%lld", (long long)number);
	return name;
}

void ta_enrich_signal(struct ta_enrich *enrich, const struct ta_facts *facts,
		      struct ta_out_span *out)
{
	int64_t number = ta_facts_int(facts, TA_ATTR_SIGNAL_NUMBER);
	const char *name = signal_name(enrich, number);

	out->kind = 1;
	ta_out_name(out, "signal ", 7);
	ta_out_name(out, name, strlen(name));
	ta_out_int(out, TA_NAME("tagalong.signal.number"), number);
	ta_out_text(out, TA_NAME("tagalong.signal.name"), name, strlen(name));
	ta_out_count(facts, TA_ATTR_SIGNAL_CODE, out);
	ta_out_count(facts, TA_ATTR_SIGNAL_SENDER_PID, out);
	if (ta_facts_have(facts, TA_ATTR_SIGNAL_JUMPED))
		ta_out_bool(out, TA_NAME("tagalong.signal.jumped_out"),
			    ta_facts_int(facts, TA_ATTR_SIGNAL_JUMPED) != 0);
	if (ta_facts_have(facts, TA_ATTR_THREAD_ID))
		ta_out_count(facts, TA_ATTR_THREAD_ID, out);
}
