/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - W3C trace context, section 3.3.1 (tracestate), and W3C baggage, section 3.3.
 */
#include "runtime/protocol/baggage.h"

#include <string.h>

struct piece {
	const char *at;
	size_t bytes;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct piece trimmed(struct piece piece)
{
	while (piece.bytes && is_space(piece.at[0])) {
		piece.at++;
		piece.bytes--;
	}
	while (piece.bytes && is_space(piece.at[piece.bytes - 1]))
		piece.bytes--;
	return piece;
}

/* What stands before the mark, and cuts it off with the mark; all of it without one. */
static struct piece cut(struct piece *rest, char mark)
{
	const char *end = rest->bytes ? memchr(rest->at, mark, rest->bytes) : NULL;
	size_t bytes = end ? (size_t)(end - rest->at) : rest->bytes;
	struct piece first = { .at = rest->at, .bytes = bytes };

	rest->at += end ? bytes + 1 : bytes;
	rest->bytes -= end ? bytes + 1 : bytes;
	return first;
}

static bool all(struct piece piece, bool (*fits)(unsigned char))
{
	for (size_t at = 0; at < piece.bytes; at++)
		if (!fits((unsigned char)piece.at[at]))
			return false;
	return true;
}

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- tracestate ---- */

static bool fits_state_key(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("_-*/@", c));
}

static bool fits_state_value(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != ',' && c != '=';
}

/* The vendor's key, with or without a tenant in front. */
static bool is_state_key(struct piece key)
{
	struct piece rest = key, tenant = cut(&rest, '@');

	if (key.bytes == 0 || key.bytes > 256 || !is_alnum((unsigned char)key.at[0]) ||
	    !all(key, fits_state_key))
		return false;
	if (tenant.bytes == key.bytes)
		return true;
	return tenant.bytes <= 241 && rest.bytes >= 1 && rest.bytes <= 14 &&
	       memchr(rest.at, '@', rest.bytes) == NULL;
}

static bool is_state_member(struct piece member)
{
	struct piece value = member, key = cut(&value, '=');

	return key.bytes < member.bytes && is_state_key(key) && value.bytes >= 1 &&
	       value.bytes <= 256 && all(value, fits_state_value);
}

/* Whether the key of the member stands in the list before it already. */
static bool comes_twice(struct piece list, struct piece member)
{
	struct piece before = { .at = list.at, .bytes = (size_t)(member.at - list.at) };
	struct piece value = member, key = cut(&value, '=');

	while (before.bytes) {
		struct piece other = trimmed(cut(&before, ','));
		struct piece rest = other, other_key = cut(&rest, '=');

		if (other.bytes && other_key.bytes == key.bytes &&
		    memcmp(other_key.at, key.at, key.bytes) == 0)
			return true;
	}
	return false;
}

bool ta_tracestate_valid(const char *text, size_t bytes)
{
	struct piece list = { .at = text, .bytes = bytes }, rest = list;
	size_t members = 0;

	if (bytes > TA_TRACESTATE_MAX)
		return false;
	while (rest.bytes) {
		struct piece member = trimmed(cut(&rest, ','));

		if (member.bytes == 0)
			continue;
		if (++members > TA_TRACESTATE_MEMBERS_MAX || !is_state_member(member) ||
		    comes_twice(list, member))
			return false;
	}
	return members > 0;
}

/* ---- baggage ---- */

static bool fits_token(unsigned char c)
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool fits_baggage_value(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

/* key=value, or a key alone where that is allowed. */
static bool is_pair(struct piece pair, bool alone)
{
	struct piece value = pair, key = trimmed(cut(&value, '='));
	bool has_value = memchr(pair.at, '=', pair.bytes) != NULL;

	return key.bytes && all(key, fits_token) && (has_value || alone) &&
	       all(trimmed(value), fits_baggage_value);
}

static bool is_baggage_member(struct piece member)
{
	if (member.bytes == 0 || !is_pair(cut(&member, ';'), false))
		return false;
	while (member.bytes) {
		struct piece property = trimmed(cut(&member, ';'));

		if (property.bytes == 0 || !is_pair(property, true))
			return false;
	}
	return true;
}

bool ta_baggage_valid(const char *text, size_t bytes)
{
	struct piece rest = { .at = text, .bytes = bytes };
	size_t members = 0;

	if (bytes > TA_BAGGAGE_MAX)
		return false;
	while (rest.bytes) {
		if (++members > TA_BAGGAGE_MEMBERS_MAX ||
		    !is_baggage_member(trimmed(cut(&rest, ','))))
			return false;
	}
	return members > 0;
}

/* ---- lists that were cut ---- */

size_t ta_list_whole(const char *text, size_t bytes)
{
	while (bytes > 0 && text[bytes - 1] != ',')
		bytes--;
	return bytes ? bytes - 1 : 0;
}
