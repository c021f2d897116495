/* SPDX-License-Identifier: MIT */
/*
 * hpack_huffman.h - HPACK's Huffman code (RFC 7541, 5.2 and appendix B), in pieces.
 *
 * Pure.  The struct keeps the bits of a code that is not complete yet.
 */
#ifndef TA_PROTOCOL_HPACK_HUFFMAN_H
#define TA_PROTOCOL_HPACK_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ta_huffman {
	uint64_t bits; /* from the top; below them zeros */
	uint8_t count; /* how many */
};

static inline void ta_huffman_init(struct ta_huffman *huffman)
{
	huffman->bits = 0;
	huffman->count = 0;
}

/* Decodes from *at until end is reached or out is full, and moves *at.  There is
 * perhaps more to come from the same bytes when *ret_bytes is room.  False: no
 * text has this code. */
bool ta_huffman_feed(struct ta_huffman *huffman, const unsigned char **at, const unsigned char *end,
		     char *out, size_t room, size_t *ret_bytes);

/* Whether a text may end here: less than a byte is left, and it is padding. */
bool ta_huffman_ends(const struct ta_huffman *huffman);

#endif
