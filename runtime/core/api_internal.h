/* SPDX-License-Identifier: MIT */
/*
 * api_internal.h - what the rooms of the public API share.
 *
 * Functions that open or close something work inside the guard; those that only
 * publish may interrupt themselves (a signal handler) and work without it.
 */
#ifndef TA_CORE_API_INTERNAL_H
#define TA_CORE_API_INTERNAL_H

#include <errno.h>

#include "runtime/core/block.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/text.h"
#include "runtime/core/thread.h"
#include "runtime/include/tagalong.h"
#include "runtime/protocol/json.h"

/* What a call answers that cannot record: nothing, if nobody wanted records. */
static inline int ta_api_nowhere(void)
{
	return ta_runtime.enabled ? -ENOBUFS : 0;
}

/* The thread's state inside the guard, or NULL.  stack: an address in the frame of
 * the function that the program has called. */
static inline struct ta_thread *ta_api_thread(bool inside, uintptr_t stack)
{
	struct ta_thread *thread = inside ? ta_thread_self() : NULL;

	if (thread && __builtin_expect(thread->stack->innermost_block != 0, 0) &&
	    ta_tls.level == 0 && stack > thread->stack->innermost_block)
		ta_block_heal_slow(thread, stack);
	return thread;
}

#define TA_API_ENTER(thread)                                                                       \
	const bool ta_inside __attribute__((cleanup(ta_guard_drop))) =                             \
		ta_guard_take((uintptr_t)__builtin_frame_address(0));                              \
	struct ta_thread *thread = ta_api_thread(ta_inside, (uintptr_t)__builtin_frame_address(0))

static inline struct ta_text ta_api_text(const char *text, uint32_t max)
{
	return (struct ta_text){ .text = text, .bytes = ta_text_bytes(text, max) };
}

/* A JSON text of one kind (TA_JSON_NONE: any).  0, -EINVAL or -E2BIG (counted); NULL is
 * 0 bytes. */
int ta_api_json(const char *text, enum ta_json_kind kind, struct ta_text *ret_text);

/* The cell that a scope handle or a role means now; 0: none. */
uint64_t ta_api_cell(struct ta_thread *thread, tagalong_scope_t scope);

/* ---- the table's functions (docstrings: runtime/include/tagalong.h) ---- */

tagalong_scope_t ta_api_scope_get(tagalong_scope_t role);
int ta_api_scope_set(tagalong_scope_t scope, enum tagalong_scope_field field, const char *key,
		     const char *value);
int ta_api_scope_set_attribute(tagalong_scope_t scope, const char *key,
			       const struct tagalong_value *value);
int ta_api_scope_set_level(tagalong_scope_t scope, enum tagalong_level level);
int ta_api_scope_add_breadcrumb(tagalong_scope_t scope, const struct tagalong_breadcrumb *crumb);
int ta_api_scope_clear(tagalong_scope_t scope, int breadcrumbs_only);
tagalong_scope_t ta_api_scope_fork(tagalong_scope_t scope);
int ta_api_scope_free(tagalong_scope_t scope);

void ta_api_span_begin(tagalong_span_t *ret_span, const char *name,
		       const struct tagalong_span_options *options, enum tagalong_span_use use,
		       const void *block);
int ta_api_span_end(int failed, const char *type, const char *message);
int ta_api_span_finish(const tagalong_span_t *span);
int ta_api_span_enter(const tagalong_span_t *span, const void *block);
int ta_api_span_leave(int failed, const char *type, const char *message);
void ta_api_span_get(tagalong_span_t *ret_span, int root);
int ta_api_span_session(const tagalong_span_t *span, char *id, size_t id_size, char *name,
			size_t name_size);

int ta_api_span_set(const tagalong_span_t *span, const char *key,
		    const struct tagalong_value *value);
int ta_api_span_set_name(const tagalong_span_t *span, const char *name);
int ta_api_span_set_status(const tagalong_span_t *span, enum tagalong_status status,
			   const char *message);
int ta_api_span_set_error(const tagalong_span_t *span, const char *type, const char *message);
int ta_api_span_add_event(const tagalong_span_t *span, const char *name, const char *attributes);
int ta_api_span_add_link(const tagalong_span_t *span, const tagalong_span_t *to);
int ta_api_span_set_tag(const tagalong_span_t *span, int of, const char *key, const char *value);

#endif
