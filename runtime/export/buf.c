/* SPDX-License-Identifier: MIT */
/*
 * buf.c - a growing byte buffer, and text as JSON strings.
 *
 * Strings come off the network: ta_buf_put_json() makes valid JSON of any
 * bytes.  Text that needs no escape, which is nearly all, is checked eight bytes
 * at a time and copied once.
 *
 * Runs: agent, cli.  No locks.  Never gives memory back before ta_buf_fini().
 */
#include "runtime/export/buf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096u

void ta_buf_fini(struct ta_buf *buf)
{
	free(buf->data);
	*buf = (struct ta_buf){ 0 };
}

void ta_buf_clear(struct ta_buf *buf)
{
	buf->bytes = 0;
	buf->failed = false;
}

bool ta_buf_grow(struct ta_buf *buf, size_t more)
{
	size_t wanted = buf->bytes + more;
	size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
	char *data;

	if (buf->failed)
		return false;
	if (wanted < more || wanted > SIZE_MAX / 2) {
		buf->failed = true;
		return false;
	}
	while (capacity < wanted)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (!data) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

void ta_buf_puts(struct ta_buf *buf, const char *text)
{
	ta_buf_put(buf, text, strlen(text));
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

/* Eight digits, whatever the value. */
static char *write_eight(char *at, uint32_t value)
{
	uint32_t high = value / 10000, low = value % 10000;

	memcpy(at, pairs + high / 100 * 2, 2);
	memcpy(at + 2, pairs + high % 100 * 2, 2);
	memcpy(at + 4, pairs + low / 100 * 2, 2);
	memcpy(at + 6, pairs + low % 100 * 2, 2);
	return at + 8;
}

/* Without zeros in front, but for a zero itself. */
static char *write_some(char *at, uint32_t value)
{
	char digits[10];
	size_t first = sizeof(digits);

	while (value >= 10) {
		first -= 2;
		memcpy(digits + first, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value || first == sizeof(digits))
		digits[--first] = (char)('0' + value);
	return ta_write(at, digits + first, sizeof(digits) - first);
}

char *ta_write_u64(char *at, uint64_t value)
{
	const uint32_t eight = 100000000u;

	if (value < eight)
		return write_some(at, (uint32_t)value);
	if (value < (uint64_t)eight * eight) {
		at = write_some(at, (uint32_t)(value / eight));
	} else {
		at = write_some(at, (uint32_t)(value / eight / eight));
		at = write_eight(at, (uint32_t)(value / eight % eight));
	}
	return write_eight(at, (uint32_t)(value % eight));
}

void ta_buf_put_u64(struct ta_buf *buf, uint64_t value)
{
	char *at = ta_buf_reserve(buf, TA_U64_DIGITS);

	if (at)
		ta_buf_wrote(buf, ta_write_u64(at, value));
}

void ta_buf_put_i64(struct ta_buf *buf, int64_t value)
{
	if (value < 0) {
		ta_buf_putc(buf, '-');
		ta_buf_put_u64(buf, 0 - (uint64_t)value);
		return;
	}
	ta_buf_put_u64(buf, (uint64_t)value);
}

typedef unsigned char bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

/* All digits at once: halves of bytes side by side, then what makes a digit of each. */
char *ta_write_hex64(char *at, uint64_t value)
{
	const words2 fifteens = { 0x0f0f0f0f0f0f0f0full, 0x0f0f0f0f0f0f0f0full };
	words2 halves = (words2){ value, value >> 4 } & fifteens;
	bytes16 digits = __builtin_shufflevector((bytes16)halves, (bytes16)halves, 15, 7, 14, 6, 13,
						 5, 12, 4, 11, 3, 10, 2, 9, 1, 8, 0);

	digits += '0' + ((bytes16)(digits > 9) & ('a' - '0' - 10));
	memcpy(at, &digits, sizeof(digits));
	return at + sizeof(digits);
}

void ta_buf_put_hex64(struct ta_buf *buf, uint64_t value)
{
	char *at = ta_buf_reserve(buf, TA_HEX64_DIGITS);

	if (at)
		ta_buf_wrote(buf, ta_write_hex64(at, value));
}

static inline uint64_t load8(const unsigned char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return word;
}

/* Four bytes, twice. */
static inline uint64_t load4(const unsigned char *text)
{
	uint32_t word;

	memcpy(&word, text, sizeof(word));
	return (uint64_t)word << 32 | word;
}

/* Whether eight bytes need no escape: ASCII without controls, quote, backslash. */
static inline bool plain_word(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101ull;
	const uint64_t tops = 0x8080808080808080ull;
	uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');

	return !((word | (word - ones * 0x20) | ((quote - ones) & ~quote) |
		  ((slash - ones) & ~slash)) & tops);
}

static inline bool plain_byte(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t plain_prefix_slow(const unsigned char *text, size_t bytes)
{
	size_t i = 0;

	while (i + 8 <= bytes && plain_word(load8(text + i)))
		i += 8;
	while (i < bytes && plain_byte(text[i]))
		i++;
	return i;
}

/* How many bytes at text need no escape; all of them, mostly. */
static inline size_t plain_prefix(const unsigned char *text, size_t bytes)
{
	bool plain = true;

	if (bytes >= 8) {
		for (size_t i = 0; i + 8 < bytes; i += 8)
			plain &= plain_word(load8(text + i));
		plain &= plain_word(load8(text + bytes - 8));
	} else if (bytes >= 4) {
		plain = plain_word(load4(text)) && plain_word(load4(text + bytes - 4));
	} else {
		for (size_t i = 0; i < bytes; i++)
			plain &= plain_byte(text[i]);
	}
	return plain ? bytes : plain_prefix_slow(text, bytes);
}

/* Length of the valid UTF-8 sequence (two bytes and more) at text; 0 if there is none. */
static size_t utf8_sequence(const unsigned char *text, size_t bytes)
{
	unsigned char lead = text[0];
	size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	unsigned char low = 0x80, high = 0xbf;

	if (lead < 0xc2 || lead > 0xf4 || length > bytes)
		return 0;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f; /* no surrogates */
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f; /* nothing above U+10FFFF */
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool ta_utf8_valid(const char *text, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + bytes;

	while (at < end) {
		size_t length = *at < 0x80 ? 1 : utf8_sequence(at, (size_t)(end - at));

		if (!length)
			return false;
		at += length;
	}
	return true;
}

size_t ta_utf8_cut(const char *text, size_t bytes)
{
	while (bytes && ((unsigned char)text[bytes] & 0xc0) == 0x80)
		bytes--;
	return bytes;
}

static void put_escape(struct ta_buf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"':
	case '\\':
		text[1] = (char)c;
		ta_buf_put(buf, text, 2);
		return;
	case '\n':
		ta_buf_put(buf, "\\n", 2);
		return;
	case '\t':
		ta_buf_put(buf, "\\t", 2);
		return;
	default:
		ta_buf_put(buf, text, sizeof(text));
	}
}

/* What plain_prefix() stopped at, and all that follows it. */
static void put_escaped(struct ta_buf *buf, const unsigned char *text, size_t bytes)
{
	while (bytes) {
		size_t run = plain_prefix_slow(text, bytes);

		if (run) {
			ta_buf_put(buf, text, run);
		} else if (text[0] < 0x80) {
			put_escape(buf, text[0]);
			run = 1;
		} else if ((run = utf8_sequence(text, bytes)) != 0) {
			ta_buf_put(buf, text, run);
		} else {
			ta_buf_put(buf, "\xef\xbf\xbd", 3);
			run = 1;
		}
		text += run;
		bytes -= run;
	}
}

bool ta_text_plain(const char *text, size_t bytes)
{
	return plain_prefix((const unsigned char *)text, bytes) == bytes;
}

/* Eight bytes and more, read once; the last ones overlap those before them. */
static bool copy_words(char *at, const unsigned char *from, size_t bytes)
{
	uint64_t word;
	bool plain = true;

	for (size_t i = 0; i + 8 < bytes; i += 8) {
		word = load8(from + i);
		plain &= plain_word(word);
		memcpy(at + i, &word, 8);
	}
	word = load8(from + bytes - 8);
	memcpy(at + bytes - 8, &word, 8);
	return plain & plain_word(word);
}

static bool copy_few(char *at, const unsigned char *from, size_t bytes)
{
	bool plain = true;

	for (size_t i = 0; i < bytes; i++) {
		plain &= plain_byte(from[i]);
		at[i] = (char)from[i];
	}
	return plain;
}

char *ta_write_plain(char *at, const char *text, size_t bytes)
{
	const unsigned char *from = (const unsigned char *)text;
	bool plain = bytes >= 8 ? copy_words(at, from, bytes) : copy_few(at, from, bytes);

	return plain ? at + bytes : NULL;
}

void ta_buf_put_json(struct ta_buf *buf, const char *text, size_t bytes)
{
	char *at = bytes < SIZE_MAX - 2 ? ta_buf_reserve(buf, bytes + 2) : NULL, *end;

	if (!at)
		return;
	*at = '"';
	end = ta_write_plain(at + 1, text, bytes);
	if (end) {
		ta_buf_wrote(buf, TA_WRITE(end, "\""));
		return;
	}
	ta_buf_putc(buf, '"');
	put_escaped(buf, (const unsigned char *)text, bytes);
	ta_buf_putc(buf, '"');
}

void ta_buf_put_json_inside(struct ta_buf *buf, const char *text, size_t bytes)
{
	put_escaped(buf, (const unsigned char *)text, bytes);
}

void ta_buf_put_base64(struct ta_buf *buf, const char *bytes, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *from = (const unsigned char *)bytes;

	ta_buf_putc(buf, '"');
	for (size_t i = 0; i < count; i += 3) {
		unsigned int left = count - i < 3 ? (unsigned int)(count - i) : 3;
		unsigned int word = (unsigned int)from[i] << 16;
		char out[4];

		if (left > 1)
			word |= (unsigned int)from[i + 1] << 8;
		if (left > 2)
			word |= from[i + 2];
		for (unsigned int j = 0; j < 4; j++)
			out[j] = j <= left ? digits[word >> (18 - 6 * j) & 63] : '=';
		ta_buf_put(buf, out, sizeof(out));
	}
	ta_buf_putc(buf, '"');
}
