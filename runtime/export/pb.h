/* SPDX-License-Identifier: MIT */
/*
 * pb.h - writing and reading protobuf's wire format (protobuf.dev, "Encoding").
 *
 * Writing appends to a buffer, canonically: shortest varints.  A nested message is opened
 * and closed; its length is put in afterwards.  As proto3 has it, scalar fields with the
 * value 0 are left out by the functions below, except where "always" is said; messages are
 * always written.
 *
 * Runs: agent, any thread.
 */
#ifndef TA_EXPORT_PB_H
#define TA_EXPORT_PB_H

#include <string.h>

#include "runtime/export/buf.h"

void ta_pb_uint(struct ta_buf *buf, unsigned int field, uint64_t value);
void ta_pb_uint_always(struct ta_buf *buf, unsigned int field, uint64_t value);
void ta_pb_fixed64(struct ta_buf *buf, unsigned int field, uint64_t value);
void ta_pb_fixed64_always(struct ta_buf *buf, unsigned int field, uint64_t value);
void ta_pb_fixed32(struct ta_buf *buf, unsigned int field, uint32_t value);
void ta_pb_double_always(struct ta_buf *buf, unsigned int field, double value);
void ta_pb_bytes(struct ta_buf *buf, unsigned int field, const void *data, size_t bytes);
/* A string: each byte that is no UTF-8 becomes U+FFFD, as in JSON. */
void ta_pb_text(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes);
void ta_pb_text_always(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes);
/* The same without tag and length, inside of what ta_pb_open() began. */
void ta_pb_text_inside(struct ta_buf *buf, const char *text, size_t bytes);

/* Begins a nested message; what is returned belongs to its close.  They nest. */
size_t ta_pb_open(struct ta_buf *buf, unsigned int field);
void ta_pb_close(struct ta_buf *buf, size_t opened);

/* Whether text is valid UTF-8, told quickly of ASCII. */
bool ta_pb_text_good(const char *text, size_t bytes);

/* ---- for encoders that know the room they need: written at at, which is moved on ---- */

static inline size_t ta_pb_varint_bytes(uint64_t value)
{
	return (size_t)(70 - __builtin_clzll(value | 1)) / 7;
}

static inline char *ta_pb_write_varint(char *at, uint64_t value)
{
	while (value >= 0x80) {
		*at++ = (char)(value | 0x80);
		value >>= 7;
	}
	*at++ = (char)value;
	return at;
}

static inline char *ta_pb_write(char *at, const void *data, size_t bytes)
{
	if (bytes)
		memcpy(at, data, bytes);
	return at + bytes;
}

/* Reading hostile bytes: one field after the other. */
struct ta_pb_reader {
	const unsigned char *at, *end;
};

struct ta_pb_field {
	uint32_t number;
	uint8_t wire;	 /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
	uint64_t value;	 /* of the numbers */
	const char *data; /* of bytes, in place */
	size_t bytes;
};

/* False at the end and at anything that is no field; what at is then short of end is
 * garbage. */
bool ta_pb_next(struct ta_pb_reader *reader, struct ta_pb_field *ret_field);

#endif
