/* SPDX-License-Identifier: MIT */
/*
 * memory.h - the memory of a thread: what was copied of its stack, and, while its process
 * is still held, what else has to be looked at.
 *
 * Runs: tagalong-stacks, one thread.  The pieces belong to somebody else.
 */
#ifndef TA_STACKS_MEMORY_H
#define TA_STACKS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TA_MEMORY_PAGES_MAX 64u

struct ta_memory_page;

struct ta_memory {
	struct {
		uint64_t at;
		size_t bytes;
		const char *data;
	} pieces[2]; /* the first one wins */
	uint32_t pid; /* to be read as well; 0: not any more */
	struct ta_memory_page *pages;
	unsigned int page_count;
	uint64_t missing; /* a page that is not there, asked for last */
};

void ta_memory_fini(struct ta_memory *memory);

bool ta_memory_read(struct ta_memory *memory, uint64_t at, void *out, size_t bytes);
bool ta_memory_word(struct ta_memory *memory, uint64_t at, uint64_t *ret_word);

/* Straight from a process: all of it, or as much as there is; returns the bytes. */
size_t ta_memory_of(uint32_t pid, uint64_t at, void *out, size_t bytes);

#endif
