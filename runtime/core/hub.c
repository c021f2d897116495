/* SPDX-License-Identifier: MIT */
/*
 * hub.c - hubs and their scopes.
 *
 * Runs: the thread that the hub is current on, inside the guard.  No locks.
 */
#include "runtime/core/hub.h"

#include "runtime/core/arena.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

static struct ta_hub *hub_at(uint64_t hub)
{
	uint32_t index = (uint32_t)hub;
	struct ta_hub *at = &ta_arena.hubs[index < ta_arena.hub_pool.size ? index : 0];
	uint64_t state = atomic_load(&at->state);

	return state >> 32 == hub >> 32 && (uint32_t)state ? at : NULL;
}

static uint64_t make(uint64_t version, bool client)
{
	int index = ta_pool_take(&ta_arena.hub_pool);
	uint64_t top = index >= 0 ? ta_cell_new(version) : 0;

	if (top == 0) {
		ta_lost(TA_LOSS_SCOPE_POOL);
		if (index >= 0)
			ta_pool_give(&ta_arena.hub_pool, (uint32_t)index);
		return 0;
	}
	struct ta_hub *hub = &ta_arena.hubs[index];
	uint64_t generation = atomic_load(&hub->state) >> 32;

	generation = generation ? generation : 1;
	hub->top = top;
	hub->depth = 1;
	hub->client = client;
	atomic_store(&hub->state, generation << 32 | 1);
	return generation << 32 | (uint32_t)index;
}

static uint64_t top_version(uint64_t hub)
{
	const struct ta_hub *at = hub_at(hub);
	uint64_t version = 0;

	if (at)
		ta_cell_version(at->top, &version);
	return version;
}

uint64_t ta_hub_current(struct ta_thread *thread)
{
	struct ta_stack *stack = thread->stack;

	if (hub_at(stack->hub) == NULL)
		stack->hub = make(stack->hub_seed, !stack->hub_silent);
	return stack->hub;
}

uint64_t ta_hub_new(uint64_t from, bool client)
{
	return make(top_version(from), client);
}

bool ta_hub_ref(uint64_t hub)
{
	struct ta_hub *at = hub_at(hub);

	if (at)
		atomic_fetch_add(&at->state, 1);
	return at != NULL;
}

static void pop_cell(struct ta_hub *hub)
{
	uint64_t top = hub->top;

	hub->top = ta_cell_at(top)->below;
	hub->depth--;
	ta_cell_unref(top);
}

void ta_hub_drop(uint64_t hub)
{
	struct ta_hub *at = hub_at(hub);

	if (at == NULL || (uint32_t)atomic_fetch_sub(&at->state, 1) != 1)
		return;
	while (at->depth)
		pop_cell(at);
	atomic_store(&at->state, (((hub >> 32) + 1) & UINT32_MAX) << 32);
	ta_pool_give(&ta_arena.hub_pool, (uint32_t)hub);
}

uint64_t ta_hub_top(struct ta_thread *thread)
{
	const struct ta_hub *hub = hub_at(ta_hub_current(thread));

	return hub && hub->client ? hub->top : 0;
}

uint64_t ta_hub_seed(const struct ta_stack *stack, bool *ret_silent)
{
	const struct ta_hub *hub = hub_at(stack->hub);

	*ret_silent = hub ? !hub->client : stack->hub_silent;
	return hub ? top_version(stack->hub) : stack->hub_seed;
}

uint64_t ta_hub_enter(struct ta_stack *stack, uint64_t hub)
{
	uint64_t former = stack->hub;

	if (ta_hub_ref(hub))
		stack->hub = hub;
	else
		ta_hub_ref(former);
	return former;
}

void ta_hub_restore(struct ta_stack *stack, uint64_t former)
{
	ta_hub_drop(stack->hub);
	stack->hub = former;
}

uint64_t ta_hub_push_scope(struct ta_thread *thread)
{
	struct ta_hub *hub = hub_at(ta_hub_current(thread));
	uint64_t version, cell = 0;

	if (hub && ta_cell_version(hub->top, &version))
		cell = ta_cell_new(version);
	if (cell == 0)
		return 0;
	ta_cell_at(cell)->below = hub->top;
	hub->top = cell;
	hub->depth++;
	return cell;
}

bool ta_hub_pop_scope(struct ta_thread *thread)
{
	struct ta_hub *hub = hub_at(ta_hub_current(thread));

	if (hub == NULL || hub->depth < 2)
		return false;
	pop_cell(hub);
	return true;
}

uint32_t ta_hub_depth(struct ta_thread *thread)
{
	const struct ta_hub *hub = hub_at(ta_hub_current(thread));

	return hub ? hub->depth : 0;
}
