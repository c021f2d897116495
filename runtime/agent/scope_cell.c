/* SPDX-License-Identifier: MIT */
/*
 * scope_cell.c - the values of the scopes that a process still has.
 *
 * A scope that was set once at the start is used again an hour and a million
 * versions later, so the value of every cell is held.
 *
 * A version comes to its cell when it becomes known: then versions of one chain come in
 * their order, whatever lanes they came by.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/scope_internal.h"

#include <string.h>

static void *alloc_zeroed(struct ta_scopes *scopes, size_t bytes)
{
	void *memory = ta_scope_alloc(scopes, bytes);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

struct ta_cell_value *ta_cell_value(struct ta_scopes *scopes, struct ta_scope_owner *owner,
				    uint32_t cell)
{
	uint32_t index = cell - 1;
	struct ta_cell_page **page;

	if (!owner->pages)
		owner->pages = alloc_zeroed(scopes, TA_CELL_PAGES * sizeof(owner->pages[0]));
	if (!owner->pages)
		return NULL;
	page = &owner->pages[index / TA_CELL_PAGE];
	if (!*page)
		*page = alloc_zeroed(scopes, sizeof(**page));
	return *page ? &(*page)->cells[index % TA_CELL_PAGE] : NULL;
}

void ta_cell_put(struct ta_scopes *scopes, struct ta_version **place, struct ta_version *version)
{
	struct ta_version *old = *place;

	if (version)
		ta_version_hold(scopes, version);
	*place = version;
	ta_version_release(scopes, old);
}

static void put_chain(struct ta_scopes *scopes, struct ta_cell_chain *chain,
		      struct ta_version *now, struct ta_version *before)
{
	ta_cell_put(scopes, &chain->now, now);
	ta_cell_put(scopes, &chain->before, before);
}

/* The chain that goes on from parent, or else the last one, to the front. */
static struct ta_cell_chain *to_front(struct ta_cell_value *value, const struct ta_version *parent)
{
	uint32_t at = 0;

	while (at < TA_CELL_CHAINS - 1 && !(parent && value->chains[at].now == parent))
		at++;
	struct ta_cell_chain chain = value->chains[at];

	for (; at > 0; at--)
		value->chains[at] = value->chains[at - 1];
	value->chains[0] = chain;
	return &value->chains[0];
}

void ta_cell_set(struct ta_scopes *scopes, struct ta_scope_owner *owner, uint32_t cell,
		 struct ta_version *version, struct ta_version *parent)
{
	struct ta_cell_value *value = NULL;

	if (cell == 0 || owner->dead || owner->forgotten)
		return;
	if (cell <= TA_SCOPE_CELLS_MAX)
		value = ta_cell_value(scopes, owner, cell);
	if (value)
		put_chain(scopes, to_front(value, parent), version, parent);
	else
		scopes->counters.dropped++;
}

/* Where the child has something already it is newer than what the parent has. */
static void copy_page(struct ta_scopes *scopes, struct ta_scope_owner *to,
		      const struct ta_cell_page *page, uint32_t first)
{
	for (uint32_t i = 0; i < TA_CELL_PAGE; i++) {
		const struct ta_cell_chain *from = page->cells[i].chains;
		struct ta_cell_value *value;

		if (!from[0].now)
			continue;
		value = ta_cell_value(scopes, to, first + i);
		if (!value) {
			scopes->counters.dropped++;
			return;
		}
		if (value->chains[0].now)
			continue;
		for (uint32_t at = 0; at < TA_CELL_CHAINS; at++)
			put_chain(scopes, &value->chains[at], from[at].now, from[at].before);
	}
}

void ta_scopes_inherit(struct ta_scopes *scopes, uint64_t family, uint64_t child, uint64_t parent)
{
	struct ta_scope_owner *from = ta_owner_find(scopes, family, parent);
	struct ta_scope_owner *to = from && from->pages && child != parent
					    ? ta_owner_make(scopes, family, child)
					    : NULL;

	if (!to || to->dead || to->forgotten)
		return;
	for (uint32_t i = 0; i < TA_CELL_PAGES; i++)
		if (from->pages[i])
			copy_page(scopes, to, from->pages[i], i * TA_CELL_PAGE + 1);
}

void ta_cells_free(struct ta_scopes *scopes, struct ta_scope_owner *owner)
{
	for (uint32_t i = 0; owner->pages && i < TA_CELL_PAGES; i++)
		ta_scope_release(scopes, owner->pages[i], sizeof(*owner->pages[i]));
	ta_scope_release(scopes, owner->pages, TA_CELL_PAGES * sizeof(owner->pages[0]));
	owner->pages = NULL;
}

void ta_cells_drop(struct ta_scopes *scopes, struct ta_scope_owner *owner)
{
	owner->versions++; /* it stays meanwhile */
	for (uint32_t i = 0; owner->pages && i < TA_CELL_PAGES; i++) {
		for (uint32_t j = 0; owner->pages[i] && j < TA_CELL_PAGE; j++) {
			for (uint32_t at = 0; at < TA_CELL_CHAINS; at++)
				put_chain(scopes, &owner->pages[i]->cells[j].chains[at], NULL, NULL);
		}
	}
	ta_cells_free(scopes, owner);
	owner->versions--;
}
