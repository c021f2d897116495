/* SPDX-License-Identifier: MIT */
/*
 * scope.h - scopes in the host: version numbers, and cells for those that are shared.
 *
 * A context has two slots, isolation and current.  A slot holds the number of a
 * scope version; forking a scope copies the number.  As soon as a scope is written
 * to, or somebody else refers to it (a handle, another thread, a detached span), the
 * slot gets a cell: the version is kept there from then on, once for all who share
 * the scope.  Cells are counted; a handle is a cell's number and generation, so a
 * handle of a scope that is over is noticed.
 *
 * A change publishes a new version and puts it in the cell by compare and swap; if
 * somebody else was first it is published again on top of theirs: nothing is lost when threads, or a thread and its signal
 * handler, write to one scope at a time.
 *
 * Runs: any host thread, signal handlers (also ones that interrupt these functions).
 * No locks, no heap.
 */
#ifndef TA_CORE_SCOPE_H
#define TA_CORE_SCOPE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/arena.h"
#include "runtime/wire/record.h"

struct ta_thread;

struct ta_slot {
	uint64_t version; /* while there is no cell */
	uint64_t cell;	  /* handle, or 0; set once */
};

struct ta_cell {
	_Atomic uint64_t version;
	_Atomic uint64_t state;	   /* generation << 32 | references */
	_Atomic uint64_t trace_hi; /* of what is captured under it outside any span; 0: not yet */
	_Atomic uint64_t below;	   /* the scope under it on a hub's stack, or 0; of what the
				    * program forked and has not freed, its own handle */
};

/* The version numbers in force somewhere; what records carry. */
struct ta_versions {
	uint64_t global, isolation, current;
};

/* The cell of the process's global scope: number 0, never freed. */
#define TA_GLOBAL_CELL ((uint64_t)1 << 32)

void ta_scope_init(void);

static inline struct ta_cell *ta_cell_at(uint64_t cell)
{
	uint32_t index = (uint32_t)cell;

	return &ta_arena.cells[index < ta_arena.cell_pool.size ? index : 0];
}

static inline bool ta_cell_is_live(uint64_t state, uint64_t cell)
{
	return state >> 32 == cell >> 32 && (uint32_t)state != 0;
}

/* The value of a cell; false: it is over. */
static inline bool ta_cell_version(uint64_t cell, uint64_t *ret_version)
{
	struct ta_cell *at = ta_cell_at(cell);
	uint64_t version = atomic_load_explicit(&at->version, memory_order_acquire);

	if (!ta_cell_is_live(atomic_load_explicit(&at->state, memory_order_acquire), cell))
		return false;
	*ret_version = version;
	return true;
}

/* ---- slots ---- */

static inline uint64_t ta_slot_version(const struct ta_slot *slot)
{
	uint64_t cell = __atomic_load_n(&slot->cell, __ATOMIC_ACQUIRE);
	uint64_t version = slot->version;

	if (cell)
		ta_cell_version(cell, &version);
	return version;
}

/* The same for a slot that nobody else can drop meanwhile: a frame's own. */
static inline uint64_t ta_slot_own_version(const struct ta_slot *slot)
{
	return slot->cell ? atomic_load_explicit(&ta_arena.cells[(uint32_t)slot->cell].version,
						 memory_order_acquire) :
			    slot->version;
}

/* A fork: the same data, its own from here on. */
static inline struct ta_slot ta_slot_fork(const struct ta_slot *slot)
{
	return (struct ta_slot){ .version = ta_slot_version(slot) };
}

/* The slot's cell, made if there was none; the slot keeps its reference.  0: no room
 * (counted). */
uint64_t ta_slot_cell(struct ta_slot *slot);

/* A slot that is the same scope.  When there is no room it is a fork. */
struct ta_slot ta_slot_share(struct ta_slot *slot);

/* The slot's owner is done with it. */
void ta_slot_drop_cell(struct ta_slot *slot);

static inline void ta_slot_drop(struct ta_slot *slot)
{
	if (__atomic_load_n(&slot->cell, __ATOMIC_ACQUIRE))
		ta_slot_drop_cell(slot);
}

/* ---- cells, by handle ---- */

uint64_t ta_cell_new(uint64_t version); /* one reference; 0: no room (counted) */
/* The same for the program, which gives that reference back once; anything else that
 * it frees is left alone. */
uint64_t ta_cell_fork(uint64_t version);
void ta_cell_free_fork(uint64_t cell);
bool ta_cell_ref(uint64_t cell);	/* false: it is over */
void ta_cell_unref(uint64_t cell);


/* The trace of what is captured under an isolation scope and outside any span. */
uint64_t ta_cell_trace(uint64_t cell, struct ta_thread *thread);

/* ---- changes ---- */

struct ta_change {
	enum ta_scope_change what;
	enum ta_level level;
	enum ta_attr_type value_type;
	bool remove;
	const void *key;
	const void *value;
	void (*put)(const void *value, char *out); /* writes value_bytes; NULL: value is copied */
	uint32_t key_bytes;
	uint32_t value_bytes;
};

/* Changes the scope of a cell.  Returns 0, -ESTALE or -ENOBUFS (counted). */
int ta_scope_change(struct ta_thread *thread, uint64_t cell, const struct ta_change *change);

/* The same for a version that is in no cell: *version becomes the new one. */
int ta_version_change(struct ta_thread *thread, uint64_t *version, const struct ta_change *change);

#endif
