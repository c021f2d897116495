/* SPDX-License-Identifier: MIT */
/*
 * test_scope_snapshot.c - scopes written down and read again, whole and damaged.
 */
#include <errno.h>

#include "runtime/agent/scope_internal.h"
#include "tests/unit/scopes.h"

#define PIECES_MAX 40000

struct piece {
	uint64_t family, owner, version;
	char *blob;
	size_t bytes;
};

static struct piece pieces[PIECES_MAX];
static uint32_t piece_count;
static size_t piece_bytes;

static void note_piece(void *user, uint64_t family, uint64_t owner, uint64_t version,
		       const void *blob, size_t bytes)
{
	(void)user;
	if (!check(piece_count < PIECES_MAX, "too many pieces"))
		return;
	struct piece *piece = &pieces[piece_count++];

	*piece = (struct piece){ family, owner, version, malloc(bytes), bytes };
	memcpy(piece->blob, blob, bytes);
	piece_bytes += bytes;
}

static void take_pieces(struct ta_scopes *scopes)
{
	piece_count = 0;
	piece_bytes = 0;
	ta_scopes_visit(scopes, note_piece, NULL);
}

static void free_pieces(void)
{
	for (uint32_t i = 0; i < piece_count; i++)
		free(pieces[i].blob);
	piece_count = 0;
}

static struct ta_scopes *restored(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	for (uint32_t i = 0; i < piece_count; i++) {
		int error = ta_scopes_restore(scopes, pieces[i].family, pieces[i].owner,
					      pieces[i].version, pieces[i].blob, pieces[i].bytes);

		check(error == 0, "piece %u of %u: %d", i, piece_count, error);
	}
	return scopes;
}

/* Everything there is, versions 1 to 14; 20 waits for 19. */
static void fill(struct ta_scopes *scopes)
{
	double real = 0.5;

	set_tag(scopes, 1, 0, "a", "1");
	set_tag(scopes, 2, 1, "b", "2");
	set_json(scopes, 3, 2, TA_SCOPE_EXTRA, "e", "[1]");
	set_json(scopes, 4, 3, TA_SCOPE_CONTEXT, "c", "{\"x\":1}");
	set_json(scopes, 5, 4, TA_SCOPE_USER, NULL, "{\"id\":1,\"x\":2}");
	send(scopes, .version = 6, .parent = 5, .change = TA_SCOPE_LEVEL, .level = 3);
	set_json(scopes, 7, 6, TA_SCOPE_FINGERPRINT, NULL, "[\"f\",\"f\",\"g\"]");
	send(scopes, .version = 8, .parent = 7, .change = TA_SCOPE_TRANSACTION, .value = "t");
	send(scopes, .version = 9, .parent = 8, .change = TA_SCOPE_ATTRIBUTE, .key = "d",
	     .type = TA_ATTR_DOUBLE, .value = (const char *)&real, .value_bytes = 8);
	add_crumb(scopes, 10, 9, 5, "one");
	add_crumb(scopes, 11, 10, 5, "two");
	set_json(scopes, 12, 0, TA_SCOPE_USER, NULL, NULL);
	send(scopes, .version = 13, .parent = 0, .cell = 3, .change = TA_SCOPE_TAG, .key = "k",
	     .value = "cell");
	send(scopes, .version = 14, .parent = 13, .cell = 3, .change = TA_SCOPE_TAG, .key = "k",
	     .value = "cell 2");
	send(scopes, .version = 15, .parent = 0, .cell = 3, .change = TA_SCOPE_TAG, .key = "k",
	     .value = "reused");
	set_tag(scopes, 20, 19, "w", "waiting");
	send(scopes, .version = 21, .parent = 20, .cell = 4, .change = TA_SCOPE_TAG, .key = "w",
	     .flags = TA_SCOPE_REMOVE);
	set_json(scopes, 22, 20, TA_SCOPE_USER, NULL, "{\"id\":3}");
	/* No good, but a version: its children are made of it. */
	send(scopes, .version = 24, .parent = 20, .change = TA_SCOPE_LEVEL, .level = 7);
}

static void check_same_merge(struct ta_scopes *a, struct ta_scopes *b, uint64_t version)
{
	char first[4096];

	snprintf(first, sizeof(first), "%s", merged(a, version, 0, 0));
	check_text(merged(b, version, 0, 0), first);
	snprintf(first, sizeof(first), "%s", merged(a, 5, 12, version));
	check_text(merged(b, 5, 12, version), first);
	check_same(ta_scopes_depth(b, FAMILY, version), ta_scopes_depth(a, FAMILY, version));
}

static void a_snapshot_is_the_same(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy;

	fill(scopes);
	take_pieces(scopes);
	copy = restored();
	check_text(merged(copy, 5, 12, 0), "tags{a=1 b=2} extras{e=[1]} contexts{c={\"x\":1}} "
					   "user{x=2}");
	for (uint64_t version = 1; version <= 15; version++)
		check_same_merge(scopes, copy, version);
	/* What comes next comes to the same, and what waited goes on waiting. */
	set_tag(scopes, 19, 11, "late", "parent");
	set_tag(copy, 19, 11, "late", "parent");
	add_crumb(scopes, 23, 19, 5, "three");
	add_crumb(copy, 23, 19, 5, "three");
	for (uint64_t version = 19; version <= 23; version++)
		check_same_merge(scopes, copy, version);
	check(strstr(merged(copy, 23, 0, 0), "crumbs[one two three]") != NULL, "%s", show_text);
	check_same(ta_scopes_bytes(copy), ta_scopes_bytes(scopes));
	check_same(ta_scopes_counters(copy).dropped, 0);
	check_same(ta_scopes_counters(scopes).dropped, 1);
	check_same_merge(scopes, copy, 24);
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

static void cells_are_in_the_snapshot(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy;

	fill(scopes);
	ta_scopes_inherit(scopes, FAMILY, OWNER + 1, OWNER);
	take_pieces(scopes);
	copy = restored();
	for (uint64_t version = 1000; version < 11000; version++)
		set_tag(copy, version, 0, "flood", "x");
	check_text(merged(copy, 14, 0, 0), "tags{k=cell 2}");
	check_text(merged(copy, 15, 0, 0), "tags{k=reused}");
	check_text(merged(copy, 13, 0, 0), "tags{k=cell}");
	check_text(merged(copy, 11, 0, 0), "");
	/* The child's, too. */
	ta_scopes_bury(copy, FAMILY, OWNER);
	for (uint64_t i = 0; i < 2 * TA_SCOPE_KEPT; i++) {
		send(copy, .owner = 1000 + i, .version = 50000 + i, .change = TA_SCOPE_TAG);
		ta_scopes_bury(copy, FAMILY, 1000 + i);
	}
	check_text(merged(copy, 15, 0, 0), "tags{k=reused}");
	ta_scopes_bury(copy, FAMILY, OWNER + 1);
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

/* More versions than are kept when nobody holds them: who holds them says so later. */
static void held_versions_are_in_the_snapshot(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy;
	uint64_t count = 2 * TA_SCOPE_KEPT;

	for (uint64_t version = 1; version <= count; version++) {
		ta_scopes_ref(scopes, FAMILY, version);
		set_tag(scopes, version, 0, "a", "held");
	}
	set_tag(scopes, count + 1, 0, "b", "oldest");
	set_tag(scopes, count + 2, 0, "b", "newest");
	take_pieces(scopes);
	copy = restored();
	for (uint64_t version = 1; version <= count; version++)
		ta_scopes_ref(copy, FAMILY, version);
	ta_scopes_settle(copy);
	for (uint64_t version = 1; version <= count; version++) {
		check_text(merged(copy, version, 0, 0), "tags{a=held}");
		ta_scopes_unref(scopes, FAMILY, version);
	}
	/* The order in which versions go is the same. */
	for (uint64_t i = 1; i < TA_SCOPE_KEPT; i++)
		set_tag(copy, 100000 + i, 0, "flood", "x");
	check_text(merged(copy, count + 1, 0, 0), "");
	check_text(merged(copy, count + 2, 0, 0), "tags{b=newest}");
	for (uint64_t version = 1; version <= count; version++)
		ta_scopes_unref(copy, FAMILY, version);
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

/* A segment is gone, one of its spans is not exported yet. */
static void the_forgotten_are_in_the_snapshot(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy;

	set_tag(scopes, 1, 0, "a", "1");
	set_tag(scopes, 2, 0, "a", "2");
	send(scopes, .owner = OWNER + 1, .version = 3, .change = TA_SCOPE_TAG, .key = "a",
	     .value = "3");
	ta_scopes_ref(scopes, FAMILY, 1);
	ta_scopes_ref(scopes, FAMILY, 3);
	ta_scopes_bury(scopes, FAMILY, OWNER + 1);
	ta_scopes_forget(scopes, FAMILY);
	take_pieces(scopes);
	copy = restored();
	ta_scopes_ref(copy, FAMILY, 1);
	ta_scopes_ref(copy, FAMILY, 3);
	ta_scopes_settle(copy);
	check_text(merged(copy, 1, 0, 0), "tags{a=1}");
	check_text(merged(copy, 3, 0, 0), "tags{a=3}");
	check_text(merged(copy, 2, 0, 0), "");
	ta_scopes_unref(copy, FAMILY, 1);
	ta_scopes_unref(copy, FAMILY, 3);
	check_same(ta_scopes_bytes(copy), 0);
	ta_scopes_unref(scopes, FAMILY, 1);
	ta_scopes_unref(scopes, FAMILY, 3);
	check_same(ta_scopes_bytes(scopes), 0);
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

/* A snapshot is not longer than what is held: what versions share is in it once. */
static void shared_items_are_written_once(void)
{
	static char big[5001];
	struct ta_scopes *scopes = ta_scopes_new(), *copy;

	memset(big, 'x', sizeof(big) - 1);
	for (uint64_t version = 1; version <= 100; version++) {
		char key[32];

		snprintf(key, sizeof(key), "k%d", (int)version);
		set_tag(scopes, version, version - 1, key, big);
	}
	for (uint64_t version = 101; version <= 4000; version++)
		set_json(scopes, version, version - 1, TA_SCOPE_EXTRA, "n",
			 version % 2 ? "1" : "2");
	take_pieces(scopes);
	check(piece_bytes < ta_scopes_bytes(scopes) * 2, "%zu bytes for %zu", piece_bytes,
	      ta_scopes_bytes(scopes));
	copy = restored();
	ta_scopes_settle(copy);
	check_same(ta_scopes_bytes(copy), ta_scopes_bytes(scopes));
	free_pieces();
	/* A second visit numbers everything anew. */
	take_pieces(scopes);
	ta_scopes_free(copy);
	copy = restored();
	ta_scopes_settle(copy);
	check_same(ta_scopes_bytes(copy), ta_scopes_bytes(scopes));
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

/* Each byte of each piece is changed, each piece is cut and left out. */
static void damage_is_no_harm(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	uint32_t refused = 0;

	fill(scopes);
	take_pieces(scopes);
	for (uint32_t bad = 0; bad < piece_count; bad++) {
		for (size_t at = 0; at <= pieces[bad].bytes; at++) {
			struct ta_scopes *copy = ta_scopes_new();

			for (uint32_t i = 0; i < piece_count; i++) {
				struct piece *piece = &pieces[i];
				bool broken = i == bad && at < piece->bytes;
				char *blob = malloc(piece->bytes + 1);
				size_t bytes = i == bad && at % 3 == 0 ? at : piece->bytes;

				memcpy(blob, piece->blob, piece->bytes);
				if (broken)
					blob[at] = (char)(blob[at] ^ (1 << at % 8));
				char *exact = malloc(bytes ? bytes : 1);

				memcpy(exact, blob, bytes);
				refused += ta_scopes_restore(copy, piece->family, piece->owner,
							     piece->version, exact, bytes) != 0;
				free(exact);
				free(blob);
			}
			for (uint64_t version = 1; version <= 22; version++)
				merged(copy, version, 12, 0);
			check_no_leak(copy);
		}
	}
	check(refused > 0, "nothing was refused");
	free_pieces();
	check_no_leak(scopes);
}

/* Numbers of items or rows that were not given out, or that do not belong there. */
static void numbers_are_checked(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy = ta_scopes_new();
	uint32_t wrong[] = { 0, 1, 3, 1u << 20, UINT32_MAX }, changed = 0;

	set_tag(scopes, 1, 0, "a", "1");
	set_tag(scopes, 2, 1, "b", "2");
	set_json(scopes, 3, 2, TA_SCOPE_EXTRA, "e", "1");
	take_pieces(scopes);
	for (uint32_t i = 0; i < piece_count; i++) {
		char blob[256];

		memcpy(blob, pieces[i].blob, pieces[i].bytes);
		for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
			if (blob[0] != TA_PIECE_ROW || pieces[i].bytes != 16 + 8)
				continue;
			memcpy(blob + 20, &wrong[w], 4); /* of the row {a, b}: b */
			changed++;
			check_same(ta_scopes_restore(copy, 0, 0, 0, blob, pieces[i].bytes),
				   -EINVAL);
		}
		check_same(ta_scopes_restore(copy, pieces[i].family, pieces[i].owner,
					     pieces[i].version, pieces[i].blob, pieces[i].bytes),
			   0);
	}
	check_same(changed, sizeof(wrong) / sizeof(wrong[0]));
	check_text(merged(copy, 3, 0, 0), "tags{a=1 b=2} extras{e=1}");
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

/* Half of a snapshot, then records. */
static void a_cut_snapshot(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy;
	uint32_t all;

	fill(scopes);
	take_pieces(scopes);
	all = piece_count;
	for (piece_count = 0; piece_count < all; piece_count++) {
		copy = restored();
		fill(copy);
		check_no_leak(copy);
	}
	free_pieces();
	check_no_leak(scopes);
}

/* The setting was changed between two agents. */
static void fewer_crumbs_after_restart(void)
{
	struct ta_scopes *scopes = ta_scopes_new(), *copy = ta_scopes_new();

	for (uint64_t i = 1; i <= 10; i++)
		add_crumb(scopes, i, i - 1, (int64_t)i, i < 9 ? "x" : i == 9 ? "nine" : "ten");
	take_pieces(scopes);
	ta_scopes_set_max_crumbs(copy, 2);
	for (uint32_t i = 0; i < piece_count; i++)
		check_same(ta_scopes_restore(copy, pieces[i].family, pieces[i].owner,
					     pieces[i].version, pieces[i].blob, pieces[i].bytes),
			   0);
	check_text(merged(copy, 10, 0, 0), "crumbs[nine ten]");
	free_pieces();
	check_no_leak(scopes);
	check_no_leak(copy);
}

int main(void)
{
	check_group("a snapshot is the same", a_snapshot_is_the_same);
	check_group("cells are in the snapshot", cells_are_in_the_snapshot);
	check_group("held versions are in the snapshot", held_versions_are_in_the_snapshot);
	check_group("forgotten segments are in the snapshot", the_forgotten_are_in_the_snapshot);
	check_group("what is shared is written once", shared_items_are_written_once);
	check_group("damage is no harm", damage_is_no_harm);
	check_group("numbers are checked", numbers_are_checked);
	check_group("a snapshot that ends early", a_cut_snapshot);
	check_group("fewer breadcrumbs after a restart", fewer_crumbs_after_restart);
	return check_status();
}
