/* SPDX-License-Identifier: MIT */
/*
 * process.c - forks, ends and execs of the host.
 *
 * A process has a random id that its parent makes before the fork, so that the
 * child has one without asking the kernel anything: a sandboxed child may not
 * even call getpid.  The parent tells the agent the pid that fork returned.
 *
 * Runs: around fork, in the child, at exit.  No locks.
 */
#include <stddef.h>
#include <time.h>

#include "runtime/core/clock.h"
#include "runtime/core/ends.h"
#include "runtime/core/process_span.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"

struct ta_runtime ta_runtime;
struct ta_wipe *ta_wipe;

/* One to one, every bit depends on all: SplitMix64's output function (Steele, Lea and
 * Flood, "Fast splittable pseudorandom number generators", 2014). */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

uint64_t ta_process_unique(void)
{
	static _Atomic uint64_t given;
	uint64_t turn = atomic_fetch_add_explicit(&given, 1, memory_order_relaxed) + 1;

	return mix(ta_runtime.seed + turn * 0x9e3779b97f4a7c15ull);
}

void ta_process_fork_prepare(void)
{
	if (!ta_runtime.enabled || ta_tls.passive || ta_tls.fork_token)
		return;
	ta_process_span_forking();
	atomic_fetch_add_explicit(&ta_runtime.segment->forks, 1, memory_order_relaxed);
	ta_thread_prepare_lane();
	ta_tls.fork_token = ta_process_unique();
}

void ta_process_forked_parent(long child_pid)
{
	struct ta_thread *thread = ta_thread_self();
	uint64_t token = ta_tls.fork_token;
	struct ta_emit emit;

	ta_tls.fork_token = 0;
	if (child_pid <= 0 || thread == NULL ||
	    !ta_emit_begin(&emit, thread, TA_RECORD_FORK, sizeof(struct ta_record_fork), 0))
		return;
	struct ta_record_fork *fork = (void *)emit.record;

	fork->child_proc_id = token;
	fork->time_ns = ta_now_ns();
	fork->child_pid = (uint32_t)child_pid;
	ta_emit_commit(&emit);
}

void ta_process_forked_child(void)
{
	bool sandboxed = atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed);
	uint64_t token = ta_tls.fork_token;

	ta_tls.fork_token = 0;
	if (ta_wipe)
		atomic_store_explicit(&ta_wipe->alive, 1, memory_order_relaxed);
	ta_runtime.parent_proc_id = ta_runtime.proc_id;
	/* Without a token its siblings have the same seed and count. */
	ta_runtime.proc_id = token ? token : mix(ta_process_unique() ^ ta_now_ns());
	/* The clock is for two children of one token: a handler has jumped out of the first fork. */
	ta_runtime.seed = mix(ta_runtime.seed ^ mix(ta_runtime.proc_id)) ^ ta_now_ns();
	ta_runtime.pid = sandboxed ? 0 : (uint32_t)ta_sys(SYS_getpid);
	ta_runtime.creator = false;
	ta_runtime.ended = false;
	ta_runtime.keeper = false;
	ta_thread_forked();
	ta_process_span_forked();
}

void ta_process_fork_child(void)
{
	if (ta_runtime.enabled && !ta_tls.passive)
		ta_process_forked_child();
}

static void publish_end(struct ta_thread *thread, int status)
{
	struct ta_emit emit;

	if (!ta_emit_begin(&emit, thread, TA_RECORD_PROCESS_END,
			   sizeof(struct ta_record_process_end), 0))
		return;
	struct ta_record_process_end *end = (void *)emit.record;

	end->proc_id = ta_runtime.proc_id;
	end->time_ns = ta_now_ns();
	end->status = status;
	ta_emit_commit(&emit);
}

/* Unread bytes in the lanes of this process. */
static bool lanes_drained(void)
{
	struct ta_segment *segment = ta_runtime.segment;

	for (uint32_t index = 0; index < segment->lane_count; index++) {
		struct ta_lane *lane = ta_lane_at(segment, index);

		if (!atomic_load(&ta_segment_ready(segment)[index]) ||
		    atomic_load(&lane->proc_id) != ta_runtime.proc_id)
			continue;
		if (atomic_load(&lane->head) != atomic_load(&lane->tail) ||
		    atomic_load(&lane->signal_head) != atomic_load(&lane->signal_tail))
			return false;
	}
	return true;
}

static void wait_for_agent(void)
{
	uint64_t deadline = ta_now_ns() + (uint64_t)ta_runtime.exit_wait_ms * 1000000u;
	struct timespec nap = { .tv_nsec = 1000000 };

	while (!lanes_drained() && ta_now_ns() < deadline)
		ta_sys(SYS_nanosleep, &nap, 0);
}

void ta_process_ending(int status)
{
	if (ta_runtime.segment == NULL || ta_runtime.ended)
		return;
	ta_exit_report(status);
	ta_process_span_end(status);
	ta_runtime.ended = true;
	if (ta_runtime.creator)
		atomic_fetch_or_explicit(&ta_runtime.segment->flags, TA_SEGMENT_CREATOR_ENDED,
					 memory_order_relaxed);
	/* A process that never recorded anything has no lane and says nothing. */
	if (ta_tls.thread)
		publish_end(ta_tls.thread, status);
	if (ta_runtime.exit_wait_ms &&
	    !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		wait_for_agent();
}

void ta_process_exec(void)
{
	struct ta_thread *thread = ta_tls.thread;
	struct ta_emit emit;

	if (thread == NULL ||
	    !ta_emit_begin(&emit, thread, TA_RECORD_EXEC, sizeof(struct ta_record_exec), 0))
		return;
	struct ta_record_exec *exec = (void *)emit.record;

	exec->proc_id = ta_runtime.proc_id;
	exec->time_ns = ta_now_ns();
	ta_emit_commit(&emit);
}
