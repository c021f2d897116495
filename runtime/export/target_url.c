/* SPDX-License-Identifier: MIT */
/*
 * target_url.c - URLs of receivers in their parts (RFC 3986), strictly.
 *
 * What goes into a request line, a log and a file name must hold no surprise: ASCII without
 * spaces and controls, hosts of letters, digits, '.', '-', '_', or an IPv6 address in
 * brackets.
 *
 * Runs: agent, cli; at start.
 */
#include "runtime/export/target_internal.h"

#include <string.h>

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f || *text == '\\' ||
		    *text == '"' || *text == '<' || *text == '>')
			return false;
	return true;
}

static bool is_host_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' ||
	       c == '-' || c == '_';
}

static bool is_name(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!is_host_char(text[i]))
			return false;
	return bytes > 0;
}

/* What is between the brackets; a zone comes behind "%25" (RFC 6874). */
static bool is_ipv6(const char *text, size_t bytes)
{
	const char *zone = memchr(text, '%', bytes);
	size_t address = zone ? (size_t)(zone - text) : bytes;

	if (!memchr(text, ':', address))
		return false;
	for (size_t i = 0; i < address; i++)
		if (!strchr("0123456789abcdefABCDEF:.", text[i]))
			return false;
	return !zone || (bytes - address > 3 && memcmp(zone, "%25", 3) == 0 &&
			 is_name(zone + 3, bytes - address - 3));
}

/* Bytes of the host in front of ':' or the end; 0 when it is none. */
static size_t host_bytes(const char *text, size_t bytes)
{
	const char *end;

	if (!bytes)
		return 0;
	if (text[0] == '[') {
		end = memchr(text, ']', bytes);
		return end && is_ipv6(text + 1, (size_t)(end - text - 1)) ?
			       (size_t)(end - text + 1) :
			       0;
	}
	end = memchr(text, ':', bytes);
	bytes = end ? (size_t)(end - text) : bytes;
	return is_name(text, bytes) ? bytes : 0;
}

static bool read_port(const char *text, size_t bytes, uint16_t *ret_port)
{
	uint64_t port;

	if (!ta_digits_read(text, bytes, UINT16_MAX, &port) || !port)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool ta_host_split(const char *text, size_t bytes, struct ta_part *ret_host, uint16_t *ret_port)
{
	size_t host = host_bytes(text, bytes);

	*ret_host = (struct ta_part){ text, host };
	return host && host < bytes && text[host] == ':' &&
	       read_port(text + host + 1, bytes - host - 1, ret_port);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* What ta_percent_decode() takes. */
static bool is_decodable(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (text[i] == '%' && (i + 2 >= bytes || !is_hex(text[i + 1]) ||
				       !is_hex(text[i + 2]) || memcmp(text + i + 1, "00", 2) == 0))
			return false;
	return true;
}

static void split_user(const char *text, size_t bytes, struct ta_url *url)
{
	const char *colon = memchr(text, ':', bytes);
	size_t user = colon ? (size_t)(colon - text) : bytes;

	url->has_user = bytes > 0;
	url->user = (struct ta_part){ text, user };
	url->password = (struct ta_part){ colon ? colon + 1 : text + bytes,
					  colon ? bytes - user - 1 : 0 };
}

static const char *split_authority(const char *text, size_t bytes, struct ta_url *url)
{
	const char *at = memrchr(text, '@', bytes);
	size_t host;

	if (at && !is_decodable(text, (size_t)(at - text)))
		return "its user and password are not percent-encoded";
	if (at) {
		split_user(text, (size_t)(at - text), url);
		bytes -= (size_t)(at - text) + 1;
		text = at + 1;
	}
	host = host_bytes(text, bytes);
	if (!host)
		return bytes && text[0] != ':' ? "its host is none" : "it has no host";
	url->host = (struct ta_part){ text, host };
	if (host == bytes || (text[host] == ':' && host + 1 == bytes))
		return NULL;
	if (text[host] != ':' || !read_port(text + host + 1, bytes - host - 1, &url->port))
		return "its port is none from 1 to 65535";
	return NULL;
}

static void split_rest(const char *text, struct ta_url *url)
{
	size_t path = strcspn(text, "?#"), query = 0;

	if (text[path] == '?')
		query = strcspn(text + path, "#");
	url->path = (struct ta_part){ text, path };
	url->query = (struct ta_part){ text + path, query };
}

static const char *skip_scheme(const char *text, struct ta_url *url)
{
	url->https = strncasecmp(text, "https://", 8) == 0;
	if (url->https)
		return text + 8;
	return strncasecmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

const char *ta_url_split(const char *text, struct ta_url *ret_url)
{
	const char *authority, *wrong;
	size_t bytes;

	*ret_url = (struct ta_url){ 0 };
	if (!is_visible(text))
		return "it holds characters that no URL may";
	authority = skip_scheme(text, ret_url);
	if (!authority)
		return "it does not begin with http:// or https://";
	bytes = strcspn(authority, "/?#");
	wrong = split_authority(authority, bytes, ret_url);
	if (!wrong)
		split_rest(authority + bytes, ret_url);
	return wrong;
}

void ta_url_put_origin(struct ta_buf *buf, const struct ta_url *url)
{
	ta_buf_puts(buf, url->https ? "https://" : "http://");
	for (size_t i = 0; i < url->host.bytes; i++) {
		char c = url->host.text[i];

		ta_buf_putc(buf, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
	if (!url->port)
		return;
	ta_buf_putc(buf, ':');
	ta_buf_put_u64(buf, url->port);
}
