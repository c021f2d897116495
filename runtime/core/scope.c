/* SPDX-License-Identifier: MIT */
/*
 * scope.c - cells, slots, and publishing one change to a scope.
 *
 * A version is published before it is put in its cell, so whoever builds on it, or
 * refers to it, refers to something that is in a lane already.  When somebody else was
 * first the change is published once more on top of theirs; the first try is a version
 * that nobody refers to.
 *
 * Runs: any host thread, signal handlers.  No locks, no heap.
 */
#include "runtime/core/scope.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"

static uint64_t handle_of(uint32_t index, uint32_t generation)
{
	return (uint64_t)generation << 32 | index;
}

void ta_scope_init(void)
{
	struct ta_cell *global = &ta_arena.cells[0];

	ta_pool_take(&ta_arena.cell_pool);
	atomic_store(&global->version, 0);
	atomic_store(&global->state, TA_GLOBAL_CELL | 1);
}

/* ---- cells ---- */

uint64_t ta_cell_new(uint64_t version)
{
	int index = ta_pool_take(&ta_arena.cell_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_SCOPE_POOL);
		return 0;
	}
	struct ta_cell *cell = &ta_arena.cells[index];
	uint64_t state = atomic_load_explicit(&cell->state, memory_order_relaxed);
	uint32_t generation = (uint32_t)(state >> 32) ? (uint32_t)(state >> 32) : 1;

	atomic_store_explicit(&cell->version, version, memory_order_relaxed);
	atomic_store_explicit(&cell->trace_hi, 0, memory_order_relaxed);
	atomic_store_explicit(&cell->below, 0, memory_order_relaxed);
	atomic_store_explicit(&cell->state, (uint64_t)generation << 32 | 1, memory_order_release);
	return handle_of((uint32_t)index, generation);
}

bool ta_cell_ref(uint64_t cell)
{
	struct ta_cell *at = ta_cell_at(cell);
	uint64_t state = atomic_load_explicit(&at->state, memory_order_acquire);

	do {
		if (!ta_cell_is_live(state, cell))
			return false;
	} while (!atomic_compare_exchange_weak(&at->state, &state, state + 1));
	return true;
}

/* The last reference makes the generation end before the number can be reused. */
void ta_cell_unref(uint64_t cell)
{
	struct ta_cell *at = ta_cell_at(cell);
	uint64_t state = atomic_load_explicit(&at->state, memory_order_acquire), next;

	do {
		if (!ta_cell_is_live(state, cell))
			return;
		next = (uint32_t)state > 1 ? state - 1 : (((state >> 32) + 1) & UINT32_MAX) << 32;
	} while (!atomic_compare_exchange_weak(&at->state, &state, next));
	if ((uint32_t)next == 0)
		ta_pool_give(&ta_arena.cell_pool, (uint32_t)cell);
}

uint64_t ta_cell_fork(uint64_t version)
{
	uint64_t cell = ta_cell_new(version);

	if (cell)
		atomic_store(&ta_cell_at(cell)->below, cell);
	return cell;
}

void ta_cell_free_fork(uint64_t cell)
{
	uint64_t forked = cell;

	if (cell && atomic_compare_exchange_strong(&ta_cell_at(cell)->below, &forked, 0))
		ta_cell_unref(cell);
}

uint64_t ta_cell_trace(uint64_t cell, struct ta_thread *thread)
{
	struct ta_cell *at = ta_cell_at(cell);
	uint64_t trace = 0, made = ta_id_next(&thread->ids);

	return atomic_compare_exchange_strong(&at->trace_hi, &trace, made) ? made : trace;
}

/* ---- slots ---- */

uint64_t ta_slot_cell(struct ta_slot *slot)
{
	uint64_t cell = __atomic_load_n(&slot->cell, __ATOMIC_ACQUIRE);
	uint64_t made = cell ? 0 : ta_cell_new(slot->version);

	if (made == 0)
		return cell;
	if (__atomic_compare_exchange_n(&slot->cell, &cell, made, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return made;
	ta_cell_unref(made);
	return cell;
}

struct ta_slot ta_slot_share(struct ta_slot *slot)
{
	uint64_t cell = ta_slot_cell(slot);

	if (cell == 0 || !ta_cell_ref(cell))
		return ta_slot_fork(slot);
	return (struct ta_slot){ .version = slot->version, .cell = cell };
}

void ta_slot_drop_cell(struct ta_slot *slot)
{
	uint64_t cell = __atomic_exchange_n(&slot->cell, 0, __ATOMIC_ACQ_REL);

	if (cell)
		ta_cell_unref(cell);
}

/* ---- changes ---- */

/* Number 0 is the global scope's, so cells are told by number + 1: 0 is none. */
static uint32_t told(uint64_t cell)
{
	return cell ? (uint32_t)cell + 1 : 0;
}

static bool begin_change(struct ta_emit *emit, struct ta_thread *thread,
			 const struct ta_change *change, uint64_t cell)
{
	uint32_t bytes = change->key_bytes + change->value_bytes;

	if (!ta_emit_begin(emit, thread, TA_RECORD_SCOPE_SET,
			   (uint32_t)sizeof(struct ta_record_scope_set), bytes))
		return false;
	struct ta_record_scope_set *set = (void *)emit->record;

	set->version = ta_id_next(&thread->ids);
	set->cell = told(cell);
	set->key_bytes = (uint16_t)change->key_bytes;
	set->value_bytes = change->value_bytes;
	set->change = (uint8_t)change->what;
	set->flags = (uint8_t)((change->remove ? TA_SCOPE_REMOVE : 0) |
			       (cell == TA_GLOBAL_CELL ? TA_SCOPE_GLOBAL : 0));
	set->level = (uint8_t)change->level;
	set->value_type = (uint8_t)change->value_type;
	if (change->key_bytes)
		memcpy(emit->cursor, change->key, change->key_bytes);
	if (change->put)
		change->put(change->value, emit->cursor + change->key_bytes);
	else if (change->value_bytes)
		memcpy(emit->cursor + change->key_bytes, change->value, change->value_bytes);
	emit->cursor += bytes;
	return true;
}

/* Publishes parent with the change.  Returns the new version, or 0: no room (counted). */
static uint64_t publish_change(struct ta_thread *thread, const struct ta_change *change,
			       uint64_t cell, uint64_t parent)
{
	struct ta_emit emit;

	if (!begin_change(&emit, thread, change, cell))
		return 0;
	struct ta_record_scope_set *set = (void *)emit.record;
	uint64_t version = set->version;

	set->parent = parent;
	ta_emit_commit(&emit);
	return version;
}

int ta_scope_change(struct ta_thread *thread, uint64_t cell, const struct ta_change *change)
{
	struct ta_cell *at = ta_cell_at(cell);
	uint64_t parent, made;

	if (!ta_cell_ref(cell))
		return -ESTALE;
	parent = atomic_load_explicit(&at->version, memory_order_acquire);
	do {
		made = publish_change(thread, change, cell, parent);
	} while (made && !atomic_compare_exchange_strong(&at->version, &parent, made));
	ta_cell_unref(cell);
	return made ? 0 : -ENOBUFS;
}

int ta_version_change(struct ta_thread *thread, uint64_t *version, const struct ta_change *change)
{
	uint64_t made = publish_change(thread, change, 0, *version);

	if (made)
		*version = made;
	return made ? 0 : -ENOBUFS;
}
