/* SPDX-License-Identifier: MIT */
/*
 * enrich_process.c - a program that was started, until it ends (OpenTelemetry semantic
 * conventions, "CLI programs").
 *
 * Runs: agent, one thread.
 */
#include "runtime/export/enrich_internal.h"

#include <stdio.h>

/* As recorded, else as the process is known; 0 bytes: not at all. */
static const char *executable_of(const struct ta_span *span, const struct ta_facts *facts,
				 uint32_t *ret_bytes)
{
	const char *name = ta_facts_text(facts, TA_ATTR_EXECUTABLE, ret_bytes);
	const char *exe = span->process ? span->process->exe : "", *slash;

	if (!name || !*ret_bytes) {
		name = exe;
		*ret_bytes = (uint32_t)strlen(exe);
	}
	slash = *ret_bytes ? memrchr(name, '/', *ret_bytes) : NULL;
	if (slash) {
		*ret_bytes -= (uint32_t)(slash + 1 - name);
		name = slash + 1;
	}
	return name;
}

/* Its exit status, unless that says that all was well. */
void ta_process_status(struct ta_enrich *enrich, const struct ta_facts *facts,
		       struct ta_out_span *out)
{
	int64_t status = ta_facts_int(facts, TA_ATTR_EXIT_STATUS);
	char *digits = status ? ta_scratch(enrich, 24) : NULL;

	if (!status)
		return;
	if (digits)
		snprintf(digits, 24, "%lld", (long long)status);
	ta_out_error(out, digits ? digits : "_OTHER");
}

void ta_enrich_process(struct ta_enrich *enrich, const struct ta_span *span,
		       const struct ta_facts *facts, struct ta_out_span *out)
{
	uint32_t bytes = 0;
	const char *name = executable_of(span, facts, &bytes);

	out->kind = 1;
	ta_out_name(out, bytes ? name : "process", bytes ? bytes : 7);
	if (bytes)
		ta_out_text(out, TA_NAME("process.executable.name"), name, bytes);
	if (span->process && span->process->pid)
		ta_out_int(out, TA_NAME("process.pid"), span->process->pid);
	ta_out_count(facts, TA_ATTR_EXIT_STATUS, out);
	ta_process_status(enrich, facts, out);
}
