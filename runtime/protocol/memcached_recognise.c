/* SPDX-License-Identifier: MIT */
/*
 * memcached_recognise.c - whether a connection speaks memcached, from its first bytes.
 *
 * Lower-case words are what many protocols are made of, so that a whole first line is wanted,
 * with the right number of words and numbers where they belong.  Not claimed are lines that
 * other protocols have too: `quit`, `stats` and `delete 17` (beanstalkd), and everything that
 * ends like a request of HTTP.  The binary protocol has to have a header that its opcode can
 * have.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

#define SHOWN_MAX 64u
#define WORDS_MAX 24u

struct word {
	const char *at;
	size_t bytes;
};

/* Each letter is a word: k key, n number, w any; + repeats the last; / then `noreply` may
 * follow. */
static const struct {
	char name[8];
	char words[8];
} lines[] = {
	{ "get", "k+" },	{ "gets", "k+" },    { "gat", "nk+" },	     { "gats", "nk+" },
	{ "set", "knin/" },	{ "add", "knin/" },  { "replace", "knin/" }, { "append", "knin/" },
	{ "prepend", "knin/" }, { "cas", "kninn/" }, { "incr", "kn/" },	     { "decr", "kn/" },
	{ "touch", "ki/" },	{ "delete", "K/" },  { "mg", "kw*" },	     { "ms", "knw*" },
	{ "md", "kw*" },	{ "ma", "kw*" },     { "me", "kw*" },	     { "mn", "" },
	{ "version", "" },
};

static bool is_number(const struct word *word, bool minus)
{
	uint64_t number;

	if (minus && word->bytes > 1 && *word->at == '-')
		return ta_memcached_number(word->at + 1, word->bytes - 1, &number);
	return ta_memcached_number(word->at, word->bytes, &number);
}

static bool is_key(const struct word *word)
{
	return word->bytes < 5 || memcmp(word->at, "HTTP/", 5) != 0;
}

static bool fits_word(char letter, const struct word *word)
{
	switch (letter) {
	case 'k':
		return is_key(word);
	case 'K':
		return is_key(word) && !is_number(word, false);
	case 'n':
		return is_number(word, false);
	case 'i':
		return is_number(word, true);
	default: /* w: a flag begins with a letter */
		return (*word->at >= 'a' && *word->at <= 'z') ||
		       (*word->at >= 'A' && *word->at <= 'Z');
	}
}

static bool is_noreply(const struct word *word)
{
	return word->bytes == 7 && memcmp(word->at, "noreply", 7) == 0;
}

/* `+` is one or more of the letter before it, `*` none or more. */
static bool fits(const char *pattern, const struct word *words, size_t count)
{
	size_t n = 0;

	for (; *pattern && *pattern != '/'; pattern++) {
		char many = pattern[1];

		if (many != '*') {
			if (n == count || !fits_word(*pattern, &words[n++]))
				return false;
		}
		if (many != '+' && many != '*')
			continue;
		while (n < count)
			if (!fits_word(*pattern, &words[n++]))
				return false;
		pattern++;
	}
	if (*pattern == '/' && n + 1 == count)
		return is_noreply(&words[n]);
	return n == count;
}

/* The words of a line that is all there; 0 when it is not text. */
static size_t cut(const char *at, const char *end, struct word *words)
{
	size_t count = 0;

	while (at < end) {
		const char *from = at;

		while (at<end && * at> ' ' && *at <= '~')
			at++;
		if (at == from || count == WORDS_MAX || (at < end && *at != ' '))
			return 0;
		words[count].at = from;
		words[count++].bytes = (size_t)(at - from);
		if (at < end && ++at == end)
			return 0;
	}
	return count;
}

static int judge(const char *at, const char *end)
{
	struct word words[WORDS_MAX];
	size_t count = cut(at, end, words);

	for (size_t i = 0; count && i < sizeof(lines) / sizeof(*lines); i++)
		if (strnlen(lines[i].name, sizeof(lines[i].name)) == words[0].bytes &&
		    memcmp(lines[i].name, words[0].at, words[0].bytes) == 0)
			return fits(lines[i].words, words + 1, count - 1) ? 1 : -1;
	return -1;
}

/* Whether a line could still become one: its name is one of ours, as far as it is there. */
static bool may_become(const char *at, size_t bytes)
{
	const char *space = memchr(at, ' ', bytes);
	size_t name = space ? (size_t)(space - at) : bytes;

	if (bytes >= SHOWN_MAX)
		return false;
	if (!space && name && at[name - 1] == '\r')
		name--;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		size_t whole = strnlen(lines[i].name, sizeof(lines[i].name));

		if ((space || name < bytes ? whole == name : whole >= name) &&
		    memcmp(lines[i].name, at, name) == 0)
			return true;
	}
	return false;
}

/* ---- binary ---- */

/* Bytes of extras that a request of this opcode has; -1 for what does not open a dialogue. */
static int extras_of(uint8_t opcode)
{
	static const signed char extras[] = {
		0, 8, 8,  8,  0,  20, 20, 0, -1, 0, 0, 0, 0,  0, 0, 0, 0, 8, 8,
		8, 0, 20, 20, -1, -1, 0,  0, 4,	 4, 4, 4, -1, 0, 0, 0, 4, 4,
	};

	return opcode < sizeof(extras) ? extras[opcode] : -1;
}

static int judge_binary(const unsigned char *at, size_t bytes)
{
	static const unsigned char keyless[] = { 0x07, 0x0a, 0x0b, 0x10, 0x1b, 0x20 };

	if (bytes > 1 && extras_of(at[1]) < 0)
		return -1;
	if ((bytes > 4 && at[4] != extras_of(at[1])) || (bytes > 5 && at[5] != 0))
		return -1;
	if (bytes < 24)
		return 0;
	uint32_t key = (uint32_t)at[2] << 8 | at[3];
	uint32_t body =
		(uint32_t)at[8] << 24 | (uint32_t)at[9] << 16 | (uint32_t)at[10] << 8 | at[11];
	bool needs_key = memchr(keyless, at[1], sizeof(keyless)) == NULL;

	if (key > TA_MEMCACHED_KEY_MAX || (key == 0 && needs_key) || body < key + at[4])
		return -1;
	return body <= UINT32_C(1) << 30 ? 1 : -1;
}

int ta_memcached_recognise(const void *data, size_t bytes)
{
	const char *at = data;

	if (bytes == 0)
		return 0;
	if (*at == '\x80')
		return judge_binary(data, bytes);
	const char *line_end = memchr(at, '\n', bytes);

	if (!line_end)
		return may_become(at, bytes) ? 0 : -1;
	if (line_end == at || line_end[-1] != '\r')
		return -1;
	return judge(at, line_end - 1);
}
