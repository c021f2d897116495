/* SPDX-License-Identifier: MIT */
/*
 * lines.h - functions, files and lines of an address, where there is DWARF.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_LINES_H
#define TA_STACKS_LINES_H

#include "runtime/stacks/object.h"

#define TA_INLINED_MAX 24u

/* One function that the address is in: the innermost inlined one first, the one that was
 * really called last.  What is NULL or 0 is not known; the texts belong to the object. */
struct ta_line {
	const char *name;    /* as written */
	const char *linkage; /* as the linker sees it, if that is something else */
	const char *file, *folder;
	int line;
	uint64_t begins; /* where a really called function begins */
};

/* Fills in lines; returns how many there are, 0 when there is no DWARF for this address. */
unsigned int ta_lines(struct ta_object *object, uint64_t at, struct ta_line lines[TA_INLINED_MAX]);

void ta_ranges_free(struct ta_object *object);

#endif
