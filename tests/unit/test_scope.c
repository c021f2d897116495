/* SPDX-License-Identifier: MIT */
/*
 * test_scope.c - scope versions and what they merge to.
 */
#include "runtime/agent/scope.h"
#include "tests/unit/check.h"

#define FAMILY 100
#define OWNER 200

static void set_in(struct ta_scopes *scopes, uint64_t family, uint64_t version, uint64_t parent,
		   const char *key, const char *value, uint32_t flags)
{
	_Alignas(8) char bytes[1024] = { 0 };
	struct ta_record_scope_set *set = (void *)bytes;

	set->head.kind = TA_RECORD_SCOPE_SET;
	set->version = version;
	set->parent = parent;
	set->key_bytes = (uint16_t)strlen(key);
	set->value_bytes = (uint16_t)strlen(value);
	set->flags = flags;
	memcpy(bytes + sizeof(*set), key, set->key_bytes);
	memcpy(bytes + sizeof(*set) + set->key_bytes, value, set->value_bytes);
	ta_scopes_set(scopes, family, OWNER, set);
}

static void set(struct ta_scopes *scopes, uint64_t version, uint64_t parent, const char *key,
		const char *value)
{
	set_in(scopes, FAMILY, version, parent, key, value, 0);
}

/* "key=value key=value" of the merged versions. */
static const char *merged(struct ta_scopes *scopes, uint64_t first, uint64_t second, uint64_t third)
{
	static char text[8192];
	struct ta_tag tags[512];
	uint64_t versions[3] = { first, second, third };
	uint32_t count = ta_scopes_merge(scopes, FAMILY, versions, 3, tags, 512);
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < count && used < sizeof(text) - 600; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s=%.*s",
					 i ? " " : "", (int)tags[i].key_bytes, tags[i].key,
					 (int)tags[i].value_bytes, tags[i].value);
	return text;
}

static void versions_are_immutable(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 1, 0, "a", "1");
	set(scopes, 2, 1, "b", "2");
	set(scopes, 3, 1, "a", "3");
	set_in(scopes, FAMILY, 4, 2, "a", "", TA_SCOPE_REMOVE);
	check_text(merged(scopes, 1, 0, 0), "a=1");
	check_text(merged(scopes, 2, 0, 0), "a=1 b=2");
	check_text(merged(scopes, 3, 0, 0), "a=3");
	check_text(merged(scopes, 4, 0, 0), "b=2");
	check_text(merged(scopes, 0, 0, 0), "");
	ta_scopes_free(scopes);
}

static void later_scopes_win(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 1, 0, "a", "global");
	set(scopes, 2, 0, "a", "isolation");
	set(scopes, 3, 2, "b", "isolation");
	set(scopes, 4, 0, "b", "current");
	check_text(merged(scopes, 1, 3, 4), "a=isolation b=current");
	set(scopes, 5, 4, "", "empty key");
	check_text(merged(scopes, 5, 0, 0), "b=current =empty key");
	ta_scopes_free(scopes);
}

static void children_come_before_parents(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 3, 2, "c", "3");
	set(scopes, 2, 1, "b", "2");
	set(scopes, 1, 0, "a", "1");
	ta_scopes_settle(scopes);
	check_text(merged(scopes, 3, 0, 0), "a=1 b=2 c=3");
	check_same(ta_scopes_counters(scopes).missing, 0);
	ta_scopes_free(scopes);
}

static void a_parent_never_comes(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 3, 2, "c", "3");
	check(ta_scopes_settle(scopes), "nothing waits");
	ta_scopes_settle(scopes);
	ta_scopes_settle(scopes);
	check(!ta_scopes_settle(scopes), "still waiting");
	check_text(merged(scopes, 3, 0, 0), "c=3");
	check_same(ta_scopes_counters(scopes).missing, 1);
	merged(scopes, 99, 0, 0);
	check_same(ta_scopes_counters(scopes).missing, 2);
	ta_scopes_free(scopes);
}

static void families_are_apart(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 1, 0, "a", "1");
	set_in(scopes, FAMILY + 1, 1, 0, "a", "other", 0);
	check_text(merged(scopes, 1, 0, 0), "a=1");
	ta_scopes_forget(scopes, FAMILY);
	check_text(merged(scopes, 1, 0, 0), "");
	ta_scopes_free(scopes);
}

static void held_versions_stay(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set(scopes, 1, 0, "a", "held");
	set(scopes, 2, 0, "a", "not held");
	ta_scopes_ref(scopes, FAMILY, 1);
	for (uint64_t version = 3; version < 3 + 2 * TA_SCOPE_KEPT; version++)
		set(scopes, version, 1, "b", "x");
	check_text(merged(scopes, 1, 0, 0), "a=held");
	check_text(merged(scopes, 2, 0, 0), "");
	check_text(merged(scopes, 3 + 2 * TA_SCOPE_KEPT - 1, 0, 0), "a=held b=x");
	ta_scopes_unref(scopes, FAMILY, 1);
	for (uint64_t version = 1u << 20; version < (1u << 20) + TA_SCOPE_KEPT; version++)
		set(scopes, version, 0, "b", "x");
	check_text(merged(scopes, 1, 0, 0), "");
	ta_scopes_free(scopes);
}

/* The version is named by a span before its record is read. */
static void held_before_known(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	ta_scopes_ref(scopes, FAMILY, 5);
	ta_scopes_ref(scopes, FAMILY, 6);
	set(scopes, 5, 0, "a", "1");
	check_text(merged(scopes, 5, 0, 0), "a=1");
	ta_scopes_unref(scopes, FAMILY, 5);
	ta_scopes_unref(scopes, FAMILY, 6);
	ta_scopes_unref(scopes, FAMILY, 6);
	ta_scopes_free(scopes);
}

/* A scope that a program goes on writing to for ever: memory stays bounded. */
static void an_endless_chain(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	for (uint64_t version = 1; version <= 200000; version++) {
		char value[32];

		snprintf(value, sizeof(value), "%llu", (unsigned long long)version);
		set(scopes, version, version - 1, version % 2 ? "odd" : "even", value);
	}
	check_text(merged(scopes, 200000, 0, 0), "odd=199999 even=200000");
	check_same(ta_scopes_counters(scopes).missing, 0);
	check_same(ta_scopes_counters(scopes).dropped, 0);
	ta_scopes_free(scopes);
}

static void too_many_tags(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	for (uint64_t version = 1; version <= TA_SCOPE_TAGS_MAX + 10; version++) {
		char key[32];

		snprintf(key, sizeof(key), "k%llu", (unsigned long long)version);
		set(scopes, version, version - 1, key, "");
	}
	check_same(ta_scopes_counters(scopes).dropped, 10);
	ta_scopes_free(scopes);
}

struct copy {
	struct ta_scopes *to;
};

static void copy_one(void *user, uint64_t family, uint64_t owner, uint64_t version,
		     const struct ta_tag *tags, uint32_t count)
{
	struct copy *copy = user;

	ta_scopes_restore(copy->to, family, owner, version, tags, count);
}

static void a_snapshot_is_the_same(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	struct copy copy = { ta_scopes_new() };

	set(scopes, 1, 0, "a", "1");
	set(scopes, 2, 1, "b", "2");
	ta_scopes_visit(scopes, copy_one, &copy);
	check_text(merged(copy.to, 2, 0, 0), "a=1 b=2");
	set(copy.to, 3, 2, "c", "3");
	check_text(merged(copy.to, 3, 0, 0), "a=1 b=2 c=3");
	ta_scopes_free(scopes);
	ta_scopes_free(copy.to);
}

int main(void)
{
	check_group("versions do not change when children are made", versions_are_immutable);
	check_group("later scopes win", later_scopes_win);
	check_group("a child may be read before its parent", children_come_before_parents);
	check_group("a parent that never comes is counted", a_parent_never_comes);
	check_group("segments have numbers of their own", families_are_apart);
	check_group("held versions stay, others go", held_versions_stay);
	check_group("a version can be held before it is known", held_before_known);
	check_group("an endless chain of versions", an_endless_chain);
	check_group("too many tags are counted", too_many_tags);
	check_group("a snapshot is the same", a_snapshot_is_the_same);
	return check_status();
}
