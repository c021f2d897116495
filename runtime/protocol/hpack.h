/* SPDX-License-Identifier: MIT */
/*
 * hpack.h - HPACK (RFC 7541): field blocks of one direction of an HTTP/2 connection.
 *
 * Blocks come in any pieces and are not kept.  Of the fields, those that matter are
 * read into a head or facts; the others only have to be counted, because a decoder
 * that misses one does not understand the next block.
 *
 * The dynamic table keeps of each entry which field it is, how large it is, and the
 * value if it matters, in a ring of descriptors and a ring of text.  Both have room for
 * what a table of 4096 bytes can hold, the size that HTTP/2 begins with.  An encoder
 * that says that it uses more is followed: what has no room is forgotten, oldest
 * first, and a field that refers to it is unknown (TA_HPACK_LOST), never a wrong one.
 * How much the decoder at the other end allows need not be known: an encoder that
 * changes its table says so in the block (RFC 7541, 4.2).
 *
 * Pure: no I/O, no globals, no allocation, at most 512 bytes of stack.
 */
#ifndef TA_PROTOCOL_HPACK_H
#define TA_PROTOCOL_HPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/protocol/hpack_huffman.h"
#include "runtime/protocol/http1.h"

#define TA_HPACK_TABLE_BYTES 4096u /* as RFC 7541 counts them */
#define TA_HPACK_ENTRY_BYTES 32u   /* what an entry costs beside its name and value */
#define TA_HPACK_ENTRIES (TA_HPACK_TABLE_BYTES / TA_HPACK_ENTRY_BYTES)
#define TA_HPACK_NAME_MAX 16 /* the longest name that matters has 15 */

/* Fields that matter.  First those whose value is a number, then texts. */
enum ta_hpack_field {
	TA_HPACK_OTHER,
	TA_HPACK_STATUS,
	TA_HPACK_GRPC_STATUS,
	TA_HPACK_CONTENT_LENGTH,
	TA_HPACK_CONTENT_TYPE, /* 1: application/grpc, with or without a suffix */
	TA_HPACK_SCHEME,       /* 1: https */
	TA_HPACK_METHOD,
	TA_HPACK_PATH,
	TA_HPACK_HOST, /* :authority too */
	TA_HPACK_USER_AGENT,
	TA_HPACK_FORWARDED_FOR,
	TA_HPACK_FORWARDED,
	TA_HPACK_TRACEPARENT,
	TA_HPACK_TRACESTATE,
};

static inline bool ta_hpack_is_text(uint8_t field)
{
	return field >= TA_HPACK_METHOD;
}

#define TA_HPACK_NO_NUMBER UINT32_MAX

/* An entry of a table. */
struct ta_hpack_entry {
	uint32_t size : 24, field : 8;
	uint32_t value; /* the number; or where in the ring the text begins */
	uint16_t name_bytes;
	uint16_t kept; /* bytes of the text in the ring */
};

struct ta_hpack_table {
	struct ta_hpack_entry entries[TA_HPACK_ENTRIES]; /* a ring */
	uint32_t size, max;				 /* RFC 7541, 4.1 */
	uint16_t first, count;
	uint16_t text_first, text_bytes; /* used part of the ring of text */
	bool forgotten;			 /* there are entries behind the oldest one here */
};

/* What a block said, beside its texts. */
struct ta_hpack_facts {
	uint64_t content_length;
	uint16_t status;
	int8_t grpc_status; /* -1: none */
	uint8_t flags;	    /* enum ta_hpack_flags */
};

enum ta_hpack_flags {
	TA_HPACK_HAS_LENGTH = 1,
	TA_HPACK_GRPC = 2,
	TA_HPACK_HTTPS = 4,
	TA_HPACK_LOST = 8, /* a field was out of reach */
};

/* Where a block goes.  head may be NULL: texts are of no interest.  The texts of the
 * table lie in text, TA_HPACK_TABLE_BYTES large and always the same; a decoder of
 * answers has none. */
struct ta_hpack_sink {
	struct ta_http1_head *head;
	struct ta_http1 *reader; /* reads header values that HTTP/1 has too */
	struct ta_hpack_facts *facts;
	char *text;
};

/* A decoder.  All members are its own. */
struct ta_hpack {
	struct ta_hpack_table table;
	struct ta_hpack_entry entry; /* the field that is being read */
	uint64_t number;	     /* its value, or an HPACK integer */
	struct ta_huffman huffman;
	uint32_t left;	     /* of the string that is being read */
	uint32_t name_bytes; /* decoded */
	uint32_t value_bytes;
	uint8_t state;
	uint8_t form; /* of the field */
	uint8_t shift;
	uint8_t phase; /* inside a value */
	bool answers, coded, may_resize;
	char name[TA_HPACK_NAME_MAX];
};

void ta_hpack_init(struct ta_hpack *hpack, bool answers);

/* A block begins. */
void ta_hpack_begin(struct ta_hpack *hpack, struct ta_hpack_facts *facts);
/* Some more of it.  False: this is no HPACK, and what follows cannot be read. */
bool ta_hpack_feed(struct ta_hpack *hpack, const struct ta_hpack_sink *sink, const void *data,
		   size_t bytes);
/* Whether it may end here. */
bool ta_hpack_end(const struct ta_hpack *hpack);

#endif
