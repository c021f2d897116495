/* SPDX-License-Identifier: MIT */
/*
 * modules.c - the objects that are loaded, out of the dynamic linker's own list.
 *
 * Runs: any host thread, signal handlers.
 */
#include "runtime/core/modules.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include "runtime/wire/crash.h"

#define MODULES_MAX 512
#define PATH_MAX_BYTES 1024u

static const struct r_debug *list;

static const ElfW(Dyn) *own_dynamic(void)
{
	const ElfW(Phdr) *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long count = getauxval(AT_PHNUM);
	const ElfW(Phdr) *self = NULL, *dynamic = NULL;

	for (unsigned long i = 0; phdr && i < count; i++) {
		self = phdr[i].p_type == PT_PHDR ? &phdr[i] : self;
		dynamic = phdr[i].p_type == PT_DYNAMIC ? &phdr[i] : dynamic;
	}
	if (!dynamic)
		return NULL;
	uintptr_t base = self ? (uintptr_t)phdr - self->p_vaddr : 0;

	return (const void *)(base + dynamic->p_vaddr);
}

void ta_modules_init(void)
{
	for (const ElfW(Dyn) *at = own_dynamic(); at && at->d_tag != DT_NULL; at++)
		if (at->d_tag == DT_DEBUG)
			list = (const void *)at->d_un.d_ptr;
}

static uint32_t path_bytes(const char *path)
{
	return path ? (uint32_t)strnlen(path, PATH_MAX_BYTES) : 0;
}

/* Bytes of a row; 0: it does not fit. */
static uint32_t put_module(char *out, uint32_t room, const struct link_map *map)
{
	struct ta_module row = { .base = map->l_addr, .path_bytes = path_bytes(map->l_name) };
	uint32_t bytes = (uint32_t)((sizeof(row) + row.path_bytes + 7u) & ~7u);

	if (bytes > room)
		return 0;
	memset(out + bytes - 8, 0, 8);
	memcpy(out, &row, sizeof(row));
	memcpy(out + sizeof(row), map->l_name, row.path_bytes);
	return bytes;
}

uint32_t ta_modules_put(char *out, uint32_t out_bytes)
{
	const struct link_map *map = list ? list->r_map : NULL;
	uint32_t used = 0;

	for (int i = 0; map && i < MODULES_MAX; i++, map = map->l_next)
		used += put_module(out + used, out_bytes - used, map);
	return used;
}
