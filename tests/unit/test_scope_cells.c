/* SPDX-License-Identifier: MIT */
/*
 * test_scope_cells.c - what the scopes of a process hold stays, whatever comes and goes.
 */
#include "tests/unit/scopes.h"

static void set_cell(struct ta_scopes *scopes, uint64_t owner, uint32_t cell, uint64_t version,
		     uint64_t parent, const char *value)
{
	send(scopes, .owner = owner, .cell = cell, .version = version, .parent = parent,
	     .change = TA_SCOPE_TAG, .key = "a", .value = value);
}

/* So many others that nothing stays that is not held. */
static void flood(struct ta_scopes *scopes, uint64_t owner, uint64_t first)
{
	for (uint64_t version = first; version < first + 10000; version++)
		send(scopes, .owner = owner, .version = version, .change = TA_SCOPE_TAG,
		     .key = "flood", .value = "x");
}

static void values_of_cells_stay(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, 1, 1, 0, "first");
	set_cell(scopes, OWNER, TA_SCOPE_CELLS_MAX, 2, 0, "last");
	set_cell(scopes, OWNER, 0, 3, 0, "none");
	flood(scopes, OWNER, 1000);
	check_text(merged(scopes, 1, 0, 0), "tags{a=first}");
	check_text(merged(scopes, 2, 0, 0), "tags{a=last}");
	check_text(merged(scopes, 3, 0, 0), "");
	/* The cell's next value may not be in force yet; the one after it says that it was. */
	set_cell(scopes, OWNER, 1, 4, 1, "next");
	flood(scopes, OWNER, 20000);
	check_text(merged(scopes, 1, 0, 0), "tags{a=first}");
	set_cell(scopes, OWNER, 1, 5, 4, "last");
	flood(scopes, OWNER, 40000);
	check_text(merged(scopes, 1, 0, 0), "");
	check_text(merged(scopes, 4, 0, 0), "tags{a=next}");
	check_text(merged(scopes, 5, 0, 0), "tags{a=last}");
	check_same(ta_scopes_counters(scopes).dropped, 0);
	check_no_leak(scopes);
}

static void numbers_that_are_no_cells(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, TA_SCOPE_CELLS_MAX + 1, 1, 0, "1");
	set_cell(scopes, OWNER, UINT32_MAX, 2, 0, "2");
	check_same(ta_scopes_counters(scopes).dropped, 2);
	check_text(merged(scopes, 2, 0, 0), "tags{a=2}");
	check_no_leak(scopes);
}

/* Two threads write to one scope by turns; the lane of one is read before the other's. */
static void a_chain_in_reverse(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	for (uint64_t version = 10; version >= 1; version--)
		set_cell(scopes, OWNER, 7, version, version - 1, version == 10 ? "ten" : "x");
	flood(scopes, OWNER, 1000);
	check_text(merged(scopes, 10, 0, 0), "tags{a=ten}");
	check_text(merged(scopes, 8, 0, 0), "");
	check_text(merged(scopes, 1, 0, 0), "");
	check_no_leak(scopes);
}

/* Threads that write to one scope at once publish versions of which one comes to be its
 * value; nobody goes on from the others. */
static void who_was_not_first(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, 7, 1, 0, "base");
	for (uint64_t version = 2; version < 6; version++)
		set_cell(scopes, OWNER, 7, version, 1, "late");
	flood(scopes, OWNER, 1000);
	check_text(merged(scopes, 1, 0, 0), "tags{a=base}");
	set_cell(scopes, OWNER, 7, 10, 1, "first");
	set_cell(scopes, OWNER, 7, 11, 10, "second");
	flood(scopes, OWNER, 20000);
	check_text(merged(scopes, 10, 0, 0), "tags{a=first}");
	check_text(merged(scopes, 11, 0, 0), "tags{a=second}");
	check_text(merged(scopes, 2, 0, 0), "");
	for (uint64_t version = 12; version < 16; version++) /* that value stays among others */
		set_cell(scopes, OWNER, 7, version, 11, "late");
	flood(scopes, OWNER, 40000);
	check_text(merged(scopes, 11, 0, 0), "tags{a=second}");
	check_text(merged(scopes, 1, 0, 0), "");
	check_no_leak(scopes);
}

/* A scope ended and its number went to another thread's, whose lane is read first. */
static void a_cell_that_is_used_again(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, 7, 50, 0, "new");
	set_cell(scopes, OWNER, 7, 1, 0, "old");
	set_cell(scopes, OWNER, 7, 2, 1, "old");
	flood(scopes, OWNER, 1000);
	check_text(merged(scopes, 50, 0, 0), "tags{a=new}");
	set_cell(scopes, OWNER, 7, 51, 50, "newer");
	set_cell(scopes, OWNER, 7, 52, 51, "newest");
	flood(scopes, OWNER, 200000);
	check_text(merged(scopes, 52, 0, 0), "tags{a=newest}");
	check_text(merged(scopes, 50, 0, 0), "");
	/* Three lives later nothing of the old one is held. */
	set_cell(scopes, OWNER, 7, 60, 0, "third");
	set_cell(scopes, OWNER, 7, 65, 0, "fourth");
	set_cell(scopes, OWNER, 7, 70, 0, "fourth");
	flood(scopes, OWNER, 20000);
	check_text(merged(scopes, 1, 0, 0), "");
	check_text(merged(scopes, 2, 0, 0), "");
	check_text(merged(scopes, 51, 0, 0), "");
	check_text(merged(scopes, 70, 0, 0), "tags{a=fourth}");
	check_no_leak(scopes);
}

static void processes_have_cells_of_their_own(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, 1, 1, 0, "one");
	set_cell(scopes, OWNER + 1, 1, 2, 0, "two");
	flood(scopes, OWNER, 1000);
	flood(scopes, OWNER + 1, 20000);
	check_text(merged(scopes, 1, 0, 0), "tags{a=one}");
	check_text(merged(scopes, 2, 0, 0), "tags{a=two}");
	ta_scopes_bury(scopes, FAMILY, OWNER);
	ta_scopes_bury(scopes, FAMILY, OWNER);
	ta_scopes_bury(scopes, FAMILY, 12345);
	check_text(merged(scopes, 1, 0, 0), "tags{a=one}");
	for (uint64_t i = 0; i < 2 * TA_SCOPE_KEPT; i++) {
		set_cell(scopes, 1000 + i, 1, 50000 + i, 0, "x");
		ta_scopes_bury(scopes, FAMILY, 1000 + i);
	}
	check_text(merged(scopes, 1, 0, 0), "");
	check_text(merged(scopes, 2, 0, 0), "tags{a=two}");
	check_no_leak(scopes);
}

/* A daemon: the parent sets scopes up and is gone at once. */
static void children_inherit_cells(void)
{
	struct ta_scopes *scopes = ta_scopes_new();

	set_cell(scopes, OWNER, 1, 1, 0, "global");
	set_cell(scopes, OWNER, 300, 2, 0, "isolation");
	set_cell(scopes, OWNER, 301, 3, 0, "parent's");
	set_cell(scopes, OWNER + 1, 301, 40, 3, "child's");
	set_cell(scopes, OWNER + 1, 301, 4, 40, "child's");
	ta_scopes_inherit(scopes, FAMILY, OWNER + 1, OWNER);
	ta_scopes_inherit(scopes, FAMILY, OWNER + 1, OWNER);
	ta_scopes_inherit(scopes, FAMILY, OWNER, OWNER);
	ta_scopes_inherit(scopes, FAMILY, OWNER, 77);
	ta_scopes_bury(scopes, FAMILY, OWNER);
	for (uint64_t i = 0; i < 2 * TA_SCOPE_KEPT; i++) {
		set_cell(scopes, 1000 + i, 0, 50000 + i, 0, "x");
		ta_scopes_bury(scopes, FAMILY, 1000 + i);
	}
	flood(scopes, OWNER + 1, 100000);
	check_text(merged(scopes, 1, 0, 0), "tags{a=global}");
	check_text(merged(scopes, 2, 0, 0), "tags{a=isolation}");
	check_text(merged(scopes, 3, 0, 0), "");
	check_text(merged(scopes, 4, 0, 0), "tags{a=child's}");
	ta_scopes_bury(scopes, FAMILY, OWNER + 1);
	check_no_leak(scopes);
}

/* A process that is dead has no cells, whatever is still found in its lanes. */
static void the_dead_have_no_cells(void)
{
	struct ta_scopes *scopes = ta_scopes_new();
	size_t before;

	set_cell(scopes, OWNER, 1, 1, 0, "x");
	ta_scopes_bury(scopes, FAMILY, OWNER);
	before = ta_scopes_bytes(scopes);
	set_cell(scopes, OWNER, 2, 2, 0, "y");
	check(ta_scopes_bytes(scopes) < before + 2048, "%zu after %zu", ta_scopes_bytes(scopes),
	      before);
	check_no_leak(scopes);
}

int main(void)
{
	check_group("values of cells stay", values_of_cells_stay);
	check_group("numbers that are no cells are counted", numbers_that_are_no_cells);
	check_group("a cell's chain may come in reverse", a_chain_in_reverse);
	check_group("who was not first", who_was_not_first);
	check_group("a cell is used again", a_cell_that_is_used_again);
	check_group("processes have cells of their own", processes_have_cells_of_their_own);
	check_group("children inherit cells", children_inherit_cells);
	check_group("the dead have no cells", the_dead_have_no_cells);
	return check_status();
}
