/* SPDX-License-Identifier: MIT */
/*
 * capture.c - one record per event.
 *
 * Runs: any host thread, inside the guard.
 */
#include "runtime/core/capture.h"

#include <errno.h>

#include "runtime/core/clock.h"
#include "runtime/core/crumb_line.h"
#include "runtime/core/hub.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/stack.h"

/* Outside any span events have the isolation scope's trace. */
static void set_trace(struct ta_thread *thread, struct ta_record_event *event)
{
	const struct ta_context *active = ta_context_active(thread);
	uint64_t cell;

	if (active->span_id) {
		event->trace_hi = active->trace_hi;
		event->trace_lo = active->trace_lo;
		event->span_id = active->span_id;
		event->parent_id = active->parent_id;
		return;
	}
	cell = ta_slot_cell(ta_isolation_slot(thread, thread->stack->depth));
	if (cell == 0)
		return;
	event->trace_hi = ta_cell_trace(cell, thread);
	event->trace_lo = event->trace_hi * 0x9e3779b97f4a7c15ull | 1;
}

static bool set_scopes(struct ta_thread *thread, const struct ta_capture *capture,
		       struct ta_record_event *event)
{
	struct ta_versions scopes = ta_versions_at(thread, thread->stack->depth);
	uint64_t cell = capture->scope;

	if (capture->hub) {
		cell = cell ? cell : ta_hub_top(thread);
		scopes = (struct ta_versions){ 0 };
		event->flags = TA_CAPTURE_HUB;
	}
	if (cell && !ta_cell_version(cell, &scopes.current))
		return false;
	event->global = scopes.global;
	event->isolation = scopes.isolation;
	event->current = scopes.current;
	return true;
}

/* A random UUID, as Sentry's event ids are. */
static void set_id(struct ta_thread *thread, struct ta_record_event *event)
{
	event->id_hi = (ta_id_next(&thread->ids) & ~0xf000ull) | 0x4000;
	event->id_lo = (ta_id_next(&thread->ids) & ~(3ull << 62)) | 1ull << 63;
}

static int publish(struct ta_thread *thread, const struct ta_capture *capture,
		   const struct ta_record_event *event)
{
	uint32_t room = TA_ATTR_ROOM(capture->error_type.bytes) +
			TA_ATTR_ROOM(capture->message.bytes) + TA_ATTR_ROOM(capture->json.bytes);
	bool error = capture->type == TA_CAPTURE_ERROR;
	struct ta_emit emit;

	if (!ta_emit_begin(&emit, thread, TA_RECORD_EVENT, sizeof(*event), room))
		return -ENOBUFS;
	struct ta_record_event *record = (void *)emit.record;
	struct ta_record head = record->head;

	*record = *event;
	record->head = head;
	ta_emit_string(&emit, TA_ATTR_EXCEPTION_TYPE, capture->error_type.text,
		       capture->error_type.bytes);
	ta_emit_string(&emit, error ? TA_ATTR_EXCEPTION_MESSAGE : TA_ATTR_EVENT_MESSAGE,
		       capture->message.text, capture->message.bytes);
	ta_emit_typed(&emit, TA_ATTR_EVENT_JSON, TA_ATTR_JSON, capture->json.text,
		      capture->json.bytes);
	ta_emit_commit(&emit);
	return 0;
}

int ta_capture_fill(struct ta_thread *thread, const struct ta_capture *capture,
		    struct ta_record_event *ret_event)
{
	*ret_event = (struct ta_record_event){ .time_ns = ta_now_ns(),
					       .type = (uint8_t)capture->type,
					       .level = (uint8_t)capture->level };
	ta_crumb_line_finish(thread);
	ta_context_settle(thread);
	ta_context_matters(thread);
	if (!set_scopes(thread, capture, ret_event))
		return -ESTALE;
	set_trace(thread, ret_event);
	set_id(thread, ret_event);
	return 0;
}

int ta_capture_publish(struct ta_thread *thread, const struct ta_capture *capture)
{
	struct ta_record_event event;
	int error = ta_capture_fill(thread, capture, &event);

	if (error == 0)
		error = publish(thread, capture, &event);

	if (error != 0 || capture->type == TA_CAPTURE_LOG)
		return error;
	thread->event_hi = event.id_hi;
	thread->event_lo = event.id_lo;
	if (capture->type != TA_CAPTURE_CUSTOM)
		ta_stack_publish(thread, event.id_hi, event.id_lo);
	return 0;
}
