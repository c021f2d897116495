/* SPDX-License-Identifier: MIT */
/*
 * stream.h - what the two ends of a connection compare: a checksum of all that a client has
 * handed over, and of all that arrived when the headers that are not its own are taken out.
 */
#ifndef TESTS_INJECT_STREAM_H
#define TESTS_INJECT_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct sum {
	uint64_t hash, bytes;
};

static inline void sum_add(struct sum *sum, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	if (sum->bytes == 0)
		sum->hash = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < bytes; i++)
		sum->hash = (sum->hash ^ at[i]) * 0x100000001b3ull;
	sum->bytes += bytes;
}

#endif
