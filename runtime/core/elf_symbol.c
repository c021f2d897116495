/* SPDX-License-Identifier: MIT */
/*
 * elf_symbol.c - the symbol and relocation tables of a loaded object.
 *
 * Runs: callbacks of dl_iterate_phdr().
 */
#include "runtime/core/elf_symbol.h"

#include <stddef.h>
#include <string.h>

#define CHAIN_MAX 65536u /* symbols that are looked at under one hash */

#if defined(__x86_64__)
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT R_X86_64_GLOB_DAT
#else
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOB_DAT R_AARCH64_GLOB_DAT
#endif

/* The loader leaves addresses behind, or offsets where the section is read-only (vdso). */
static const void *at(const struct ta_elf_object *object, const ElfW(Dyn) *entry)
{
	uintptr_t value = entry->d_un.d_ptr;

	return (const void *)(value < object->base ? object->base + value : value);
}

static void take_entry(struct ta_elf_object *object, const ElfW(Dyn) *entry)
{
	switch (entry->d_tag) {
	case DT_SYMTAB:
		object->symbols = at(object, entry);
		break;
	case DT_STRTAB:
		object->names = at(object, entry);
		break;
	case DT_GNU_HASH:
		object->hash = at(object, entry);
		break;
	case DT_JMPREL:
		object->jumps = at(object, entry);
		break;
	case DT_PLTRELSZ:
		object->jump_count = entry->d_un.d_val / sizeof(ElfW(Rela));
		break;
	case DT_RELA:
		object->others = at(object, entry);
		break;
	case DT_RELASZ:
		object->other_count = entry->d_un.d_val / sizeof(ElfW(Rela));
		break;
	default:
		break;
	}
}

bool ta_elf_object(const struct dl_phdr_info *info, struct ta_elf_object *ret_object)
{
	struct ta_elf_object object = { .base = info->dlpi_addr };
	const ElfW(Dyn) *entry = NULL;

	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const void *)(object.base + info->dlpi_phdr[i].p_vaddr);
	for (; entry && entry->d_tag != DT_NULL; entry++)
		take_entry(&object, entry);
	if (!object.symbols || !object.names || !object.hash)
		return false;
	*ret_object = object;
	return true;
}

static uint32_t hash_of(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool is_it(const struct ta_elf_object *object, const ElfW(Sym) *symbol, const char *name)
{
	return symbol->st_shndx != SHN_UNDEF && strcmp(object->names + symbol->st_name, name) == 0;
}

bool ta_elf_find(const struct ta_elf_object *object, const char *name,
		 struct ta_elf_symbol *ret_symbol)
{
	const uint32_t *head = object->hash;
	uint32_t buckets = head[0], first = head[1], words = head[2], hash = hash_of(name);
	const uint32_t *bucket = head + 4 + words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;
	uint32_t index = buckets ? bucket[hash % buckets] : 0;

	for (uint32_t i = 0; index >= first && index != 0 && i < CHAIN_MAX; i++, index++) {
		const ElfW(Sym) *symbol = &object->symbols[index];
		uint32_t other = chain[index - first];

		if ((other | 1) == (hash | 1) && is_it(object, symbol, name)) {
			*ret_symbol = (struct ta_elf_symbol){ object->base + symbol->st_value,
							      symbol->st_size };
			return true;
		}
		if (other & 1)
			break;
	}
	return false;
}

static void **slot_in(const struct ta_elf_object *object, const ElfW(Rela) *row, size_t count,
		      const char *name)
{
	for (size_t i = 0; row && i < count; i++, row++) {
		uint32_t type = (uint32_t)ELF64_R_TYPE(row->r_info);
		const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(row->r_info)];

		if ((type == JUMP_SLOT || type == GLOB_DAT) &&
		    strcmp(object->names + symbol->st_name, name) == 0)
			return (void **)(object->base + row->r_offset);
	}
	return NULL;
}

void **ta_elf_slot(const struct ta_elf_object *object, const char *name)
{
	void **slot = slot_in(object, object->jumps, object->jump_count, name);

	return slot ? slot : slot_in(object, object->others, object->other_count, name);
}
