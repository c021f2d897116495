/* SPDX-License-Identifier: MIT */
/*
 * span.h - spans that belong to a thread's stack: the thread's own, a signal
 * delivery's, and those that the program opens.
 *
 * Parents are found by themselves: the innermost open span of the context, else
 * a new trace.  Runs: the owning thread, inside the guard or in its handlers.
 */
#ifndef TA_CORE_SPAN_H
#define TA_CORE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/thread.h"
#include "runtime/wire/record.h"

/* What a SPAN_START record is made of; attributes are added by the caller. */
struct ta_span_facts {
	const struct ta_context *context; /* trace, span id and scopes of the new span */
	uint64_t parent_id;
	uint64_t start_ns;
	const struct ta_context *link; /* NULL or a span that this one points at */
	enum ta_span_type type;
	uint8_t flags; /* enum ta_span_flags */
};

struct ta_emit;

/* Begins the record; the caller adds attributes and commits. */
bool ta_span_start_begin(struct ta_emit *emit, struct ta_thread *thread,
			 const struct ta_span_facts *facts, uint32_t attr_bytes);

/* New random ids for a root: trace and span. */
void ta_span_new_trace(struct ta_thread *thread, struct ta_context *context);

/* A span of the program: child of what is current, becomes current.  name_bytes
 * is bounded by the caller.  False: too deep or no room. */
bool ta_span_begin(struct ta_thread *thread, const char *name, uint32_t name_bytes);

/* Why a span failed; either part may be missing (0 bytes). */
struct ta_error {
	const char *type;
	const char *message;
	uint32_t type_bytes;
	uint32_t message_bytes;
};

/* Ends the innermost span that the program opened, with status ERROR when error
 * is not NULL.  False when there is none. */
bool ta_span_end(struct ta_thread *thread, const struct ta_error *error);

/* Ends the span of a frame that is being dropped. */
void ta_span_end_frame(struct ta_thread *thread, const struct ta_frame *frame,
		       enum ta_end_reason reason);

/* Sets (or with value NULL removes) a tag on the isolation scope that is current. */
int ta_scope_set_tag(struct ta_thread *thread, const char *key, uint32_t key_bytes,
		     const char *value, uint32_t value_bytes);

#endif
