/* SPDX-License-Identifier: MIT */
/*
 * maps.h - the mappings of a live process, as /proc/PID/maps tells them.
 *
 * Runs: tagalong-stacks.  What is read is the text of the kernel, but the paths in it are
 * the process's: bounded, and with "(deleted)" or escapes as they stand there.
 */
#ifndef TA_STACKS_MAPS_H
#define TA_STACKS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ta_mapping {
	uint64_t from, to, offset;
	ino_t inode;
	bool readable, writable, executable;
	const char *path; /* in text; "" when it has none */
};

struct ta_maps {
	char *text;
	struct ta_mapping *rows; /* by address */
	size_t count;
};

/* 0 or -errno; an empty list is -ESRCH (the process is dying). */
int ta_maps_read(struct ta_maps *maps, uint32_t pid);
void ta_maps_fini(struct ta_maps *maps);

/* The mapping that an address is in, or the first one above it; NULL: there is none. */
const struct ta_mapping *ta_maps_at(const struct ta_maps *maps, uint64_t at);

#endif
