/* SPDX-License-Identifier: MIT */
/*
 * hpack.c - walks field blocks: forms, integers, strings (RFC 7541, 5 and 6).
 *
 * Every step takes what it needs of the bytes that are there and leaves the state
 * where it stopped.  A string that nobody wants is passed over; one that goes into
 * the dynamic table is decoded at least for its length.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/hpack.h"

#include <string.h>

#include "runtime/protocol/hpack_parser.h"

#define NUMBER_MAX (((uint32_t)1 << 28) - 1) /* of an integer */
#define SHIFT_MAX 28
#define NAME_UNKNOWN UINT16_MAX /* entry.name_bytes: this long, or longer */

enum state {
	STATE_FORM, /* a field's first byte */
	STATE_INDEX,
	STATE_NAME_LENGTH,
	STATE_NAME_LENGTH_MORE,
	STATE_NAME,
	STATE_VALUE_LENGTH,
	STATE_VALUE_LENGTH_MORE,
	STATE_VALUE,
	STATE_BROKEN,
};

enum form { FORM_INDEXED, FORM_INSERT, FORM_RESIZE, FORM_PLAIN };

void ta_hpack_init(struct ta_hpack *hpack, bool answers)
{
	memset(hpack, 0, offsetof(struct ta_hpack, name));
	hpack->table.max = TA_HPACK_TABLE_BYTES;
	hpack->answers = answers;
}

void ta_hpack_begin(struct ta_hpack *hpack, struct ta_hpack_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->grpc_status = -1;
	hpack->may_resize = true;
}

bool ta_hpack_end(const struct ta_hpack *hpack)
{
	return hpack->state == STATE_FORM;
}

/* ---- integers ---- */

/* The first byte's part.  True: that is all. */
static bool number_begin(struct ta_hpack *hpack, unsigned char byte, unsigned int prefix)
{
	unsigned int mask = (1u << prefix) - 1;

	hpack->number = byte & mask;
	hpack->shift = 0;
	return hpack->number != mask;
}

/* True: complete.  What is too large to be true leaves the state at BROKEN. */
static bool number_more(struct ta_hpack *hpack, unsigned char byte)
{
	hpack->number += (uint64_t)(byte & 0x7fu) << hpack->shift;
	hpack->shift = (uint8_t)(hpack->shift + 7);
	if (hpack->number > NUMBER_MAX || (byte & 0x80 && hpack->shift > SHIFT_MAX)) {
		hpack->state = STATE_BROKEN;
		return false;
	}
	return !(byte & 0x80);
}

/* ---- fields ---- */

static uint8_t wanted(const struct ta_hpack *hpack, uint8_t field)
{
	bool of_answers = field == TA_HPACK_STATUS || field == TA_HPACK_GRPC_STATUS;

	return of_answers == hpack->answers ? field : TA_HPACK_OTHER;
}

static uint64_t number_in(const struct ta_hpack_entry *entry)
{
	return entry->value == TA_HPACK_NO_NUMBER ? UINT64_MAX : entry->value;
}

/* The text of an entry, which may lie across the end of the ring. */
static void tell_text(const struct ta_hpack_sink *sink, const struct ta_hpack_entry *entry)
{
	size_t behind = TA_HPACK_TABLE_BYTES - entry->value;

	if (entry->size != TA_HPACK_ENTRY_BYTES + entry->name_bytes + entry->kept) {
		sink->facts->flags |= TA_HPACK_LOST;
		return;
	}
	if (behind > entry->kept)
		behind = entry->kept;
	ta_hpack_text_begin(sink, entry->field);
	ta_hpack_text_piece(sink, entry->field, sink->text + entry->value, behind);
	ta_hpack_text_piece(sink, entry->field, sink->text, entry->kept - behind);
	ta_hpack_text_end(sink, entry->field);
}

static void tell_static(const struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			uint32_t index)
{
	struct ta_hpack_entry entry;

	ta_hpack_static(index, &entry);
	if (!ta_hpack_is_text(entry.field)) {
		if (wanted(hpack, entry.field))
			ta_hpack_tell_number(sink, entry.field, number_in(&entry));
	} else if (sink->head) {
		const char *text = ta_hpack_static_text(index);

		ta_hpack_text_begin(sink, entry.field);
		ta_hpack_text_piece(sink, entry.field, text, strlen(text));
		ta_hpack_text_end(sink, entry.field);
	}
}

static bool tell_indexed(const struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			 uint32_t index)
{
	if (index == 0)
		return false;
	if (index <= TA_HPACK_STATIC_ENTRIES) {
		tell_static(hpack, sink, index);
		return true;
	}
	const struct ta_hpack_entry *entry =
		ta_hpack_table_at(&hpack->table, index - TA_HPACK_STATIC_ENTRIES - 1);

	if (!entry) {
		sink->facts->flags |= TA_HPACK_LOST;
		return hpack->table.forgotten;
	}
	if (!ta_hpack_is_text(entry->field))
		ta_hpack_tell_number(sink, entry->field, number_in(entry));
	else if (sink->head)
		tell_text(sink, entry);
	return true;
}

/* A name by its index.  Of an entry that was forgotten nothing is known, and then a
 * new one with its name has no size. */
static bool take_name(struct ta_hpack *hpack, const struct ta_hpack_sink *sink, uint32_t index)
{
	struct ta_hpack_entry known = { .name_bytes = NAME_UNKNOWN };

	if (index <= TA_HPACK_STATIC_ENTRIES) {
		ta_hpack_static(index, &known);
	} else {
		const struct ta_hpack_entry *entry =
			ta_hpack_table_at(&hpack->table, index - TA_HPACK_STATIC_ENTRIES - 1);

		if (!entry && !hpack->table.forgotten)
			return false;
		if (entry)
			known = *entry;
		else
			sink->facts->flags |= TA_HPACK_LOST;
	}
	hpack->entry.field = wanted(hpack, known.field) & 0xff;
	hpack->entry.name_bytes = known.name_bytes;
	hpack->name_bytes = known.name_bytes;
	return known.name_bytes != NAME_UNKNOWN || hpack->form == FORM_PLAIN;
}

static bool resize(struct ta_hpack *hpack, uint32_t max)
{
	if (!hpack->may_resize || max >= TA_HPACK_SIZE_MAX)
		return false;
	ta_hpack_table_resize(&hpack->table, max);
	return true;
}

/* The integer behind a field's form is complete: what comes next. */
static enum state end_index(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	uint32_t index = (uint32_t)hpack->number;

	if (hpack->form == FORM_RESIZE)
		return resize(hpack, index) ? STATE_FORM : STATE_BROKEN;
	hpack->may_resize = false;
	if (hpack->form == FORM_INDEXED)
		return tell_indexed(hpack, sink, index) ? STATE_FORM : STATE_BROKEN;
	if (index == 0)
		return STATE_NAME_LENGTH;
	return take_name(hpack, sink, index) ? STATE_VALUE_LENGTH : STATE_BROKEN;
}

static bool form_begin(struct ta_hpack *hpack, unsigned char byte)
{
	static const uint8_t prefixes[] = {
		[FORM_INDEXED] = 7, [FORM_INSERT] = 6, [FORM_RESIZE] = 5, [FORM_PLAIN] = 4
	};

	hpack->form = byte & 0x80   ? FORM_INDEXED
		      : byte & 0x40 ? FORM_INSERT
		      : byte & 0x20 ? FORM_RESIZE
				    : FORM_PLAIN;
	hpack->state = STATE_INDEX;
	return number_begin(hpack, byte, prefixes[hpack->form]);
}

/* ---- strings ---- */

static void string_begin(struct ta_hpack *hpack)
{
	hpack->left = (uint32_t)hpack->number;
	ta_huffman_init(&hpack->huffman);
}

static void name_begin(struct ta_hpack *hpack)
{
	string_begin(hpack);
	hpack->name_bytes = 0;
	hpack->state = STATE_NAME;
}

static void name_piece(struct ta_hpack *hpack, const char *piece, size_t bytes)
{
	if (hpack->name_bytes + bytes <= TA_HPACK_NAME_MAX)
		memcpy(hpack->name + hpack->name_bytes, piece, bytes);
	hpack->name_bytes += (uint32_t)bytes;
}

static void name_end(struct ta_hpack *hpack)
{
	hpack->entry.field =
		wanted(hpack, (uint8_t)ta_hpack_name(hpack->name, hpack->name_bytes)) & 0xff;
	hpack->entry.name_bytes =
		hpack->name_bytes < NAME_UNKNOWN ? (uint16_t)hpack->name_bytes : NAME_UNKNOWN;
	hpack->state = STATE_VALUE_LENGTH;
}

static void value_begin(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	string_begin(hpack);
	ta_hpack_value_begin(hpack, sink);
	if (hpack->form == FORM_INSERT)
		ta_hpack_table_begin(&hpack->table, &hpack->entry, hpack->name_bytes);
	hpack->state = STATE_VALUE;
}

static void value_piece(struct ta_hpack *hpack, const struct ta_hpack_sink *sink, const char *piece,
			size_t bytes)
{
	ta_hpack_value_piece(hpack, sink, piece, bytes);
	if (hpack->form == FORM_INSERT)
		ta_hpack_table_piece(&hpack->table, &hpack->entry, sink->text, piece, bytes);
}

static void value_end(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	ta_hpack_value_end(hpack, sink);
	if (hpack->form == FORM_INSERT)
		ta_hpack_table_end(&hpack->table, &hpack->entry);
	hpack->state = STATE_FORM;
}

static void string_piece(struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			 const char *piece, size_t bytes)
{
	if (hpack->state == STATE_NAME)
		name_piece(hpack, piece, bytes);
	else
		value_piece(hpack, sink, piece, bytes);
}

static bool coded_piece(struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
			const unsigned char *at, const unsigned char *end)
{
	char decoded[128];
	size_t bytes;

	do {
		if (!ta_huffman_feed(&hpack->huffman, &at, end, decoded, sizeof(decoded), &bytes))
			return false;
		string_piece(hpack, sink, decoded, bytes);
	} while (bytes == sizeof(decoded));
	return true;
}

static bool is_skipped(const struct ta_hpack *hpack)
{
	return hpack->state == STATE_VALUE && hpack->entry.field == TA_HPACK_OTHER &&
	       hpack->form == FORM_PLAIN;
}

static bool string_end(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	if (hpack->coded && !is_skipped(hpack) && !ta_huffman_ends(&hpack->huffman))
		return false;
	if (hpack->state == STATE_NAME)
		name_end(hpack);
	else
		value_end(hpack, sink);
	return true;
}

/* Some bytes of a name or value; in the end it is complete. */
static const unsigned char *string_step(struct ta_hpack *hpack, const struct ta_hpack_sink *sink,
					const unsigned char *at, const unsigned char *end)
{
	size_t bytes = (size_t)(end - at);
	bool valid = true;

	if (bytes > hpack->left)
		bytes = hpack->left;
	hpack->left -= (uint32_t)bytes;
	if (is_skipped(hpack))
		;
	else if (hpack->coded)
		valid = coded_piece(hpack, sink, at, at + bytes);
	else
		string_piece(hpack, sink, (const char *)at, bytes);
	if (valid && hpack->left == 0)
		valid = string_end(hpack, sink);
	if (!valid)
		hpack->state = STATE_BROKEN;
	return at + bytes;
}

/* ---- the whole ---- */

static void length_end(struct ta_hpack *hpack, const struct ta_hpack_sink *sink)
{
	if (hpack->state <= STATE_NAME_LENGTH_MORE)
		name_begin(hpack);
	else
		value_begin(hpack, sink);
	if (hpack->left == 0 && !string_end(hpack, sink))
		hpack->state = STATE_BROKEN;
}

/* One byte of what is not a string. */
static void byte_step(struct ta_hpack *hpack, const struct ta_hpack_sink *sink, unsigned char byte)
{
	bool complete;

	switch (hpack->state) {
	case STATE_FORM:
		complete = form_begin(hpack, byte);
		break;
	case STATE_NAME_LENGTH:
	case STATE_VALUE_LENGTH:
		hpack->coded = byte & 0x80;
		complete = number_begin(hpack, byte, 7);
		hpack->state++; /* to ..._LENGTH_MORE */
		break;
	default:
		complete = number_more(hpack, byte);
	}
	if (!complete)
		return;
	if (hpack->state == STATE_INDEX)
		hpack->state = (uint8_t)end_index(hpack, sink);
	else
		length_end(hpack, sink);
}

bool ta_hpack_feed(struct ta_hpack *hpack, const struct ta_hpack_sink *sink, const void *data,
		   size_t bytes)
{
	const unsigned char *at = data, *end = at + bytes;

	while (at < end && hpack->state != STATE_BROKEN) {
		if (hpack->state == STATE_NAME || hpack->state == STATE_VALUE)
			at = string_step(hpack, sink, at, end);
		else
			byte_step(hpack, sink, *at++);
	}
	return hpack->state != STATE_BROKEN;
}
