/* SPDX-License-Identifier: MIT */
/*
 * dynsym.c - symbols that the dynamic linker sees, straight from the file.
 *
 * libdwfl would load debug files to answer; this is asked while a process waits.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include <gelf.h>
#include <string.h>

#include "runtime/stacks/object.h"

#define SYMBOLS_MAX (1u << 20)

struct table {
	Elf_Data *data;
	size_t names, count;
};

static bool find_table(Elf *elf, struct table *ret_table)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf, section)) != NULL) {
		GElf_Shdr head;

		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_DYNSYM || !head.sh_entsize)
			continue;
		ret_table->data = elf_getdata(section, NULL);
		ret_table->names = head.sh_link;
		ret_table->count = head.sh_size / head.sh_entsize;
		if (ret_table->count > SYMBOLS_MAX)
			ret_table->count = SYMBOLS_MAX;
		return ret_table->data != NULL;
	}
	return false;
}

/* The first symbol that has this name, or that is at this address when name is NULL. */
static const char *look(const struct ta_object *object, const char *name, uint64_t at,
			GElf_Sym *ret_symbol)
{
	struct table table;

	if (!find_table(object->elf, &table))
		return NULL;
	for (size_t i = 0; i < table.count; i++) {
		const char *found;

		if (!gelf_getsym(table.data, (int)i, ret_symbol) || ret_symbol->st_shndx == SHN_UNDEF ||
		    (!name && ret_symbol->st_value != at))
			continue;
		found = elf_strptr(object->elf, table.names, ret_symbol->st_name);
		if (found && (!name || strcmp(found, name) == 0))
			return found;
	}
	return NULL;
}

uint64_t ta_object_symbol(const struct ta_object *object, const char *name)
{
	GElf_Sym symbol;

	return look(object, name, 0, &symbol) ? symbol.st_value : 0;
}

const char *ta_object_symbol_at(const struct ta_object *object, uint64_t at)
{
	GElf_Sym symbol;

	return look(object, NULL, at, &symbol);
}
