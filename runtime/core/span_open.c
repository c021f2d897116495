/* SPDX-License-Identifier: MIT */
/*
 * span_open.c - spans that the program opens: parent, trace, tags, scopes, record.
 *
 * A span that is not recorded, for want of room, still has its block, so that every
 * begin has its end.
 *
 * Runs: host threads inside the guard.  No locks, no heap.
 */
#include <string.h>

#include "runtime/core/block.h"
#include "runtime/core/clock.h"
#include "runtime/core/now.h"
#include "runtime/core/object.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/text.h"

#define DEFAULT_NAMESPACE "web" /* AppSignal's */

/* ---- parents ---- */

struct ta_context ta_span_root(struct ta_thread *thread)
{
	struct ta_context root = { 0 };
	struct ta_stack *stack = thread->stack;

	for (uint32_t at = stack->root_count; at > 0; at--)
		if (ta_object_context(stack->roots[at - 1], &root))
			return root;
	const struct ta_context *active = ta_context_active(thread);

	if (active->span_ref == 0)
		return *active;
	ta_object_context(ta_object_root(active->span_ref), &root);
	return root;
}

static void choose_parent(struct ta_thread *thread, const struct ta_span_request *request,
			  struct ta_context *ret_parent)
{
	const struct ta_context *active;

	if (request->extras && request->extras->has_parent) {
		*ret_parent = request->extras->parent;
	} else if (request->use == TA_USE_CREATE) {
		*ret_parent = ta_span_root(thread);
	} else {
		active = ta_context_active(thread);
		ta_context_set_span(ret_parent, active);
	}
	if (ret_parent->span_ref) /* its tags may have been set since it became active */
		ta_object_context(ret_parent->span_ref, ret_parent);
}

/* Ids of the new span: the parent's trace, or a new one. */
static void make_ids(struct ta_thread *thread, const struct ta_context *parent,
		     struct ta_context *span)
{
	if (parent->trace_hi == 0 && parent->trace_lo == 0) {
		ta_span_new_trace(thread, span);
		return;
	}
	ta_context_set_span(span, parent);
	span->parent_id = parent->span_id;
	span->span_id = ta_id_next(&thread->ids);
}

/* ---- what a span starts with ---- */

static void put_tags(struct ta_thread *thread, const char *const *tags, struct ta_context *span)
{
	for (; tags && tags[0] && tags[1]; tags += 2) {
		struct ta_change change = { .what = TA_SCOPE_TAG,
					    .key = tags[0],
					    .value = tags[1],
					    .key_bytes = ta_text_bytes(tags[0], TA_KEY_MAX),
					    .value_bytes = ta_text_bytes(tags[1], TA_VALUE_MAX) };

		if (change.key_bytes)
			ta_version_change(thread, &span->tags, &change);
	}
}

/* Root and session are the parent's, if it is one of the program's and open. */
static void adopt(uint64_t parent_ref, const struct ta_context *span)
{
	struct ta_object *object = ta_object_at(span->span_ref);
	uint64_t root = span->span_ref;
	uint32_t session = 0;

	if (parent_ref)
		ta_object_family(parent_ref, &root, &session);
	__atomic_store_n(&object->root, root, __ATOMIC_RELAXED);
	__atomic_store_n(&object->session, session, __ATOMIC_RELAXED);
}

static void fill_object(const struct ta_span_request *request, const struct ta_context *parent,
			const struct ta_context *span)
{
	const struct ta_span_extras *extras = request->extras;

	adopt(span->parent_id ? parent->span_ref : 0, span);
	if (span->parent_id == 0 && extras &&
	    extras->session_id.bytes + extras->session_name.bytes)
		__atomic_store_n(&ta_object_at(span->span_ref)->session,
				 ta_session_new(extras->session_id.text, extras->session_id.bytes,
						extras->session_name.text,
						extras->session_name.bytes),
				 __ATOMIC_RELAXED);
}

/* ---- frames and scopes ---- */

static void keep_scopes(struct ta_thread *thread, uint64_t span_ref)
{
	struct ta_object *object = ta_object_at(span_ref);
	uint32_t at = thread->stack->depth;

	object->isolation = ta_slot_share(ta_isolation_slot(thread, at));
	object->current = ta_slot_share(ta_current_slot(thread, at));
	object->scoped = true;
}

static void note_root(struct ta_stack *stack, uint64_t span_ref)
{
	if (stack->root_count == TA_ROOTS_MAX) {
		memmove(stack->roots, stack->roots + 1, sizeof(stack->roots) - sizeof(stack->roots[0]));
		stack->root_count--;
		stack->inherited_roots -= stack->inherited_roots > 0;
	}
	stack->roots[stack->root_count++] = span_ref;
}

static void push_block(struct ta_thread *thread, const struct ta_span_request *request,
		       const struct ta_context *span)
{
	bool empty = span->span_id == 0;
	struct ta_frame *frame = ta_context_push_span(
		thread, TA_FRAME_SPAN, empty ? ta_context_active(thread) : span);

	if (frame == NULL) {
		thread->stack->overflow++;
		return;
	}
	frame->block = request->block;
	if (request->block)
		thread->stack->innermost_block = request->block;
	frame->empty = empty;
}

/* Where the span stands; what it forks. */
static void take_place(struct ta_thread *thread, const struct ta_span_request *request,
		       const struct ta_context *span)
{
	if (request->use == TA_USE_BLOCK) {
		push_block(thread, request, span);
		return;
	}
	if (span->span_id == 0)
		return;
	if (request->use == TA_USE_PUSH) {
		ta_context_push_span(thread, TA_FRAME_PUSHED, span);
	} else if (request->use == TA_USE_CREATE && span->parent_id == 0) {
		note_root(thread->stack, span->span_ref);
	}
	keep_scopes(thread, span->span_ref);
}

/* ---- the record ---- */

static struct ta_text name_space_of(const struct ta_span_request *request,
				    const struct ta_context *span)
{
	struct ta_text name = { .text = DEFAULT_NAMESPACE, .bytes = sizeof(DEFAULT_NAMESPACE) - 1 };

	if (request->extras && request->extras->name_space.bytes)
		return request->extras->name_space;
	if (request->use != TA_USE_CREATE || span->parent_id != 0)
		name.bytes = 0;
	return name;
}

static const struct ta_span_extras no_extras;

static uint32_t extras_room(const struct ta_span_extras *extras)
{
	return TA_ATTR_ROOM(extras->op.bytes) + TA_ATTR_ROOM(extras->attributes.bytes) +
	       TA_ATTR_ROOM(extras->session_id.bytes) + TA_ATTR_ROOM(extras->session_name.bytes);
}

static void put_extras(struct ta_emit *emit, const struct ta_span_extras *extras, bool is_root)
{
	ta_emit_string(emit, TA_ATTR_OP, extras->op.text, extras->op.bytes);
	ta_emit_typed(emit, TA_ATTR_EVENT_JSON, TA_ATTR_JSON, extras->attributes.text,
		      extras->attributes.bytes);
	if (!is_root)
		return;
	ta_emit_string(emit, TA_ATTR_SESSION_ID, extras->session_id.text,
		       extras->session_id.bytes);
	ta_emit_string(emit, TA_ATTR_SESSION_NAME, extras->session_name.text,
		       extras->session_name.bytes);
}

/* Not what may be ended by another thread, or go there with its context. */
static bool is_of_thread(const struct ta_thread *thread, const struct ta_span_request *request)
{
	return request->use == TA_USE_BLOCK && thread->stack == &thread->own;
}

static void publish(struct ta_thread *thread, const struct ta_span_request *request,
		    const struct ta_context *span)
{
	const struct ta_span_extras *extras = request->extras ? request->extras : &no_extras;
	struct ta_text name_space = name_space_of(request, span);
	struct ta_span_facts facts = { .context = span,
				       .scopes = ta_versions_at(thread, thread->stack->depth),
				       .parent_id = span->parent_id,
				       .start_ns = ta_now_ns(),
				       .link = &extras->link,
				       .type = TA_SPAN_API,
				       .flags = is_of_thread(thread, request) ?
							TA_SPAN_OF_THREAD :
							0 };
	struct ta_emit emit;

	if (!ta_span_start_begin(&emit, thread, &facts,
				 TA_ATTR_ROOM(request->name.bytes) +
					 TA_ATTR_ROOM(name_space.bytes) + extras_room(extras)))
		return;
	ta_emit_string(&emit, TA_ATTR_NAME, request->name.text, request->name.bytes);
	ta_emit_string(&emit, TA_ATTR_NAMESPACE, name_space.text, name_space.bytes);
	if (request->extras)
		put_extras(&emit, extras, span->parent_id == 0);
	ta_emit_commit(&emit);
}

/* Ids and object; span_id 0 when there is no room for the span or its block. */
static void make_span(struct ta_thread *thread, const struct ta_span_request *request,
		      struct ta_context *ret_span)
{
	bool deep = request->use == TA_USE_BLOCK && thread->stack->depth + 1 >= TA_FRAMES_MAX;
	struct ta_context parent;

	choose_parent(thread, request, &parent);
	make_ids(thread, &parent, ret_span);
	ret_span->span_ref =
		deep ? 0 : ta_object_new(thread, ret_span, request->use == TA_USE_BLOCK);
	if (ret_span->span_ref == 0) {
		ret_span->span_id = 0;
		return;
	}
	fill_object(request, &parent, ret_span);
	if (request->extras && request->extras->tags) {
		put_tags(thread, request->extras->tags, ret_span);
		ta_object_at(ret_span->span_ref)->tags = ret_span->tags;
	}
}

static void publish_plain(struct ta_thread *thread, const char *name, uint32_t name_bytes,
			  const struct ta_frame *frame)
{
	struct ta_span_facts facts = { .context = &frame->context,
				       .scopes = ta_versions_at(thread, thread->stack->depth),
				       .parent_id = frame->context.parent_id,
				       .start_ns = ta_now_ns(),
				       .type = TA_SPAN_API,
				       .flags = thread->stack == &thread->own ? TA_SPAN_OF_THREAD :
										0 };
	struct ta_emit emit;

	if (!ta_span_start_begin(&emit, thread, &facts, TA_ATTR_ROOM(name_bytes)))
		return;
	ta_emit_string(&emit, TA_ATTR_NAME, name, name_bytes);
	ta_emit_commit(&emit);
}

/* Made in place in its frame. */
bool ta_span_open_plain(struct ta_thread *thread, const char *name, uint32_t name_bytes,
			struct ta_context *ret_span)
{
	struct ta_stack *stack = thread->stack;
	const struct ta_frame *below = &stack->frames[stack->depth];
	const struct ta_context *parent;

	if (below->kind == TA_FRAME_CONN || below->kind == TA_FRAME_PUSHED ||
	    (below->kind == TA_FRAME_BASE && thread->span_pending) || thread->spare_count == 0 ||
	    stack->depth + 1 >= TA_FRAMES_MAX)
		return false;
	parent = ta_context_active(thread);
	struct ta_frame *frame = ta_context_push_span(thread, TA_FRAME_SPAN, parent);
	struct ta_context *span = &frame->context;

	if ((parent->trace_hi | parent->trace_lo) == 0) {
		ta_span_new_trace(thread, span);
	} else {
		span->parent_id = parent->span_id;
		span->span_id = ta_id_next(&thread->ids);
		if (parent->span_ref)
			span->tags = atomic_load_explicit(&ta_object_at(parent->span_ref)->tags,
							  memory_order_relaxed);
	}
	uint64_t parent_ref = parent->span_ref;

	span->span_ref = ta_object_new(thread, span, true);
	adopt(parent_ref, span);
	publish_plain(thread, name, name_bytes, frame);
	ta_context_set_span(ret_span, span);
	return true;
}

void ta_span_open(struct ta_thread *thread, const struct ta_span_request *request,
		  struct ta_context *ret_span)
{
	ta_context_settle(thread);
	if (request->block && thread->stack->innermost_block)
		ta_block_begins(thread, request->block);
	ta_context_matters(thread);
	make_span(thread, request, ret_span);
	take_place(thread, request, ret_span);
	if (ret_span->span_id)
		publish(thread, request, ret_span);
}

void ta_span_enter(struct ta_thread *thread, const struct ta_context *span, uintptr_t block)
{
	struct ta_context ids = *span;

	ta_context_settle(thread);
	if (block && thread->stack->innermost_block)
		ta_block_begins(thread, block);
	struct ta_frame *frame = ta_context_push(thread, TA_FRAME_ENTER);

	if (frame == NULL) {
		thread->stack->overflow++;
		return;
	}
	frame->block = block;
	if (block)
		thread->stack->innermost_block = block;
	frame->hides = span->span_id == 0;
	if (span->span_ref == 0 || ta_object_context(span->span_ref, &ids))
		ta_context_set_span(&frame->context, &ids);
}
