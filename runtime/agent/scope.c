/* SPDX-License-Identifier: MIT */
/*
 * scope.c - scope versions, each with all its tags.
 *
 * A version holds pointers to counted tags instead of a pointer to its parent:
 * a program that sets a tag per request on one long-lived scope makes a chain
 * without end, and a chain could never be cut.  With all tags at hand, a version
 * goes when nobody holds it, whatever was made from it.
 *
 * Runs: agent, one thread.  No I/O, no clock.
 */
#include "runtime/agent/scope.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/agent/list.h"
#include "runtime/agent/map.h"

struct tag {
	uint32_t refs;
	uint32_t key_bytes, value_bytes;
	char text[]; /* key, value */
};

enum version_state {
	NAMED,	 /* somebody refers to it; not received yet */
	WAITING, /* received, its parent was not */
	KNOWN,
};

struct version {
	struct ta_map_node node; /* by number; families share the table */
	struct ta_list link;	 /* KNOWN and not held: the owner's; WAITING: scopes->waiting */
	uint64_t family;
	uint64_t parent; /* WAITING only */
	struct owner *owner;
	uint32_t refs;
	uint8_t state;
	bool remove;	   /* WAITING only */
	uint32_t waited;   /* passes */
	struct tag *change; /* WAITING only */
	struct tag **tags;
	uint32_t count;
};

/* The process whose versions these are: the bound is per process. */
struct owner {
	struct ta_map_node node; /* by proc_id */
	struct ta_list link;
	struct ta_list unused; /* oldest first */
	uint64_t family;
	uint32_t unused_count;
	uint32_t versions;
	bool forgotten;
};

struct ta_scopes {
	struct ta_map by_number;
	struct ta_map owners;
	struct ta_list all_owners;
	struct ta_list waiting;
	size_t bytes;
	struct ta_scope_counters counters;
};

struct ta_scopes *ta_scopes_new(void)
{
	struct ta_scopes *scopes = calloc(1, sizeof(*scopes));

	if (!scopes)
		return NULL;
	ta_list_init(&scopes->waiting);
	ta_list_init(&scopes->all_owners);
	if (ta_map_init(&scopes->by_number) == 0 && ta_map_init(&scopes->owners) == 0)
		return scopes;
	ta_map_fini(&scopes->by_number);
	free(scopes);
	return NULL;
}

static void unref_tag(struct ta_scopes *scopes, struct tag *tag)
{
	if (!tag || --tag->refs > 0)
		return;
	scopes->bytes -= sizeof(*tag) + tag->key_bytes + tag->value_bytes;
	free(tag);
}

static struct tag *new_tag(struct ta_scopes *scopes, const char *key, uint32_t key_bytes,
			   const char *value, uint32_t value_bytes)
{
	size_t bytes = sizeof(struct tag) + key_bytes + value_bytes;
	struct tag *tag = scopes->bytes + bytes <= TA_SCOPE_BYTES_MAX ? malloc(bytes) : NULL;

	if (!tag)
		return NULL;
	*tag = (struct tag){ .refs = 1, .key_bytes = key_bytes, .value_bytes = value_bytes };
	memcpy(tag->text, key, key_bytes);
	memcpy(tag->text + key_bytes, value, value_bytes);
	scopes->bytes += bytes;
	return tag;
}

static struct version *find(const struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct ta_map_node *node = ta_map_find(&scopes->by_number, number);

	while (node && TA_CONTAINER(node, struct version, node)->family != family)
		node = ta_map_next(node);
	return node ? TA_CONTAINER(node, struct version, node) : NULL;
}

static void drop_owner(struct ta_scopes *scopes, struct owner *owner)
{
	ta_map_remove(&scopes->owners, &owner->node);
	ta_list_remove(&owner->link);
	free(owner);
}

static void free_version(struct ta_scopes *scopes, struct version *version)
{
	struct owner *owner = version->owner;

	for (uint32_t i = 0; i < version->count; i++)
		unref_tag(scopes, version->tags[i]);
	unref_tag(scopes, version->change);
	scopes->bytes -= sizeof(*version) + version->count * sizeof(version->tags[0]);
	free(version->tags);
	ta_list_remove(&version->link);
	ta_map_remove(&scopes->by_number, &version->node);
	free(version);
	if (owner && --owner->versions == 0 && owner->forgotten)
		drop_owner(scopes, owner);
}

void ta_scopes_free(struct ta_scopes *scopes)
{
	if (!scopes)
		return;
	for (size_t i = 0; i < scopes->by_number.slot_count; i++)
		while (scopes->by_number.slots[i])
			free_version(scopes, TA_CONTAINER(scopes->by_number.slots[i],
							  struct version, node));
	TA_LIST_EACH(at, &scopes->all_owners)
		drop_owner(scopes, TA_CONTAINER(at, struct owner, link));
	ta_map_fini(&scopes->by_number);
	ta_map_fini(&scopes->owners);
	free(scopes);
}

static struct version *make(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct version *version = find(scopes, family, number);

	if (version || scopes->bytes + sizeof(*version) > TA_SCOPE_BYTES_MAX)
		return version;
	version = calloc(1, sizeof(*version));
	if (!version)
		return NULL;
	version->family = family;
	ta_list_init(&version->link);
	ta_map_add(&scopes->by_number, &version->node, number);
	scopes->bytes += sizeof(*version);
	return version;
}

static struct owner *owner_of(struct ta_scopes *scopes, uint64_t family, uint64_t proc_id)
{
	struct ta_map_node *node = ta_map_find(&scopes->owners, proc_id);

	if (node) {
		TA_CONTAINER(node, struct owner, node)->forgotten = false;
		return TA_CONTAINER(node, struct owner, node);
	}
	struct owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	owner->family = family;
	ta_list_init(&owner->unused);
	ta_list_append(&scopes->all_owners, &owner->link);
	ta_map_add(&scopes->owners, &owner->node, proc_id);
	return owner;
}

static void drop_oldest(struct ta_scopes *scopes, struct owner *owner)
{
	struct version *oldest = TA_CONTAINER(owner->unused.next, struct version, link);

	owner->unused_count--;
	free_version(scopes, oldest);
}

/* Nobody holds the version: it waits for a span to come, up to the bound. */
static void retire(struct ta_scopes *scopes, struct version *version)
{
	struct owner *owner = version->owner;

	if (version->refs > 0 || version->state == WAITING)
		return;
	if (version->state == NAMED || !owner || owner->forgotten) {
		free_version(scopes, version);
		return;
	}
	ta_list_append(&owner->unused, &version->link);
	owner->unused_count++;
	if (owner->unused_count > TA_SCOPE_KEPT)
		drop_oldest(scopes, owner);
}

void ta_scopes_ref(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct version *version = number ? make(scopes, family, number) : NULL;

	if (!version)
		return;
	if (version->refs++ == 0 && version->state == KNOWN) {
		ta_list_remove(&version->link);
		if (version->owner)
			version->owner->unused_count--;
	}
}

void ta_scopes_unref(struct ta_scopes *scopes, uint64_t family, uint64_t number)
{
	struct version *version = number ? find(scopes, family, number) : NULL;

	if (version && version->refs > 0 && --version->refs == 0)
		retire(scopes, version);
}

static bool same_key(const struct tag *a, const struct tag *b)
{
	return a->key_bytes == b->key_bytes && memcmp(a->text, b->text, a->key_bytes) == 0;
}

/* The parent's tags, the changed one replaced, added or left out.  Takes over
 * the reference that version->change is. */
static void flatten(struct ta_scopes *scopes, struct version *version, const struct version *parent)
{
	struct tag *change = version->change;
	uint32_t count = parent ? parent->count : 0, kept = 0;
	struct tag **tags = calloc(count + 1, sizeof(tags[0]));

	version->state = KNOWN;
	version->change = NULL;
	for (uint32_t i = 0; tags && i < count; i++) {
		if (same_key(parent->tags[i], change))
			continue;
		tags[kept++] = parent->tags[i];
		parent->tags[i]->refs++;
	}
	if (tags && !version->remove && kept < TA_SCOPE_TAGS_MAX) {
		tags[kept++] = change;
	} else {
		scopes->counters.dropped += !version->remove;
		unref_tag(scopes, change);
	}
	version->tags = tags;
	version->count = kept;
	scopes->bytes += kept * sizeof(tags[0]);
}

/* True when the version's parent is at hand (or can no longer be waited for). */
static bool try_flatten(struct ta_scopes *scopes, struct version *version, bool wait)
{
	struct version *parent = find(scopes, version->family, version->parent);
	bool known = parent && parent->state == KNOWN;

	if (version->parent != 0 && !known && wait)
		return false;
	if (version->parent != 0 && !known)
		scopes->counters.missing++;
	flatten(scopes, version, known ? parent : NULL);
	return true;
}

static void became_known(struct ta_scopes *scopes, struct version *version)
{
	uint64_t parent = version->parent;

	ta_list_remove(&version->link);
	ta_scopes_unref(scopes, version->family, parent);
	retire(scopes, version);
}

/* Memory is short: what nobody holds goes first. */
static bool make_room(struct ta_scopes *scopes, struct owner *owner, size_t bytes)
{
	while (scopes->bytes + bytes > TA_SCOPE_BYTES_MAX && owner->unused_count > 0)
		drop_oldest(scopes, owner);
	return scopes->bytes + bytes <= TA_SCOPE_BYTES_MAX;
}

void ta_scopes_set(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
		   const struct ta_record_scope_set *set)
{
	const char *key = (const char *)(set + 1);
	struct owner *owner = set->version ? owner_of(scopes, family, owner_id) : NULL;
	bool room = owner && make_room(scopes, owner, 65536 + TA_SCOPE_TAGS_MAX * 8);
	struct version *version = room ? make(scopes, family, set->version) : NULL;

	if (!version || version->state != NAMED) {
		scopes->counters.dropped++;
		return;
	}
	version->change = new_tag(scopes, key, set->key_bytes, key + set->key_bytes,
				  set->value_bytes);
	if (!version->change) {
		scopes->counters.dropped++;
		retire(scopes, version);
		return;
	}
	version->owner = owner;
	owner->versions++;
	version->parent = set->parent == set->version ? 0 : set->parent;
	version->remove = (set->flags & TA_SCOPE_REMOVE) != 0;
	version->state = WAITING;
	ta_scopes_ref(scopes, family, version->parent);
	if (try_flatten(scopes, version, true))
		became_known(scopes, version);
	else
		ta_list_append(&scopes->waiting, &version->link);
}

bool ta_scopes_settle(struct ta_scopes *scopes)
{
	bool progress = true;

	while (progress) {
		progress = false;
		TA_LIST_EACH(at, &scopes->waiting) {
			struct version *version = TA_CONTAINER(at, struct version, link);

			if (!try_flatten(scopes, version, version->waited < 2))
				continue;
			/* Only this one may leave the list while we walk it: its parent,
			 * which it lets go, is known or only named. */
			became_known(scopes, version);
			progress = true;
		}
	}
	TA_LIST_EACH(at, &scopes->waiting)
		TA_CONTAINER(at, struct version, link)->waited++;
	return !ta_list_empty(&scopes->waiting);
}

static uint32_t put_tag(const struct tag *tag, struct ta_tag *out, uint32_t count,
			uint32_t capacity)
{
	struct ta_tag flat = { .key = tag->text,
			       .key_bytes = tag->key_bytes,
			       .value = tag->text + tag->key_bytes,
			       .value_bytes = tag->value_bytes };

	for (uint32_t i = 0; i < count; i++) {
		if (out[i].key_bytes == flat.key_bytes &&
		    memcmp(out[i].key, flat.key, flat.key_bytes) == 0) {
			out[i] = flat;
			return count;
		}
	}
	if (count < capacity)
		out[count++] = flat;
	return count;
}

uint32_t ta_scopes_merge(struct ta_scopes *scopes, uint64_t family, const uint64_t *versions,
			 uint32_t count, struct ta_tag *out, uint32_t capacity)
{
	uint32_t tags = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct version *version = versions[i] ? find(scopes, family, versions[i]) : NULL;

		if (versions[i] && (!version || version->state != KNOWN))
			scopes->counters.missing++;
		for (uint32_t t = 0; version && t < version->count; t++)
			tags = put_tag(version->tags[t], out, tags, capacity);
	}
	return tags;
}

void ta_scopes_forget(struct ta_scopes *scopes, uint64_t family)
{
	TA_LIST_EACH(at, &scopes->all_owners) {
		struct owner *owner = TA_CONTAINER(at, struct owner, link);

		if (owner->family != family || owner->forgotten)
			continue;
		while (owner->unused_count > 0)
			drop_oldest(scopes, owner);
		owner->forgotten = true;
		if (owner->versions == 0)
			drop_owner(scopes, owner);
	}
}

static void visit_one(const struct version *version, ta_scope_visit_fn *visit, void *user)
{
	struct ta_tag tags[TA_SCOPE_TAGS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < version->count; i++)
		count = put_tag(version->tags[i], tags, count, TA_SCOPE_TAGS_MAX);
	visit(user, version->family, version->owner->node.key, version->node.key, tags, count);
}

void ta_scopes_visit(struct ta_scopes *scopes, ta_scope_visit_fn *visit, void *user)
{
	for (size_t i = 0; i < scopes->by_number.slot_count; i++) {
		struct ta_map_node *node = scopes->by_number.slots[i];

		for (; node; node = node->next) {
			struct version *version = TA_CONTAINER(node, struct version, node);

			if (version->state == KNOWN && version->owner)
				visit_one(version, visit, user);
		}
	}
}

void ta_scopes_restore(struct ta_scopes *scopes, uint64_t family, uint64_t owner_id,
		       uint64_t number, const struct ta_tag *tags, uint32_t count)
{
	struct owner *owner = owner_of(scopes, family, owner_id);
	struct version *version = owner && number ? make(scopes, family, number) : NULL;

	if (!version || version->state != NAMED || count > TA_SCOPE_TAGS_MAX)
		return;
	version->tags = calloc(count + 1, sizeof(version->tags[0]));
	for (uint32_t i = 0; version->tags && i < count; i++) {
		struct tag *tag = new_tag(scopes, tags[i].key, tags[i].key_bytes, tags[i].value,
					  tags[i].value_bytes);

		if (tag)
			version->tags[version->count++] = tag;
	}
	scopes->bytes += version->count * sizeof(version->tags[0]);
	version->state = KNOWN;
	version->owner = owner;
	owner->versions++;
	retire(scopes, version);
}

struct ta_scope_counters ta_scopes_counters(const struct ta_scopes *scopes)
{
	return scopes->counters;
}
