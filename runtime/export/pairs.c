/* SPDX-License-Identifier: MIT */
/*
 * pairs.c - lists of percent-encoded pairs.
 *
 * Runs: agent, any thread; cli.
 */
#include "runtime/export/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ta_percent_decode(struct ta_buf *buf, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		int high, low;

		if (text[i] != '%') {
			ta_buf_putc(buf, text[i]);
			continue;
		}
		if (i + 2 >= bytes || (high = hex_value(text[i + 1])) < 0 ||
		    (low = hex_value(text[i + 2])) < 0 || high + low == 0)
			return false;
		ta_buf_putc(buf, (char)(high * 16 + low));
		i += 2;
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void ta_trim(const char **text, size_t *bytes)
{
	while (*bytes && is_blank(**text)) {
		(*text)++;
		(*bytes)--;
	}
	while (*bytes && is_blank((*text)[*bytes - 1]))
		(*bytes)--;
}

/* Trimmed, decoded and terminated. */
static bool decode(struct ta_buf *buf, const char *text, size_t bytes)
{
	bool good;

	ta_trim(&text, &bytes);
	ta_buf_clear(buf);
	good = ta_percent_decode(buf, text, bytes);
	if (!good)
		buf->bytes = 0;
	ta_buf_putc(buf, '\0');
	buf->bytes -= buf->bytes > 0;
	return good;
}

static void read_pair(struct ta_pairs *pairs, const char *text, size_t bytes)
{
	const char *equals = memchr(text, '=', bytes);
	bool good_key = equals && decode(&pairs->key, text, (size_t)(equals - text));

	if (!equals)
		decode(&pairs->key, "", 0);
	pairs->good = decode(&pairs->value, equals ? equals + 1 : "",
			     equals ? (size_t)(text + bytes - equals - 1) : 0) &&
		      good_key && pairs->key.bytes > 0;
	pairs->failed = pairs->key.failed || pairs->value.failed;
}

static bool is_empty(const char *text, size_t bytes)
{
	ta_trim(&text, &bytes);
	return bytes == 0;
}

void ta_pairs_begin(struct ta_pairs *pairs, const char *list)
{
	*pairs = (struct ta_pairs){ .rest = list };
}

bool ta_pairs_next(struct ta_pairs *pairs)
{
	while (*pairs->rest && !pairs->failed) {
		const char *text = pairs->rest;
		size_t bytes = strcspn(text, ",");

		pairs->rest += bytes + (text[bytes] == ',');
		pairs->number++;
		if (is_empty(text, bytes))
			continue;
		pairs->text = text;
		pairs->text_bytes = bytes;
		read_pair(pairs, text, bytes);
		return !pairs->failed;
	}
	return false;
}

void ta_pairs_end(struct ta_pairs *pairs)
{
	ta_buf_fini(&pairs->key);
	ta_buf_fini(&pairs->value);
}

int ta_pairs_find(const char *list, const char *key, char **ret_value)
{
	struct ta_pairs pairs;
	struct ta_buf found = { 0 };
	bool good = true;

	ta_pairs_begin(&pairs, list);
	while (good && ta_pairs_next(&pairs)) {
		good = pairs.good;
		if (!good || strcmp(pairs.key.data, key) != 0)
			continue;
		ta_buf_clear(&found);
		ta_buf_put(&found, pairs.value.data, pairs.value.bytes + 1);
	}
	*ret_value = NULL;
	if (good && found.bytes > 1 && !found.failed && !pairs.failed) {
		*ret_value = found.data;
		found.data = NULL;
	}
	bool failed = pairs.failed || found.failed;

	ta_pairs_end(&pairs);
	if (found.data)
		ta_buf_fini(&found);
	return failed ? -ENOMEM : 0;
}
