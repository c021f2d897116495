/* SPDX-License-Identifier: MIT */
/*
 * lines.c - looking an address up in DWARF.
 *
 * The unit is found by .debug_aranges, or, since clang writes none, by a table of all units'
 * addresses that is made once for an object.  Then the tree of the unit is descended to the
 * innermost function.
 *
 * Runs: tagalong-stacks, one thread.  The debug information is hostile: bounded in depth
 * and in numbers.
 */
#include "runtime/stacks/lines.h"

#include <dwarf.h>
#include <stdlib.h>

#define RANGES_MAX (1u << 20)
#define UNITS_MAX (1u << 18)
#define DEPTH_MAX 64u
#define ENTRIES_MAX (1u << 21) /* looked at in one descent */

struct ta_range {
	Dwarf_Addr from, to;
	Dwarf_Die unit;
};

struct functions {
	Dwarf_Die entries[TA_INLINED_MAX]; /* outermost first */
	unsigned int count;
	unsigned int looked;
};

void ta_ranges_free(struct ta_object *object)
{
	free(object->ranges);
	object->ranges = NULL;
	object->range_count = 0;
}

static bool add_range(struct ta_object *object, Dwarf_Addr from, Dwarf_Addr to, const Dwarf_Die *unit)
{
	size_t count = object->range_count;

	if (count == RANGES_MAX)
		return false;
	if ((count & (count - 1)) == 0) {
		struct ta_range *more =
			realloc(object->ranges, (count ? count * 2 : 1) * sizeof(*more));

		if (!more)
			return false;
		object->ranges = more;
	}
	object->ranges[object->range_count++] = (struct ta_range){ from, to, *unit };
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct ta_range *left = a, *right = b;

	return left->from < right->from ? -1 : left->from > right->from;
}

static void make_ranges(struct ta_object *object)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;

	for (unsigned int i = 0; i < UNITS_MAX; i++) {
		Dwarf_Addr base, from, to;
		ptrdiff_t next = 0;

		unit = dwfl_module_nextcu(object->module, unit, &bias);
		if (!unit)
			break;
		while ((next = dwarf_ranges(unit, next, &base, &from, &to)) > 0)
			if (from < to && !add_range(object, from, to, unit))
				break;
	}
	if (object->range_count)
		qsort(object->ranges, object->range_count, sizeof(*object->ranges), by_address);
}

/* Address as DWARF has it. */
static Dwarf_Die *unit_by_ranges(struct ta_object *object, Dwarf_Addr at)
{
	size_t low = 0, high;

	if (!object->ranges_tried) {
		object->ranges_tried = true;
		make_ranges(object);
	}
	high = object->range_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (object->ranges[middle].from <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low && object->ranges[low - 1].to > at ? &object->ranges[low - 1].unit : NULL;
}

static Dwarf_Die *unit_of(struct ta_object *object, uint64_t at, Dwarf_Addr *ret_at)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit;

	if (!dwfl_module_getdwarf(object->module, &bias))
		return NULL;
	*ret_at = at - bias;
	unit = dwfl_module_addrdie(object->module, at, &bias);
	return unit ? unit : unit_by_ranges(object, *ret_at);
}

static bool is_function(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static bool descend(Dwarf_Die *parent, Dwarf_Addr at, unsigned int depth, struct functions *found);

/* Whether the address is in this entry; then what is inside it is looked at as well. */
static bool enter(Dwarf_Die *entry, Dwarf_Addr at, unsigned int depth, struct functions *found)
{
	int tag = dwarf_tag(entry);

	if (tag == DW_TAG_namespace || tag == DW_TAG_module)
		return descend(entry, at, depth + 1, found);
	if ((!is_function(tag) && tag != DW_TAG_lexical_block && tag != DW_TAG_try_block &&
	     tag != DW_TAG_catch_block) || dwarf_haspc(entry, at) <= 0)
		return false;
	if (is_function(tag) && found->count < TA_INLINED_MAX)
		found->entries[found->count++] = *entry;
	descend(entry, at, depth + 1, found);
	return true;
}

static bool descend(Dwarf_Die *parent, Dwarf_Addr at, unsigned int depth, struct functions *found)
{
	Dwarf_Die entry;

	if (depth == DEPTH_MAX || dwarf_child(parent, &entry) != 0)
		return false;
	do {
		if (++found->looked > ENTRIES_MAX)
			return false;
		if (enter(&entry, at, depth, found))
			return true;
	} while (dwarf_siblingof(&entry, &entry) == 0);
	return false;
}

static const char *text_of(Dwarf_Die *entry, unsigned int name)
{
	Dwarf_Attribute attribute;

	return dwarf_formstring(dwarf_attr_integrate(entry, name, &attribute));
}

static int number_of(Dwarf_Die *entry, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(entry, name, &attribute), &value) != 0 || value > INT32_MAX)
		return 0;
	return (int)value;
}

static void name_function(Dwarf_Die *entry, struct ta_line *line, Dwarf_Addr bias)
{
	Dwarf_Addr begins;

	line->name = dwarf_diename(entry);
	if (!line->name)
		line->name = text_of(entry, DW_AT_name);
	line->linkage = text_of(entry, DW_AT_linkage_name);
	if (!line->linkage)
		line->linkage = text_of(entry, DW_AT_MIPS_linkage_name);
	if (dwarf_tag(entry) == DW_TAG_subprogram && dwarf_entrypc(entry, &begins) == 0)
		line->begins = begins + bias;
}

/* Where an inlined function was called, which is the line of the one around it. */
static void note_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct ta_line *around)
{
	int number = number_of(inlined, DW_AT_call_file);
	Dwarf_Files *files;
	size_t count;

	around->line = number_of(inlined, DW_AT_call_line);
	if (number > 0 && dwarf_getsrcfiles(unit, &files, &count) == 0 && (size_t)number < count)
		around->file = dwarf_filesrc(files, (size_t)number, NULL, NULL);
}

static void note_line(Dwarf_Die *unit, Dwarf_Addr at, struct ta_line *innermost)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, at);

	if (!line)
		return;
	innermost->file = dwarf_linesrc(line, NULL, NULL);
	if (dwarf_lineno(line, &innermost->line) != 0 || innermost->line < 0)
		innermost->line = 0;
}

unsigned int ta_lines(struct ta_object *object, uint64_t at, struct ta_line lines[TA_INLINED_MAX])
{
	struct functions found = { 0 };
	Dwarf_Attribute attribute;
	const char *folder;
	Dwarf_Addr inside;
	Dwarf_Die *unit = unit_of(object, at, &inside);

	if (!unit)
		return 0;
	descend(unit, inside, 0, &found);
	folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	if (!found.count)
		found.entries[found.count++] = *unit; /* assembly: a line without a function */
	for (unsigned int i = 0; i < found.count; i++) {
		Dwarf_Die *entry = &found.entries[found.count - 1 - i];

		lines[i] = (struct ta_line){ .folder = folder };
		if (is_function(dwarf_tag(entry)))
			name_function(entry, &lines[i], at - inside);
		if (i)
			note_call(unit, entry + 1, &lines[i]);
	}
	note_line(unit, inside, &lines[0]);
	return found.count;
}
