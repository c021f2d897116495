/* SPDX-License-Identifier: MIT */
/*
 * test_record.c - which records are believed, and attributes on hostile bytes.
 */
#include "runtime/wire/record.h"

#include "tests/unit/check.h"

static const struct {
	uint8_t kind;
	uint32_t fixed;
	bool attrs;
} kinds[] = {
	{ TA_RECORD_PAD, 8, false },
	{ TA_RECORD_THREAD, 40, false },
	{ TA_RECORD_FORK, 32, false },
	{ TA_RECORD_PROCESS_END, 32, false },
	{ TA_RECORD_SPAN_START, 104, true },
	{ TA_RECORD_SPAN_ATTRS, 24, true },
	{ TA_RECORD_SPAN_END, 56, true },
	{ TA_RECORD_SCOPE_SET, 40, false },
	{ TA_RECORD_EXEC, 24, false },
	{ TA_RECORD_SPAN_CANCEL, 16, false },
	{ TA_RECORD_EVENT, 96, true },
	{ TA_RECORD_SPAN_EVENT, 24, true },
	{ TA_RECORD_SPAN_LINK, 40, true },
	{ TA_RECORD_TAGS, 40, true },
	{ TA_RECORD_STACK, 48, false },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A zeroed record of bytes bytes; the caller frees.  Exactly as long as it says,
 * so that a sanitizer sees who reads further. */
static struct ta_record *make(uint8_t kind, uint32_t bytes)
{
	struct ta_record *record = calloc(1, bytes);

	record->kind = kind;
	record->units = (uint16_t)(bytes / 8);
	return record;
}

static void sizes(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		for (uint32_t bytes = 8; bytes <= 128; bytes += 8) {
			struct ta_record *record = make(kinds[i].kind, bytes);

			check(ta_record_valid(record, bytes) == (bytes >= kinds[i].fixed),
			      "kind %u of %u bytes", kinds[i].kind, bytes);
			check(!ta_record_valid(record, bytes + 8), "kind %u, other size",
			      kinds[i].kind);
			free(record);
		}
	}
}

static void unknown_kinds(void)
{
	for (unsigned int kind = 0; kind < 256; kind++) {
		struct ta_record *record = make((uint8_t)kind, 128);
		bool known = false;

		for (size_t i = 0; i < KINDS; i++)
			known = known || kinds[i].kind == kind;
		check(ta_record_valid(record, 128) == known, "kind %u", kind);
		free(record);
	}
}

static void too_short_for_a_head(void)
{
	struct ta_record record = { .units = 0, .kind = TA_RECORD_PAD };

	check(!ta_record_valid(&record, 0), "empty");
	check(!ta_record_valid(&record, 8), "no units");
	record.units = 1;
	check(!ta_record_valid(&record, 7), "7 bytes");
	check(ta_record_valid(&record, 8), "8 bytes");
}

static void scope_texts(void)
{
	static const struct {
		uint16_t key;
		uint32_t value;
		bool valid;
	} rows[] = { { 0, 0, true },	   { 8, 8, true },	   { 16, 0, true },
		     { 0, 16, true },	   { 9, 8, false },	   { 17, 0, false },
		     { 65535, 65535, false }, { 65535, 1, false },
		     { 8, UINT32_MAX, false }, { 16, UINT32_MAX - 15, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ta_record *record = make(TA_RECORD_SCOPE_SET, 56);
		struct ta_record_scope_set *set = (void *)record;

		set->key_bytes = rows[i].key;
		set->value_bytes = rows[i].value;
		check(ta_record_valid(record, 56) == rows[i].valid, "%u + %u", rows[i].key,
		      rows[i].value);
		free(record);
	}
}

static void attribute_ranges(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct ta_record *record = make(kinds[i].kind, kinds[i].fixed + 24);
		uint32_t bytes = 99;
		const char *attrs = ta_record_attrs(record, &bytes);

		check_same(bytes, kinds[i].attrs ? 24 : 0);
		check(!kinds[i].attrs || attrs == (const char *)record + kinds[i].fixed, "kind %u",
		      kinds[i].kind);
		free(record);
	}
	struct ta_record *cut = make(TA_RECORD_SPAN_START, 16);
	uint32_t bytes = 99;

	ta_record_attrs(cut, &bytes);
	check_same(bytes, 0);
	free(cut);
}

static size_t put_attr(char *at, uint8_t key, uint8_t type, const void *value, uint16_t bytes)
{
	struct ta_attr attr = { .key = key, .type = type, .bytes = bytes };

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + sizeof(attr), value, bytes);
	return sizeof(attr) + ((bytes + 3u) & ~3u);
}

static void attributes(void)
{
	char row[64] = { 0 };
	int64_t number = -7;
	size_t used = put_attr(row, TA_ATTR_HTTP_METHOD, TA_ATTR_STRING, "HEAD!", 5);
	struct ta_attr_view attr;
	const char *cursor = row;

	used += put_attr(row + used, TA_ATTR_ERRNO, TA_ATTR_INT, &number, 8);
	used += put_attr(row + used, TA_ATTR_UPGRADE, TA_ATTR_BOOL, "\2", 1);
	check(ta_attr_next(&cursor, row + sizeof(row), &attr), "first");
	check(attr.key == TA_ATTR_HTTP_METHOD && attr.bytes == 5 &&
		      memcmp(attr.value, "HEAD!", 5) == 0,
	      "key %u, %u bytes", attr.key, attr.bytes);
	check_same(ta_attr_int(&attr), 0);
	check(ta_attr_next(&cursor, row + sizeof(row), &attr), "second");
	check_same(ta_attr_int(&attr), -7);
	check(ta_attr_next(&cursor, row + sizeof(row), &attr), "third");
	check_same(ta_attr_int(&attr), 1);
	check(!ta_attr_next(&cursor, row + sizeof(row), &attr), "key 0 ends the row");
	check_same(cursor - row, used);
}

/* The last value may lack its padding; nothing may lack a byte of the value. */
static void attributes_at_the_end(void)
{
	for (size_t room = 0; room <= 16; room++) {
		char *row = calloc(1, room ? room : 1), whole[16] = { 0 };
		const char *cursor = row;
		struct ta_attr_view attr;

		put_attr(whole, TA_ATTR_HTTP_METHOD, TA_ATTR_STRING, "abcde", 5);
		memcpy(row, whole, room);
		bool found = ta_attr_next(&cursor, row + room, &attr);

		check(found == (room >= 9), "%zu bytes", room);
		check(cursor <= row + room, "%zu bytes: cursor beyond the end", room);
		check(!ta_attr_next(&cursor, row + room, &attr), "%zu bytes: a second one", room);
		free(row);
	}
}

static uint32_t random_next(uint32_t *seed)
{
	return *seed = *seed * 1664525u + 1013904223u;
}

/* Whatever the bytes are, the reader ends and every value lies inside. */
static void hostile_attributes(void)
{
	uint32_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		size_t room = random_next(&seed) >> 16 & 127;
		char *row = malloc(room ? room : 1);
		struct ta_attr_view attr;
		const char *cursor = row;
		size_t count = 0;

		for (size_t i = 0; i < room; i++)
			row[i] = (char)(random_next(&seed) >> 24 & (i % 4 == 3 ? 0 : 31));
		while (ta_attr_next(&cursor, row + room, &attr)) {
			check(attr.value >= row && attr.value + attr.bytes <= row + room, "outside");
			check(cursor <= row + room && ++count <= room / 4, "no progress");
			ta_attr_int(&attr);
		}
		free(row);
	}
}

static void names(void)
{
	check_text(ta_attr_name(TA_ATTR_HTTP_METHOD), "http.request.method");
	check(ta_attr_name(0) == NULL && ta_attr_name(TA_ATTR_NAMED) == NULL, "0 and 255");
}

int main(void)
{
	check_group("sizes", sizes);
	check_group("unknown kinds", unknown_kinds);
	check_group("too short for a head", too_short_for_a_head);
	check_group("scope texts", scope_texts);
	check_group("attribute ranges", attribute_ranges);
	check_group("attributes", attributes);
	check_group("attributes at the end", attributes_at_the_end);
	check_group("hostile attributes", hostile_attributes);
	check_group("names", names);
	return check_status();
}
