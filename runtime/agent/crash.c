/* SPDX-License-Identifier: MIT */
/*
 * crash.c - processes that are dying: their stacks are read, then they are let go.
 *
 * A host that crashes says so in its segment's header and waits (runtime/wire/crash.h).  Its
 * area is copied, a reader of its own (stacks.h) looks at the process, the process is
 * released as soon as it has been read, and the stacks, once they have names, become
 * part of the journal: the event, which has waited for them, goes out.  An event whose
 * stacks do not come goes out without.
 *
 * Runs: agent, the worker's thread.  Nothing here waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/agent/stacks.h"
#include "runtime/agent/worker.h"
#include "runtime/wire/crash.h"

#define AWAIT_NS 15000000000ull /* stacks that are not there by then will not come */
#define PATIENCE_MIN_MS 1500u /* of the reader, until the process can go */
#define PATIENCE_MAX_MS 8000u /* it has a limit of its own (stacks/serve.h) */
#define STEP_NS 2000000ull

struct ta_crash_job {
	struct ta_list link;
	struct ta_stacks_live *live;
	struct ta_event_stack event;
	uint64_t segment_id;
	uint32_t tid;
	bool released;
};

static struct ta_crash *area_of(struct ta_mapped *mapped)
{
	size_t at = mapped->header_bytes + (size_t)mapped->lane_count * mapped->lane_bytes;

	return (struct ta_crash *)(void *)((char *)mapped->shared + at);
}

static void let_go(struct ta_mapped *mapped, uint32_t tid)
{
	struct ta_crash *area = area_of(mapped);
	uint32_t reading = TA_CRASH_READING;

	if (area->tid == tid && atomic_compare_exchange_strong(&area->state, &reading, TA_CRASH_FREE))
		syscall(SYS_futex, &area->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void give_stack(struct ta_worker *worker, const struct ta_event_stack *event,
		       const char *json, size_t bytes)
{
	ta_journal_put(&worker->journal, TA_EVENT_STACK, event, sizeof(*event), json, bytes);
	ta_events_stack(&worker->state.events, event->id_hi, event->id_lo, json, (uint32_t)bytes);
}

/* ---- beginning ---- */

/* The pid in our namespace, if it is a process that may be looked at on behalf of whoever
 * made the segment; else 0. */
static uint32_t readable_pid(struct ta_worker *worker, const struct ta_mapped *mapped,
			     const struct ta_crash *copy)
{
	struct ta_proc *proc = ta_procs_find(&worker->state.procs, copy->proc_id);
	struct stat file, process;
	char path[32];

	if (proc)
		ta_process_learn(worker, proc, mapped);
	if (!proc || proc->process.pid == 0 || mapped->fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u", proc->process.pid);
	return fstat(mapped->fd, &file) == 0 && stat(path, &process) == 0 &&
			       process.st_uid == file.st_uid ?
		       proc->process.pid :
		       0;
}

static bool is_sound(const struct ta_crash *copy)
{
	return copy->register_count <= TA_REGISTERS_MAX &&
	       copy->stack_bytes <= sizeof(copy->stack) &&
	       copy->module_bytes <= sizeof(copy->modules);
}

/* A host whose crash is not seen within a quarter of its time does not wait for the rest, so
 * that three are left.  One that waits less than the least may be gone before the end. */
static uint32_t patience_ms(const struct ta_crash *copy)
{
	uint32_t ms = copy->wait_ms / 4 * 3;

	if (ms > PATIENCE_MAX_MS)
		return PATIENCE_MAX_MS;
	return ms > PATIENCE_MIN_MS ? ms : PATIENCE_MIN_MS;
}

static void fill_request(struct ta_stacks_request *request, const struct ta_crash *copy,
			 const struct ta_mapped *mapped, uint32_t pid)
{
	*request = (struct ta_stacks_request){ .magic = TA_STACKS_MAGIC,
					       .kind = TA_STACKS_LIVE,
					       .pid = pid,
					       .tid = copy->tid,
					       .signal = copy->signal,
					       .code = copy->code,
					       .register_count = copy->register_count,
					       .stack_bytes = copy->stack_bytes,
					       .module_bytes = copy->module_bytes,
					       .patience_ms = patience_ms(copy),
					       .stack_at = copy->stack_at };
	memcpy(request->registers, copy->registers, sizeof(request->registers));
	memcpy(request->exe, mapped->exe, sizeof(request->exe));
}

static void begin(struct ta_worker *worker, struct ta_mapped *mapped, const struct ta_crash *copy)
{
	struct ta_crash_job *job = calloc(1, sizeof(*job));
	struct ta_stacks_request request;

	if (!job || !is_sound(copy)) {
		free(job);
		let_go(mapped, copy->tid);
		return;
	}
	job->event = (struct ta_event_stack){ copy->event_hi, copy->event_lo };
	job->segment_id = mapped->id;
	job->tid = copy->tid;
	fill_request(&request, copy, mapped, readable_pid(worker, mapped, copy));
	job->live = ta_stacks_live_start(&request, copy->modules, copy->stack);
	ta_list_append(&worker->crashes, &job->link);
	ta_log_say(&worker->log, "%.200s (pid %u): crashed with signal %d%s", mapped->exe, copy->pid,
		   copy->signal, job->live ? "" : "; its stacks cannot be read");
}

/* The area is the host's: it is copied once, and believed as far as is_sound() goes. */
static void take(struct ta_worker *worker, struct ta_mapped *mapped)
{
	struct ta_crash *area = area_of(mapped), *copy;
	uint32_t filled = TA_CRASH_FILLED;

	atomic_fetch_and(&mapped->shared->flags, ~(uint32_t)TA_SEGMENT_CRASHED);
	if (!atomic_compare_exchange_strong(&area->state, &filled, TA_CRASH_READING))
		return;
	ta_drain_pass(worker); /* the event, and the process that it belongs to */
	copy = malloc(sizeof(*copy));
	if (!copy) {
		let_go(mapped, area->tid);
		return;
	}
	memcpy(copy, area, sizeof(*copy));
	copy->state = TA_CRASH_FREE;
	begin(worker, mapped, copy);
	free(copy);
}

/* ---- going on ---- */

static void release(struct ta_worker *worker, struct ta_crash_job *job)
{
	if (job->released)
		return;
	job->released = true;
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->id == job->segment_id)
			let_go(mapped, job->tid);
	}
}

static void end(struct ta_worker *worker, struct ta_crash_job *job)
{
	release(worker, job);
	ta_list_remove(&job->link);
	if (job->live)
		ta_stacks_live_free(job->live);
	free(job);
}

static void step(struct ta_worker *worker, struct ta_crash_job *job)
{
	struct ta_stacks_news news = { .done = true };

	if (job->live)
		news = ta_stacks_live_step(job->live);
	if (news.released || news.done)
		release(worker, job);
	if (!news.done)
		return;
	give_stack(worker, &job->event, news.json, news.json_bytes);
	end(worker, job);
}

static bool has_job(const struct ta_worker *worker, const struct ta_held_event *held)
{
	TA_LIST_EACH(at, &worker->crashes) {
		const struct ta_crash_job *job = TA_CONTAINER(at, struct ta_crash_job, link);

		if (job->event.id_hi == held->event.record->id_hi &&
		    job->event.id_lo == held->event.record->id_lo)
			return true;
	}
	return false;
}

/* Nobody reads their stacks: the area was taken, or its reader died with an earlier agent. */
static void give_up_late(struct ta_worker *worker)
{
	TA_LIST_EACH(at, &worker->state.events.awaiting) {
		struct ta_held_event *held = TA_CONTAINER(at, struct ta_held_event, link);
		struct ta_event_stack event = { held->event.record->id_hi,
						held->event.record->id_lo };

		if (held->awaits_ns == 0)
			held->awaits_ns = worker->now_ns;
		if (!has_job(worker, held) && (held->proc->dead ||
					       worker->now_ns - held->awaits_ns > AWAIT_NS))
			give_stack(worker, &event, "", 0);
	}
}

void ta_crashes_look(struct ta_worker *worker)
{
	if (worker->keep)
		return;
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (atomic_load_explicit(&mapped->shared->flags, memory_order_relaxed) &
		    TA_SEGMENT_CRASHED)
			take(worker, mapped);
	}
	TA_LIST_EACH(at, &worker->crashes)
		step(worker, TA_CONTAINER(at, struct ta_crash_job, link));
	give_up_late(worker);
}

uint64_t ta_crashes_wake_ns(const struct ta_worker *worker)
{
	return ta_list_empty(&worker->crashes) ? UINT64_MAX : ta_agent_now_ns() + STEP_NS;
}

void ta_crashes_fini(struct ta_worker *worker)
{
	TA_LIST_EACH(at, &worker->crashes)
		end(worker, TA_CONTAINER(at, struct ta_crash_job, link));
}
