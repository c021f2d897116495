/* SPDX-License-Identifier: MIT */
/*
 * crumb_address.c - see crumb_address.h.
 *
 * Runs: any host thread, signal handlers.  Pure.
 */
#include "runtime/core/crumb_address.h"

#include <stdbool.h>
#include <string.h>

static uint32_t put_number(char *out, unsigned int value, unsigned int base)
{
	char digits[8], *end = digits + sizeof(digits), *at = end;

	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	memcpy(out, at, (size_t)(end - at));
	return (uint32_t)(end - at);
}

uint32_t ta_put_ipv4(char *out, const uint8_t address[4])
{
	uint32_t bytes = 0;

	for (int i = 0; i < 4; i++) {
		if (i)
			out[bytes++] = '.';
		bytes += put_number(out + bytes, address[i], 10);
	}
	return bytes;
}

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, head, sizeof(head)) == 0;
}

/* The longest row of at least two zero groups; the first of those that are as long. */
static void find_zeroes(const uint16_t group[8], int *ret_from, int *ret_count)
{
	*ret_from = -1;
	*ret_count = 1;
	for (int from = 0, to; from < 8; from = to + 1) {
		for (to = from; to < 8 && group[to] == 0;)
			to++;
		if (to - from > *ret_count) {
			*ret_from = from;
			*ret_count = to - from;
		}
	}
}

uint32_t ta_put_ipv6(char *out, const uint8_t address[16])
{
	uint16_t group[8];
	uint32_t bytes = 0;
	int zeroes, count;

	out[bytes++] = '[';
	if (is_mapped(address)) {
		memcpy(out + bytes, "::ffff:", 7);
		bytes += 7;
		bytes += ta_put_ipv4(out + bytes, address + 12);
		out[bytes++] = ']';
		return bytes;
	}
	for (int i = 0; i < 8; i++)
		group[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
	find_zeroes(group, &zeroes, &count);
	for (int i = 0; i < 8; i++) {
		if (i == zeroes) {
			out[bytes++] = ':';
			out[bytes++] = ':';
			i += count - 1;
			continue;
		}
		if (i && out[bytes - 1] != ':')
			out[bytes++] = ':';
		bytes += put_number(out + bytes, group[i], 16);
	}
	out[bytes++] = ']';
	return bytes;
}

uint32_t ta_put_port(char *out, uint16_t port)
{
	out[0] = ':';
	return 1 + put_number(out + 1, port, 10);
}
