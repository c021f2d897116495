/* SPDX-License-Identifier: MIT */
/*
 * http1_recognise.c - whether a connection speaks HTTP/1.x, from its first bytes.
 *
 * A method in capitals, a space and '/' or '*' is enough.  Where another protocol
 * could begin alike (memcached's `get /key`, SIP's `OPTIONS sip:`, Redis' inline
 * `GET key`, FTP's `CWD /pub`) the line's version decides as soon as the line is
 * there.  HTTP/2's preface is not HTTP/1.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/http1.h"

#include <string.h>

#define UNDECIDED_MAX TA_HTTP1_METHOD_MAX /* with so many bytes there is an answer */

struct method {
	char text[8];
	uint8_t bytes;
};

static const struct method methods[] = {
	{ "GET", 3 },	 { "HEAD", 4 },	   { "POST", 4 },    { "PUT", 3 },   { "DELETE", 6 },
	{ "PATCH", 5 },	 { "OPTIONS", 7 }, { "CONNECT", 7 }, { "TRACE", 5 },
};

static bool is_known(const char *method, size_t bytes)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (methods[i].bytes == bytes && memcmp(methods[i].text, method, bytes) == 0)
			return true;
	return false;
}

static bool is_capital(char byte)
{
	return (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
}

static bool is_alphanumeric(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

/* RFC 9110, token. */
static bool is_token(char byte)
{
	return is_alphanumeric(byte) || (byte && memchr("!#$%&'*+-.^_`|~", byte, 15));
}

static bool contains(const char *at, const char *end, const char *word, size_t word_bytes)
{
	for (; end - at >= (ptrdiff_t)word_bytes; at++)
		if (memcmp(at, word, word_bytes) == 0)
			return true;
	return false;
}

/* The first bytes of a target decide, or the line's end if it is there. */
static int judge(const char *method, const char *space, const char *target, const char *end)
{
	const char *line_end = memchr(target, '\n', (size_t)(end - target));
	bool known = is_known(method, (size_t)(space - method)), capitals = true;

	for (const char *at = method; at < space; at++)
		capitals = capitals && is_capital(*at);
	bool rooted = *target == '/' || *target == '*';

	if (known && rooted)
		return 1;
	if (line_end)
		return contains(target, line_end, " HTTP/", 6) ? 1 : -1;
	if (capitals && rooted)
		return 1;
	if (!rooted && *target != '[' && !is_alphanumeric(*target))
		return -1;
	if (end - method < UNDECIDED_MAX)
		return 0;
	if (!known)
		return -1;
	return *method == 'C' || contains(target, end, "://", 3) ? 1 : -1;
}

int ta_http1_recognise(const void *data, size_t bytes)
{
	const char *at = data, *end = at + bytes, *method;

	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	method = at;
	while (at < end && is_token(*at))
		at++;
	if (at == end)
		return at - method < UNDECIDED_MAX ? 0 : -1;
	if (*at != ' ' || at == method)
		return -1;
	if (at - method == 3 && memcmp(method, "PRI", 3) == 0)
		return -1;
	const char *space = at;

	while (at < end && *at == ' ')
		at++;
	if (at == end)
		return at - method < UNDECIDED_MAX ? 0 : -1;
	return judge(method, space, at, end);
}
