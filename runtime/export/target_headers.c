/* SPDX-License-Identifier: MIT */
/*
 * target_headers.c - OTEL_EXPORTER_OTLP_HEADERS as lines of a request.
 *
 * A value that holds a line's end would be a header, or a request, of its own; one that
 * is named like those of ours would break what we say about the body.  Such a pair is left
 * out and reported by its name.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/export/pairs.h"

#define HEADERS_MAX 64u
#define SHOWN_MAX 64u /* bytes of a name in a sentence */

struct headers {
	char **lines; /* room for HEADERS_MAX, one more for the URL's credentials, and a NULL */
	uint32_t count;
};

/* RFC 9110: a token. */
static bool is_token(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
		      ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z') ||
		      (text[i] && strchr("!#$%&'*+-.^_`|~", text[i]))))
			return false;
	return bytes > 0;
}

/* No control characters, and not empty (a header without a value would be taken as the wish
 * to leave one out). */
static bool is_value(const char *text, size_t bytes)
{
	bool visible = false;

	for (size_t i = 0; i < bytes; i++) {
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			return false;
		visible |= text[i] != ' ' && text[i] != '\t';
	}
	return visible;
}

/* What the sender of a request decides. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "content-type", "content-encoding", "content-length",
					    "transfer-encoding", "host", "connection", "expect",
					    "upgrade", "te", "trailer", "keep-alive",
					    "accept-encoding" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(ours[i], name) == 0)
			return true;
	return false;
}

/* The line of that name, or the one behind the last. */
static uint32_t find(const struct headers *headers, const char *name, size_t bytes)
{
	uint32_t i = 0;

	while (i < headers->count && (strncasecmp(headers->lines[i], name, bytes) != 0 ||
				      headers->lines[i][bytes] != ':'))
		i++;
	return i;
}

/* Of two with one name the later counts. */
static void add(struct ta_loading *loading, struct headers *headers, const char *name,
		const char *value)
{
	uint32_t at = find(headers, name, strlen(name));
	char *line = ta_loading_print(loading, "%s: %s", name, value);

	if (!line)
		return;
	if (at == headers->count)
		headers->count++;
	free(headers->lines[at]);
	headers->lines[at] = line;
}

/* Why a pair is no header, or NULL. */
static const char *what_is_wrong(const struct ta_pairs *pairs, bool name_is_good)
{
	if (!pairs->good && !name_is_good)
		return "it is no NAME=VALUE with percent-encoding";
	if (!name_is_good)
		return "its name is none that a header can have";
	if (!pairs->good)
		return "its value cannot be percent-decoded";
	if (is_ours(pairs->key.data))
		return "it says what the request is like, which is not for settings to say";
	if (!is_value(pairs->value.data, pairs->value.bytes))
		return "its value is empty, or holds control characters";
	return NULL;
}

/* Names are shown; without a value, though, it may be a token that ends with '='. */
static void take_pair(struct ta_loading *loading, const char *variable,
		      const struct ta_pairs *pairs, struct headers *headers)
{
	bool name_is_good = is_token(pairs->key.data, pairs->key.bytes);
	const char *wrong = what_is_wrong(pairs, name_is_good);

	if (!wrong && find(headers, pairs->key.data, pairs->key.bytes) == HEADERS_MAX)
		wrong = "there are too many";
	if (!wrong)
		add(loading, headers, pairs->key.data, pairs->value.data);
	else if (name_is_good && (pairs->value.bytes || !pairs->good))
		ta_loading_say(loading, "Header %.*s of %s is left out: %s.", (int)SHOWN_MAX,
			       pairs->key.data, variable, wrong);
	else
		ta_loading_say(loading, "Entry %u of %s is left out: %s.", pairs->number, variable,
			       wrong);
}

static void put_base64(struct ta_buf *buf, const unsigned char *from, size_t count)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < count; i += 3) {
		size_t left = count - i < 3 ? count - i : 3;
		unsigned int word = (unsigned int)from[i] << 16;

		if (left > 1)
			word |= (unsigned int)from[i + 1] << 8;
		if (left > 2)
			word |= from[i + 2];
		for (unsigned int j = 0; j < 4; j++)
			ta_buf_putc(buf, j <= left ? digits[word >> (18 - 6 * j) & 63] : '=');
	}
}

/* RFC 7617.  Whether it can be decoded was asked before. */
static void add_authorization(struct ta_loading *loading, const struct ta_url *url,
			      struct headers *headers)
{
	struct ta_buf plain = { 0 }, encoded = { 0 };

	if (!url->has_user || find(headers, "Authorization", 13) < headers->count)
		return;
	ta_percent_decode(&plain, url->user.text, url->user.bytes);
	ta_buf_putc(&plain, ':');
	ta_percent_decode(&plain, url->password.text, url->password.bytes);
	ta_buf_puts(&encoded, "Basic ");
	put_base64(&encoded, (const unsigned char *)plain.data, plain.bytes);
	ta_buf_putc(&encoded, '\0');
	if (plain.failed || encoded.failed)
		loading->failed = true;
	else
		add(loading, headers, "Authorization", encoded.data);
	ta_buf_fini(&plain);
	ta_buf_fini(&encoded);
}

char **ta_headers_read(struct ta_loading *loading, const char *variable, const char *list,
		       const struct ta_url *url)
{
	struct headers headers = { calloc(HEADERS_MAX + 2, sizeof(char *)), 0 };
	struct ta_pairs pairs;

	if (!headers.lines) {
		loading->failed = true;
		return NULL;
	}
	ta_pairs_begin(&pairs, list);
	while (ta_pairs_next(&pairs))
		take_pair(loading, variable, &pairs, &headers);
	loading->failed |= pairs.failed;
	ta_pairs_end(&pairs);
	add_authorization(loading, url, &headers);
	return headers.lines;
}
