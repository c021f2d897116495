/* SPDX-License-Identifier: MIT */
/*
 * process_start.c - the places in the segment's header for starts under way.
 *
 * Places are claimed by compare and swap.  One that was left behind by a thread that is
 * gone is taken over when all are in use.
 */
#include "runtime/core/process_start.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/core/process_span.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"

static const void *_Atomic streams[TA_STARTS_MAX];

static struct ta_start *start_at(uint32_t number)
{
	return &ta_runtime.segment->starts[number];
}

static bool claim(uint32_t number, uint32_t from)
{
	return atomic_compare_exchange_strong(&start_at(number)->state, &from, TA_START_FILLING);
}

static bool is_left_behind(const struct ta_start *start)
{
	return ta_sys(SYS_tgkill, start->pid, start->tid, 0) == -ESRCH;
}

static int find_place(void)
{
	for (uint32_t number = 0; number < TA_STARTS_MAX; number++)
		if (claim(number, TA_START_FREE))
			return (int)number;
	for (uint32_t number = 0; number < TA_STARTS_MAX; number++)
		if (is_left_behind(start_at(number)) && claim(number, TA_START_SET))
			return (int)number;
	return TA_START_NONE;
}

/* Nothing is told where nothing would be misunderstood without it. */
static bool find_parent(struct ta_thread *thread, struct ta_context *ret_parent)
{
	if (!ta_process_span_parent(thread, ret_parent))
		*ret_parent = (struct ta_context){ 0 };
	return ret_parent->span_id != 0 || ta_runtime.remote.span_id != 0;
}

static void fill(struct ta_start *start, const struct ta_thread *thread,
		 const struct ta_context *parent)
{
	start->pid = ta_runtime.pid;
	start->tid = thread->tid;
	start->flags = parent->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1;
	start->trace_hi = parent->trace_hi;
	start->trace_lo = parent->trace_lo;
	start->span_id = parent->span_id;
	atomic_store_explicit(&start->state, TA_START_SET, memory_order_release);
}

int ta_start_open(void)
{
	struct ta_context parent;

	ta_process_span_forking();
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL || thread->tid == 0 || ta_runtime.pid == 0 ||
	    !find_parent(thread, &parent))
		return TA_START_NONE;
	int number = find_place();

	if (number == TA_START_NONE)
		return TA_START_NONE;
	atomic_store_explicit(&streams[number], NULL, memory_order_relaxed);
	fill(start_at((uint32_t)number), thread, &parent);
	return number;
}

/* A forked child has the numbers of its parent's. */
void ta_start_close(int start)
{
	if (start < 0 || start_at((uint32_t)start)->pid != ta_runtime.pid)
		return;
	atomic_store_explicit(&streams[start], NULL, memory_order_relaxed);
	atomic_store_explicit(&start_at((uint32_t)start)->state, TA_START_FREE,
			      memory_order_release);
}

void ta_start_keep(int start, const void *stream)
{
	if (start >= 0)
		atomic_store_explicit(&streams[start], stream, memory_order_relaxed);
}

int ta_start_kept(const void *stream)
{
	for (int number = 0; number < (int)TA_STARTS_MAX && stream; number++)
		if (atomic_load_explicit(&streams[number], memory_order_relaxed) == stream)
			return number;
	return TA_START_NONE;
}
