/* SPDX-License-Identifier: MIT */
/*
 * hpack_table.c - HPACK's static and dynamic tables, as far as they have to be known.
 *
 * Entries of the dynamic table lie in a ring, texts in a second one in the same order,
 * so that forgetting the oldest entry frees the oldest text.  Room is made while a
 * new value comes in, not when it is complete: an entry is at least as large as what
 * has come of it, and one that is larger than the table empties it (RFC 7541, 4.4),
 * so the outcome is the same.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/hpack_parser.h"

#include <string.h>

struct row {
	uint8_t name_bytes, field;
	uint16_t number;
};

#define ROW(bytes, field, number)                                                                  \
	{                                                                                          \
		bytes, TA_HPACK_##field, number                                                    \
	}
#define OTHER(bytes) ROW(bytes, OTHER, 0)

/* RFC 7541, appendix A. */
static const struct row rows[TA_HPACK_STATIC_ENTRIES] = {
	ROW(10, HOST, 0),
	ROW(7, METHOD, 0),
	ROW(7, METHOD, 0),
	ROW(5, PATH, 0),
	ROW(5, PATH, 0),
	ROW(7, SCHEME, 0),
	ROW(7, SCHEME, 1),
	ROW(7, STATUS, 200),
	ROW(7, STATUS, 204),
	ROW(7, STATUS, 206),
	ROW(7, STATUS, 304),
	ROW(7, STATUS, 400),
	ROW(7, STATUS, 404),
	ROW(7, STATUS, 500),
	OTHER(14),
	OTHER(15),
	OTHER(15),
	OTHER(13),
	OTHER(6),
	OTHER(27),
	OTHER(3),
	OTHER(5),
	OTHER(13),
	OTHER(13),
	OTHER(19),
	OTHER(16),
	OTHER(16),
	ROW(14, CONTENT_LENGTH, 0),
	OTHER(16),
	OTHER(13),
	ROW(12, CONTENT_TYPE, 0),
	OTHER(6),
	OTHER(4),
	OTHER(4),
	OTHER(6),
	OTHER(7),
	OTHER(4),
	ROW(4, HOST, 0),
	OTHER(8),
	OTHER(17),
	OTHER(13),
	OTHER(8),
	OTHER(19),
	OTHER(13),
	OTHER(4),
	OTHER(8),
	OTHER(12),
	OTHER(18),
	OTHER(19),
	OTHER(5),
	OTHER(7),
	OTHER(7),
	OTHER(11),
	OTHER(6),
	OTHER(10),
	OTHER(25),
	OTHER(17),
	ROW(10, USER_AGENT, 0),
	OTHER(4),
	OTHER(3),
	OTHER(16),
};

void ta_hpack_static(uint32_t index, struct ta_hpack_entry *ret_entry)
{
	const struct row *row = &rows[index - 1];

	memset(ret_entry, 0, sizeof(*ret_entry));
	ret_entry->field = row->field;
	ret_entry->name_bytes = row->name_bytes;
	ret_entry->value = row->field == TA_HPACK_CONTENT_LENGTH ? TA_HPACK_NO_NUMBER : row->number;
}

const char *ta_hpack_static_text(uint32_t index)
{
	switch (index) {
	case 2:
		return "GET";
	case 3:
		return "POST";
	case 4:
		return "/";
	case 5:
		return "/index.html";
	default:
		return "";
	}
}

/* ---- the dynamic table ---- */

const struct ta_hpack_entry *ta_hpack_table_at(const struct ta_hpack_table *table, uint32_t index)
{
	if (index >= table->count)
		return NULL;
	return &table->entries[(table->first + table->count - 1u - index) % TA_HPACK_ENTRIES];
}

static void drop_oldest(struct ta_hpack_table *table)
{
	const struct ta_hpack_entry *oldest = &table->entries[table->first];

	table->size -= oldest->size;
	table->text_first = (uint16_t)((table->text_first + oldest->kept) % TA_HPACK_TABLE_BYTES);
	table->text_bytes = (uint16_t)(table->text_bytes - oldest->kept);
	table->first = (uint16_t)((table->first + 1u) % TA_HPACK_ENTRIES);
	table->count--;
}

/* What a new entry of that size pushes out. */
static void make_room(struct ta_hpack_table *table, uint32_t size)
{
	while (table->count > 0 && (uint64_t)table->size + size > table->max)
		drop_oldest(table);
	if (size > table->max)
		table->forgotten = false;
}

/* What is within the table's size, but not within ours. */
static void forget_oldest(struct ta_hpack_table *table)
{
	drop_oldest(table);
	table->forgotten = true;
}

/* A table of up to 4096 bytes is here as a whole: what was forgotten of a larger one
 * lay behind it. */
void ta_hpack_table_resize(struct ta_hpack_table *table, uint32_t max)
{
	table->max = max;
	make_room(table, 0);
	if (max <= TA_HPACK_TABLE_BYTES)
		table->forgotten = false;
}

/* Sizes that cannot be said are above every maximum. */
static void grow(struct ta_hpack_table *table, struct ta_hpack_entry *entry, size_t bytes)
{
	size_t size = entry->size + bytes;

	if (size > TA_HPACK_SIZE_MAX)
		size = TA_HPACK_SIZE_MAX;
	entry->size = (uint32_t)size & TA_HPACK_SIZE_MAX;
	make_room(table, entry->size);
}

void ta_hpack_table_begin(struct ta_hpack_table *table, struct ta_hpack_entry *entry,
			  uint32_t name_bytes)
{
	entry->size = TA_HPACK_ENTRY_BYTES;
	entry->kept = 0;
	grow(table, entry, name_bytes);
	if (ta_hpack_is_text(entry->field))
		entry->value = (table->text_first + table->text_bytes) % TA_HPACK_TABLE_BYTES;
}

static void keep(struct ta_hpack_table *table, struct ta_hpack_entry *entry, char *text,
		 const char *piece, size_t bytes)
{
	size_t used = (size_t)table->text_bytes + entry->kept;
	size_t at = (entry->value + entry->kept) % TA_HPACK_TABLE_BYTES;
	size_t behind = TA_HPACK_TABLE_BYTES - at;

	if (bytes > TA_HPACK_TABLE_BYTES - used)
		bytes = TA_HPACK_TABLE_BYTES - used;
	if (bytes < behind)
		behind = bytes;
	memcpy(text + at, piece, behind);
	memcpy(text, piece + behind, bytes - behind);
	entry->kept = (uint16_t)(entry->kept + bytes);
}

void ta_hpack_table_piece(struct ta_hpack_table *table, struct ta_hpack_entry *entry, char *text,
			  const char *piece, size_t bytes)
{
	grow(table, entry, bytes);
	if (!text || !ta_hpack_is_text(entry->field) || entry->size > table->max)
		return;
	while (table->count > 0 && table->text_bytes + entry->kept + bytes > TA_HPACK_TABLE_BYTES)
		forget_oldest(table);
	keep(table, entry, text, piece, bytes);
}

void ta_hpack_table_end(struct ta_hpack_table *table, const struct ta_hpack_entry *entry)
{
	if (entry->size > table->max)
		return;
	if (table->count == TA_HPACK_ENTRIES)
		forget_oldest(table);
	table->entries[(table->first + table->count) % TA_HPACK_ENTRIES] = *entry;
	table->count++;
	table->size += entry->size;
	table->text_bytes = (uint16_t)(table->text_bytes + entry->kept);
}
