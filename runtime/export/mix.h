/* SPDX-License-Identifier: MIT */
/*
 * mix.h - a number for a row of bytes: to tell half a write from a whole one, to choose a place
 * in a table.  Not against malice: who can choose the bytes can find others of the same number.
 *
 * Runs: agent, any thread.
 */
#ifndef TA_EXPORT_MIX_H
#define TA_EXPORT_MIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Both halves of a product: every bit of it depends on many of both factors. */
static inline uint64_t ta_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t ta_mix_word(const char *at, size_t bytes)
{
	uint64_t word = 0;

	memcpy(&word, at, bytes);
	return word;
}

/* Goes on from a number of what came before.  Sixteen bytes a step, the rest in two words. */
static inline uint64_t ta_mix_bytes(uint64_t print, const void *data, size_t bytes)
{
	const char *at = data;
	uint64_t low = 0, high = 0;

	print ^= bytes * 0xD6E8FEB86659FD93ull;
	for (; bytes >= 16; at += 16, bytes -= 16)
		print = ta_mix(print ^ ta_mix_word(at, 8),
			       ta_mix_word(at + 8, 8) ^ 0x9E3779B97F4A7C15ull);
	if (bytes >= 8) {
		low = ta_mix_word(at, 8);
		at += 8;
		bytes -= 8;
	}
	if (bytes)
		high = ta_mix_word(at, bytes);
	return ta_mix(print ^ low, high ^ 0xA0761D6478BD642Full);
}

#endif
