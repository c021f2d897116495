/* SPDX-License-Identifier: MIT */
/*
 * enrich_url.c - request targets, authorities and queries (RFC 9112, 3.2; RFC 3986).
 *
 * Nothing is decoded: what a client sent is what an access log shows and what a
 * person searches for.  Values of query parameters that are known to be secrets
 * are replaced, as the HTTP conventions ask.
 *
 * Pure.
 */
#include "runtime/export/enrich_internal.h"

static bool is_scheme_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '-' || c == '.';
}

/* "http://host/path": length of the scheme, 0 when the target is not absolute. */
static uint32_t scheme_length(const char *text, uint32_t bytes)
{
	uint32_t n = 0;

	while (n < bytes && is_scheme_char(text[n]))
		n++;
	return n && bytes - n >= 3 && memcmp(text + n, "://", 3) == 0 ? n : 0;
}

static void split_query(const char *text, uint32_t bytes, struct ta_http_target *target)
{
	const char *mark = memchr(text, '?', bytes);

	target->path = text;
	target->path_bytes = mark ? (uint32_t)(mark - text) : bytes;
	if (!mark)
		return;
	target->query = mark + 1;
	target->query_bytes = bytes - target->path_bytes - 1;
}

static void split_absolute(const char *text, uint32_t bytes, uint32_t scheme,
			   struct ta_http_target *target)
{
	const char *from = text + scheme + 3;
	uint32_t left = bytes - scheme - 3, n = 0;

	target->scheme = text;
	target->scheme_bytes = scheme;
	while (n < left && from[n] != '/' && from[n] != '?')
		n++;
	target->authority = from;
	target->authority_bytes = n;
	split_query(from + n, left - n, target);
	if (!target->path_bytes) {
		target->path = "/"; /* RFC 9110, 4.2.3 */
		target->path_bytes = 1;
	}
}

void ta_http_target_split(const char *text, uint32_t bytes, bool is_connect,
			  struct ta_http_target *ret_target)
{
	uint32_t scheme;

	*ret_target = (struct ta_http_target){ 0 };
	if (is_connect) {
		ret_target->authority = text;
		ret_target->authority_bytes = bytes;
		return;
	}
	scheme = bytes && text[0] != '/' ? scheme_length(text, bytes) : 0;
	if (scheme) {
		split_absolute(text, bytes, scheme, ret_target);
		return;
	}
	split_query(text, bytes, ret_target);
	ret_target->exact = !ret_target->query || ret_target->query_bytes;
}

static uint32_t port_number(const char *text, uint32_t bytes)
{
	uint32_t port = 0;

	if (bytes == 0 || bytes > 5)
		return 0;
	for (uint32_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

void ta_authority_split(const char *text, uint32_t bytes, const char **ret_host,
			uint32_t *ret_host_bytes, uint32_t *ret_port)
{
	const char *at = memrchr(text, '@', bytes); /* user:password@ is nobody's address */
	const char *end, *colon;

	if (at) {
		bytes -= (uint32_t)(at + 1 - text);
		text = at + 1;
	}
	end = text + bytes;
	*ret_port = 0;
	if (bytes && text[0] == '[' && (colon = memchr(text, ']', bytes))) {
		*ret_host = text + 1;
		*ret_host_bytes = (uint32_t)(colon - text - 1);
		if (end - colon > 2 && colon[1] == ':')
			*ret_port = port_number(colon + 2, (uint32_t)(end - colon - 2));
		return;
	}
	colon = memrchr(text, ':', bytes);
	if (colon && memchr(text, ':', (size_t)(colon - text)))
		colon = NULL; /* IPv6 without brackets */
	*ret_host = text;
	*ret_host_bytes = colon ? (uint32_t)(colon - text) : bytes;
	if (colon)
		*ret_port = port_number(colon + 1, (uint32_t)(end - colon - 1));
}

static bool is_secret(const char *key, size_t bytes)
{
	static const char *const secrets[] = { "X-Amz-Signature", "X-Amz-Credential",
					       "X-Amz-Security-Token", "AWSAccessKeyId",
					       "Signature", "sig", "X-Goog-Signature" };

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strlen(secrets[i]) == bytes && memcmp(secrets[i], key, bytes) == 0)
			return true;
	return false;
}

size_t ta_query_redact(const char *query, size_t bytes, char *out, bool *ret_changed)
{
	static const char word[] = "REDACTED";
	const char *end = query + bytes;
	char *to = out;

	*ret_changed = false;
	while (query < end) {
		const char *next = memchr(query, '&', (size_t)(end - query));
		const char *stop = next ? next : end;
		const char *equals = memchr(query, '=', (size_t)(stop - query));
		size_t keep = (size_t)(stop - query);
		bool secret = equals && is_secret(query, (size_t)(equals - query));

		if (secret)
			keep = (size_t)(equals + 1 - query);
		memcpy(to, query, keep);
		to += keep;
		if (secret) {
			memcpy(to, word, sizeof(word) - 1);
			to += sizeof(word) - 1;
			*ret_changed = true;
		}
		if (next)
			*to++ = '&';
		query = next ? next + 1 : end;
	}
	return (size_t)(to - out);
}
