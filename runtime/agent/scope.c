/* SPDX-License-Identifier: MIT */
/*
 * scope.c - scope versions: how they are made, held and let go.
 *
 * A version whose parent is not known waits in its parent's list of children, so
 * that a chain that arrives in reverse order is made in one go when its first link
 * is there, each version once.
 *
 * Runs: agent, one thread.  No I/O, no clock.
 */
#include "runtime/agent/scope_internal.h"

#include <stdlib.h>
#include <string.h>

#define PASSES_WAITED 2u

struct ta_scopes *ta_scopes_new(void)
{
	struct ta_scopes *scopes = calloc(1, sizeof(*scopes));

	if (!scopes)
		return NULL;
	ta_list_init(&scopes->all_owners);
	ta_list_init(&scopes->waiting);
	ta_list_init(&scopes->ready);
	ta_list_init(&scopes->idle);
	ta_list_init(&scopes->orphans.versions);
	scopes->max_crumbs = 100;
	if (ta_map_init(&scopes->by_number) == 0 && ta_map_init(&scopes->owners) == 0) {
		scopes->seed = scopes->by_number.seed;
		return scopes;
	}
	ta_map_fini(&scopes->by_number);
	free(scopes);
	return NULL;
}

void ta_scopes_set_max_crumbs(struct ta_scopes *scopes, uint32_t max_crumbs)
{
	scopes->max_crumbs = max_crumbs < TA_SCOPE_CRUMBS_MAX ? max_crumbs : TA_SCOPE_CRUMBS_MAX;
}

/* ---- versions ---- */

struct ta_version *ta_version_find(const struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct ta_map_node *node = ta_map_find(&scopes->by_number, number);

	while (node && TA_CONTAINER(node, struct ta_version, node)->family != family)
		node = ta_map_next(node);
	return node ? TA_CONTAINER(node, struct ta_version, node) : NULL;
}

struct ta_version *ta_version_make(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct ta_version *version = ta_version_find(scopes, family, number);

	if (version)
		return version;
	version = ta_scope_alloc(scopes, sizeof(*version));
	if (!version)
		return NULL;
	*version = (struct ta_version){ .family = family };
	ta_list_init(&version->link);
	ta_list_init(&version->children);
	ta_list_init(&version->sibling);
	ta_map_add(&scopes->by_number, &version->node, number);
	return version;
}

static struct ta_pool *pool_of(struct ta_scopes *scopes, struct ta_version *version)
{
	return version->owner->dead ? &scopes->orphans : &version->owner->pool;
}

static void leave_pool(struct ta_scopes *scopes, struct ta_version *version)
{
	if (version->state != TA_VERSION_KNOWN || ta_list_empty(&version->idle))
		return;
	ta_list_remove(&version->idle);
	ta_list_remove(&version->link);
	pool_of(scopes, version)->count--;
}

static void drop_owner(struct ta_scopes *scopes, struct ta_scope_owner *owner)
{
	ta_map_remove(&scopes->owners, &owner->node);
	ta_list_remove(&owner->link);
	ta_scope_release(scopes, owner, sizeof(*owner));
}

static bool is_over(const struct ta_scope_owner *owner)
{
	return owner->versions == 0 && (owner->forgotten || owner->dead);
}

/* One version less, or one that was counted so that the owner stays. */
static void unpin_owner(struct ta_scopes *scopes, struct ta_scope_owner *owner)
{
	owner->versions--;
	if (is_over(owner))
		drop_owner(scopes, owner);
}

/* What the version holds, and the version; whoever is connected to it knows. */
static void free_version(struct ta_scopes *scopes, struct ta_version *version)
{
	struct ta_scope_owner *owner = version->owner;

	if (version->state == TA_VERSION_KNOWN)
		ta_content_clear(scopes, &version->content);
	else if (version->state == TA_VERSION_WAITING)
		ta_change_fini(scopes, &version->change);
	ta_map_remove(&scopes->by_number, &version->node);
	ta_scope_release(scopes, version, sizeof(*version));
	if (owner)
		unpin_owner(scopes, owner);
}

static void drop_version(struct ta_scopes *scopes, struct ta_version *version)
{
	leave_pool(scopes, version);
	free_version(scopes, version);
}

void ta_scopes_free(struct ta_scopes *scopes)
{
	if (!scopes)
		return;
	ta_restore_end(scopes);
	TA_LIST_EACH(owner_at, &scopes->all_owners)
	TA_CONTAINER(owner_at, struct ta_scope_owner, link)->forgotten = false;
	for (size_t i = 0; i < scopes->by_number.slot_count; i++)
		while (scopes->by_number.slots[i].first)
			free_version(scopes, TA_CONTAINER(scopes->by_number.slots[i].first,
							  struct ta_version, node));
	TA_LIST_EACH(at, &scopes->all_owners)
	{
		struct ta_scope_owner *owner = TA_CONTAINER(at, struct ta_scope_owner, link);

		ta_cells_free(scopes, owner);
		drop_owner(scopes, owner);
	}
	ta_map_fini(&scopes->by_number);
	ta_map_fini(&scopes->owners);
	free(scopes);
}

/* ---- holding ---- */

void ta_version_hold(struct ta_scopes *scopes, struct ta_version *version)
{
	if (version->refs++ == 0)
		leave_pool(scopes, version);
}

void ta_version_release(struct ta_scopes *scopes, struct ta_version *version)
{
	if (version && --version->refs == 0)
		ta_version_retire(scopes, version);
}

static void trim_pool(struct ta_scopes *scopes, struct ta_pool *pool, uint32_t most)
{
	while (pool->count > most)
		drop_version(scopes, TA_CONTAINER(pool->versions.next, struct ta_version, link));
}

void ta_version_retire(struct ta_scopes *scopes, struct ta_version *version)
{
	if (version->refs > 0 || version->state == TA_VERSION_WAITING)
		return;
	if (version->state == TA_VERSION_NAMED ||
	    (version->owner->forgotten && !scopes->keep_all)) {
		free_version(scopes, version);
		return;
	}
	struct ta_pool *pool = pool_of(scopes, version);

	ta_list_append(&pool->versions, &version->link);
	ta_list_append(&scopes->idle, &version->idle);
	pool->count++;
	if (!scopes->keep_all)
		trim_pool(scopes, pool, TA_SCOPE_KEPT);
}

void ta_scopes_ref(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct ta_version *version = number ? ta_version_make(scopes, family, number) : NULL;

	if (version)
		ta_version_hold(scopes, version);
}

void ta_scopes_unref(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct ta_version *version = number ? ta_version_find(scopes, family, number) : NULL;

	if (version && version->refs > 0)
		ta_version_release(scopes, version);
}

/* ---- owners ---- */

struct ta_scope_owner *ta_owner_find(const struct ta_scopes *scopes, uint64_t family,
				     uint64_t proc_id)
{
	struct ta_map_node *node = ta_map_find(&scopes->owners, proc_id);

	while (node && TA_CONTAINER(node, struct ta_scope_owner, node)->family != family)
		node = ta_map_next(node);
	return node ? TA_CONTAINER(node, struct ta_scope_owner, node) : NULL;
}

struct ta_scope_owner *ta_owner_make(struct ta_scopes *scopes, uint64_t family, uint64_t proc_id)
{
	struct ta_scope_owner *owner = ta_owner_find(scopes, family, proc_id);

	if (owner)
		return owner;
	owner = ta_scope_alloc(scopes, sizeof(*owner));
	if (!owner)
		return NULL;
	*owner = (struct ta_scope_owner){ .family = family };
	ta_list_init(&owner->pool.versions);
	ta_list_append(&scopes->all_owners, &owner->link);
	ta_map_add(&scopes->owners, &owner->node, proc_id);
	return owner;
}

void ta_scopes_tidy(struct ta_scopes *scopes)
{
	scopes->keep_all = false;
	TA_LIST_EACH(version_at, &scopes->orphans.versions)
	{
		struct ta_version *version = TA_CONTAINER(version_at, struct ta_version, link);

		if (version->owner->forgotten)
			drop_version(scopes, version);
	}
	trim_pool(scopes, &scopes->orphans, TA_SCOPE_KEPT);
	TA_LIST_EACH(at, &scopes->all_owners)
	{
		struct ta_scope_owner *owner = TA_CONTAINER(at, struct ta_scope_owner, link);

		owner->versions++; /* it stays meanwhile */
		trim_pool(scopes, &owner->pool, owner->forgotten ? 0 : TA_SCOPE_KEPT);
		unpin_owner(scopes, owner);
	}
}

void ta_scopes_bury(struct ta_scopes *scopes, uint64_t family, uint64_t proc_id)
{
	struct ta_scope_owner *owner = ta_owner_find(scopes, family, proc_id);

	if (!owner || owner->dead)
		return;
	owner->versions++; /* it stays meanwhile */
	ta_cells_drop(scopes, owner);
	TA_LIST_EACH(at, &owner->pool.versions)
	{
		ta_list_remove(at);
		ta_list_append(&scopes->orphans.versions, at);
	}
	scopes->orphans.count += owner->pool.count;
	owner->pool.count = 0;
	owner->dead = true;
	if (!scopes->keep_all)
		trim_pool(scopes, &scopes->orphans, TA_SCOPE_KEPT);
	unpin_owner(scopes, owner);
}

/* Letting go of a cell may end any version and any owner: they end when all is let go. */
void ta_scopes_forget(struct ta_scopes *scopes, uint64_t family)
{
	ta_restore_end(scopes);
	scopes->keep_all = true;
	TA_LIST_EACH(at, &scopes->all_owners)
	{
		struct ta_scope_owner *owner = TA_CONTAINER(at, struct ta_scope_owner, link);

		if (owner->family != family)
			continue;
		ta_cells_drop(scopes, owner);
		owner->forgotten = true;
	}
	ta_scopes_tidy(scopes);
}

/* ---- receiving ---- */

/* Memory is short: what nobody holds goes first, the process's own before others'. */
static bool make_room(struct ta_scopes *scopes, struct ta_scope_owner *owner, size_t bytes)
{
	while (scopes->bytes + bytes > TA_SCOPE_BYTES_MAX) {
		struct ta_pool *pool = owner->pool.count > 0 ? &owner->pool : &scopes->orphans;

		if (pool->count > 0)
			trim_pool(scopes, pool, pool->count - 1);
		else if (!ta_list_empty(&scopes->idle))
			drop_version(scopes,
				     TA_CONTAINER(scopes->idle.next, struct ta_version, idle));
		else
			return false;
	}
	return true;
}

/* All that waits for a version has its turn. */
static void wake_children(struct ta_scopes *scopes, struct ta_version *version)
{
	TA_LIST_EACH(at, &version->children)
	{
		struct ta_version *child = TA_CONTAINER(at, struct ta_version, sibling);

		ta_list_remove(at);
		ta_list_remove(&child->link);
		ta_list_append(&scopes->ready, &child->link);
	}
}

/* Makes a WAITING version of its parent (which is known, or is done without), its
 * children ready, and the cell's value of it. */
static void become_known(struct ta_scopes *scopes, struct ta_version *version)
{
	struct ta_version *parent = version->parent;
	struct ta_version *known = parent && parent->state == TA_VERSION_KNOWN ? parent : NULL;
	struct ta_change change = version->change;
	uint32_t cell = version->cell;

	scopes->counters.missing += !known && (parent || version->orphan);
	ta_list_remove(&version->sibling);
	ta_list_remove(&version->link);
	wake_children(scopes, version);
	version->state = TA_VERSION_KNOWN;
	version->depth = known && known->depth < UINT32_MAX ? known->depth + 1 : 1;
	version->content = (struct ta_content){ 0 };
	ta_list_init(&version->idle);
	if (known)
		ta_content_copy(&version->content, &known->content);
	ta_content_apply(scopes, &version->content, &change);
	ta_change_fini(scopes, &change);
	ta_cell_set(scopes, version->owner, cell, version, known);
	ta_version_release(scopes, parent);
	ta_version_retire(scopes, version);
}

static void run_ready(struct ta_scopes *scopes)
{
	while (!ta_list_empty(&scopes->ready))
		become_known(scopes, TA_CONTAINER(scopes->ready.next, struct ta_version, link));
}

void ta_version_receive(struct ta_scopes *scopes, struct ta_version *version,
			struct ta_scope_owner *owner, uint64_t parent, uint32_t cell,
			const struct ta_change *change)
{
	struct ta_version *from = parent ? ta_version_make(scopes, version->family, parent) : NULL;

	version->state = TA_VERSION_WAITING;
	version->owner = owner;
	owner->versions++;
	version->parent = from;
	version->orphan = parent && !from;
	version->change = *change;
	version->cell = cell;
	version->since = scopes->pass;
	if (from)
		ta_version_hold(scopes, from);
	if (from && from->state != TA_VERSION_KNOWN) {
		ta_list_append(&from->children, &version->sibling);
		ta_list_append(&scopes->waiting, &version->link);
		return;
	}
	ta_list_append(&scopes->ready, &version->link);
	run_ready(scopes);
}

void ta_version_fill(struct ta_scopes *scopes, struct ta_version *version,
		     struct ta_scope_owner *owner, const struct ta_content *content, uint32_t depth)
{
	version->owner = owner;
	owner->versions++;
	wake_children(scopes, version);
	version->state = TA_VERSION_KNOWN;
	version->depth = depth ? depth : 1;
	version->content = *content;
	ta_list_init(&version->idle);
	ta_version_retire(scopes, version);
	run_ready(scopes);
}

/* A version, its parent's name, a row of each of the longest kinds. */
#define ROOM_FOR_A_CHANGE                                                                          \
	(2 * sizeof(struct ta_version) + 2 * sizeof(struct ta_row) + sizeof(struct ta_item) +      \
	 TA_SCOPE_CRUMBS_MAX * sizeof(void *) + sizeof(struct ta_cell_page) +                      \
	 TA_CELL_PAGES * sizeof(void *) + TA_SCOPE_TAGS_MAX * sizeof(struct ta_item))

static bool receive(struct ta_scopes *scopes, uint64_t family, struct ta_scope_owner *owner,
		    const struct ta_record_scope_set *set)
{
	size_t bytes = ROOM_FOR_A_CHANGE + set->key_bytes + set->value_bytes;
	struct ta_version *version = make_room(scopes, owner, bytes)
					     ? ta_version_make(scopes, family, set->version)
					     : NULL;
	struct ta_change change;

	if (!version || version->state != TA_VERSION_NAMED)
		return false;
	ta_change_read(scopes, &change, set);
	ta_version_receive(scopes, version, owner, set->parent == set->version ? 0 : set->parent,
			   set->cell, &change);
	return true;
}

void ta_scopes_set(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
		   const struct ta_record_scope_set *set)
{
	struct ta_scope_owner *owner;
	struct ta_version *parent;

	ta_restore_end(scopes);
	owner = set->version ? ta_owner_make(scopes, family, owner_id) : NULL;
	if (!owner) {
		scopes->counters.dropped++;
		return;
	}
	owner->forgotten = false;
	owner->versions++; /* it stays, and so does the parent, when room is made */
	parent = set->parent ? ta_version_find(scopes, family, set->parent) : NULL;
	if (parent)
		ta_version_hold(scopes, parent);
	scopes->counters.dropped += !receive(scopes, family, owner, set);
	ta_version_release(scopes, parent);
	unpin_owner(scopes, owner);
}

/* Old ones whose parent is not even received, or not for long: the others follow. */
static void give_up(struct ta_scopes *scopes, bool all)
{
	TA_LIST_EACH(at, &scopes->waiting)
	{
		struct ta_version *version = TA_CONTAINER(at, struct ta_version, link);
		struct ta_version *parent = version->parent;

		if (scopes->pass - version->since < PASSES_WAITED)
			break;
		if (!all && parent && parent->state == TA_VERSION_WAITING &&
		    scopes->pass - parent->since >= PASSES_WAITED)
			continue;
		ta_list_remove(&version->link);
		ta_list_append(&scopes->ready, &version->link);
		if (all)
			break;
	}
	run_ready(scopes);
}

static bool any_old(const struct ta_scopes *scopes)
{
	const struct ta_list *first = scopes->waiting.next;

	return first != &scopes->waiting &&
	       scopes->pass - TA_CONTAINER(first, struct ta_version, link)->since >= PASSES_WAITED;
}

bool ta_scopes_settle(struct ta_scopes *scopes)
{
	ta_restore_end(scopes);
	if (any_old(scopes))
		give_up(scopes, false);
	while (any_old(scopes)) /* versions that are their own ancestors: a host may say so */
		give_up(scopes, true);
	scopes->pass++;
	return !ta_list_empty(&scopes->waiting);
}

/* ---- questions ---- */

uint32_t ta_scopes_depth(const struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	const struct ta_version *version = number ? ta_version_find(scopes, family, number) : NULL;

	return version ? version->depth : 0;
}

struct ta_scope_counters ta_scopes_counters(const struct ta_scopes *scopes)
{
	return scopes->counters;
}

size_t ta_scopes_bytes(const struct ta_scopes *scopes)
{
	return scopes->bytes;
}
