/* SPDX-License-Identifier: MIT */
/*
 * text.h - how much of the program's text is taken.
 *
 * Runs: any host thread, signal handlers.  The bounds are part of the public
 * contract (runtime/include/tagalong.h).
 */
#ifndef TA_CORE_TEXT_H
#define TA_CORE_TEXT_H

#include <stdint.h>
#include <string.h>

#include "runtime/core/runtime.h"

#define TA_KEY_MAX 200u
#define TA_VALUE_MAX 2048u
#define TA_NAME_MAX 255u
#define TA_TYPE_MAX 200u
#define TA_MESSAGE_MAX 8192u
#define TA_CRUMB_MAX 2048u
#define TA_CATEGORY_MAX 128u
#define TA_JSON_MAX 12288u

/* Bytes of text that are taken: at most max, and never half a character.  0 for
 * NULL.  A cut is counted. */
static inline uint32_t ta_text_bytes(const char *text, uint32_t max)
{
	uint32_t bytes = text ? (uint32_t)strnlen(text, max + 1) : 0;

	if (bytes <= max)
		return bytes;
	ta_lost(TA_LOSS_TOO_LONG);
	for (bytes = max; bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80;)
		bytes--;
	return bytes;
}

#endif
