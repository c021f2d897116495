/* SPDX-License-Identifier: MIT */
/*
 * cxx_type.c - type_info objects, and the bases that they name.
 *
 * A type_info is two words, a pointer to a table of functions and one to its name; which
 * kind it is says the type_info of its own class, which lies before that table.  (The
 * address of the table says nothing: programs that are not PIE have copies.)
 *
 * Runs: signal handlers, any host thread.
 */
#include "runtime/core/cxx_type.h"

#include <string.h>

#include "runtime/core/peek.h"

#define WORD sizeof(uintptr_t)
#define NAME_BYTES 128u
#define DEPTH_MAX 16
#define LOOKS_MAX 64 /* types in one search */
#define BASES_MAX 16u

#define BASE_IS_VIRTUAL 1
#define BASE_IS_PUBLIC 2

enum kind { KIND_OTHER, KIND_ONE_BASE, KIND_BASES };

bool ta_cxx_type_name(uintptr_t type, char *out, size_t out_bytes)
{
	uintptr_t name;

	if (!ta_peek_word(&name, type + WORD) || ta_peek_text(out, out_bytes, name) == 0)
		return false;
	if (out[0] == '*') /* a name that is only compared by address */
		memmove(out, out + 1, strlen(out));
	return true;
}

static enum kind kind_of(uintptr_t type)
{
	uintptr_t table, class;
	char name[48];

	if (!ta_peek_word(&table, type) || !ta_peek_word(&class, table - WORD) ||
	    !ta_cxx_type_name(class, name, sizeof(name)))
		return KIND_OTHER;
	if (strcmp(name, "N10__cxxabiv120__si_class_type_infoE") == 0)
		return KIND_ONE_BASE;
	if (strcmp(name, "N10__cxxabiv121__vmi_class_type_infoE") == 0)
		return KIND_BASES;
	return KIND_OTHER;
}

struct search {
	const char *encoded;
	int looks;
};

static uintptr_t find(struct search *search, uintptr_t type, uintptr_t object, int depth);

/* Where a base lies: so far from the object, or as the object's own table says. */
static bool base_at(uintptr_t object, intptr_t how, uintptr_t *ret_base)
{
	intptr_t offset = how >> 8;
	uintptr_t table;

	if (how & BASE_IS_VIRTUAL &&
	    (!ta_peek_word(&table, object) ||
	     !ta_peek(&offset, table + (uintptr_t)offset, sizeof(offset))))
		return false;
	*ret_base = object + (uintptr_t)offset;
	return true;
}

static uintptr_t find_in_bases(struct search *search, uintptr_t type, uintptr_t object, int depth)
{
	struct {
		uint32_t flags, count;
	} head;
	struct {
		uintptr_t type;
		intptr_t how;
	} base;
	uintptr_t at = type + 2 * WORD, part, found = 0;

	if (!ta_peek(&head, at, sizeof(head)))
		return 0;
	at += sizeof(head);
	for (uint32_t i = 0; i < head.count && i < BASES_MAX && !found; i++, at += sizeof(base)) {
		if (!ta_peek(&base, at, sizeof(base)))
			return 0;
		if (base.how & BASE_IS_PUBLIC && base_at(object, base.how, &part))
			found = find(search, base.type, part, depth);
	}
	return found;
}

static uintptr_t find(struct search *search, uintptr_t type, uintptr_t object, int depth)
{
	char name[NAME_BYTES];
	uintptr_t base;

	if (depth > DEPTH_MAX || search->looks++ > LOOKS_MAX ||
	    !ta_cxx_type_name(type, name, sizeof(name)))
		return 0;
	if (strcmp(name, search->encoded) == 0)
		return object;
	switch (kind_of(type)) {
	case KIND_ONE_BASE:
		return ta_peek_word(&base, type + 2 * WORD) ?
			       find(search, base, object, depth + 1) :
			       0;
	case KIND_BASES:
		return find_in_bases(search, type, object, depth + 1);
	default:
		return 0;
	}
}

uintptr_t ta_cxx_base(uintptr_t type, uintptr_t object, const char *encoded)
{
	struct search search = { .encoded = encoded };

	return find(&search, type, object, 0);
}
