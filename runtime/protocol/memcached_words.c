/* SPDX-License-Identifier: MIT */
/*
 * memcached_words.c - cuts lines of memcached's text protocol into words, however they come.
 *
 * Words are parted by blanks; CR LF or LF ends the line.  A control character anywhere else is
 * no text of this protocol.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

static void gather(struct ta_memcached_words *words, const char *from, const char *to)
{
	size_t bytes = (size_t)(to - from), room = (size_t)TA_MEMCACHED_WORD_MAX - words->len;

	if (bytes > room)
		bytes = room;
	memcpy(words->word + words->len, from, bytes);
	words->len = (uint16_t)(words->len + bytes);
}

/* The next word as far as it came.  Its end is the byte behind it, which is not taken. */
static const char *word(struct ta_memcached_words *words, const char *at, const char *end,
			enum ta_memcached_piece *ret_piece)
{
	const char *from = at;

	if (!words->in_word)
		words->len = 0;
	words->in_word = true;
	while (at < end && ((unsigned char)*at > ' ' && *at != 0x7f))
		at++;
	gather(words, from, at);
	*ret_piece = TA_MEMCACHED_PIECE;
	if (at < end) {
		words->in_word = false;
		words->index++;
		*ret_piece = TA_MEMCACHED_WORD;
	}
	return at;
}

const char *ta_memcached_cut(struct ta_memcached_words *words, const char *at, const char *end,
			     enum ta_memcached_piece *ret_piece)
{
	for (; at < end; at++) {
		if (words->in_word || (!words->carriage && (unsigned char)*at > ' ' && *at != 0x7f))
			return word(words, at, end, ret_piece);
		if (*at == '\n') {
			words->carriage = false;
			words->index = 0;
			*ret_piece = TA_MEMCACHED_LINE_END;
			return at + 1;
		}
		if (words->carriage || (*at != ' ' && *at != '\r')) {
			*ret_piece = TA_MEMCACHED_NO_TEXT;
			return at;
		}
		words->carriage = *at == '\r';
	}
	*ret_piece = TA_MEMCACHED_PIECE;
	return at;
}

bool ta_memcached_number(const char *word, size_t bytes, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (bytes == 0 || bytes > 18)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (word[i] < '0' || word[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(word[i] - '0');
	}
	*ret_number = number;
	return true;
}
