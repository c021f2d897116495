/* SPDX-License-Identifier: MIT */
/*
 * cxx_words.c - names of C++ types, as people write them.
 *
 * Exceptions are classes: names, names in namespaces, templates of types and whole
 * numbers, the plain types, pointers and references.  What else there is (functions,
 * arrays, most parts that repeat) leaves the name as it stands, which c++filt understands.
 *
 * Runs: signal handlers, any host thread.  Pure.
 */
#include "runtime/core/cxx_type.h"

#include <string.h>

#define NESTING_MAX 8

struct words {
	const char *at;
	char *out;
	size_t used, room;
	size_t first_bytes; /* of the output: the first name, which "S_" repeats */
	int nesting;
};

static bool put(struct words *words, const char *text, size_t bytes)
{
	if (bytes >= words->room - words->used)
		return false;
	memcpy(words->out + words->used, text, bytes);
	words->used += bytes;
	return true;
}

static bool put_text(struct words *words, const char *text)
{
	return put(words, text, strlen(text));
}

static bool take(struct words *words, const char *prefix)
{
	size_t bytes = strlen(prefix);

	if (strncmp(words->at, prefix, bytes) != 0)
		return false;
	words->at += bytes;
	return true;
}

static bool type(struct words *words);

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* "13runtime_error" */
static bool source_name(struct words *words)
{
	size_t bytes = 0;

	if (!is_digit(*words->at))
		return false;
	while (is_digit(*words->at) && bytes < words->room)
		bytes = bytes * 10 + (size_t)(*words->at++ - '0');
	if (bytes == 0 || strnlen(words->at, bytes) < bytes)
		return false;
	bool anonymous = bytes > 8 && strncmp(words->at, "_GLOBAL__N", 10) == 0;
	bool whole = anonymous ? put_text(words, "(anonymous namespace)") :
				 put(words, words->at, bytes);

	words->at += bytes;
	if (whole && words->first_bytes == 0)
		words->first_bytes = words->used;
	return whole;
}

/* "S_": the first part once more; others that repeat are not known here. */
static bool repeated(struct words *words)
{
	return words->first_bytes && take(words, "S_") &&
	       put(words, words->out, words->first_bytes);
}

/* "Li3E": a value of a plain type */
static bool literal(struct words *words)
{
	bool boolean = *words->at == 'b';

	if (*words->at == '\0')
		return false;
	words->at++;
	if (boolean)
		return (take(words, "1E") && put_text(words, "true")) ||
		       (take(words, "0E") && put_text(words, "false"));
	if (take(words, "n") && !put_text(words, "-"))
		return false;
	if (!is_digit(*words->at))
		return false;
	while (is_digit(*words->at))
		if (!put(words, words->at++, 1))
			return false;
	return take(words, "E");
}

/* "I...E", behind a name */
static bool arguments(struct words *words)
{
	if (!take(words, "I"))
		return true;
	if (words->nesting++ >= NESTING_MAX || !put_text(words, "<"))
		return false;
	for (bool first = true; !take(words, "E"); first = false)
		if ((!first && !put_text(words, ", ")) ||
		    !(take(words, "L") ? literal(words) : type(words)))
			return false;
	words->nesting--;
	return put_text(words, ">");
}

/* "N3app6detail5ErrorE", "NSt10filesystem..." */
static bool nested_name(struct words *words)
{
	bool first = !take(words, "St");

	if (!first && !put_text(words, "std"))
		return false;
	if (first && repeated(words))
		first = false;
	for (; !take(words, "E"); first = false)
		if ((!first && !put_text(words, "::")) || !source_name(words) || !arguments(words))
			return false;
	return true;
}

static bool plain(struct words *words)
{
	static const struct {
		char code;
		const char *name;
	} types[] = { { 'i', "int" },		{ 'j', "unsigned int" },
		      { 'l', "long" },		{ 'm', "unsigned long" },
		      { 'x', "long long" },	{ 'y', "unsigned long long" },
		      { 'c', "char" },		{ 'a', "signed char" },
		      { 'h', "unsigned char" }, { 's', "short" },
		      { 't', "unsigned short" }, { 'b', "bool" },
		      { 'd', "double" },	{ 'f', "float" },
		      { 'e', "long double" },	{ 'v', "void" },
		      { 'w', "wchar_t" } };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (*words->at == types[i].code) {
			words->at++;
			return put_text(words, types[i].name);
		}
	return false;
}

#define STRING "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"

static bool type(struct words *words)
{
	if (words->nesting > NESTING_MAX)
		return false;
	if (take(words, "PK"))
		return type(words) && put_text(words, " const*");
	if (take(words, "P"))
		return type(words) && put_text(words, "*");
	if (take(words, STRING) || take(words, "Ss"))
		return put_text(words, "std::string");
	if (take(words, "St"))
		return put_text(words, "std::") && source_name(words) && arguments(words);
	if (take(words, "N"))
		return nested_name(words);
	if (repeated(words))
		return true;
	if (is_digit(*words->at))
		return source_name(words) && arguments(words);
	return plain(words);
}

void ta_cxx_words(const char *encoded, char *out, size_t out_bytes)
{
	struct words words = { .at = encoded, .out = out, .room = out_bytes };

	if (type(&words) && *words.at == '\0') {
		out[words.used] = '\0';
		return;
	}
	size_t bytes = strnlen(encoded, out_bytes - 1);

	memcpy(out, encoded, bytes);
	out[bytes] = '\0';
}
