/* SPDX-License-Identifier: MIT */
/*
 * space.h - what is where in the address space of a process: its loaded objects.
 *
 * Made of the mappings of the live process, and of the rows that the request brought for
 * what those do not say (a process that is gone, or that we may not look at).
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_SPACE_H
#define TA_STACKS_SPACE_H

#include "runtime/stacks/maps.h"
#include "runtime/stacks/object.h"

#define TA_PLACES_MAX 1024u
#define TA_PLACE_PATH_MAX 512u

struct ta_place {
	uint64_t low, high, base; /* base: what is added to addresses in the file */
	struct ta_object *object; /* NULL: the file cannot be read */
	bool program;		  /* the program itself, not a library */
	char path[TA_PLACE_PATH_MAX];
};

struct ta_space {
	struct ta_place *places; /* by address */
	size_t count;
	const struct ta_maps *maps; /* NULL: not known */
};

/* exe: path of the program or "".  rows: struct ta_module, hostile. */
int ta_space_init(struct ta_space *space, uint32_t pid, const struct ta_maps *maps, const char *exe,
		  const char *rows, size_t row_bytes);
void ta_space_fini(struct ta_space *space);

struct ta_place *ta_space_at(const struct ta_space *space, uint64_t at); /* NULL: nothing */
bool ta_space_is_code(const struct ta_space *space, uint64_t at);
/* Whether a call stands right before this address, as before every return address. */
bool ta_space_after_call(const struct ta_space *space, uint64_t at);

#endif
