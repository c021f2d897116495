/* SPDX-License-Identifier: MIT */
/*
 * span.h - spans: what every SPAN_START has in common, and those that the program
 * opens and ends.
 *
 * Parents are found by themselves: the innermost open span of the context, else
 * a new trace.  Runs: host threads inside the guard or in signal handlers.
 */
#ifndef TA_CORE_SPAN_H
#define TA_CORE_SPAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/core/publish.h"
#include "runtime/core/thread.h"
#include "runtime/wire/record.h"

/* What a SPAN_START record is made of; attributes are added by the caller. */
struct ta_span_facts {
	const struct ta_context *context; /* ids of the new span */
	struct ta_versions scopes;
	uint64_t parent_id;
	uint64_t start_ns;
	const struct ta_context *link; /* NULL or a span that this one points at */
	enum ta_span_type type;
	uint8_t flags; /* enum ta_span_flags */
};

/* Begins the record; the caller adds attributes and commits.  All fields by name: no call
 * to memset. */
__attribute__((always_inline)) static inline bool ta_span_start_begin(struct ta_emit *emit, struct ta_thread *thread,
				       const struct ta_span_facts *facts, uint32_t attr_bytes)
{
	if (!ta_emit_reserve(emit, thread,
			     (uint32_t)((sizeof(struct ta_record_span_start) + attr_bytes + 7u) & ~7u)))
		return false;
	struct ta_record_span_start *start = (void *)emit->record;

	emit->cursor = (char *)(start + 1);
	start->head = (struct ta_record){ .kind = TA_RECORD_SPAN_START, .seq = ++thread->seq };
	start->trace_hi = facts->context->trace_hi;
	start->trace_lo = facts->context->trace_lo;
	start->span_id = facts->context->span_id;
	start->parent_id = facts->parent_id;
	start->start_ns = facts->start_ns;
	start->isolation = facts->scopes.isolation;
	start->current = facts->scopes.current;
	start->tags = facts->context->tags;
	start->type = (uint8_t)facts->type;
	start->flags = (uint8_t)(facts->flags | (facts->context->flags & TA_SPAN_NOT_SAMPLED));
	memset(start->reserved, 0, sizeof(start->reserved));
	start->link_span_id = facts->link ? facts->link->span_id : 0;
	start->link_trace_hi = start->link_span_id ? facts->link->trace_hi : 0;
	start->link_trace_lo = start->link_span_id ? facts->link->trace_lo : 0;
	return true;
}

/* New random ids for a root: trace and span. */
static inline void ta_span_new_trace(struct ta_thread *thread, struct ta_context *context)
{
	context->trace_hi = ta_id_next(&thread->ids);
	context->trace_lo = ta_id_next(&thread->ids);
	context->span_id = ta_id_next(&thread->ids);
	context->parent_id = 0;
	context->span_ref = 0;
	context->tags = 0;
	context->flags = ta_sampling_flags(context->trace_lo, TA_PARENT_NONE);
}

/* Why a span failed; either part may be missing (0 bytes). */
struct ta_error {
	const char *type;
	const char *message;
	uint32_t type_bytes;
	uint32_t message_bytes;
};

/* Ends the span of a frame that goes: a block's or a signal handler's. */
void ta_span_close_frame(struct ta_thread *thread, const struct ta_frame *frame,
			 const struct ta_versions *scopes, enum ta_end_reason reason,
			 const struct ta_error *error);

/* ---- spans of the program ---- */

enum ta_span_use { TA_USE_BLOCK, TA_USE_PUSH, TA_USE_DETACHED, TA_USE_CREATE };

struct ta_text {
	const char *text;
	uint32_t bytes; /* 0: not given */
};

/* What few spans start with. */
struct ta_span_extras {
	bool has_parent;	  /* parent counts, also when its span_id is 0 (a root) */
	struct ta_context parent; /* ids only */
	struct ta_context link;
	struct ta_text op, attributes, name_space, session_id, session_name;
	const char *const *tags; /* key, value, ..., NULL */
};

/* A request for a span; texts are checked and bounded by the caller. */
struct ta_span_request {
	enum ta_span_use use;
	struct ta_text name;
	const struct ta_span_extras *extras; /* or NULL */
	uintptr_t block;
};

/* The common case, a block with a name and nothing else.  False: it is another case, and
 * nothing was done. */
bool ta_span_open_plain(struct ta_thread *thread, const char *name, uint32_t name_bytes,
			struct ta_context *ret_span);

/* Opens it; *ret_span gets its ids and object, span_id 0 when it could not be
 * recorded (counted). */
void ta_span_open(struct ta_thread *thread, const struct ta_span_request *request,
		  struct ta_context *ret_span);

/* Ends the innermost block's span.  False: there is none. */
bool ta_span_end_block(struct ta_thread *thread, const struct ta_error *error);

/* Ends an open span wherever it is.  False: it is over. */
bool ta_span_finish(struct ta_thread *thread, uint64_t span_ref);

/* Makes a span active in a block that leave ends.  span: ids; span_id 0 hides what is
 * active; an object that is over changes nothing. */
void ta_span_enter(struct ta_thread *thread, const struct ta_context *span, uintptr_t block);
bool ta_span_leave(struct ta_thread *thread);

/* The root of what is current; span_id 0: none. */
struct ta_context ta_span_root(struct ta_thread *thread);

#endif
