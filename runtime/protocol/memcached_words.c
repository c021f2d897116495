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
	words->text = words->word;
}

static inline bool ends_word(char byte)
{
	return (unsigned char)byte <= ' ' || byte == 0x7f;
}

/* Where the word ends: eight bytes at a time. */
static const char *word_end(const char *at, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; end - at >= 8; at += 8) {
		uint64_t eight, del, found;

		memcpy(&eight, at, sizeof(eight));
		del = eight ^ (ones * 0x7f);
		found = ((eight - ones * 0x21) & ~eight) | ((del - ones) & ~del);
		found &= ones * 0x80;
		/* Borrows make later bytes doubtful, never the first one. */
		if (found)
			return at + __builtin_ctzll(found) / 8;
	}
	while (at < end && !ends_word(*at))
		at++;
	return at;
}

/* The next word as far as it came: in place when it is whole, else gathered.  Its end is the
 * byte behind it, which is not taken. */
static const char *word(struct ta_memcached_words *words, const char *at, const char *end,
			enum ta_memcached_piece *ret_piece)
{
	const char *from = at;

	at = word_end(at, end);
	*ret_piece = TA_MEMCACHED_PIECE;
	if (!words->in_word)
		words->len = 0;
	if (words->in_word || at == end) {
		gather(words, from, at);
	} else {
		size_t bytes = (size_t)(at - from);

		words->text = from;
		words->len =
			(uint16_t)(bytes < TA_MEMCACHED_WORD_MAX ? bytes : TA_MEMCACHED_WORD_MAX);
	}
	words->in_word = at == end;
	if (at < end) {
		words->index++;
		*ret_piece = TA_MEMCACHED_WORD;
	}
	return at;
}

const char *ta_memcached_cut(struct ta_memcached_words *words, const char *at, const char *end,
			     enum ta_memcached_piece *ret_piece)
{
	for (; at < end; at++) {
		if (words->in_word || (!words->carriage && !ends_word(*at)))
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
