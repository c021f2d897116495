/* SPDX-License-Identifier: MIT */
/*
 * traceparent.h - W3C trace context (level 2): reading and writing traceparent.
 *
 * Pure.  An invalid value is ignored as a whole: the trace starts anew.
 */
#ifndef TA_PROTOCOL_TRACEPARENT_H
#define TA_PROTOCOL_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TA_TRACEPARENT_BYTES 55

struct ta_traceparent {
	uint64_t trace_hi, trace_lo;
	uint64_t span_id;
	uint8_t flags; /* bit 0: sampled */
};

/* Whether text is a valid traceparent; *ret_parent is written only then. */
bool ta_traceparent_parse(const char *text, size_t bytes, struct ta_traceparent *ret_parent);

/* Writes TA_TRACEPARENT_BYTES characters and a NUL, version 00. */
void ta_traceparent_format(const struct ta_traceparent *parent, char *out);

#endif
