/* SPDX-License-Identifier: MIT */
/*
 * scrub_key.c - names whose values are secret.
 *
 * Names are compared in any case, and as if they had no '_', '-' and '.' in them: api_key,
 * API-Key and apiKey are one.
 *
 * Runs: agent, any thread.  Pure.
 */
#include "runtime/protocol/scrub.h"

#include <string.h>

#define NAME_MAX_BYTES 128u

enum where {
	ANYWHERE = 1,
	AT_END, /* of the name, or of a word in it: token, tokenValue; not tokens, tokenizer */
	ALONE,
};

static const struct {
	const char *word;
	enum where where;
} words[] = {
	{ "password", ANYWHERE },      { "passwd", ANYWHERE },	  { "passphrase", ANYWHERE },
	{ "secret", ANYWHERE },	       { "apikey", ANYWHERE },	  { "accesskey", ANYWHERE },
	{ "privatekey", ANYWHERE },    { "credential", ANYWHERE }, { "authorization", ANYWHERE },
	{ "sessionid", ANYWHERE },     { "sessid", ANYWHERE },	  { "sessionkey", ANYWHERE },
	{ "cookie", ANYWHERE },	       { "csrf", ANYWHERE },	  { "xsrf", ANYWHERE },
	{ "cardnumber", ANYWHERE },    { "authkey", ANYWHERE },	  { "signingkey", ANYWHERE },
	{ "token", AT_END },	       { "pwd", AT_END },	  { "auth", ALONE },
	{ "pass", ALONE },	       { "xauth", ALONE },	  { "sid", ALONE },
	{ "jwt", ALONE },	       { "bearer", ALONE },	  { "cvv", ALONE },
	{ "ssn", ALONE },	       { "signature", AT_END },	  { "sig", ALONE }, /* of signed URLs */
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_separator(char c)
{
	return c == '_' || c == '-' || c == '.' || c == ' ';
}

/* Whether word stands in name at from.  Returns where it ends, or 0. */
static size_t fits(const char *name, size_t bytes, size_t from, const char *word, size_t word_bytes)
{
	size_t done = 0;

	for (; from < bytes && done < word_bytes; from++) {
		if (done && is_separator(name[from]))
			continue;
		if (lower(name[from]) != lower(word[done]))
			return 0;
		done++;
	}
	return done == word_bytes ? from : 0;
}

/* Whether what follows is no longer the same word. */
static bool ends_word(const char *name, size_t bytes, size_t at)
{
	return at == bytes || !(name[at] >= 'a' && name[at] <= 'z') ||
	       (name[at - 1] >= 'A' && name[at - 1] <= 'Z');
}

/* Whether the word that stands at from is one that counts there. */
static bool has_at(const char *name, size_t bytes, size_t from, const char *word, enum where where)
{
	size_t end = fits(name, bytes, from, word, strlen(word));

	switch (where) {
	case ANYWHERE:
		return end != 0;
	case AT_END:
		return end && ends_word(name, bytes, end);
	default:
		return from == 0 && end == bytes;
	}
}

/* The letters that words begin with. */
#define BIT(c) (1u << ((c) - 'a'))
#define FIRST_LETTERS                                                                              \
	(BIT('a') | BIT('b') | BIT('c') | BIT('j') | BIT('p') | BIT('s') | BIT('t') | BIT('x'))

static bool is_well_known(const char *name, size_t bytes)
{
	for (size_t from = 0; from < bytes; from++) {
		char first = lower(name[from]);

		if (first < 'a' || first > 'z' || !(FIRST_LETTERS & BIT(first)))
			continue;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (words[i].word[0] == first &&
			    has_at(name, bytes, from, words[i].word, words[i].where))
				return true;
	}
	return false;
}

static bool has(const char *name, size_t bytes, const char *word, size_t word_bytes)
{
	for (size_t from = 0; from < bytes; from++)
		if (fits(name, bytes, from, word, word_bytes))
			return true;
	return false;
}

static bool is_in_list(const char *name, size_t bytes, const char *keys)
{
	while (keys && *keys) {
		size_t length;

		keys += strspn(keys, ", \t");
		length = strcspn(keys, ", \t");
		/* Separators in the word itself count for nothing, either. */
		char word[NAME_MAX_BYTES];
		size_t word_bytes = 0;

		for (size_t i = 0; i < length && word_bytes < sizeof(word); i++)
			if (!is_separator(keys[i]))
				word[word_bytes++] = keys[i];
		if (word_bytes && has(name, bytes, word, word_bytes))
			return true;
		keys += length;
	}
	return false;
}

bool ta_scrub_is_secret(const char *name, size_t bytes, const char *keys)
{
	while (bytes && is_separator(*name)) {
		name++;
		bytes--;
	}
	return bytes >= 2 && bytes <= NAME_MAX_BYTES &&
	       (is_well_known(name, bytes) || is_in_list(name, bytes, keys));
}
