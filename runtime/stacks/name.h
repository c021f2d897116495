/* SPDX-License-Identifier: MIT */
/*
 * name.h - a code address as frames in JSON, made once for each address of an object.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_NAME_H
#define TA_STACKS_NAME_H

#include "runtime/export/buf.h"
#include "runtime/stacks/object.h"

struct ta_name_cache;

/* One function at an address; inlined ones make several of them. */
struct ta_named_frame {
	char *text;    /* members of a JSON object, each begun with a comma */
	char *context; /* the same for the lines of source around it; NULL: not known */
	bool terminates; /* where C++ gives up for an exception that nobody caught */
};

struct ta_named {
	uint64_t at;	 /* address in the file */
	uint64_t symbol; /* where the function begins; 0: not known */
	bool cheap;	 /* was made in a hurry: to be made again when there is time */
	unsigned int count;
	struct ta_named_frame *frames; /* oldest first */
};

/* cheap: symbol tables only, for want of time.  NULL: out of memory. */
const struct ta_named *ta_name(struct ta_object *object, uint64_t at, bool cheap);

void ta_names_free(struct ta_name_cache *cache);

#endif
