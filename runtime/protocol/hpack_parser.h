/* SPDX-License-Identifier: MIT */
/*
 * hpack_parser.h - what the files of the HPACK decoder share.
 *
 * hpack.c walks blocks, hpack_table.c has the static and the dynamic table,
 * hpack_name.c knows the names that matter, hpack_value.c reads values.
 */
#ifndef TA_PROTOCOL_HPACK_PARSER_H
#define TA_PROTOCOL_HPACK_PARSER_H

#include "runtime/protocol/hpack.h"

#define TA_HPACK_STATIC_ENTRIES 61u
#define TA_HPACK_SIZE_MAX 0xffffffu /* what an entry's size can say; no table is so large */

/* Which field a name is. */
enum ta_hpack_field ta_hpack_name(const char *name, size_t bytes);

/* The static table: name length, field and number of an index of 1 to 61; and the
 * text, if it is one that matters. */
void ta_hpack_static(uint32_t index, struct ta_hpack_entry *ret_entry);
const char *ta_hpack_static_text(uint32_t index);

/* The dynamic table; index 0 is the newest entry.  NULL: none, or forgotten. */
const struct ta_hpack_entry *ta_hpack_table_at(const struct ta_hpack_table *table, uint32_t index);
void ta_hpack_table_resize(struct ta_hpack_table *table, uint32_t max);

/* A new entry: *entry with its field, and how long the name is; as much more of its value as has
 * come; and in the end it is put into the table, if it fits. */
void ta_hpack_table_begin(struct ta_hpack_table *table, struct ta_hpack_entry *entry,
			  uint32_t name_bytes);
void ta_hpack_table_piece(struct ta_hpack_table *table, struct ta_hpack_entry *entry, char *text,
			  const char *piece, size_t bytes);
void ta_hpack_table_end(struct ta_hpack_table *table, const struct ta_hpack_entry *entry);

/* A value, piece by piece: into the sink, and its number into hpack->entry.value. */
void ta_hpack_value_begin(struct ta_hpack *hpack, const struct ta_hpack_sink *sink);
void ta_hpack_value_piece(struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			  const char *piece, size_t bytes);
void ta_hpack_value_end(struct ta_hpack *hpack, const struct ta_hpack_sink *sink);

/* A number that is known already, and a text in pieces. */
void ta_hpack_tell_number(const struct ta_hpack_sink *sink, uint8_t field, uint64_t number);
void ta_hpack_text_begin(const struct ta_hpack_sink *sink, uint8_t field);
void ta_hpack_text_piece(const struct ta_hpack_sink *sink, uint8_t field, const char *piece,
			 size_t bytes);
void ta_hpack_text_end(const struct ta_hpack_sink *sink, uint8_t field);

#endif
