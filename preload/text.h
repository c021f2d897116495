/* SPDX-License-Identifier: MIT */
/*
 * text.h - putting short texts together without stdio.
 *
 * What does not fit is cut and noticed (ta_text_whole); the result is always
 * terminated.  Runs: constructor.
 */
#ifndef TA_PRELOAD_TEXT_H
#define TA_PRELOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ta_text {
	char *at;
	char *end; /* the last byte, kept for the terminator */
	bool cut;
};

static inline struct ta_text ta_text(char *out, size_t bytes)
{
	out[0] = '\0';
	return (struct ta_text){ .at = out, .end = out + bytes - 1 };
}

static inline bool ta_text_whole(const struct ta_text *text)
{
	return !text->cut;
}

static inline void ta_text_put(struct ta_text *text, const char *more)
{
	for (; *more; more++) {
		if (text->at == text->end) {
			text->cut = true;
			break;
		}
		*text->at++ = *more;
	}
	*text->at = '\0';
}

static inline void ta_text_put_decimal(struct ta_text *text, uint64_t value)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	ta_text_put(text, digits + at);
}

static inline void ta_text_put_hex(struct ta_text *text, uint64_t value, int width)
{
	char digits[17];

	digits[width] = '\0';
	for (int at = width - 1; at >= 0; at--, value >>= 4)
		digits[at] = "0123456789abcdef"[value & 15];
	ta_text_put(text, digits);
}

#endif
