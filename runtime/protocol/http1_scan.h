/* SPDX-License-Identifier: MIT */
/*
 * http1_scan.h - line ends of a text, 64 bytes at a time.
 *
 * A word has one bit for each byte of a stretch that is an LF.  Finding the next one is
 * then one instruction, however short the lines are, and no call.  Nothing outside of the
 * text is read.
 *
 * Runs: anywhere; pure.
 */
#ifndef TA_PROTOCOL_HTTP1_SCAN_H
#define TA_PROTOCOL_HTTP1_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TA_SCAN_STRETCH 64
#define TA_SCAN_STEP 16

struct ta_http1_scan {
	const char *first, *end; /* of the text */
	const char *stretch;	 /* what bit 0 stands for */
	uint64_t ends;		 /* LFs of the stretch that are still to be told */
};

/* One bit for each of 16 bytes. */
#if defined(__SSE2__)
static inline uint64_t ta_scan_step(const char *at)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);

	return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
}
#else
static inline uint64_t ta_scan_word(const char *at)
{
	uint64_t low = 0x7f7f7f7f7f7f7f7full, word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	word ^= 0x0a0a0a0a0a0a0a0aull;
	/* The highest bit of each byte that was an LF, and of no other; then gathered. */
	word = ~(((word & low) + low) | word | low);
	return (word >> 7) * 0x0102040810204080ull >> 56;
}

static inline uint64_t ta_scan_step(const char *at)
{
	return ta_scan_word(at) | ta_scan_word(at + 8) << 8;
}
#endif

static inline uint64_t ta_scan_stretch(const char *at)
{
	return ta_scan_step(at) | ta_scan_step(at + 16) << 16 | ta_scan_step(at + 32) << 32 |
	       ta_scan_step(at + 48) << 48;
}

/* A text of fewer than 64 bytes.  Steps may overlap. */
static inline uint64_t ta_scan_short(const char *first, size_t bytes)
{
	uint64_t ends = 0;
	size_t at = 0;

	for (; bytes - at >= TA_SCAN_STEP; at += TA_SCAN_STEP)
		ends |= ta_scan_step(first + at) << at;
	if (at == bytes)
		return ends;
	if (bytes >= TA_SCAN_STEP)
		return ends | ta_scan_step(first + bytes - TA_SCAN_STEP) << (bytes - TA_SCAN_STEP);
	for (; at < bytes; at++)
		ends |= (uint64_t)(first[at] == '\n') << at;
	return ends;
}

/* LFs of the stretch.  The last one reaches back, where that is in the text.  By value: the
 * scan stays in registers. */
static uint64_t ta_scan_look(const char *first, const char *stretch, const char *end)
{
	size_t bytes = (size_t)(end - stretch);

	if (bytes >= TA_SCAN_STRETCH)
		return ta_scan_stretch(stretch);
	if (stretch != first)
		return ta_scan_stretch(end - TA_SCAN_STRETCH) >> (TA_SCAN_STRETCH - bytes);
	return ta_scan_short(first, bytes);
}

__attribute__((always_inline)) static inline void
ta_scan_begin(struct ta_http1_scan *scan, const char *at, const char *end)
{
	scan->first = scan->stretch = at;
	scan->end = end;
	scan->ends = ta_scan_look(at, at, end);
}

/* The next LF, or NULL. */
__attribute__((always_inline)) static inline const char *ta_scan_next(struct ta_http1_scan *scan)
{
	while (scan->ends == 0) {
		if (scan->end - scan->stretch <= TA_SCAN_STRETCH)
			return NULL;
		scan->stretch += TA_SCAN_STRETCH;
		scan->ends = ta_scan_look(scan->first, scan->stretch, scan->end);
	}
	const char *found = scan->stretch + __builtin_ctzll(scan->ends);

	scan->ends &= scan->ends - 1;
	return found;
}

#endif
