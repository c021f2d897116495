/* SPDX-License-Identifier: MIT */
/*
 * result.h - from exported lines to a result.
 *
 * Everything is made of what the agent wrote; the facts of the inner process only
 * say which span id had which label, and answer the probes.
 *
 * Runs: the outer process, after program and agent have ended.
 */
#ifndef TESTS_CONFORMANCE_RESULT_H
#define TESTS_CONFORMANCE_RESULT_H

#include "tests/conformance/replay.h"

struct export
{
	const cJSON *scenario;
	cJSON *facts;
	cJSON *span_lines, *log_lines; /* arrays of the lines, which own what follows */
	cJSON *spans, *logs;	       /* arrays of references, in the order of the files */
};

/* ---- otlp.c ---- */

/* The lines of a file as an array of JSON; empty when there is no file. */
cJSON *otlp_lines(const char *path);
cJSON *otlp_spans(const cJSON *lines);
cJSON *otlp_logs(const cJSON *lines);
/* An AnyValue as plain JSON. */
cJSON *otlp_value(const cJSON *any);
uint64_t otlp_u64(const cJSON *object, const char *name);

/* ---- sorted.c ---- */

/* Attributes and events by what they mean: an object with any of tags, extra, user,
 * contexts, fingerprint, level, transaction, breadcrumbs, data, op, namespace, session,
 * session_name, errors, unfinished ... (sorted.c).  To be deleted. */
cJSON *sorted_new(const cJSON *record);
/* The attributes of a log: all that Tagalong does not add by itself. */
cJSON *sorted_plain(const cJSON *record);
/* Moves a member over, if it is there. */
void sorted_move(cJSON *sorted, const char *name, cJSON *to, const char *as);
/* Moves what scopes put on events and transactions. */
void sorted_move_scope(cJSON *sorted, cJSON *to);

/* ---- result.c ---- */

/* The label of a span id, or the id when the scenario did not name that span. */
const char *export_label(const struct export *export, const char *span_id);
/* As a member: label, or null for no span. */
void export_add_label(const struct export *export, cJSON *to, const char *as, const char *span_id);
bool export_unfinished(const cJSON *span);

/* ---- result_span.c, result_event.c ---- */

cJSON *result_transactions(const struct export *export);
cJSON *result_flushes(const struct export *export, const char *agent_log);
void result_recalled(const struct export *export, cJSON *result);
void result_events(const struct export *export, enum profile profile, cJSON *result);

#endif
