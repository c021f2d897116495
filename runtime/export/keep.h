/* SPDX-License-Identifier: MIT */
/*
 * keep.h - tail sampling: which complete traces go to a destination.
 *
 * A rule is a list of conditions, one of which has to hold (TAGALONG_KEEP in
 * docs/sampling.md):
 *
 *     errors            a span of the trace failed, or an error was captured in it
 *     slow:250ms        a local root took at least that long (ms, s, us; no unit is ms)
 *     rate:0.05         that share of traces, consistent by trace id
 *     tag:key=value     a span has that tag (or attribute); * and ? in the value
 *     name:pattern      a local root has a name like that
 *     service:pattern   its service.name is like that
 *     all, none
 *
 * Whole traces are at hand.  Of a trace that goes out in parts every part is decided by
 * itself, and once a part was kept the later ones are (remembered for the last
 * TA_KEEP_REMEMBERED such traces).
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_KEEP_H
#define TA_EXPORT_KEEP_H

#include "runtime/agent/model.h"
#include "runtime/export/enrich.h"

#define TA_KEEP_REMEMBERED 4096u

struct ta_keep;

/* text: a rule; empty keeps all.  What is not understood is described in error (a sentence:
 * what, and what is allowed), and then everything is kept, so that nothing is lost by a
 * typing error.  NULL when out of memory. */
struct ta_keep *ta_keep_new(const char *text, char *error, size_t error_bytes);
void ta_keep_free(struct ta_keep *keep);

/* Keeps everything: the walk need not ask. */
bool ta_keep_is_all(const struct ta_keep *keep);

/* Whether the trace with these spans (of one batch, one trace) is kept. */
bool ta_keep_trace(struct ta_keep *keep, struct ta_enrich *enrich, struct ta_span *const *spans,
		   uint32_t count);

/* An error was captured in this trace: an `errors` rule keeps it from now on. */
void ta_keep_note_error(struct ta_keep *keep, uint64_t trace_hi, uint64_t trace_lo);

#endif
