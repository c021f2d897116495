/* SPDX-License-Identifier: MIT */
/*
 * thrown.c - finding the C++ exception that nobody caught.
 *
 * The throw that gave up keeps a pointer to the exception's head on its stack.  Such a head
 * is known by its class, eight bytes that nothing else begins with ("GNUCC++\0"); what is
 * before and behind it is fixed by the Itanium C++ ABI: std::type_info before, the object
 * behind.
 *
 * The text of what() is read where its place is fixed too: std::runtime_error and
 * std::logic_error, and what is derived from them, have one reference-counted string.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stacks/demangle.h"
#include "runtime/stacks/said.h"

#define EXCEPTION_CLASS 0x474e5543432b2b00ull /* "GNUCC++\0" */
#define TYPE_BEFORE_HEAD 80u
#define OBJECT_BEHIND_HEAD 32u
#define STACK_LOOKED_AT 16384u
#define HEADS_TRIED 512u
#define BASES_MAX 16

/* Whether the exception's own memory may be there: neither code nor in a file. */
static bool plausible(const struct ta_space *space, uint64_t at)
{
	const struct ta_mapping *row;

	if (at & 15 || at < 65536)
		return false;
	row = space->maps ? ta_maps_at(space->maps, at) : NULL;
	return row && row->from <= at && row->writable && !row->executable;
}

static uint64_t find_head(const struct ta_space *space, struct ta_memory *memory, uint64_t sp)
{
	uint64_t word, class, last = 0;
	unsigned int tried = 0;

	for (uint64_t at = sp & ~7ull; at - sp < STACK_LOOKED_AT && tried < HEADS_TRIED; at += 8) {
		if (!ta_memory_word(memory, at, &word))
			break;
		if (word == last || !plausible(space, word))
			continue;
		last = word;
		tried++;
		if (ta_memory_of(memory->pid, word, &class, sizeof(class)) == sizeof(class) &&
		    class == EXCEPTION_CLASS)
			return word;
	}
	return 0;
}

static bool word_at(uint32_t pid, uint64_t at, uint64_t *ret_word)
{
	return ta_memory_of(pid, at, ret_word, sizeof(*ret_word)) == sizeof(*ret_word);
}

/* A string that ends before its place does; page by page, since it may end before a hole. */
static bool string_at(uint32_t pid, uint64_t at, char *out, size_t capacity)
{
	size_t got = ta_memory_of(pid, at, out, capacity);

	return got && memchr(out, '\0', got) != NULL;
}

/* The name in a std::type_info; a "*" before it says that names are not unique. */
static bool type_name(uint32_t pid, uint64_t type, char name[TA_SAID_MAX])
{
	uint64_t at;

	if (!word_at(pid, type + 8, &at) || !string_at(pid, at, name, TA_SAID_MAX))
		return false;
	if (name[0] == '*')
		memmove(name, name + 1, strlen(name));
	return name[0] != '\0';
}

/* Whether a type_info is one of a class with one base, which it then has behind its name. */
static bool has_one_base(const struct ta_space *space, uint32_t pid, uint64_t type)
{
	const struct ta_place *place;
	const char *symbol;
	uint64_t table;

	if (!word_at(pid, type, &table))
		return false;
	place = ta_space_at(space, table);
	if (!place || !place->object)
		return false;
	symbol = ta_object_symbol_at(place->object, table - 16 - place->base);
	return symbol && strcmp(symbol, "_ZTVN10__cxxabiv120__si_class_type_infoE") == 0;
}

static bool keeps_text(const struct ta_space *space, uint32_t pid, uint64_t type)
{
	char name[TA_SAID_MAX];

	for (int i = 0; i < BASES_MAX && type_name(pid, type, name); i++) {
		if (strcmp(name, "St13runtime_error") == 0 || strcmp(name, "St11logic_error") == 0)
			return true;
		if (!has_one_base(space, pid, type) || !word_at(pid, type + 16, &type))
			return false;
	}
	return false;
}

/* Length and capacity stand before the bytes of such a string. */
static void read_text(uint32_t pid, uint64_t object, char value[TA_SAID_MAX])
{
	uint64_t text, length, capacity;

	if (!word_at(pid, object + 8, &text) || !word_at(pid, text - 24, &length) ||
	    !word_at(pid, text - 16, &capacity) || length > capacity || capacity > (1u << 30))
		return;
	if (length > TA_SAID_MAX - 1)
		length = TA_SAID_MAX - 1;
	if (ta_memory_of(pid, text, value, length) == length)
		value[length] = '\0';
	else
		value[0] = '\0';
}

/* throw 42, throw "text". */
static void read_plain(uint32_t pid, const char *type, uint64_t object, char value[TA_SAID_MAX])
{
	int32_t number;
	uint64_t text;

	if (strcmp(type, "i") == 0 && ta_memory_of(pid, object, &number, sizeof(number)) == sizeof(number))
		snprintf(value, TA_SAID_MAX, "%" PRId32, number);
	if ((strcmp(type, "PKc") == 0 || strcmp(type, "Pc") == 0) && word_at(pid, object, &text) &&
	    !string_at(pid, text, value, TA_SAID_MAX))
		value[0] = '\0';
}

void ta_thrown(const struct ta_space *space, struct ta_memory *memory, uint64_t sp,
	       char type[TA_SAID_MAX], char value[TA_SAID_MAX])
{
	uint64_t head = find_head(space, memory, sp), info;
	char *readable;

	type[0] = value[0] = '\0';
	if (!head || !word_at(memory->pid, head - TYPE_BEFORE_HEAD, &info))
		return;
	if (!type_name(memory->pid, info, type)) {
		type[0] = '\0';
		return;
	}
	if (keeps_text(space, memory->pid, info))
		read_text(memory->pid, head + OBJECT_BEHIND_HEAD, value);
	else
		read_plain(memory->pid, type, head + OBJECT_BEHIND_HEAD, value);
	readable = ta_demangle_type(type);
	if (readable)
		snprintf(type, TA_SAID_MAX, "%s", readable);
	free(readable);
}
