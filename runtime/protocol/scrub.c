/* SPDX-License-Identifier: MIT */
/*
 * scrub.c - see scrub.h: the walk, and what it looks for at each character.
 *
 * Every rule looks back a bounded number of characters, and what it looks at ahead it
 * either takes or gives up for good: so a walk is linear.
 *
 * Inside a JSON string an escape is two characters that stay together; escaped quotes
 * are quotes to the rules.
 *
 * Runs: agent, any thread.  Pure.
 */
#include "runtime/protocol/scrub.h"

#include <string.h>

#define KEY_BACK 128u

void ta_scrub_begin(struct ta_scrub_walk *walk, const char *text, size_t bytes, bool json,
		    const char *keys)
{
	*walk = (struct ta_scrub_walk){ .text = text, .bytes = bytes, .json = json, .keys = keys };
}

/* ---- characters ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_name(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool is_token(char c) /* of RFC 6750, and base64 */
{
	return is_alnum(c) || (c != '\0' && strchr("-._~+/=", c));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char at(const struct ta_scrub_walk *walk, size_t where)
{
	return where < walk->bytes ? walk->text[where] : '\0';
}

static bool begins(const struct ta_scrub_walk *walk, size_t where, const char *word)
{
	size_t bytes = strlen(word);

	return walk->bytes - where >= bytes && memcmp(walk->text + where, word, bytes) == 0;
}

/* Whether an escape that stands for white space ends there, in JSON. */
static bool is_escape(const struct ta_scrub_walk *walk, size_t end)
{
	return walk->json && end >= 2 && walk->text[end - 2] == '\\' &&
	       strchr("nrt", walk->text[end - 1]);
}

/* No word goes on from before. */
static bool is_start(const struct ta_scrub_walk *walk, size_t where)
{
	return where == 0 || is_escape(walk, where) ||
	       !(is_alnum(walk->text[where - 1]) || walk->text[where - 1] == '_');
}

static size_t skip_blanks(const struct ta_scrub_walk *walk, size_t where)
{
	while (where < walk->bytes && is_blank(walk->text[where]))
		where++;
	return where;
}

/* Bytes of a quote at that place: ' or ", or \" inside a JSON string; 0: none. */
static size_t quote_at(const struct ta_scrub_walk *walk, size_t where)
{
	char c = at(walk, where);

	if (c == '\'')
		return 1;
	if (walk->json)
		return c == '\\' && at(walk, where + 1) == '"' ? 2 : 0;
	return c == '"';
}

/* The end of a line of text; of the string, in JSON. */
static bool ends_line(const struct ta_scrub_walk *walk, size_t where)
{
	char c = walk->text[where];

	if (walk->json)
		return c == '"' || (c == '\\' && (at(walk, where + 1) == 'n' ||
						 at(walk, where + 1) == 'r'));
	return c == '\n' || c == '\r';
}

/* One character on, or one escape. */
static size_t step(const struct ta_scrub_walk *walk, size_t where)
{
	where += walk->json && walk->text[where] == '\\' ? 2 : 1;
	return where < walk->bytes ? where : walk->bytes;
}

/* What is there already is left as it is; its bracket ends a word too early. */
static bool is_scrubbed(const struct ta_scrub_walk *walk, size_t from, size_t to)
{
	return to - from <= sizeof(TA_SCRUBBED) - 1 && begins(walk, from, TA_SCRUBBED);
}

static bool found(struct ta_scrub_walk *walk, size_t from, size_t to, struct ta_secret *secret)
{
	walk->at = to > walk->at ? to : walk->at + 1;
	if (to <= from || is_scrubbed(walk, from, to))
		return false;
	*secret = (struct ta_secret){ .at = from, .bytes = to - from };
	return true;
}

/* ---- keys and values ---- */

struct key {
	size_t at, bytes;
	size_t quote; /* where a quote before it begins; SIZE_MAX: none */
	size_t quote_bytes;
};

/* The name before a '=' or ':'; quotes around it belong to it. */
static bool find_key(const struct ta_scrub_walk *walk, size_t sign, struct key *key)
{
	size_t end = sign, low = sign > KEY_BACK ? sign - KEY_BACK : 0;

	while (end > low && is_blank(walk->text[end - 1]))
		end--;
	if (end > low && (walk->text[end - 1] == '"' || walk->text[end - 1] == '\'')) {
		end--;
		end -= walk->json && end > low && walk->text[end - 1] == '\\';
	}
	key->at = end;
	while (key->at > low && is_name(walk->text[key->at - 1]))
		key->at--;
	key->at += key->at < end && is_escape(walk, key->at + 1);
	key->bytes = end - key->at;
	key->quote = SIZE_MAX;
	key->quote_bytes = 0;
	for (size_t bytes = 1; bytes <= 2 && key->at >= bytes; bytes++)
		if (quote_at(walk, key->at - bytes) == bytes) {
			key->quote = key->at - bytes;
			key->quote_bytes = bytes;
		}
	return key->bytes && ta_scrub_is_secret(walk->text + key->at, key->bytes, walk->keys);
}

static bool is_same_quote(const struct ta_scrub_walk *walk, size_t where, size_t quote,
			  size_t bytes)
{
	return bytes && quote_at(walk, where) == bytes &&
	       memcmp(walk->text + where, walk->text + quote, bytes) == 0;
}

/* To the quote, or to the end of the line. */
static size_t end_of_line(const struct ta_scrub_walk *walk, size_t from, size_t quote,
			  size_t quote_bytes)
{
	while (from < walk->bytes && !ends_line(walk, from) &&
	       !is_same_quote(walk, from, quote, quote_bytes))
		from = step(walk, from);
	return from;
}

static size_t end_of_word(const struct ta_scrub_walk *walk, size_t from)
{
	while (from < walk->bytes && !ends_line(walk, from) && quote_at(walk, from) == 0 &&
	       !strchr(" \t,;&)]}<>|", walk->text[from])) {
		if (walk->json && begins(walk, from, "\\t"))
			break;
		from = step(walk, from);
	}
	return from;
}

static bool is_header(const struct ta_scrub_walk *walk, const struct key *key)
{
	static const char *const names[] = { "authorization", "cookie" };

	for (int i = 0; i < 2; i++)
		if (key->bytes >= strlen(names[i]) &&
		    strncasecmp(walk->text + key->at + key->bytes - strlen(names[i]), names[i],
				strlen(names[i])) == 0)
			return true;
	return false;
}

static bool take_value(struct ta_scrub_walk *walk, size_t sign, struct ta_secret *secret)
{
	struct key key;
	size_t from, quote_bytes;

	if (!find_key(walk, sign, &key))
		return false;
	from = skip_blanks(walk, sign + 1 + (at(walk, sign + 1) == '>'));
	quote_bytes = quote_at(walk, from);
	if (quote_bytes) {
		size_t quote = from;

		from += quote_bytes;
		return found(walk, from, end_of_line(walk, from, quote, quote_bytes), secret);
	}
	if (is_header(walk, &key))
		return found(walk, from, end_of_line(walk, from, key.quote, key.quote_bytes),
			     secret);
	return found(walk, from, end_of_word(walk, from), secret);
}

/* user:password@ behind "://". */
static bool take_userinfo(struct ta_scrub_walk *walk, size_t from, struct ta_secret *secret)
{
	size_t colon = 0, sign = 0, where = from;

	while (where < walk->bytes && !ends_line(walk, where) &&
	       !strchr("/?# \t<>\"'\\", walk->text[where])) {
		if (walk->text[where] == ':' && colon == 0)
			colon = where + 1;
		if (walk->text[where] == '@')
			sign = where;
		where++;
	}
	if (colon == 0 || sign < colon)
		return false;
	return found(walk, colon, sign, secret);
}

static bool take_colon(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t sign = walk->at;

	if (begins(walk, sign, "://"))
		return take_userinfo(walk, sign + 3, secret);
	if (at(walk, sign + 1) == ':' || (sign && walk->text[sign - 1] == ':'))
		return false;
	return take_value(walk, sign, secret);
}

static bool take_equals(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t sign = walk->at;

	if (at(walk, sign + 1) == '=' || (sign && strchr("=!<>", walk->text[sign - 1])))
		return false;
	return take_value(walk, sign, secret);
}

/* ---- what is a secret by its looks ---- */

static size_t run_of(const struct ta_scrub_walk *walk, size_t from, bool (*fits)(char))
{
	size_t to = from;

	while (to < walk->bytes && fits(walk->text[to]))
		to++;
	return to - from;
}

static bool take_bearer(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t from = walk->at + 6;

	if (!is_start(walk, walk->at) || walk->bytes - walk->at < 15 ||
	    strncasecmp(walk->text + walk->at, "bearer", 6) != 0 || !is_blank(at(walk, from)))
		return false;
	from = skip_blanks(walk, from);
	size_t bytes = run_of(walk, from, is_token);

	return bytes >= 8 && found(walk, from, from + bytes, secret);
}

static bool is_key_id(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool take_aws(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t from = walk->at;

	if ((!begins(walk, from, "AKIA") && !begins(walk, from, "ASIA")) || !is_start(walk, from))
		return false;
	return run_of(walk, from, is_key_id) == 20 && !is_alnum(at(walk, from + 20)) &&
	       found(walk, from, from + 20, secret);
}

static bool is_jwt(char c)
{
	return is_name(c);
}

/* A JSON object in base64, and another: header and claims. */
static bool take_jwt(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t from = walk->at, bytes;

	if (!begins(walk, from, "eyJ") || !is_start(walk, from))
		return false;
	bytes = run_of(walk, from, is_jwt);
	const char *dot = memchr(walk->text + from, '.', bytes);

	if (dot && begins(walk, (size_t)(dot - walk->text), ".eyJ"))
		return found(walk, from, from + bytes, secret);
	walk->at = from + bytes - 1; /* nothing else begins in there */
	return false;
}

static bool take_private_key(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	static const char head[] = "PRIVATE KEY-----", tail[] = "-----END ";
	size_t from = walk->at, look = walk->bytes - from, to;
	const char *found_head;

	if (!begins(walk, from, "-----BEGIN "))
		return false;
	found_head = memmem(walk->text + from, look < 64 ? look : 64, head, sizeof(head) - 1);
	/* In JSON the end of a string is the end of what is in it. */
	if (!found_head || (walk->json && memchr(walk->text + from, '"',
						 (size_t)(found_head - walk->text) - from)))
		return false;
	for (to = (size_t)(found_head - walk->text); to < walk->bytes; to = step(walk, to)) {
		if (walk->json && walk->text[to] == '"')
			break;
		if (begins(walk, to, tail)) {
			to += sizeof(tail) - 1;
			while (to < walk->bytes && walk->text[to] != '-' && !ends_line(walk, to))
				to = step(walk, to);
			to += run_of(walk, to, is_token);
			break;
		}
	}
	return found(walk, from, to, secret);
}

/* ---- cards ---- */

static bool luhn(const char *digits, unsigned int count)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < count; i++) {
		unsigned int digit = (unsigned int)(digits[count - 1 - i] - '0');

		sum += i % 2 ? (digit > 4 ? 2 * digit - 9 : 2 * digit) : digit;
	}
	return sum % 10 == 0;
}

/* Digits, in groups with one blank or dash between two; the first one says the kind. */
static bool take_card(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t from = walk->at, to = from, end = from;
	char digits[19];
	unsigned int count = 0;

	for (; to < walk->bytes; to++) {
		char c = walk->text[to];

		if (is_digit(c)) {
			if (count < sizeof(digits))
				digits[count] = c;
			count++;
			end = to + 1;
		} else if ((c != ' ' && c != '-') || end != to) {
			break;
		}
	}
	bool taken = is_start(walk, from) && !(from && walk->text[from - 1] == '.') &&
		     !is_alnum(at(walk, end)) && !(at(walk, end) == '.' && is_digit(at(walk, end + 1))) &&
		     count >= 13 && count <= sizeof(digits) && digits[0] >= '2' &&
		     digits[0] <= '6' && luhn(digits, count);

	if (taken)
		return found(walk, from, end, secret);
	walk->at = end - 1;
	return false;
}

/* ---- the walk ---- */

/* Looks at the character where the walk is.  When nothing is found the walk goes on
 * behind walk->at. */
static bool look(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	switch (walk->text[walk->at]) {
	case '=':
		return take_equals(walk, secret);
	case ':':
		return take_colon(walk, secret);
	case 'B':
	case 'b':
		return take_bearer(walk, secret);
	case 'A':
		return take_aws(walk, secret);
	case 'e':
		return take_jwt(walk, secret);
	case '-':
		return take_private_key(walk, secret);
	case '0' ... '9':
		return take_card(walk, secret);
	default:
		return false;
	}
}

/* ---- JSON, outside of strings ---- */

/* Behind the string that begins at a quote. */
static size_t skip_string(const struct ta_scrub_walk *walk, size_t where)
{
	for (where++; where < walk->bytes && walk->text[where] != '"';)
		where = step(walk, where);
	return where < walk->bytes ? where + 1 : where;
}

/* Behind the value that begins there and is no string. */
static size_t skip_value(const struct ta_scrub_walk *walk, size_t where)
{
	unsigned int depth = 0;

	while (where < walk->bytes) {
		char c = walk->text[where];

		if (depth == 0 && strchr(",]} \t\r\n", c))
			return where;
		if (c == '"') {
			where = skip_string(walk, where);
			continue;
		}
		if (c == '[' || c == '{')
			depth++;
		where++;
		if ((c == ']' || c == '}') && --depth == 0)
			return where;
	}
	return where;
}

static size_t skip_space(const struct ta_scrub_walk *walk, size_t where)
{
	while (where < walk->bytes && strchr(" \t\r\n", walk->text[where]))
		where++;
	return where;
}

/* The inside of the string that begins at a quote. */
static bool take_string(struct ta_scrub_walk *walk, size_t quote, struct ta_secret *secret)
{
	size_t end = skip_string(walk, quote);
	bool closed = end > quote + 1 && walk->text[end - 1] == '"';
	bool got = found(walk, quote + 1, end - closed, secret);

	walk->at = end;
	return got;
}

/* A colon between a member's name and its value. */
static bool take_member(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	size_t end = walk->at, begin, from = skip_space(walk, walk->at + 1);
	size_t low = end > KEY_BACK ? end - KEY_BACK : 0;

	while (end > low && strchr(" \t\r\n", walk->text[end - 1]))
		end--;
	if (end <= low || walk->text[end - 1] != '"')
		return false;
	for (begin = --end; begin > low && walk->text[begin - 1] != '"';)
		begin--;
	if (!ta_scrub_is_secret(walk->text + begin, end - begin, walk->keys))
		return false;
	if (at(walk, from) == '"')
		return take_string(walk, from, secret);
	if (strchr("ntf", at(walk, from)))
		return false; /* null, true, false */
	if (!found(walk, from, skip_value(walk, from), secret))
		return false;
	secret->bare = true;
	return true;
}

static bool look_outside(struct ta_scrub_walk *walk, struct ta_secret *secret)
{
	char c = walk->text[walk->at];

	if (c == '"') {
		walk->in_string = true;
		walk->at++;
		return false;
	}
	if (c == ':')
		return take_member(walk, secret);
	if (!is_digit(c) || (walk->at && strchr("-+.eE", walk->text[walk->at - 1])))
		return false;
	size_t begin = walk->at, end = begin + run_of(walk, begin, is_digit);
	bool whole = end == walk->bytes || !strchr(".eE", walk->text[end]);

	if (whole && take_card(walk, secret)) {
		secret->bare = true;
		return true;
	}
	if (walk->at == begin)
		walk->at = end - 1;
	return false;
}

/* One step inside a JSON string that no rule is asked about. */
static bool pass(struct ta_scrub_walk *walk)
{
	char c = walk->text[walk->at];

	if (c != '"' && c != '\\')
		return false;
	walk->in_string = c == '\\';
	walk->at = step(walk, walk->at);
	return true;
}

bool ta_scrub_next(struct ta_scrub_walk *walk, struct ta_secret *ret_secret)
{
	while (walk->at < walk->bytes) {
		size_t before = walk->at;
		bool outside = walk->json && !walk->in_string;

		if (walk->json && walk->in_string && pass(walk))
			continue;
		if (outside ? look_outside(walk, ret_secret) : look(walk, ret_secret))
			return true;
		if (walk->at == before)
			walk->at++;
	}
	return false;
}
