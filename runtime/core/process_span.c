/* SPDX-License-Identifier: MIT */
/*
 * process_span.c - publishing, lending and ending the span of this program.
 *
 * Runs: see process_span.h.  No locks, no heap.
 */
#include "runtime/core/process_span.h"

#include <string.h>

#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/now.h"
#include "runtime/core/process_carried.h"
#include "runtime/core/publish.h"
#include "runtime/core/span.h"

#define NAME_MAX_BYTES 128u

enum { NOT_PUBLISHED, PUBLISHED, ENDED };

static struct {
	struct ta_context context; /* ids, and the parent's */
	const char *executable;
	uint64_t start_ns;
	_Atomic uint32_t state;
	bool is_root;
	bool detached;
	struct ta_context forked_in; /* ids: what was current when this process was forked */
} process;

static bool is_serving(void)
{
	return atomic_load_explicit(&ta_runtime.serving, memory_order_relaxed);
}

void ta_process_span_init(const char *executable)
{
	struct ta_id_source ids = { .state = ta_runtime.seed ^ ta_runtime.proc_id,
				    .salt = ta_runtime.pid };
	struct ta_context *context = &process.context;

	if (!ta_runtime.processes)
		return;
	process.executable = executable;
	process.start_ns = ta_now_ns();
	process.is_root = ta_runtime.remote.span_id == 0;
	context->trace_hi = process.is_root ? ta_id_next(&ids) : ta_runtime.remote.trace_hi;
	context->trace_lo = process.is_root ? ta_id_next(&ids) : ta_runtime.remote.trace_lo;
	context->span_id = ta_id_next(&ids);
	context->parent_id = ta_runtime.remote.span_id;
	context->flags = process.is_root ? ta_sampling_flags(context->trace_lo, TA_PARENT_NONE) :
					   ta_runtime.remote.flags;
}

/* ---- publishing ---- */

static bool write_start(struct ta_thread *thread)
{
	uint32_t name_bytes = (uint32_t)strnlen(process.executable, NAME_MAX_BYTES);
	uint32_t state_bytes;
	const char *state = ta_carried_tracestate(&state_bytes);
	struct ta_span_facts facts = { .context = &process.context,
				       .scopes = ta_versions_of(&thread->own.frames[0].context),
				       .parent_id = process.context.parent_id,
				       .start_ns = process.start_ns,
				       .type = TA_SPAN_PROCESS,
				       .flags = process.is_root ? 0 : TA_SPAN_REMOTE_PARENT };
	struct ta_emit emit;

	if (!ta_span_start_begin(&emit, thread, &facts,
				 TA_ATTR_ROOM(name_bytes) + TA_ATTR_ROOM(state_bytes)))
		return false;
	ta_emit_string(&emit, TA_ATTR_EXECUTABLE, process.executable, name_bytes);
	ta_emit_string(&emit, TA_ATTR_TRACESTATE, state, state_bytes);
	ta_emit_commit(&emit);
	return true;
}

/* Whether it is published, now or before.  One that was not is the business of the process
 * that the image began in. */
static bool publish(struct ta_thread *thread)
{
	uint32_t state = NOT_PUBLISHED;

	if (atomic_load_explicit(&process.state, memory_order_relaxed) != NOT_PUBLISHED)
		return true;
	if (!ta_runtime.processes || !ta_runtime.creator || ta_tls.passive)
		return false;
	if (!atomic_compare_exchange_strong(&process.state, &state, PUBLISHED))
		return true;
	if (write_start(thread))
		return true;
	atomic_store_explicit(&process.state, NOT_PUBLISHED, memory_order_relaxed);
	return false;
}

static void set_ids(struct ta_context *to)
{
	to->trace_hi = process.context.trace_hi;
	to->trace_lo = process.context.trace_lo;
	to->span_id = process.context.span_id;
	to->parent_id = process.context.parent_id;
	to->flags = process.context.flags;
	to->span_ref = to->tags = 0;
}

void ta_process_span_base(struct ta_context *base)
{
	if (ta_runtime.remote.span_id == 0 || (ta_runtime.processes && is_serving()))
		return;
	if (ta_runtime.processes) {
		set_ids(base);
		return;
	}
	base->trace_hi = ta_runtime.remote.trace_hi;
	base->trace_lo = ta_runtime.remote.trace_lo;
	base->span_id = ta_runtime.remote.span_id;
	base->flags = ta_runtime.remote.flags;
}

bool ta_process_span_lend(struct ta_thread *thread, struct ta_context *ret_span)
{
	if (!ta_runtime.processes || is_serving() || !publish(thread))
		return false;
	set_ids(ret_span);
	return true;
}

/* ---- what other programs are children of ---- */

/* A connection without a byte may go over to the child with its span, or never have one. */
static bool is_nameable(const struct ta_frame *frame)
{
	return frame->request || ta_conn_has_span(frame->conn, frame->conn_generation);
}

static bool find_current(struct ta_thread *thread, struct ta_context *ret_current)
{
	const struct ta_context *active;
	const struct ta_frame *frame = ta_context_active_frame(thread, &active);

	if (active->span_id == 0)
		return false;
	if (frame->kind == TA_FRAME_CONN)
		return is_nameable(frame) && ta_conn_ids(frame->conn, frame->conn_generation,
							 frame->request, active, ret_current);
	ta_context_set_span(ret_current, active);
	return true;
}

bool ta_process_span_parent(struct ta_thread *thread, struct ta_context *ret_parent)
{
	if (find_current(thread, ret_parent))
		return true;
	if (!ta_runtime.creator && process.forked_in.span_id) {
		*ret_parent = process.forked_in;
		return true;
	}
	return ta_process_span_lend(thread, ret_parent);
}

void ta_process_span_forked(void)
{
	if (ta_tls.thread)
		find_current(ta_tls.thread, &process.forked_in);
}

/* ---- what happens to the program ---- */

void ta_process_span_forking(void)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return;
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;
	struct ta_context unused;

	if (thread == NULL)
		return;
	if (process.detached && process.is_root)
		ta_process_serves();
	if (ta_frame_top(thread)->kind == TA_FRAME_BASE)
		ta_context_matters(thread);
	if (ta_context_active(thread)->span_id == 0)
		ta_process_span_lend(thread, &unused);
}

void ta_process_detaches(void)
{
	process.detached = !ta_runtime.creator;
}

/* Its main thread worked below the program's span so far. */
void ta_process_serves_slow(void)
{
	struct ta_thread *thread = ta_tls.thread;
	struct ta_context *base = thread ? &thread->own.frames[0].context : NULL;

	atomic_store_explicit(&ta_runtime.serving, true, memory_order_relaxed);
	if (!ta_runtime.processes || base == NULL || base->span_ref ||
	    base->span_id != process.context.span_id)
		return;
	base->span_id = base->parent_id = 0;
	base->trace_hi = base->trace_lo = 0;
	base->flags = 0;
}

void ta_process_span_end(int status)
{
	struct ta_thread *thread = ta_runtime.processes && ta_runtime.creator ? ta_tls.thread : NULL;
	uint32_t published = PUBLISHED;
	struct ta_versions scopes;
	struct ta_emit emit;

	if (thread == NULL || (!process.is_root && !publish(thread)) ||
	    !atomic_compare_exchange_strong(&process.state, &published, ENDED))
		return;
	scopes = ta_versions_of(&thread->own.frames[0].context);
	if (!ta_emit_span_end(&emit, thread, process.context.span_id, ta_now_ns(), &scopes,
			      TA_ATTR_ROOM(8)))
		return;
	ta_emit_int(&emit, TA_ATTR_EXIT_STATUS, status & 0xff);
	ta_emit_commit(&emit);
}
