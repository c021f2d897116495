/* SPDX-License-Identifier: MIT */
/*
 * api.c - the table behind tagalong.h; blocks, captures, contexts, hubs, delivery.
 *
 * Runs: any host thread, inside the guard while it works.  errno is put back.
 */
#include "runtime/core/api_internal.h"
#include "runtime/core/ask.h"
#include "runtime/core/capture.h"
#include "runtime/core/conn.h"
#include "runtime/core/coroutine.h"
#include "runtime/core/handover.h"
#include "runtime/core/hub.h"

/* ---- blocks ---- */

static int block_push(enum tagalong_block kind, const void *block)
{
	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	if (kind != TAGALONG_BLOCK_SCOPE && kind != TAGALONG_BLOCK_ISOLATION)
		return -EINVAL;
	return ta_block_push(thread,
			     kind == TAGALONG_BLOCK_SCOPE ? TA_FRAME_SCOPE : TA_FRAME_ISOLATION,
			     (uintptr_t)block) ?
		       0 :
		       -ENOBUFS;
}

static int block_pop(enum tagalong_block kind)
{
	static const enum ta_frame_kind kinds[] = { [TAGALONG_BLOCK_SCOPE] = TA_FRAME_SCOPE,
						    [TAGALONG_BLOCK_ISOLATION] = TA_FRAME_ISOLATION,
						    [TAGALONG_BLOCK_HUB] = TA_FRAME_HUB };

	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	if ((unsigned int)kind > TAGALONG_BLOCK_HUB || kinds[kind] == 0)
		return -EINVAL;
	return ta_block_pop(thread, kinds[kind]) ? 0 : -ENOENT;
}

/* ---- captures ---- */

static int take_capture(struct ta_capture *out, const struct tagalong_capture *in)
{
	bool log = in->what == TA_CAPTURE_LOG;

	if (in->what < TA_CAPTURE_MESSAGE || in->what > TA_CAPTURE_LOG ||
	    (unsigned int)in->level > TAGALONG_LEVEL_FATAL)
		return -EINVAL;
	*out = (struct ta_capture){ .type = (enum ta_capture_type)in->what,
				    .level = (enum ta_level)in->level,
				    .hub = in->hub != 0,
				    .error_type = ta_api_text(in->type, TA_TYPE_MAX),
				    .message = ta_api_text(in->message, TA_MESSAGE_MAX) };
	if (in->what == TA_CAPTURE_CUSTOM && in->json == NULL)
		return -EINVAL;
	if ((in->what == TA_CAPTURE_MESSAGE || log) && in->message == NULL)
		return -EINVAL;
	return ta_api_json(in->json, TA_JSON_OBJECT, &out->json);
}

static int capture(const struct tagalong_capture *in)
{
	struct ta_capture out;
	int error = take_capture(&out, in);

	TA_API_ENTER(thread);

	if (error || thread == NULL)
		return error ? error : ta_api_nowhere();
	if (in->hub && ta_hub_top(thread) == 0)
		return 0; /* a hub without a client */
	if (in->scope)
		out.scope = ta_api_cell(thread, in->scope);
	return ta_capture_publish(thread, &out);
}

static int last_event_id(char *out)
{
	static const char digits[] = "0123456789abcdef";

	TA_API_ENTER(thread);

	*out = '\0';
	if (thread == NULL)
		return ta_api_nowhere();
	if (thread->event_hi == 0)
		return -ENOENT;
	for (unsigned int i = 0; i < 32; i++) {
		uint64_t half = i < 16 ? thread->event_hi : thread->event_lo;

		out[i] = digits[half >> (60 - 4 * (i % 16)) & 15];
	}
	out[32] = '\0';
	return 0;
}

/* ---- contexts ---- */

/* A handle, dressed up as a pointer so that C tells it from other things. */
static uint64_t number_of(const tagalong_context_t *context)
{
	return (uint64_t)(uintptr_t)context;
}

static tagalong_context_t *context_new(void)
{
	TA_API_ENTER(thread);

	return thread ? (tagalong_context_t *)(uintptr_t)ta_handover_capture(thread) : NULL;
}

static int context_attach(tagalong_context_t *context)
{
	TA_API_ENTER(thread);

	if (context == NULL || thread == NULL)
		return context ? ta_api_nowhere() : 0;
	return ta_handover_attach(thread, number_of(context));
}

static int context_detach(tagalong_context_t *context)
{
	TA_API_ENTER(thread);

	if (context == NULL || thread == NULL)
		return context ? ta_api_nowhere() : 0;
	return ta_handover_detach(thread, number_of(context));
}

static int context_free(tagalong_context_t *context)
{
	TA_API_ENTER(thread);

	if (context == NULL || thread == NULL)
		return context ? ta_api_nowhere() : 0;
	return ta_handover_free(thread, number_of(context));
}

static int fd_bind(int fd)
{
	TA_API_ENTER(thread);

	return thread ? ta_conn_bind(thread, fd) : ta_api_nowhere();
}

static int fd_unbind(int fd)
{
	TA_API_ENTER(thread);

	return thread ? ta_conn_unbind(fd) : ta_api_nowhere();
}

/* ---- coroutines ---- */

static int coroutine_switch(const void *id)
{
	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	return ta_coroutine_switch(thread, id) ? 0 : -ENOBUFS;
}

static int coroutine_end(const void *id)
{
	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	return ta_coroutine_end(thread, id) ? 0 : -ENOENT;
}

/* ---- hubs ---- */

static tagalong_hub_t hub_current(void)
{
	TA_API_ENTER(thread);

	return thread ? ta_hub_current(thread) : 0;
}

static tagalong_hub_t hub_new(tagalong_hub_t from, int with_client)
{
	TA_API_ENTER(thread);

	return thread ? ta_hub_new(from, with_client != 0) : 0;
}

static int hub_free(tagalong_hub_t hub)
{
	TA_API_ENTER(thread);

	if (thread)
		ta_hub_drop(hub);
	return thread ? 0 : ta_api_nowhere();
}

static int hub_enter(tagalong_hub_t hub, const void *block)
{
	TA_API_ENTER(thread);

	if (thread == NULL)
		return ta_api_nowhere();
	return ta_block_push_hub(thread, hub, (uintptr_t)block) ? 0 : -ENOBUFS;
}

static tagalong_scope_t hub_push_scope(void)
{
	TA_API_ENTER(thread);

	return thread ? ta_hub_push_scope(thread) : 0;
}

static int hub_pop_scope(void)
{
	TA_API_ENTER(thread);

	return thread ? ta_hub_pop_scope(thread) : 0;
}

static int hub_depth(void)
{
	TA_API_ENTER(thread);

	return thread ? (int)ta_hub_depth(thread) : 0;
}

/* ---- delivery ---- */

/* Outside the guard: it waits. */
static int ask(int what, int timeout_ms, struct tagalong_buffered *ret_buffered)
{
	int saved_errno = errno;
	struct ta_counts counts;

	if (!ta_runtime.enabled || ta_runtime.segment == NULL || ta_tls.passive)
		return 0;
	int error = ta_ask((uint32_t)what, timeout_ms, &counts);

	if (ret_buffered && !error)
		*ret_buffered = (struct tagalong_buffered){ .complete = counts.complete_spans,
							    .open_buckets = counts.open_buckets,
							    .active_traces = counts.open_traces };
	errno = saved_errno;
	return error;
}

__attribute__((visibility("default"))) extern const struct tagalong_api tagalong_api_v1;

const struct tagalong_api tagalong_api_v1 = {
	.size = sizeof(struct tagalong_api),
	.scope_get = ta_api_scope_get,
	.scope_set = ta_api_scope_set,
	.scope_set_attribute = ta_api_scope_set_attribute,
	.scope_set_level = ta_api_scope_set_level,
	.scope_add_breadcrumb = ta_api_scope_add_breadcrumb,
	.scope_clear = ta_api_scope_clear,
	.scope_fork = ta_api_scope_fork,
	.scope_free = ta_api_scope_free,
	.block_push = block_push,
	.block_pop = block_pop,
	.capture = capture,
	.last_event_id = last_event_id,
	.span_begin = ta_api_span_begin,
	.span_end = ta_api_span_end,
	.span_finish = ta_api_span_finish,
	.span_enter = ta_api_span_enter,
	.span_leave = ta_api_span_leave,
	.span_get = ta_api_span_get,
	.span_set = ta_api_span_set,
	.span_set_name = ta_api_span_set_name,
	.span_set_status = ta_api_span_set_status,
	.span_set_error = ta_api_span_set_error,
	.span_add_event = ta_api_span_add_event,
	.span_add_link = ta_api_span_add_link,
	.span_set_tag = ta_api_span_set_tag,
	.span_session = ta_api_span_session,
	.context_new = context_new,
	.context_attach = context_attach,
	.context_detach = context_detach,
	.context_free = context_free,
	.fd_bind = fd_bind,
	.fd_unbind = fd_unbind,
	.hub_current = hub_current,
	.hub_new = hub_new,
	.hub_free = hub_free,
	.hub_enter = hub_enter,
	.hub_push_scope = hub_push_scope,
	.hub_pop_scope = hub_pop_scope,
	.hub_depth = hub_depth,
	.ask = ask,
	.coroutine_switch = coroutine_switch,
	.coroutine_end = coroutine_end,
};
