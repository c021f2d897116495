/* SPDX-License-Identifier: MIT */
/*
 * elf_symbol.h - what a loaded object exports, and the slots through which it calls others.
 *
 * dlsym() may take memory, and dlopen()ed objects that are private to others are out of
 * its sight; so this reads the object's own tables.
 *
 * Runs: callbacks of dl_iterate_phdr(), which keeps the object from being unloaded.
 */
#ifndef TA_CORE_ELF_SYMBOL_H
#define TA_CORE_ELF_SYMBOL_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_elf_object {
	uintptr_t base;
	const ElfW(Sym) *symbols;
	const char *names;
	const uint32_t *hash; /* DT_GNU_HASH */
	const ElfW(Rela) *jumps, *others;
	size_t jump_count, other_count;
};

struct ta_elf_symbol {
	uintptr_t address;
	size_t bytes;
};

/* False: it has no tables that we understand. */
bool ta_elf_object(const struct dl_phdr_info *info, struct ta_elf_object *ret_object);

/* A function or a variable that the object defines. */
bool ta_elf_find(const struct ta_elf_object *object, const char *name,
		 struct ta_elf_symbol *ret_symbol);

/* The place that holds the address of a function that the object calls; NULL: none. */
void **ta_elf_slot(const struct ta_elf_object *object, const char *name);

#endif
