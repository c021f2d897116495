/* SPDX-License-Identifier: MIT */
/*
 * support_host.c - the library without its preload.
 */
#include "tests/unit/support_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/wire/lane.h"
#include "runtime/wire/crash.h"

#define LANES 64u
#define LANE_BYTES 65536u
#define SIGNAL_BYTES 4096u

extern const struct tagalong_api tagalong_api_v1;

static char *taken;
static size_t taken_bytes;

/* ---- start ---- */

static struct ta_segment *make_segment(void)
{
	uint32_t header = ta_segment_header_bytes(LANES);
	size_t total = header + (size_t)LANES * LANE_BYTES + TA_CRASH_BYTES;
	struct ta_segment *segment = mmap(NULL, total, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (segment == MAP_FAILED)
		exit(77);
	segment->header_bytes = header;
	segment->lane_count = LANES;
	segment->lane_bytes = LANE_BYTES;
	segment->signal_ring_bytes = SIGNAL_BYTES;
	segment->total_bytes = total;
	for (uint32_t i = 0; i < LANES; i++)
		atomic_store(&ta_segment_ready(segment)[i], 1);
	return segment;
}

void core_start(void)
{
	ta_runtime.segment = make_segment();
	taken = malloc((size_t)LANES * LANE_BYTES);
	if (taken == NULL || !ta_arena_init(LANES))
		exit(77);
	ta_runtime.pid = (uint32_t)getpid();
	ta_runtime.proc_id = 0x1234567800000000ull | ta_runtime.pid;
	ta_runtime.seed = (uint64_t)time(NULL) << 32 ^ ta_runtime.proc_id;
	ta_runtime.creator = ta_runtime.threads = true;
	ta_clock_init();
	ta_runtime.enabled = true;
	tagalong_table_ = &tagalong_api_v1;
}

/* ---- threads ---- */

static void *begin(void *argument)
{
	struct core_thread *thread = argument;

	ta_thread_begin(thread->birth);
	thread->run(thread->argument);
	ta_thread_end();
	return NULL;
}

void core_thread_start(struct core_thread *thread, void (*run)(void *), void *argument)
{
	thread->run = run;
	thread->argument = argument;
	thread->birth = ta_thread_birth_new(NULL, NULL);
	if (thread->birth == NULL)
		abort();
	ta_thread_birth_inherit(thread->birth);
	if (pthread_create(&thread->thread, NULL, begin, thread) != 0)
		abort();
}

void core_thread_join(struct core_thread *thread)
{
	pthread_join(thread->thread, NULL);
}

void core_in_thread(void (*run)(void *), void *argument)
{
	struct core_thread thread;

	core_thread_start(&thread, run, argument);
	core_thread_join(&thread);
}

/* ---- records ---- */

static void take_ring(struct ta_ring_reader ring, bool keep)
{
	uint64_t tail = atomic_load(ring.shared_head), skipped = 0;

	if (keep)
		taken_bytes += ta_ring_take(&ring, taken + taken_bytes, ring.size, &tail, &skipped);
	if (skipped)
		abort();
	ta_ring_release(&ring, tail);
}

static void take_all(bool keep)
{
	struct ta_segment *segment = ta_runtime.segment;

	taken_bytes = 0;
	for (uint32_t i = 0; i < LANES; i++) {
		struct ta_lane *lane = ta_lane_at(segment, i);

		take_ring(ta_lane_reader(segment, lane), keep);
		take_ring(ta_lane_signal_reader(segment, lane), keep);
	}
}

void core_skip(void)
{
	take_all(false);
}

void core_take(void)
{
	take_all(true);
}

const struct ta_record *core_next(const struct ta_record *record)
{
	const char *next = record ? (const char *)record + record->units * 8u : taken;

	return next < taken + taken_bytes ? (const void *)next : NULL;
}

unsigned int core_ends(uint64_t span_id, const struct ta_record_span_end **ret_end)
{
	const struct ta_record *record = NULL;
	unsigned int count = 0;

	*ret_end = NULL;
	while ((record = core_next(record)) != NULL) {
		const struct ta_record_span_end *end = (const void *)record;

		if (record->kind != TA_RECORD_SPAN_END || end->span_id != span_id)
			continue;
		*ret_end = end;
		count++;
	}
	return count;
}

const struct ta_record_span_start *core_start_of(uint64_t span_id)
{
	const struct ta_record *record = NULL;

	while ((record = core_next(record)) != NULL) {
		const struct ta_record_span_start *start = (const void *)record;

		if (record->kind == TA_RECORD_SPAN_START && start->span_id == span_id)
			return start;
	}
	return NULL;
}

uint64_t core_lost(enum ta_loss loss)
{
	return atomic_load(&ta_runtime.segment->lost[loss]);
}

/* ---- pools ---- */

static uint32_t in_use(struct ta_pool *pool)
{
	uint32_t fresh = atomic_load(&pool->fresh), free = 0;
	uint32_t at = (uint32_t)atomic_load(&pool->top);

	fresh = fresh < pool->size ? fresh : pool->size;
	for (; at != 0; at = atomic_load(&pool->next[at - 1]))
		if (++free > fresh)
			abort(); /* the list has a loop */
	return fresh - free;
}

struct core_use core_use(void)
{
	struct core_use use = { .cells = in_use(&ta_arena.cell_pool),
				.objects = in_use(&ta_arena.object_pool),
				.sessions = in_use(&ta_arena.session_pool),
				.handed = in_use(&ta_arena.handed_pool),
				.hubs = in_use(&ta_arena.hub_pool),
				.conns = in_use(&ta_arena.conn_pool) };

	for (uint32_t i = 0; i < LANES; i++) {
		use.objects -= ta_arena.threads[i].spare_count;
		use.lanes += atomic_load(&ta_segment_owners(ta_runtime.segment)[i]) != 0;
	}
	for (uint32_t i = 0; i < ta_arena.birth_count; i++)
		use.births += atomic_load(&ta_arena.births[i].taken);
	return use;
}

const char *core_use_difference(const struct core_use *before, const struct core_use *now)
{
	static const char *const names[] = { "cells", "objects", "sessions", "handed",
					     "hubs",  "conns",	 "births",   "lanes" };
	static char text[512];
	const uint32_t *old = &before->cells, *new = &now->cells;
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (old[i] != new[i])
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %u, now %u; ",
						 names[i], old[i], new[i]);
	return text;
}
