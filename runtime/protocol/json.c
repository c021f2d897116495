/* SPDX-License-Identifier: MIT */
/*
 * json.c - one scanner for JSON values, and what is made with it.
 *
 * The scanner keeps the kinds of the containers that it is in as bits of a word, so
 * it needs neither recursion nor memory.  A walk uses the same scanner to find the
 * end of each member: what it gives out is valid, whatever follows.
 *
 * Runs: host (also in signal handlers) and agent.
 */
#include "runtime/protocol/json.h"

#include <string.h>

struct scan {
	const char *at, *end;
	uint64_t objects; /* one bit per open container, the innermost lowest */
	unsigned int depth;
};

/* What is not there is a text of nothing at NULL, to which not even nothing may be added. */
static struct scan scan_of(const char *text, size_t bytes)
{
	return (struct scan){ .at = text, .end = bytes ? text + bytes : text };
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' ||
					*scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits at text; -1 when they are not. */
static int hex4(const char *text, const char *end)
{
	int value = 0;

	if (end - text < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Behind a backslash. */
static bool scan_escape(struct scan *scan)
{
	char c;

	if (scan->at == scan->end)
		return false;
	c = *scan->at++;
	if (c == 'u') {
		if (hex4(scan->at, scan->end) < 0)
			return false;
		scan->at += 4;
		return true;
	}
	return c && strchr("\"\\/bfnrt", c);
}

static bool scan_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (scan->at < scan->end) {
		unsigned char c = (unsigned char)*scan->at++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !scan_escape(scan)))
			return false;
	}
	return false;
}

static bool scan_digits(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > from;
}

static bool scan_number(struct scan *scan)
{
	take(scan, '-');
	if (!take(scan, '0') && !scan_digits(scan))
		return false;
	if (take(scan, '.') && !scan_digits(scan))
		return false;
	if (!take(scan, 'e') && !take(scan, 'E'))
		return true;
	if (!take(scan, '-'))
		take(scan, '+');
	return scan_digits(scan);
}

static bool scan_word(struct scan *scan, const char *word)
{
	size_t bytes = strlen(word);

	if ((size_t)(scan->end - scan->at) < bytes || memcmp(scan->at, word, bytes) != 0)
		return false;
	scan->at += bytes;
	return true;
}

static bool scan_scalar(struct scan *scan)
{
	switch (*scan->at) {
	case '"':
		return scan_string(scan);
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case 'n':
		return scan_word(scan, "null");
	default:
		return scan_number(scan);
	}
}

static bool scan_key(struct scan *scan)
{
	skip_space(scan);
	if (!scan_string(scan))
		return false;
	skip_space(scan);
	return take(scan, ':');
}

static void leave(struct scan *scan)
{
	scan->objects >>= 1;
	scan->depth--;
}

/* Enters the container at the cursor and moves to its first value; an empty one is
 * left again, which *ret_empty tells. */
static bool enter(struct scan *scan, bool *ret_empty)
{
	bool object = *scan->at++ == '{';

	if (scan->depth == TA_JSON_DEPTH_MAX)
		return false;
	scan->objects = scan->objects << 1 | object;
	scan->depth++;
	skip_space(scan);
	*ret_empty = take(scan, object ? '}' : ']');
	if (*ret_empty)
		leave(scan);
	return *ret_empty || !object || scan_key(scan);
}

/* Behind a value: leaves the containers that end here, up to the next value or the
 * end of all, which depth 0 tells. */
static bool go_on(struct scan *scan)
{
	while (scan->depth) {
		bool object = scan->objects & 1;

		skip_space(scan);
		if (take(scan, ','))
			return !object || scan_key(scan);
		if (!take(scan, object ? '}' : ']'))
			return false;
		leave(scan);
	}
	return true;
}

/* One value; the cursor ends right behind it. */
static bool scan_value(struct scan *scan)
{
	do {
		bool empty;

		skip_space(scan);
		if (scan->at == scan->end)
			return false;
		if (*scan->at == '{' || *scan->at == '[') {
			if (!enter(scan, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!scan_scalar(scan)) {
			return false;
		}
		if (!go_on(scan))
			return false;
	} while (scan->depth);
	return true;
}

bool ta_json_valid(const char *text, size_t bytes)
{
	struct scan scan = scan_of(text, bytes);

	if (!scan_value(&scan))
		return false;
	skip_space(&scan);
	return scan.at == scan.end;
}

enum ta_json_kind ta_json_kind(const char *text, size_t bytes)
{
	struct scan scan = scan_of(text, bytes);

	skip_space(&scan);
	if (scan.at == scan.end)
		return TA_JSON_NONE;
	switch (*scan.at) {
	case '{':
		return TA_JSON_OBJECT;
	case '[':
		return TA_JSON_ARRAY;
	case '"':
		return TA_JSON_STRING;
	case 't':
	case 'f':
		return TA_JSON_BOOL;
	case 'n':
		return TA_JSON_NULL;
	default:
		return *scan.at == '-' || (*scan.at >= '0' && *scan.at <= '9') ? TA_JSON_NUMBER :
										 TA_JSON_NONE;
	}
}

bool ta_json_walk(struct ta_json_walk *walk, const char *text, size_t bytes)
{
	struct scan scan = scan_of(text, bytes);

	*walk = (struct ta_json_walk){ .at = scan.end, .end = scan.end };
	skip_space(&scan);
	if (scan.at == scan.end || (*scan.at != '{' && *scan.at != '['))
		return false;
	walk->object = *scan.at == '{';
	walk->at = scan.at + 1;
	walk->first = true;
	return true;
}

static bool stop(struct ta_json_walk *walk, bool broken)
{
	walk->broken |= broken;
	walk->at = walk->end;
	return false;
}

bool ta_json_next(struct ta_json_walk *walk, struct ta_json_slice *ret_key,
		  struct ta_json_slice *ret_value)
{
	struct scan scan = { .at = walk->at, .end = walk->end };
	const char *from;

	*ret_key = (struct ta_json_slice){ scan.at, 0 };
	if (scan.at == scan.end)
		return false;
	skip_space(&scan);
	if (take(&scan, walk->object ? '}' : ']'))
		return stop(walk, false);
	if (!walk->first && !take(&scan, ','))
		return stop(walk, true);
	skip_space(&scan);
	if (walk->object) {
		from = scan.at + 1;
		if (!scan_string(&scan))
			return stop(walk, true);
		*ret_key = (struct ta_json_slice){ from, (size_t)(scan.at - from) - 1 };
		skip_space(&scan);
		if (!take(&scan, ':'))
			return stop(walk, true);
		skip_space(&scan);
	}
	from = scan.at;
	if (!scan_value(&scan))
		return stop(walk, true);
	*ret_value = (struct ta_json_slice){ from, (size_t)(scan.at - from) };
	walk->at = scan.at;
	walk->first = false;
	return true;
}

struct ta_json_slice ta_json_string(struct ta_json_slice value)
{
	if (value.bytes < 2 || value.text[0] != '"' || value.text[value.bytes - 1] != '"')
		return (struct ta_json_slice){ value.text, 0 };
	return (struct ta_json_slice){ value.text + 1, value.bytes - 2 };
}

/* Writes a character that is no half of a pair; returns its bytes. */
static size_t put_utf8(uint32_t point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* The character of "\uXXXX", or of two of them that are a pair; *at is behind the
 * first "\u". */
static uint32_t unicode_escape(const char **at, const char *end)
{
	int high = hex4(*at, end), low;

	if (high < 0)
		return 0xfffd;
	*at += 4;
	if (high < 0xd800 || high > 0xdfff)
		return (uint32_t)high;
	if (high >= 0xdc00 || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return 0xfffd;
	low = hex4(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*at += 6;
	return 0x10000 + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
}

/* What an escape means; *at is behind the backslash. */
static uint32_t escaped(const char **at, const char *end)
{
	char c;

	if (*at == end)
		return 0xfffd;
	c = *(*at)++;
	switch (c) {
	case 'u':
		return unicode_escape(at, end);
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return (unsigned char)c < 0x80 ? (uint32_t)c : 0xfffd;
	}
}

static bool is_middle(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* A full buffer may end with a character that was begun and does not fit. */
static size_t cut_character(const char *out, size_t written, char next)
{
	if (!is_middle(next))
		return written;
	while (written && is_middle(out[written - 1]))
		written--;
	return written && (unsigned char)out[written - 1] >= 0xc0 ? written - 1 : written;
}

size_t ta_json_unescape(const char *text, size_t bytes, char *out, size_t capacity)
{
	const char *at = text, *end = scan_of(text, bytes).end;
	size_t written = 0;

	while (at < end) {
		char piece[4];
		size_t length = 1;

		if (*at == '\\') {
			at++;
			length = put_utf8(escaped(&at, end), piece);
		} else {
			piece[0] = *at++;
		}
		if (length > capacity - written)
			return cut_character(out, written, piece[0]);
		memcpy(out + written, piece, length);
		written += length;
	}
	return written;
}

bool ta_json_key_is(struct ta_json_slice key, const char *name)
{
	size_t bytes = strlen(name);
	char plain[72];

	if (!key.bytes || !memchr(key.text, '\\', key.bytes))
		return key.bytes == bytes && memcmp(key.text, name, bytes) == 0;
	return bytes <= 64 && ta_json_unescape(key.text, key.bytes, plain, sizeof(plain)) == bytes &&
	       memcmp(plain, name, bytes) == 0;
}

bool ta_json_int(struct ta_json_slice value, int64_t *ret_number)
{
	bool negative = value.bytes && value.text[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + negative, number = 0;

	if (value.bytes == negative)
		return false;
	for (size_t i = negative; i < value.bytes; i++) {
		unsigned int digit = (unsigned int)(value.text[i] - '0');

		if (digit > 9 || number > (limit - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = negative ? (int64_t)(0 - number) : (int64_t)number;
	return true;
}
