/* SPDX-License-Identifier: MIT */
/*
 * memory.c - reading what was copied, and pages of a process that still stands.
 *
 * A crash in a signal handler or on a coroutine's stack has its older frames in another
 * place than the stack that was copied; those pages are fetched one by one.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE 4096u

struct ta_memory_page {
	uint64_t at;
	char data[PAGE];
};

void ta_memory_fini(struct ta_memory *memory)
{
	free(memory->pages);
	*memory = (struct ta_memory){ 0 };
}

size_t ta_memory_of(uint32_t pid, uint64_t at, void *out, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		struct iovec local = { (char *)out + done, bytes - done };
		/* An address of somebody else's; nothing here follows it. */
		struct iovec remote = { (void *)(uintptr_t)(at + done), bytes - done };
		ssize_t got = process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static const char *fetch(struct ta_memory *memory, uint64_t page)
{
	struct ta_memory_page *slot;

	for (unsigned int i = 0; i < memory->page_count; i++)
		if (memory->pages[i].at == page)
			return memory->pages[i].data;
	if (!memory->pid || (page && page == memory->missing) || memory->page_count == TA_MEMORY_PAGES_MAX)
		return NULL;
	if (!memory->pages)
		memory->pages = calloc(TA_MEMORY_PAGES_MAX, sizeof(*memory->pages));
	if (!memory->pages)
		return NULL;
	slot = &memory->pages[memory->page_count];
	if (ta_memory_of(memory->pid, page, slot->data, PAGE) != PAGE) {
		memory->missing = page;
		return NULL;
	}
	slot->at = page;
	memory->page_count++;
	return slot->data;
}

static bool read_pages(struct ta_memory *memory, uint64_t at, char *out, size_t bytes)
{
	while (bytes) {
		size_t into = (size_t)(at % PAGE), part = PAGE - into < bytes ? PAGE - into : bytes;
		const char *page = fetch(memory, at - into);

		if (!page)
			return false;
		memcpy(out, page + into, part);
		at += part;
		out += part;
		bytes -= part;
	}
	return true;
}

bool ta_memory_read(struct ta_memory *memory, uint64_t at, void *out, size_t bytes)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t into = at - memory->pieces[i].at;

		if (at >= memory->pieces[i].at && into < memory->pieces[i].bytes &&
		    memory->pieces[i].bytes - into >= bytes) {
			memcpy(out, memory->pieces[i].data + into, bytes);
			return true;
		}
	}
	return (memory->pid || memory->page_count) && read_pages(memory, at, out, bytes);
}

bool ta_memory_word(struct ta_memory *memory, uint64_t at, uint64_t *ret_word)
{
	return ta_memory_read(memory, at, ret_word, sizeof(*ret_word));
}
