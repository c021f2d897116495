/* SPDX-License-Identifier: MIT */
/*
 * session.c - the session that a trace has when nobody gave it one.
 *
 * Runs: hosts (any thread, also in a signal handler), agent.  Pure; calls nothing:
 * no libc, because it runs below whatever the host replaced.
 */
#include "runtime/wire/session.h"

/* Both halves of the product of two words, folded (as in wyrand). */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

static char *put_hex(char *out, uint64_t value, unsigned int digits)
{
	while (digits-- > 0)
		*out++ = "0123456789abcdef"[value >> digits * 4 & 15];
	return out;
}

void ta_session_of_trace(uint64_t trace_hi, uint64_t trace_lo, char out[TA_SESSION_ID_TEXT])
{
	uint64_t hi = mix(trace_hi ^ 0xa0761d6478bd642full, trace_lo ^ 0xe7037ed1a0b428dbull);
	uint64_t lo = mix(trace_lo ^ hi ^ 0x8ebc6af09c88c6e3ull, trace_hi ^ 0x589965cc75374cc3ull);

	out = put_hex(out, hi >> 32, 8);
	*out++ = '-';
	out = put_hex(out, hi >> 16, 4);
	*out++ = '-';
	out = put_hex(out, 0x4000 | (hi & 0xfff), 4); /* version 4 */
	*out++ = '-';
	out = put_hex(out, 0x8000 | (lo >> 48 & 0x3fff), 4); /* variant 1 */
	*out++ = '-';
	out = put_hex(out, lo, 12);
	*out = '\0';
}
