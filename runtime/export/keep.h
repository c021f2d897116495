/* SPDX-License-Identifier: MIT */
/*
 * keep.h - tail sampling: which complete traces go to a destination.
 *
 * A rule is a list of conditions, one of which has to hold (TAGALONG_KEEP in
 * docs/sampling.md):
 *
 *     errors            a span of the trace failed, or an error was captured in it
 *     slow:250ms        a local root took at least that long (ms, s, us; no unit is ms)
 *     rate:0.05         that share of all traces, consistent by trace id (sampler.h)
 *     tag:key=value     a span has that tag (or attribute); * and ? in the value
 *     name:pattern      a local root has a name like that
 *     service:pattern   a program of the trace has a service.name like that
 *     all, none
 *
 * A local root is a request, a connection, or a span without a parent in its program.  Keys
 * and patterns may be percent-encoded, so that they can hold commas.  Attributes are looked at
 * in full, whatever OTEL_*_LIMIT leave of them.
 *
 * Whole traces are at hand.  Of a trace that goes out in parts every part is decided by
 * itself, and once a part was kept the later ones are: the last TA_KEEP_REMEMBERED traces are
 * remembered of which a part was kept for other reasons than rate while spans were still
 * open, and as many in which an error was captured.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_KEEP_H
#define TA_EXPORT_KEEP_H

#include "runtime/agent/model.h"
#include "runtime/export/enrich.h"

#define TA_KEEP_REMEMBERED 4096u

struct ta_keep;

/* text: a rule; empty keeps all.  variable: where it comes from.  What is not understood is
 * described in error (a sentence: the variable, what, and what is allowed; "" when all is
 * well), and then everything is kept, so that nothing is lost by a typing error.  NULL when
 * out of memory. */
struct ta_keep *ta_keep_new(const char *variable, const char *text, char *error,
			    size_t error_bytes);
void ta_keep_free(struct ta_keep *keep);

/* Keeps everything: the walk need not ask. */
bool ta_keep_is_all(const struct ta_keep *keep);

/* Whether the trace with these spans (of one batch, one trace) is kept. */
bool ta_keep_trace(struct ta_keep *keep, struct ta_enrich *enrich, struct ta_span *const *spans,
		   uint32_t count);

/* An error was captured in this trace: an `errors` rule keeps it from now on. */
void ta_keep_note_error(struct ta_keep *keep, uint64_t trace_hi, uint64_t trace_lo);

#endif
