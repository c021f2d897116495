/* SPDX-License-Identifier: MIT */
/*
 * arena.c - how much of everything, and where it lies.
 *
 * Runs: constructor.  One mmap; first the sizes are added up, then the same walk
 * hands out the pieces.
 */
#include "runtime/core/arena.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "runtime/core/arrival.h"
#include "runtime/core/company.h"
#include "runtime/core/conn.h"
#include "runtime/core/coroutine_pool.h"
#include "runtime/core/crumb_line.h"
#include "runtime/core/fd.h"
#include "runtime/core/handover.h"
#include "runtime/core/hub.h"
#include "runtime/core/inject_stage.h"
#include "runtime/core/listener.h"
#include "runtime/core/object.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"
#include "runtime/core/unit.h"
#include "runtime/protocol/command.h"

#define SHARE_OF_LIMIT 32u /* we take at most this part of a limited address space */

struct ta_arena ta_arena;
_Atomic uint64_t *ta_fds;
uint32_t ta_fd_count;

struct counts {
	uint32_t threads, births, conns, heads, queues, listeners, fds;
	uint32_t cells, objects, sessions, handed, hubs, altstacks, units, dialogues, injections;
	uint32_t coroutines, companies, arrivals, stages;
};

static const struct counts full = { .births = 4096,
				    .conns = 16384,
				    .heads = 256,
				    .queues = 64,
				    .listeners = 512,
				    .fds = 65536,
				    .cells = 65534,
				    .objects = 16384,
				    .sessions = 4096,
				    .handed = 4096,
				    .coroutines = 4096,
				    .companies = 1024,
				    .arrivals = 4096,
				    .stages = 64,
				    .hubs = 4096,
				    .altstacks = 512,
				    .units = 4096,
				    .dialogues = 512,
				    .injections = 1024 };
static const struct counts least = { .births = 32,
				     .conns = 64,
				     .heads = 4,
				     .queues = 1,
				     .listeners = 8,
				     .fds = 1024,
				     .cells = 256,
				     .objects = 128,
				     .sessions = 16,
				     .handed = 8,
				     .coroutines = 8,
				     .companies = 4,
				     .arrivals = 8,
				     .stages = 1,
				     .hubs = 16,
				     .altstacks = 2,
				     .units = 64,
				     .dialogues = 4,
				     .injections = 4 };

/* ---- layout ---- */

static void *piece(char *base, size_t *used, size_t bytes)
{
	size_t at = (*used + TA_CACHE_LINE - 1) & ~(size_t)(TA_CACHE_LINE - 1);

	*used = at + bytes;
	return base ? base + at : NULL;
}

static void pool_at(struct ta_pool *pool, char *base, size_t *used, uint32_t count)
{
	pool->next = piece(base, used, (size_t)count * sizeof(*pool->next));
	pool->size = count;
}

/* Bytes for these counts; with a base, also puts the pieces in place. */
static size_t lay_out(struct ta_arena *arena, char *base, const struct counts *counts)
{
	size_t used = 0;

	ta_fds = piece(base, &used, counts->fds * sizeof(*ta_fds));
	arena->threads = piece(base, &used, counts->threads * sizeof(*arena->threads));
	arena->lines = piece(base, &used, counts->threads * sizeof(*arena->lines));
	arena->births = piece(base, &used, counts->births * sizeof(*arena->births));
	arena->conns = piece(base, &used, counts->conns * sizeof(*arena->conns));
	arena->heads = piece(base, &used, counts->heads * sizeof(*arena->heads));
	arena->queues = piece(base, &used,
			      (size_t)counts->queues * TA_QUEUE_LONG * sizeof(*arena->queues));
	arena->listeners = piece(base, &used, counts->listeners * sizeof(*arena->listeners));
	arena->cells = piece(base, &used, counts->cells * sizeof(*arena->cells));
	arena->objects = piece(base, &used, counts->objects * sizeof(*arena->objects));
	arena->sessions = piece(base, &used, counts->sessions * sizeof(*arena->sessions));
	arena->handed = piece(base, &used, counts->handed * sizeof(*arena->handed));
	arena->coroutines = piece(base, &used, counts->coroutines * sizeof(*arena->coroutines));
	arena->coroutine_hints =
		piece(base, &used, counts->coroutines * sizeof(*arena->coroutine_hints));
	arena->hubs = piece(base, &used, counts->hubs * sizeof(*arena->hubs));
	arena->altstacks = piece(base, &used, (size_t)counts->altstacks * TA_ALTSTACK_BYTES);
	arena->companies = piece(base, &used, counts->companies * sizeof(*arena->companies));
	arena->arrivals = piece(base, &used, counts->arrivals * sizeof(*arena->arrivals));
	arena->units = piece(base, &used, counts->units * sizeof(*arena->units));
	arena->dialogues = piece(base, &used, counts->dialogues * sizeof(*arena->dialogues));
	arena->injections = piece(base, &used, counts->injections * sizeof(*arena->injections));
	arena->stages = piece(base, &used, counts->stages * sizeof(*arena->stages));
	pool_at(&arena->stage_pool, base, &used, counts->stages);
	pool_at(&arena->injection_pool, base, &used, counts->injections);
	pool_at(&arena->unit_pool, base, &used, counts->units);
	pool_at(&arena->dialogue_pool, base, &used, counts->dialogues);
	pool_at(&arena->altstack_pool, base, &used, counts->altstacks);
	pool_at(&arena->cell_pool, base, &used, counts->cells);
	pool_at(&arena->object_pool, base, &used, counts->objects);
	pool_at(&arena->session_pool, base, &used, counts->sessions);
	pool_at(&arena->handed_pool, base, &used, counts->handed);
	pool_at(&arena->coroutine_pool, base, &used, counts->coroutines);
	pool_at(&arena->hub_pool, base, &used, counts->hubs);
	pool_at(&arena->conn_pool, base, &used, counts->conns);
	pool_at(&arena->head_pool, base, &used, counts->heads);
	pool_at(&arena->queue_pool, base, &used, counts->queues);
	arena->birth_count = counts->births;
	arena->company_count = counts->companies;
	arena->arrival_count = counts->arrivals;
	arena->listener_count = counts->listeners;
	return used;
}

/* ---- sizes ---- */

static uint64_t limit_of(int resource)
{
	struct rlimit limit;

	if (ta_sys(SYS_prlimit64, 0, resource, 0, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static uint32_t scaled(uint32_t whole, uint32_t minimum, uint64_t budget, uint64_t bytes)
{
	uint32_t count = (uint32_t)((double)whole * ((double)budget / (double)bytes));

	return count < minimum ? minimum : count;
}

static struct counts choose(uint32_t lanes)
{
	uint64_t as = limit_of(RLIMIT_AS), data = limit_of(RLIMIT_DATA);
	uint64_t budget = (as < data ? as : data) / SHARE_OF_LIMIT;
	struct counts counts = full;

	counts.threads = lanes;
	uint64_t bytes = lay_out(&ta_arena, NULL, &counts);

	if (bytes <= budget)
		return counts;
	return (struct counts){ .threads = lanes,
				.births = scaled(full.births, least.births, budget, bytes),
				.conns = scaled(full.conns, least.conns, budget, bytes),
				.heads = scaled(full.heads, least.heads, budget, bytes),
				.queues = scaled(full.queues, least.queues, budget, bytes),
				.listeners = scaled(full.listeners, least.listeners, budget, bytes),
				.fds = scaled(full.fds, least.fds, budget, bytes),
				.cells = scaled(full.cells, least.cells, budget, bytes),
				.objects = scaled(full.objects, least.objects, budget, bytes),
				.sessions = scaled(full.sessions, least.sessions, budget, bytes),
				.handed = scaled(full.handed, least.handed, budget, bytes),
				.coroutines =
					scaled(full.coroutines, least.coroutines, budget, bytes),
				.stages = scaled(full.stages, least.stages, budget, bytes),
				.companies =
					scaled(full.companies, least.companies, budget, bytes),
				.arrivals = scaled(full.arrivals, least.arrivals, budget, bytes),
				.hubs = scaled(full.hubs, least.hubs, budget, bytes),
				.altstacks = scaled(full.altstacks, least.altstacks, budget, bytes),
				.units = scaled(full.units, least.units, budget, bytes),
				.dialogues =
					scaled(full.dialogues, least.dialogues, budget, bytes),
				.injections = scaled(full.injections, least.injections, budget,
						     bytes) };
}

bool ta_arena_init(uint32_t lanes)
{
	struct counts counts = choose(lanes);
	size_t bytes = lay_out(&ta_arena, NULL, &counts);
	long base = ta_sys(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base < 0 && base > -4096)
		return false;
	lay_out(&ta_arena, (char *)base, &counts);
	ta_scope_init();
	ta_fd_count = counts.fds;
	return true;
}
