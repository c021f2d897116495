/* SPDX-License-Identifier: MIT */
/*
 * thread.c - attaching threads, their own spans, the guard.
 *
 * A thread that never records anything costs nothing: its birth (what it takes
 * over from its creator) waits in a static pool until the thread first needs a
 * lane, at the latest at its end.  So the span of a thread is published when it
 * is known whose child it is: the first bound fd that it reads decides over the
 * context that it was created in.
 *
 * Runs: host threads, signal handlers, forked children.  No locks, no heap.
 */
#include "runtime/core/thread.h"

#include <stddef.h>
#include <string.h>

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/handover.h"
#include "runtime/core/hub.h"
#include "runtime/core/lane_claim.h"
#include "runtime/core/object.h"
#include "runtime/core/process_span.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/sys.h"
#include "runtime/core/unit.h"

#define RETRY_EVERY 64u /* a thread that found no lane asks again after so many calls */
#define REST_MAX 256u	/* records that are refused without a look for another lane, at most */

_Thread_local struct ta_tls ta_tls __attribute__((tls_model("initial-exec")));

static _Thread_local struct ta_thread_birth *own_birth
	__attribute__((tls_model("initial-exec")));

/* ---- birth ---- */

struct ta_thread_birth *ta_thread_birth_new(void *(*start)(void *), void *argument)
{
	static _Atomic uint32_t hint;
	uint32_t first = atomic_fetch_add_explicit(&hint, 1, memory_order_relaxed);

	for (uint32_t step = 0; step < 16; step++) {
		struct ta_thread_birth *birth = &ta_arena.births[(first + step) % ta_arena.birth_count];

		if (atomic_exchange_explicit(&birth->taken, 1, memory_order_acquire))
			continue;
		birth->start = start;
		birth->argument = argument;
		birth->conn = 0;
		birth->request = birth->at_work = false;
		birth->created_ns = ta_now_ns();
		birth->hub_seed = 0;
		birth->hub_silent = false;
		memset(&birth->context, 0, sizeof(birth->context));
		return birth;
	}
	ta_lost(TA_LOSS_THREAD_POOL);
	return NULL;
}

void ta_thread_birth_free(struct ta_thread_birth *birth)
{
	atomic_store_explicit(&birth->taken, 0, memory_order_release);
}

void ta_thread_birth_inherit(struct ta_thread_birth *birth)
{
	struct ta_thread *creator = ta_tls.thread;

	if (creator == NULL)
		return;
	struct ta_frame *top = ta_frame_top(creator);

	if (top->kind != TA_FRAME_CONN)
		ta_context_matters(creator);
	ta_context_fork(&birth->context, creator);
	birth->hub_seed = ta_hub_seed(creator->stack, &birth->hub_silent);
	birth->at_work = creator->born_at_work || ta_context_conn_frame(creator) != NULL;
	if (top->kind == TA_FRAME_CONN) {
		birth->conn = top->conn + 1;
		birth->conn_generation = top->conn_generation;
		birth->request = ta_conn_turn(top->conn, top->conn_generation,
					      ta_context_now(creator)) != TA_TURN_NONE &&
				 ta_conn_has_span(top->conn, top->conn_generation);
	}
}

void ta_thread_begin(struct ta_thread_birth *birth)
{
	own_birth = birth;
}

/* ---- lanes ---- */

/* Straight into the ring: a lane may be changed in the middle of a write. */
static void write_thread_record(struct ta_thread *thread)
{
	uint32_t bytes = sizeof(struct ta_record_thread);
	struct ta_record_thread *record = ta_ring_reserve(&thread->main_ring, bytes);

	if (record == NULL) {
		ta_lost(TA_LOSS_LANE_FULL);
		return;
	}
	*record = (struct ta_record_thread){ .head = { .units = (uint16_t)(bytes / 8),
						       .kind = TA_RECORD_THREAD,
						       .seq = ++thread->seq },
					     .proc_id = ta_runtime.proc_id,
					     .parent_proc_id = ta_runtime.parent_proc_id,
					     .time_ns = thread->start_ns,
					     .pid = ta_runtime.pid,
					     .tid = thread->tid };
	ta_ring_commit(&thread->main_ring, bytes);
}

static void bind_lane(struct ta_thread *thread, uint32_t index, uint64_t token)
{
	struct ta_segment *segment = ta_runtime.segment;
	struct ta_lane *lane = ta_lane_at(segment, index);

	thread->lane_index = index;
	thread->lane = lane;
	thread->token = token;
	thread->woken = false;
	ta_ring_writer_init(&thread->main_ring, ta_lane_ring(lane), ta_lane_ring_bytes(segment),
			    &lane->head, &lane->tail);
	ta_ring_writer_init(&thread->signal_ring, ta_lane_signal_ring(segment, lane),
			    segment->signal_ring_bytes, &lane->signal_head, &lane->signal_tail);
	uint32_t seq = atomic_load_explicit(&lane->seq, memory_order_relaxed);

	/* Sequence numbers of a lane only grow, and so do those of its writer. */
	if ((int32_t)(seq - thread->seq) > 0)
		thread->seq = seq;
	atomic_store_explicit(&lane->pid, ta_runtime.pid, memory_order_relaxed);
	atomic_store_explicit(&lane->tid, thread->tid, memory_order_relaxed);
	atomic_store_explicit(&lane->proc_id, ta_runtime.proc_id, memory_order_relaxed);
	/* Last: before it is set, the rest may still be a former owner's. */
	atomic_store_explicit(&lane->claimed_ns, thread->start_ns, memory_order_release);
	write_thread_record(thread);
}

static struct ta_thread *claim_thread(uint64_t *ret_token)
{
	uint64_t token = ta_process_unique();

	if (token <= TA_OWNER_AGENT)
		token = ta_process_unique();
	int index = ta_lane_claim(token);

	*ret_token = token;
	return index < 0 ? NULL : &ta_arena.threads[index];
}

static void set_identity(struct ta_thread *thread, uint64_t token)
{
	bool sandboxed = atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed);

	thread->start_ns = ta_now_ns();
	thread->tid = sandboxed ? 0 : (uint32_t)ta_sys(SYS_gettid);
	thread->ids.state = ta_process_unique();
	thread->ids.salt = token;
}

static void set_base(struct ta_thread *thread, struct ta_thread_birth *birth)
{
	struct ta_frame *base = &thread->own.frames[0];

	/* A thread that went without a word may have left its scopes behind. */
	ta_stack_reset(&thread->own);
	ta_object_give_spare(thread);
	thread->stack = &thread->own;
	thread->event_hi = thread->event_lo = 0;
	thread->span_parent = 0;
	thread->span_open = thread->span_pending = false;
	thread->inherited_conn = 0;
	thread->born_at_work = false;
	thread->unit = 0;
	thread->doubt = thread->claimed = thread->watched = false;
	thread->resumed = 0;
	thread->cause.returned_ns = 0;
	/* Its first connection may be one of several that became ready at once. */
	thread->worked = thread->looped = thread->loops = ta_tls.looped;
	thread->idled = ta_tls.slept;
	thread->hint.span_id = 0;
	thread->main_thread = thread->tid && thread->tid == ta_runtime.pid;
	if (birth == NULL) {
		ta_process_span_base(&base->context);
		return;
	}
	base->context = birth->context;
	if (ta_runtime.threads) /* it gets a span of its own */
		base->context.span_ref = 0;
	thread->own.hub_seed = birth->hub_seed;
	thread->own.hub_silent = birth->hub_silent;
	thread->span_parent = birth->context.span_id;
	thread->start_ns = birth->created_ns;
	thread->start_routine = (uint64_t)(uintptr_t)birth->start;
	thread->inherited_conn = birth->conn;
	thread->inherited_generation = birth->conn_generation;
	thread->inherited_request = birth->request;
	thread->born_at_work = birth->at_work;
	thread->span_pending = ta_runtime.threads;
	ta_thread_birth_free(birth);
}

static bool may_try_lane(void)
{
	return ta_tls.lane_tries++ % RETRY_EVERY == 0;
}

static _Atomic bool attached_before;

struct ta_thread *ta_thread_attach(void)
{
	uint64_t token;

	if (ta_tls.thread || ta_tls.attaching || ta_runtime.segment == NULL || !may_try_lane())
		return ta_tls.thread;
	ta_tls.attaching = 1;
	atomic_signal_fence(memory_order_seq_cst);
	struct ta_thread *thread = claim_thread(&token);

	if (thread) {
		set_identity(thread, token);
		set_base(thread, own_birth);
		own_birth = NULL;
		ta_tls.lane_tries = 0;
		thread->index = (uint32_t)(thread - ta_arena.threads);
		thread->spill_count = 0;
		thread->rest = (struct ta_lane_rest){ 0 };
		thread->seq = 0;
		thread->main_busy = thread->signal_busy = 0;
		bind_lane(thread, (uint32_t)(thread - ta_arena.threads), token);
		ta_tls.thread = thread;
		/* One that no hook has seen begin, perhaps. */
		if (atomic_exchange(&attached_before, true))
			ta_is_threaded();
	}
	atomic_signal_fence(memory_order_seq_cst);
	ta_tls.attaching = 0;
	return thread;
}

static void give_back(const struct ta_thread *thread, uint32_t index)
{
	struct ta_lane *lane = ta_lane_at(ta_runtime.segment, index);

	if (index == thread->lane_index)
		atomic_store_explicit(&lane->seq, thread->seq, memory_order_relaxed);
	atomic_store_explicit(&lane->claimed_ns, 0, memory_order_relaxed);
	ta_lane_give_back(index);
}

/* The first lane last: with it the struct may be somebody else's. */
static void release_lanes(struct ta_thread *thread)
{
	ta_tls.thread = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	while (thread->spill_count)
		give_back(thread, thread->spill[--thread->spill_count]);
	give_back(thread, thread->index);
}

/* One of the thread's own lanes that has been drained meanwhile, or -1. */
static int own_drained_lane(const struct ta_thread *thread)
{
	if (thread->index != thread->lane_index && ta_lane_drained(thread->index))
		return (int)thread->index;
	for (uint32_t at = 0; at < thread->spill_count; at++)
		if (thread->spill[at] != thread->lane_index && ta_lane_drained(thread->spill[at]))
			return (int)thread->spill[at];
	return -1;
}

/* Whether a look into the directory is due. */
static bool has_rested(struct ta_lane_rest *rest, uint64_t tail)
{
	if (rest->tail != tail)
		rest->records = rest->pause = 0;
	rest->tail = tail;
	if (rest->records == 0)
		return true;
	rest->records--;
	return false;
}

static void begin_rest(struct ta_lane_rest *rest)
{
	rest->pause = rest->pause ? rest->pause * 2 : 1;
	if (rest->pause > REST_MAX)
		rest->pause = REST_MAX;
	rest->records = rest->pause;
}

static int more_lane(struct ta_thread *thread)
{
	if (thread->spill_count == TA_SPILL_MAX ||
	    !has_rested(&thread->rest, thread->main_ring.tail_seen))
		return -1;
	int index = ta_lane_claim_more(thread->token);

	if (index < 0) {
		begin_rest(&thread->rest);
		return -1;
	}
	thread->rest = (struct ta_lane_rest){ 0 };
	thread->spill[thread->spill_count++] = (uint32_t)index;
	return index;
}

/* One lane besides the first is kept; the rest was for a burst that is over. */
static void give_back_spare(struct ta_thread *thread)
{
	for (uint32_t at = thread->spill_count; at-- > 1;) {
		uint32_t index = thread->spill[at];

		if (index == thread->lane_index || !ta_lane_drained(index))
			continue;
		thread->spill[at] = thread->spill[--thread->spill_count];
		give_back(thread, index);
	}
}

bool ta_thread_change_lane(struct ta_thread *thread)
{
	uint8_t signal_busy = thread->signal_busy;

	/* A handler that comes now finds no ring at all. */
	thread->signal_busy = UINT8_MAX;
	atomic_signal_fence(memory_order_seq_cst);
	int index = own_drained_lane(thread);

	if (index < 0)
		index = more_lane(thread);
	if (index >= 0) {
		atomic_store_explicit(&thread->lane->seq, thread->seq, memory_order_relaxed);
		bind_lane(thread, (uint32_t)index, thread->token);
		give_back_spare(thread);
	}
	atomic_signal_fence(memory_order_seq_cst);
	thread->signal_busy = signal_busy;
	return index >= 0;
}

void ta_thread_prepare_lane(void)
{
	ta_lane_prepare();
}

/* ---- the thread's own span ---- */

/* Decides trace and parent of the thread's span; see the file's head. */
static void choose_parent(struct ta_thread *thread, const struct ta_conn *worked_for)
{
	struct ta_context *base = &thread->own.frames[0].context;
	const struct ta_context *born_in = NULL;

	if (thread->inherited_conn) {
		uint32_t conn = thread->inherited_conn - 1;

		if (worked_for == NULL || ta_conn_index(worked_for) == conn)
			born_in = thread->inherited_request ?
					  base :
					  ta_conn_first_context(conn, thread->inherited_generation);
		thread->span_parent = born_in ? born_in->span_id : 0;
		if (born_in) {
			base->trace_hi = born_in->trace_hi;
			base->trace_lo = born_in->trace_lo;
			base->flags = born_in->flags;
			if (worked_for == NULL && born_in != base)
				ta_conn_referenced(conn, thread->inherited_generation);
		}
	}
	if (thread->span_parent == 0)
		ta_span_new_trace(thread, base);
	else
		base->span_id = ta_id_next(&thread->ids);
	base->parent_id = thread->span_parent;
}

void ta_thread_publish(struct ta_thread *thread, const struct ta_conn *worked_for)
{
	struct ta_emit emit;

	thread->span_pending = false;
	choose_parent(thread, worked_for);
	thread->span_open = true;
	const struct ta_context *base = &thread->own.frames[0].context;
	struct ta_span_facts facts = { .context = base,
				       .scopes = ta_versions_of(base),
				       .parent_id = thread->span_parent,
				       .start_ns = thread->start_ns,
				       .type = TA_SPAN_THREAD };

	if (!ta_span_start_begin(&emit, thread, &facts, 2 * TA_ATTR_ROOM(8)))
		return;
	ta_emit_int(&emit, TA_ATTR_THREAD_ID, thread->tid);
	ta_emit_int(&emit, TA_ATTR_START_ROUTINE, (int64_t)thread->start_routine);
	ta_emit_commit(&emit);
}

static void end_own_span(struct ta_thread *thread)
{
	const struct ta_context *base = &thread->own.frames[0].context;
	struct ta_versions scopes;
	struct ta_emit emit;

	if (thread->span_pending)
		ta_thread_publish(thread, NULL);
	if (!thread->span_open)
		return;
	thread->span_open = false;
	scopes = ta_versions_of(base);
	if (ta_emit_span_end(&emit, thread, base->span_id, ta_now_ns(), &scopes, 0))
		ta_emit_commit(&emit);
}

void ta_thread_end(void)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return;
	ta_tls.level = 0;
	ta_tls.inside = (uintptr_t)__builtin_frame_address(0);
	struct ta_thread *thread = ta_thread_self();

	if (thread) {
		ta_unit_leave(thread);
		ta_handover_thread_ends(thread);
		ta_context_unwind(thread, 0);
		end_own_span(thread);
		ta_stack_reset(&thread->own);
		ta_object_give_spare(thread);
		release_lanes(thread);
	} else if (own_birth) {
		ta_thread_birth_free(own_birth);
		own_birth = NULL;
	}
	ta_tls.inside = 0;
}

/* ---- fork ---- */

/* The contexts go on in the child; the spans in them stay the parent's to end. */
static void inherit_contexts(struct ta_thread *child, struct ta_thread *parent)
{
	memcpy(&child->own, &parent->own,
	       offsetof(struct ta_stack, frames) +
		       sizeof(parent->own.frames[0]) * (parent->own.depth + 1));
	memcpy(child->levels, parent->levels, sizeof(parent->levels));
	if (parent->stack != &parent->own)
		child->stack = parent->stack;
	for (uint32_t at = 0; at < TA_SIGNAL_LEVELS_MAX; at++)
		if (child->levels[at].stack == &parent->own)
			child->levels[at].stack = &child->own;
	memcpy(child->spare_objects, parent->spare_objects, sizeof(parent->spare_objects));
	child->spare_count = parent->spare_count;
	parent->spare_count = 0;
	/* Its scopes are the child's now; the struct may become another thread's. */
	memset(&parent->own, 0, offsetof(struct ta_stack, frames) + sizeof(parent->own.frames[0]));
}

void ta_thread_forked(void)
{
	struct ta_thread *parent = ta_tls.thread;

	ta_tls.thread = NULL;
	ta_tls.attaching = 0;
	ta_tls.lane_tries = 0;
	ta_tls.inside = 0;
	own_birth = NULL;
	struct ta_thread *child = ta_thread_attach();

	if (child == NULL)
		ta_tls.level = 0;
	else if (parent && child != parent)
		inherit_contexts(child, parent);
}

/* ---- guard ---- */

static bool level_is_gone(const struct ta_signal_level *level, uintptr_t stack)
{
	if (level->stack_low && (stack < level->stack_low || stack >= level->stack_high))
		return true;
	return stack > level->frame;
}

void ta_thread_heal(uintptr_t stack)
{
	struct ta_thread *thread = ta_tls.thread;

	while (ta_tls.level && thread && level_is_gone(&thread->levels[ta_tls.level - 1], stack)) {
		struct ta_signal_level *level = &thread->levels[--ta_tls.level];

		/* What the handler had interrupted is younger than where it jumped to. */
		if (ta_tls.inside && ta_tls.inside_level >= ta_tls.level)
			ta_tls.inside = 0;
		if (thread->main_busy > ta_tls.level)
			thread->main_busy = 0;
		if (thread->signal_busy > ta_tls.level)
			thread->signal_busy = 0;
		if (level->framed && thread->stack == level->stack)
			ta_context_unwind(thread, level->depth);
	}
}

struct ta_guard ta_guard_enter(void)
{
	struct ta_guard guard = { .saved_errno = errno };

	guard.entered = ta_guard_take((uintptr_t)__builtin_frame_address(0));
	return guard;
}
