/* SPDX-License-Identifier: MIT */
/*
 * pb.c - protobuf's wire format, written and read.
 *
 * Nested messages: one byte is left for the length; a longer one moves what was written
 * since by a few bytes.  That is cheaper than counting first, as long as the message
 * fits into a cache; who nests megabytes counts himself (otlp_sink.c).
 *
 * Runs: agent, any thread.  No allocation but the buffer's.
 */
#include "runtime/export/pb.h"

#include <endian.h>

#define TAG_MAX 5u    /* bytes of a field's number and wire type */
#define VARINT_MAX 10u

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static inline char *write_tag(char *at, unsigned int field, unsigned int wire)
{
	return ta_pb_write_varint(at, (uint64_t)field << 3 | wire);
}

static inline void used_to(struct ta_buf *buf, const char *at)
{
	buf->bytes = (size_t)(at - buf->data);
}

void ta_pb_uint_always(struct ta_buf *buf, unsigned int field, uint64_t value)
{
	char *at = ta_buf_reserve(buf, TAG_MAX + VARINT_MAX);

	if (!at)
		return;
	at = write_tag(at, field, WIRE_VARINT);
	used_to(buf, ta_pb_write_varint(at, value));
}

void ta_pb_uint(struct ta_buf *buf, unsigned int field, uint64_t value)
{
	if (value)
		ta_pb_uint_always(buf, field, value);
}

void ta_pb_fixed64_always(struct ta_buf *buf, unsigned int field, uint64_t value)
{
	char *at = ta_buf_reserve(buf, TAG_MAX + sizeof(value));

	if (!at)
		return;
	value = htole64(value);
	at = write_tag(at, field, WIRE_FIXED64);
	used_to(buf, ta_pb_write(at, &value, sizeof(value)));
}

void ta_pb_fixed64(struct ta_buf *buf, unsigned int field, uint64_t value)
{
	if (value)
		ta_pb_fixed64_always(buf, field, value);
}

void ta_pb_fixed32(struct ta_buf *buf, unsigned int field, uint32_t value)
{
	char *at = value ? ta_buf_reserve(buf, TAG_MAX + sizeof(value)) : NULL;

	if (!at)
		return;
	value = htole32(value);
	at = write_tag(at, field, WIRE_FIXED32);
	used_to(buf, ta_pb_write(at, &value, sizeof(value)));
}

void ta_pb_double_always(struct ta_buf *buf, unsigned int field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	ta_pb_fixed64_always(buf, field, bits);
}

static void put_bytes(struct ta_buf *buf, unsigned int field, const void *data, size_t bytes)
{
	char *at;

	if (bytes > SIZE_MAX / 4) {
		buf->failed = true;
		return;
	}
	at = ta_buf_reserve(buf, TAG_MAX + VARINT_MAX + bytes);
	if (!at)
		return;
	at = write_tag(at, field, WIRE_BYTES);
	at = ta_pb_write_varint(at, bytes);
	used_to(buf, ta_pb_write(at, data, bytes));
}

void ta_pb_bytes(struct ta_buf *buf, unsigned int field, const void *data, size_t bytes)
{
	if (bytes)
		put_bytes(buf, field, data, bytes);
}

static inline uint64_t load8(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return word;
}

static bool is_ascii(const char *text, size_t bytes)
{
	uint64_t seen = 0;

	if (bytes < 8) {
		for (size_t i = 0; i < bytes; i++)
			seen |= (unsigned char)text[i];
		return seen < 0x80;
	}
	for (size_t i = 0; i + 8 < bytes; i += 8)
		seen |= load8(text + i);
	return !((seen | load8(text + bytes - 8)) & 0x8080808080808080ull);
}

bool ta_pb_text_good(const char *text, size_t bytes)
{
	return is_ascii(text, bytes) || ta_utf8_valid(text, bytes);
}

/* Bytes of the character at text; 0 if there is none. */
static size_t character(const char *text, size_t bytes)
{
	unsigned char lead = (unsigned char)text[0];
	size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	return length <= bytes && ta_utf8_valid(text, length) ? length : 0;
}

void ta_pb_text_inside(struct ta_buf *buf, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		size_t run = 0, length;

		while (i + run < bytes && (length = character(text + i + run, bytes - i - run)))
			run += length;
		ta_buf_put(buf, text + i, run);
		i += run;
		if (i < bytes) {
			ta_buf_put(buf, "\xef\xbf\xbd", 3);
			i++;
		}
	}
}

static void put_repaired(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes)
{
	size_t opened = ta_pb_open(buf, field);

	ta_pb_text_inside(buf, text, bytes);
	ta_pb_close(buf, opened);
}

void ta_pb_text_always(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes)
{
	if (ta_pb_text_good(text, bytes))
		put_bytes(buf, field, text, bytes);
	else
		put_repaired(buf, field, text, bytes);
}

void ta_pb_text(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes)
{
	if (bytes)
		ta_pb_text_always(buf, field, text, bytes);
}

size_t ta_pb_open(struct ta_buf *buf, unsigned int field)
{
	char *at = ta_buf_reserve(buf, TAG_MAX + 1);

	if (!at)
		return 0;
	used_to(buf, write_tag(at, field, WIRE_BYTES) + 1);
	return buf->bytes;
}

void ta_pb_close(struct ta_buf *buf, size_t opened)
{
	size_t bytes = buf->bytes - opened;
	size_t more = ta_pb_varint_bytes(bytes) - 1;

	if (buf->failed)
		return;
	if (more) {
		if (!ta_buf_reserve(buf, more))
			return;
		memmove(buf->data + opened + more, buf->data + opened, bytes);
		buf->bytes += more;
	}
	ta_pb_write_varint(buf->data + opened - 1, bytes);
}

/* False for a number that is cut or longer than 64 bits. */
static bool read_varint(struct ta_pb_reader *reader, uint64_t *ret_value)
{
	const unsigned char *at = reader->at;
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 70 && at < reader->end; shift += 7) {
		unsigned char byte = *at++;

		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			reader->at = at;
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static bool read_fixed(struct ta_pb_reader *reader, size_t bytes, uint64_t *ret_value)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)reader->at[i] << 8 * i;
	reader->at += bytes;
	*ret_value = value;
	return true;
}

static bool read_bytes(struct ta_pb_reader *reader, struct ta_pb_field *field)
{
	uint64_t bytes;

	if (!read_varint(reader, &bytes) || bytes > (uint64_t)(reader->end - reader->at))
		return false;
	field->data = (const char *)reader->at;
	field->bytes = (size_t)bytes;
	reader->at += bytes;
	return true;
}

static bool read_value(struct ta_pb_reader *reader, struct ta_pb_field *field)
{
	switch (field->wire) {
	case WIRE_VARINT:
		return read_varint(reader, &field->value);
	case WIRE_FIXED64:
		return read_fixed(reader, 8, &field->value);
	case WIRE_BYTES:
		return read_bytes(reader, field);
	case WIRE_FIXED32:
		return read_fixed(reader, 4, &field->value);
	default:
		return false;
	}
}

bool ta_pb_next(struct ta_pb_reader *reader, struct ta_pb_field *ret_field)
{
	struct ta_pb_reader copy = *reader;
	struct ta_pb_field field = { 0 };
	uint64_t tag;

	if (!read_varint(&copy, &tag) || tag >> 3 == 0 || tag >> 32)
		return false;
	field.number = (uint32_t)(tag >> 3);
	field.wire = tag & 7;
	if (!read_value(&copy, &field))
		return false;
	*reader = copy;
	*ret_field = field;
	return true;
}
