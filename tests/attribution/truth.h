/* SPDX-License-Identifier: MIT */
/*
 * truth.h - what client, server and downstream server of the attribution tests agree on.
 *
 * A request has an id.  How many outward calls it makes, what each of them is answered and how
 * long everybody dawdles follow from the id alone, so that the client knows the right answer
 * without asking, and an answer that went to the wrong request is noticed by its bytes.
 */
#ifndef TESTS_ATTRIBUTION_TRUTH_H
#define TESTS_ATTRIBUTION_TRUTH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TRUTH_CALLS_MAX 3
#define TRUTH_BODY_MAX 256

/* A well mixed function of a number (splitmix64). */
static inline uint64_t truth_mix(uint64_t number)
{
	number += 0x9E3779B97F4A7C15ull;
	number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9ull;
	number = (number ^ (number >> 27)) * 0x94D049BB133111EBull;
	return number ^ (number >> 31);
}

static inline unsigned truth_calls(uint64_t id)
{
	return 1 + (unsigned)(truth_mix(id) % TRUTH_CALLS_MAX);
}

/* Half of the time none, else up to five milliseconds. */
static inline unsigned truth_delay_us(uint64_t id, unsigned place)
{
	uint64_t chance = truth_mix(id * 16 + place);

	return chance & 1 ? (unsigned)(chance >> 1) % 5000 : 0;
}

/* What the downstream server answers to a call; at most TRUTH_BODY_MAX bytes. */
static inline size_t truth_body(uint64_t id, unsigned number, char *ret_body)
{
	uint64_t chance = truth_mix(id * TRUTH_CALLS_MAX + number);
	size_t size = (size_t)sprintf(ret_body, "%llu.%u=", (unsigned long long)id, number);
	size_t filling = chance % 200;

	for (size_t i = 0; i < filling; i++)
		ret_body[size++] = (char)('a' + (chance >> (i % 50)) % 26);
	ret_body[size++] = '\n';
	return size;
}

/* FNV-1a. */
static inline uint64_t truth_sum(const void *data, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)data;
	uint64_t sum = 0xCBF29CE484222325ull;

	while (bytes--)
		sum = (sum ^ *at++) * 0x100000001B3ull;
	return sum;
}

#endif
