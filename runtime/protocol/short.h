/* SPDX-License-Identifier: MIT */
/*
 * short.h - copies of texts that are short nearly always: a few steps and no call.
 *
 * Runs: anywhere; pure.
 */
#ifndef TA_PROTOCOL_SHORT_H
#define TA_PROTOCOL_SHORT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Two steps of one type that may overlap. */
#define TA_SHORT_COPY(type)                                                                        \
	do {                                                                                       \
		type first_step, last_step;                                                        \
                                                                                                   \
		memcpy(&first_step, from, sizeof(type));                                           \
		memcpy(&last_step, from + bytes - sizeof(type), sizeof(type));                     \
		memcpy(to, &first_step, sizeof(type));                                             \
		memcpy(to + bytes - sizeof(type), &last_step, sizeof(type));                       \
	} while (0)

static inline void ta_short_copy(char *to, const char *from, size_t bytes)
{
	if (__builtin_expect(bytes > 32, 0))
		memcpy(to, from, bytes);
	else if (bytes >= 16)
		TA_SHORT_COPY(__uint128_t);
	else if (bytes >= 8)
		TA_SHORT_COPY(uint64_t);
	else if (bytes >= 4)
		TA_SHORT_COPY(uint32_t);
	else
		for (size_t at = 0; at < bytes; at++)
			to[at] = from[at];
}



#endif
