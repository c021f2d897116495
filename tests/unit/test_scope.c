/* SPDX-License-Identifier: MIT */
/*
 * test_scope.c - scope versions: how they are made of one another, held, and let go.
 */
#include "tests/unit/scopes.h"

#include <time.h>

static void versions_are_immutable(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "1");
	set_tag(scopes, 2, 1, "b", "2");
	set_tag(scopes, 3, 1, "a", "3");
	send(scopes, .version = 4, .parent = 2, .change = TA_SCOPE_TAG, .key = "a",
	     .flags = TA_SCOPE_REMOVE);
	check_text(merged(scopes, 1, 0, 0), "tags{a=1}");
	check_text(merged(scopes, 2, 0, 0), "tags{a=1 b=2}");
	check_text(merged(scopes, 3, 0, 0), "tags{a=3}");
	check_text(merged(scopes, 4, 0, 0), "tags{b=2}");
	check_text(merged(scopes, 0, 0, 0), "");
	check_no_leak(scopes);
}

static void children_come_before_parents(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 3, 2, "c", "3");
	set_tag(scopes, 2, 1, "b", "2");
	check_same(ta_scopes_depth(scopes, FAMILY, 3), 0);
	check(ta_scopes_settle(scopes), "nothing waits");
	set_tag(scopes, 1, 0, "a", "1");
	check_text(merged(scopes, 3, 0, 0), "tags{a=1 b=2 c=3}");
	check_same(ta_scopes_depth(scopes, FAMILY, 1), 1);
	check_same(ta_scopes_depth(scopes, FAMILY, 3), 3);
	check(!ta_scopes_settle(scopes), "still waiting");
	check_same(ta_scopes_counters(scopes).missing, 0);
	check_no_leak(scopes);
}

static void a_parent_never_comes(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 4, 3, "d", "4");
	set_tag(scopes, 3, 2, "c", "3");
	check(ta_scopes_settle(scopes), "nothing waits");
	check(ta_scopes_settle(scopes), "not waited for two passes");
	check(!ta_scopes_settle(scopes), "still waiting");
	check_text(merged(scopes, 3, 0, 0), "tags{c=3}");
	check_text(merged(scopes, 4, 0, 0), "tags{c=3 d=4}");
	check_same(ta_scopes_counters(scopes).missing, 1);
	merged(scopes, 99, 0, 0);
	check_same(ta_scopes_counters(scopes).missing, 2);
	check_no_leak(scopes);
}

/* No host of ours does that. */
static void versions_that_are_their_own_parents(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 3, "a", "1");
	set_tag(scopes, 2, 1, "b", "2");
	set_tag(scopes, 3, 2, "c", "3");
	set_tag(scopes, 4, 4, "d", "4");
	set_tag(scopes, 5, 3, "e", "5");
	ta_scopes_settle(scopes);
	ta_scopes_settle(scopes);
	check(!ta_scopes_settle(scopes), "waiting for ever");
	check_text(merged(scopes, 5, 0, 0), "tags{a=1 b=2 c=3 e=5}");
	check_text(merged(scopes, 4, 0, 0), "tags{d=4}");
	check_no_leak(scopes);
}

static void families_are_apart(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "1");
	send(scopes, .family = FAMILY + 1, .version = 1, .change = TA_SCOPE_TAG, .key = "a",
	     .value = "other");
	check_text(merged(scopes, 1, 0, 0), "tags{a=1}");
	ta_scopes_forget(scopes, FAMILY);
	check_text(merged(scopes, 1, 0, 0), "");
	check_text(merged_in(scopes, FAMILY + 1, &(uint64_t){ 1 }, 1, 0), "tags{a=other}");
	ta_scopes_forget(scopes, FAMILY + 1);
	check_no_leak(scopes);
}

static void held_versions_stay(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "held");
	set_tag(scopes, 2, 0, "a", "not held");
	ta_scopes_ref(scopes, FAMILY, 1);
	for (uint64_t version = 3; version < 3 + 2 * TA_SCOPE_KEPT; version++)
		set_tag(scopes, version, 1, "b", "x");
	check_text(merged(scopes, 1, 0, 0), "tags{a=held}");
	check_text(merged(scopes, 2, 0, 0), "");
	check_text(merged(scopes, 3 + 2 * TA_SCOPE_KEPT - 1, 0, 0), "tags{a=held b=x}");
	ta_scopes_forget(scopes, FAMILY);
	check_text(merged(scopes, 1, 0, 0), "tags{a=held}");
	ta_scopes_unref(scopes, FAMILY, 1);
	check_text(merged(scopes, 1, 0, 0), "");
	check_no_leak(scopes);
}

static void versions_let_go_are_dropped_in_time(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_tag(scopes, 1, 0, "a", "held");
	ta_scopes_ref(scopes, FAMILY, 1);
	ta_scopes_unref(scopes, FAMILY, 1);
	for (uint64_t version = 2; version <= TA_SCOPE_KEPT; version++)
		set_tag(scopes, version, 0, "b", "x");
	check_text(merged(scopes, 1, 0, 0), "tags{a=held}");
	set_tag(scopes, 1u << 20, 0, "b", "x");
	check_text(merged(scopes, 1, 0, 0), "");
	check_no_leak(scopes);
}

/* The version is named by a span before its record is read. */
static void held_before_known(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	ta_scopes_ref(scopes, FAMILY, 5);
	ta_scopes_ref(scopes, FAMILY, 6);
	set_tag(scopes, 5, 0, "a", "1");
	check_text(merged(scopes, 5, 0, 0), "tags{a=1}");
	ta_scopes_unref(scopes, FAMILY, 5);
	ta_scopes_unref(scopes, FAMILY, 6);
	ta_scopes_unref(scopes, FAMILY, 6);
	check_no_leak(scopes);
}

/* A scope that a program goes on writing to for ever: memory stays bounded. */
static void an_endless_chain(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	size_t bytes = 0;

	for (uint64_t version = 1; version <= 200000; version++) {
		char value[32];

		snprintf(value, sizeof(value), "%06llu", (unsigned long long)version);
		set_tag(scopes, version, version - 1, version % 2 ? "odd" : "even", value);
		if (version == 10000)
			bytes = ta_scopes_bytes(scopes);
	}
	check_text(merged(scopes, 200000, 0, 0), "tags{odd=199999 even=200000}");
	check_same(ta_scopes_depth(scopes, FAMILY, 200000), 200000);
	check_same(ta_scopes_bytes(scopes), bytes);
	check_same(ta_scopes_counters(scopes).missing, 0);
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Time for a chain of count versions that arrives last one first. */
static double reverse_chain(uint64_t count)
{
	struct ta_scopes *scopes = ta_scopes_new();
	double start = seconds();

	ta_scopes_ref(scopes, FAMILY, count);
	for (uint64_t version = count; version >= 1; version--)
		set_tag(scopes, version, version - 1, version % 2 ? "odd" : "even",
			version % 3 ? "x" : "y");
	check(!ta_scopes_settle(scopes), "still waiting");
	check_text(merged(scopes, count, 0, 0), count % 3 ? "tags{odd=y even=x}" : "");
	check_same(ta_scopes_depth(scopes, FAMILY, count), count);
	check_same(ta_scopes_counters(scopes).missing, 0);
	check_same(ta_scopes_counters(scopes).dropped, 0);
	ta_scopes_unref(scopes, FAMILY, count);
	check_no_leak(scopes);
	return seconds() - start;
}

/* A quadratic store takes a hundred times as long for ten times as many. */
static void a_reverse_chain_takes_linear_time(void)
{
	double small = reverse_chain(10000), big = reverse_chain(100000);

	check(big < small * 40 + 0.5, "10000 in %.3f s, 100000 in %.3f s", small, big);
	printf("# 100000 versions in reverse order: %.0f ms\n", big * 1e3);
}

static void limits_are_kept(void)
{
	static const uint8_t changes[] = { TA_SCOPE_TAG, TA_SCOPE_EXTRA, TA_SCOPE_CONTEXT,
					   TA_SCOPE_ATTRIBUTE };
	struct ta_scopes *scopes = ta_scopes_new();
	uint64_t version = 0;

	for (size_t c = 0; c < sizeof(changes); c++) {
		uint32_t most =
			changes[c] == TA_SCOPE_CONTEXT ? TA_SCOPE_CONTEXTS_MAX : TA_SCOPE_TAGS_MAX;
		uint64_t before = ta_scopes_counters(scopes).dropped;

		for (uint32_t i = 0; i < most + 10; i++, version++) {
			char key[32];

			snprintf(key, sizeof(key), "k%u", i);
			send(scopes, .version = version + 1, .parent = version,
			     .change = changes[c], .key = key, .value = "{}",
			     .type = TA_ATTR_STRING);
		}
		check_same(ta_scopes_counters(scopes).dropped - before, 10);
		/* One that is there can be changed. */
		send(scopes, .version = version + 1, .parent = version, .change = changes[c],
		     .key = "k0", .value = "{\"a\":1}", .type = TA_ATTR_STRING);
		version++;
		check_same(ta_scopes_counters(scopes).dropped - before, 10);
	}
	struct ta_scope_data *data = ta_scopes_merge(scopes, FAMILY, &version, 1, 100);

	check_same(data->tag_count, TA_SCOPE_TAGS_MAX);
	check_same(data->extra_count, TA_SCOPE_TAGS_MAX);
	check_same(data->context_count, TA_SCOPE_CONTEXTS_MAX);
	check_same(data->attribute_count, TA_SCOPE_TAGS_MAX);
	check_same(data->contexts[0].value_bytes, 7);
	free(data);
	check_no_leak(scopes);
}

static void a_version_has_a_size(void)
{
	static char big[400001];
	struct ta_scopes *scopes = ta_scopes_new();

	memset(big, 'x', sizeof(big) - 1);
	set_tag(scopes, 1, 0, "a", big);
	set_tag(scopes, 2, 1, "b", big);
	set_tag(scopes, 3, 2, "c", big);
	check_same(ta_scopes_counters(scopes).dropped, 1);
	set_tag(scopes, 4, 3, "b", "small");
	set_tag(scopes, 5, 4, "c", big);
	check_same(ta_scopes_counters(scopes).dropped, 1);
	check_no_leak(scopes);
}

/* One process holds all it can: the others' newest versions are still made, and what is
 * not held any more gives way. */
static void memory_is_bounded(void)
{
	static char big[60001];
	struct ta_scopes *scopes = ta_scopes_new();

	memset(big, 'x', sizeof(big) - 1);
	for (uint64_t version = 1; version <= 4000; version++) {
		set_tag(scopes, version, 0, "a", big);
		check(ta_scopes_bytes(scopes) <= TA_SCOPE_BYTES_MAX, "%zu bytes",
		      ta_scopes_bytes(scopes));
	}
	check_same(ta_scopes_counters(scopes).dropped, 0);
	send(scopes, .owner = OWNER + 1, .version = 5000, .change = TA_SCOPE_TAG, .key = "a",
	     .value = "1");
	check_text(merged(scopes, 5000, 0, 0), "tags{a=1}");
	for (uint64_t version = 6001; version <= 8000; version++) {
		ta_scopes_ref(scopes, FAMILY, version);
		set_tag(scopes, version, 0, "a", big);
		check(ta_scopes_bytes(scopes) <= TA_SCOPE_BYTES_MAX, "%zu bytes",
		      ta_scopes_bytes(scopes));
	}
	check(ta_scopes_counters(scopes).dropped > 0, "nothing dropped");
	for (uint64_t version = 6001; version <= 8000; version++)
		ta_scopes_unref(scopes, FAMILY, version);
	check_no_leak(scopes);
}

/* Forked children by the thousand: what they leave is not more than one leaves. */
static void the_dead_share_a_bound(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	for (uint64_t i = 1; i <= 3 * TA_SCOPE_KEPT; i++) {
		send(scopes, .owner = OWNER + i, .version = i, .change = TA_SCOPE_TAG, .key = "a",
		     .value = "1", .cell = 1);
		ta_scopes_bury(scopes, FAMILY, OWNER + i);
	}
	check_text(merged(scopes, 3 * TA_SCOPE_KEPT, 0, 0), "tags{a=1}");
	check_text(merged(scopes, 2 * TA_SCOPE_KEPT + 1, 0, 0), "tags{a=1}");
	check_text(merged(scopes, 2 * TA_SCOPE_KEPT, 0, 0), "");
	check(ta_scopes_bytes(scopes) < TA_SCOPE_KEPT * 1024u, "%zu bytes",
	      ta_scopes_bytes(scopes));
	check_no_leak(scopes);
}

int main(void)
{
	check_group("versions do not change when children are made", versions_are_immutable);
	check_group("a child may be read before its parent", children_come_before_parents);
	check_group("a parent that never comes is counted", a_parent_never_comes);
	check_group("rings of parents are cut", versions_that_are_their_own_parents);
	check_group("segments have numbers of their own", families_are_apart);
	check_group("held versions stay, others go", held_versions_stay);
	check_group("versions let go stay for a while", versions_let_go_are_dropped_in_time);
	check_group("a version can be held before it is known", held_before_known);
	check_group("an endless chain of versions", an_endless_chain);
	check_group("a reverse chain takes linear time", a_reverse_chain_takes_linear_time);
	check_group("too many of a kind are counted", limits_are_kept);
	check_group("a version has a size", a_version_has_a_size);
	check_group("all memory is bounded", memory_is_bounded);
	check_group("dead processes share one bound", the_dead_share_a_bound);
	return check_status();
}
