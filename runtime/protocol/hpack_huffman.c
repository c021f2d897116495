/* SPDX-License-Identifier: MIT */
/*
 * hpack_huffman.c - decodes HPACK's Huffman code.
 *
 * The code is canonical: codes of one length are consecutive numbers, in the order
 * of their symbols.  So codes of up to 8 bits are looked up by one byte, and of the
 * longer ones, which are rare, it is enough to know where each length begins.
 * Bits that have not come yet are taken as ones: what is then found is longer than
 * what is there, except where the text is complete.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/hpack_huffman.h"

#include <endian.h>
#include <string.h>

/* By the next 8 bits: symbol and length of the code; 0 where it is longer. */
static const uint16_t short_codes[256] = {
	0x3005, 0x3005, 0x3005, 0x3005, 0x3005, 0x3005, 0x3005, 0x3005, 0x3105, 0x3105, 0x3105,
	0x3105, 0x3105, 0x3105, 0x3105, 0x3105, 0x3205, 0x3205, 0x3205, 0x3205, 0x3205, 0x3205,
	0x3205, 0x3205, 0x6105, 0x6105, 0x6105, 0x6105, 0x6105, 0x6105, 0x6105, 0x6105, 0x6305,
	0x6305, 0x6305, 0x6305, 0x6305, 0x6305, 0x6305, 0x6305, 0x6505, 0x6505, 0x6505, 0x6505,
	0x6505, 0x6505, 0x6505, 0x6505, 0x6905, 0x6905, 0x6905, 0x6905, 0x6905, 0x6905, 0x6905,
	0x6905, 0x6f05, 0x6f05, 0x6f05, 0x6f05, 0x6f05, 0x6f05, 0x6f05, 0x6f05, 0x7305, 0x7305,
	0x7305, 0x7305, 0x7305, 0x7305, 0x7305, 0x7305, 0x7405, 0x7405, 0x7405, 0x7405, 0x7405,
	0x7405, 0x7405, 0x7405, 0x2006, 0x2006, 0x2006, 0x2006, 0x2506, 0x2506, 0x2506, 0x2506,
	0x2d06, 0x2d06, 0x2d06, 0x2d06, 0x2e06, 0x2e06, 0x2e06, 0x2e06, 0x2f06, 0x2f06, 0x2f06,
	0x2f06, 0x3306, 0x3306, 0x3306, 0x3306, 0x3406, 0x3406, 0x3406, 0x3406, 0x3506, 0x3506,
	0x3506, 0x3506, 0x3606, 0x3606, 0x3606, 0x3606, 0x3706, 0x3706, 0x3706, 0x3706, 0x3806,
	0x3806, 0x3806, 0x3806, 0x3906, 0x3906, 0x3906, 0x3906, 0x3d06, 0x3d06, 0x3d06, 0x3d06,
	0x4106, 0x4106, 0x4106, 0x4106, 0x5f06, 0x5f06, 0x5f06, 0x5f06, 0x6206, 0x6206, 0x6206,
	0x6206, 0x6406, 0x6406, 0x6406, 0x6406, 0x6606, 0x6606, 0x6606, 0x6606, 0x6706, 0x6706,
	0x6706, 0x6706, 0x6806, 0x6806, 0x6806, 0x6806, 0x6c06, 0x6c06, 0x6c06, 0x6c06, 0x6d06,
	0x6d06, 0x6d06, 0x6d06, 0x6e06, 0x6e06, 0x6e06, 0x6e06, 0x7006, 0x7006, 0x7006, 0x7006,
	0x7206, 0x7206, 0x7206, 0x7206, 0x7506, 0x7506, 0x7506, 0x7506, 0x3a07, 0x3a07, 0x4207,
	0x4207, 0x4307, 0x4307, 0x4407, 0x4407, 0x4507, 0x4507, 0x4607, 0x4607, 0x4707, 0x4707,
	0x4807, 0x4807, 0x4907, 0x4907, 0x4a07, 0x4a07, 0x4b07, 0x4b07, 0x4c07, 0x4c07, 0x4d07,
	0x4d07, 0x4e07, 0x4e07, 0x4f07, 0x4f07, 0x5007, 0x5007, 0x5107, 0x5107, 0x5207, 0x5207,
	0x5307, 0x5307, 0x5407, 0x5407, 0x5507, 0x5507, 0x5607, 0x5607, 0x5707, 0x5707, 0x5907,
	0x5907, 0x6a07, 0x6a07, 0x6b07, 0x6b07, 0x7107, 0x7107, 0x7607, 0x7607, 0x7707, 0x7707,
	0x7807, 0x7807, 0x7907, 0x7907, 0x7a07, 0x7a07, 0x2608, 0x2a08, 0x2c08, 0x3b08, 0x5808,
	0x5a08, 0x0000, 0x0000,
};

/* Those with longer codes, by code. */
static const uint8_t long_symbols[] = {
	33,  34,  40,  41,  63,	 39,  43,  124, 35,  62,  0,   36,  64,	 91,  93,  126, 94,
	125, 60,  96,  123, 92,	 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161,
	167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146,
	154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198,
	228, 232, 233, 1,   135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155,
	157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9,	142,
	144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200,
	201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214,
	221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2,   3,	4,
	5,   6,	  7,   8,   11,	 12,  14,  15,	16,  17,  18,  19,  20,	 21,  23,  24,	25,
	26,  27,  28,  29,  30,	 31,  127, 220, 249, 10,  13,  22,
};

/* Codes of one length, as they stand at the top of 32 bits. */
static const struct {
	uint32_t first, last;
	uint8_t symbol; /* of the first one, in long_symbols */
	uint8_t bits;
} long_codes[] = {
	{ 0xfe000000, 0xff3fffff, 0, 10 },   { 0xff400000, 0xff9fffff, 5, 11 },
	{ 0xffa00000, 0xffbfffff, 8, 12 },   { 0xffc00000, 0xffefffff, 10, 13 },
	{ 0xfff00000, 0xfff7ffff, 16, 14 },  { 0xfff80000, 0xfffdffff, 18, 15 },
	{ 0xfffe0000, 0xfffe5fff, 21, 19 },  { 0xfffe6000, 0xfffedfff, 24, 20 },
	{ 0xfffee000, 0xffff47ff, 32, 21 },  { 0xffff4800, 0xffffafff, 45, 22 },
	{ 0xffffb000, 0xffffe9ff, 71, 23 },  { 0xffffea00, 0xfffff5ff, 100, 24 },
	{ 0xfffff600, 0xfffff7ff, 112, 25 }, { 0xfffff800, 0xfffffbbf, 116, 26 },
	{ 0xfffffbc0, 0xfffffe1f, 131, 27 }, { 0xfffffe20, 0xffffffef, 150, 28 },
	{ 0xfffffff0, 0xffffffff, 179, 30 },
};

/* Symbol << 8 | length, of the code at the top of window; the end mark, which
 * may not occur, is a symbol above 255. */
static unsigned int long_code(uint32_t window)
{
	size_t row = 0;

	while (window > long_codes[row].last)
		row++;
	unsigned int bits = long_codes[row].bits;
	size_t symbol = long_codes[row].symbol + ((window - long_codes[row].first) >> (32 - bits));

	return (symbol < sizeof(long_symbols) ? (unsigned int)long_symbols[symbol] << 8
					      : 256u << 8) |
	       bits;
}

/* As many bytes as there is room for; count stays below 64. */
static const unsigned char *fill(struct ta_huffman *huffman, const unsigned char *at,
				 const unsigned char *end)
{
	unsigned int count = huffman->count;

	if (end - at >= 8) {
		uint64_t next;
		unsigned int bytes = (63 - count) / 8;

		memcpy(&next, at, sizeof(next));
		huffman->bits |= be64toh(next) >> count;
		at += bytes;
		count += bytes * 8;
		huffman->bits &= ~(UINT64_MAX >> count);
	}
	while (count < 56 && at < end) {
		huffman->bits |= (uint64_t)*at++ << (56 - count);
		count += 8;
	}
	huffman->count = (uint8_t)count;
	return at;
}

/* The codes at the top that are short and certainly complete: nearly all. */
static size_t drain_short(struct ta_huffman *huffman, char *out, size_t room)
{
	uint64_t bits = huffman->bits;
	unsigned int count = huffman->count;
	size_t used = 0;

	while (count >= 8 && used < room) {
		unsigned int code = short_codes[bits >> 56];

		if (!code)
			break;
		out[used++] = (char)(code >> 8);
		bits <<= code & 0xff;
		count -= code & 0xff;
	}
	huffman->bits = bits;
	huffman->count = (uint8_t)count;
	return used;
}

/* One code of any length: 1 decoded, 0 not complete, -1 the end mark. */
static int drain_one(struct ta_huffman *huffman, char *out)
{
	uint64_t window = huffman->bits | UINT64_MAX >> huffman->count;
	unsigned int code = short_codes[window >> 56];

	if (!code)
		code = long_code((uint32_t)(window >> 32));
	if ((code & 0xff) > huffman->count)
		return 0;
	if (code >> 16)
		return -1;
	*out = (char)(code >> 8);
	huffman->bits <<= code & 0xff;
	huffman->count = (uint8_t)(huffman->count - (code & 0xff));
	return 1;
}

bool ta_huffman_feed(struct ta_huffman *huffman, const unsigned char **at, const unsigned char *end,
		     char *out, size_t room, size_t *ret_bytes)
{
	size_t used = 0;

	while (used < room) {
		*at = fill(huffman, *at, end);
		used += drain_short(huffman, out + used, room - used);
		if (used == room)
			break;
		int found = drain_one(huffman, out + used);

		if (found < 0)
			return false;
		if (found == 0 && *at == end)
			break;
		used += (size_t)found;
	}
	*ret_bytes = used;
	return true;
}

bool ta_huffman_ends(const struct ta_huffman *huffman)
{
	return huffman->count < 8 && (huffman->bits | UINT64_MAX >> huffman->count) == UINT64_MAX;
}
