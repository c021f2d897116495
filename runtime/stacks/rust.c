/* SPDX-License-Identifier: MIT */
/*
 * rust.c - a recursive descent over the grammar of RFC 2603.
 *
 * What is behind the path (the crate that an instance was made in, a suffix of LLVM's) is
 * left out.  Back references may blow a short name up without bound: depth, steps and
 * output are limited, and what is not printed is not followed.
 *
 * Runs: tagalong-stacks, one thread.  Pure.
 */
#include "runtime/stacks/rust.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MAX 4096u
#define DEPTH_MAX 100u
#define STEPS_MAX 20000u
#define LETTERS_MAX 128u

struct name {
	const char *text; /* behind "_R" */
	size_t bytes, at;
	unsigned int depth, steps, quiet;
	bool bad;
	size_t used;
	char out[OUT_MAX];
};

static void path(struct name *name);
static void type(struct name *name);
static void constant(struct name *name);

/* ---- letters ---- */

static char peek(const struct name *name)
{
	return name->at < name->bytes && !name->bad ? name->text[name->at] : '\0';
}

static char take(struct name *name)
{
	char c = peek(name);

	if (c == '\0')
		name->bad = true;
	else
		name->at++;
	return c;
}

static bool take_if(struct name *name, char c)
{
	if (peek(name) != c)
		return false;
	name->at++;
	return true;
}

static void put_bytes(struct name *name, const char *text, size_t bytes)
{
	if (name->quiet || name->bad)
		return;
	if (bytes >= OUT_MAX - name->used) {
		name->bad = true;
		return;
	}
	memcpy(name->out + name->used, text, bytes);
	name->used += bytes;
}

static void put(struct name *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void put_number(struct name *name, uint64_t number)
{
	char digits[24], *end = digits + sizeof(digits), *at = end;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_bytes(name, at, (size_t)(end - at));
}

/* One level deeper; false: too deep, or too long. */
static bool enter(struct name *name)
{
	name->depth++;
	if (name->depth > DEPTH_MAX || ++name->steps > STEPS_MAX)
		name->bad = true;
	return !name->bad;
}

/* ---- numbers ---- */

static int digit62(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'Z' ? c - 'A' + 36 : -1;
}

static uint64_t base62(struct name *name)
{
	uint64_t value = 0;

	if (take_if(name, '_'))
		return 0;
	while (!name->bad && !take_if(name, '_')) {
		int digit = digit62(take(name));

		if (digit < 0 || value > (UINT64_MAX - 61) / 62)
			name->bad = true;
		else
			value = value * 62 + (uint64_t)digit;
	}
	return value + 1;
}

/* "s" and a number, 0 when there is none. */
static uint64_t disambiguator(struct name *name)
{
	return take_if(name, 's') ? base62(name) + 1 : 0;
}

static size_t decimal(struct name *name)
{
	size_t value = 0;

	if (peek(name) < '0' || peek(name) > '9')
		name->bad = true;
	if (take_if(name, '0'))
		return 0;
	while (peek(name) >= '0' && peek(name) <= '9' && value < OUT_MAX)
		value = value * 10 + (size_t)(take(name) - '0');
	return value;
}

/* ---- identifiers ---- */

static void put_letter(struct name *name, uint32_t letter)
{
	char text[4];
	size_t bytes = 0;

	if (letter < 0x80) {
		text[bytes++] = (char)letter;
	} else if (letter < 0x800) {
		text[bytes++] = (char)(0xc0 | letter >> 6);
	} else if (letter < 0x10000) {
		text[bytes++] = (char)(0xe0 | letter >> 12);
		text[bytes++] = (char)(0x80 | (letter >> 6 & 0x3f));
	} else {
		text[bytes++] = (char)(0xf0 | letter >> 18);
		text[bytes++] = (char)(0x80 | (letter >> 12 & 0x3f));
		text[bytes++] = (char)(0x80 | (letter >> 6 & 0x3f));
	}
	if (letter >= 0x80)
		text[bytes++] = (char)(0x80 | (letter & 0x3f));
	put_bytes(name, text, bytes);
}

/* RFC 3492, 6.1. */
static uint32_t adapted(uint32_t delta, uint32_t count, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / 700 : delta / 2;
	for (delta += delta / count; delta > 455; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

/* One variable-length integer, added to *i. */
static bool add_integer(const char **at, const char *end, uint32_t bias, uint32_t *i)
{
	uint64_t value = *i, weight = 1;

	for (uint32_t k = 36;; k += 36) {
		if (*at == end)
			return false;
		char c = *(*at)++;
		uint32_t digit = c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a') :
				 c >= '0' && c <= '9' ? (uint32_t)(c - '0') + 26 :
							36;
		uint32_t least = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;

		value += digit * weight;
		weight *= 36 - least;
		if (digit > 35 || value > UINT32_MAX / 2 || weight > UINT32_MAX)
			return false;
		if (digit < least)
			break;
	}
	*i = (uint32_t)value;
	return true;
}

/* Punycode, with "_" for "-". */
static void put_punycode(struct name *name, const char *text, size_t bytes)
{
	uint32_t letters[LETTERS_MAX], count = 0, n = 128, i = 0, bias = 72;
	const char *mark = memrchr(text, '_', bytes), *end = text + bytes;
	const char *at = mark ? mark + 1 : text;

	for (const char *plain = text; mark && plain < mark && count < LETTERS_MAX; plain++)
		letters[count++] = (unsigned char)*plain;
	while (at < end) {
		uint32_t old = i;

		if (count == LETTERS_MAX || !add_integer(&at, end, bias, &i)) {
			name->bad = true;
			return;
		}
		count++;
		bias = adapted(i - old, count, old == 0);
		n += i / count;
		i %= count;
		if (n > 0x10ffff) {
			name->bad = true;
			return;
		}
		memmove(&letters[i + 1], &letters[i], (count - 1 - i) * sizeof(*letters));
		letters[i++] = n;
	}
	for (uint32_t k = 0; k < count; k++)
		put_letter(name, letters[k]);
}

static void identifier(struct name *name, uint64_t number, char space)
{
	bool puny = take_if(name, 'u');
	size_t bytes = decimal(name);

	take_if(name, '_');
	if (name->bad || bytes > name->bytes - name->at) {
		name->bad = true;
		return;
	}
	const char *text = name->text + name->at;

	name->at += bytes;
	if (space == 'C' || space == 'S') {
		put(name, space == 'C' ? "{closure" : "{shim");
	} else if (space) {
		put(name, "{");
		put_bytes(name, &space, 1);
	}
	if (space && bytes)
		put(name, ":");
	if (puny)
		put_punycode(name, text, bytes);
	else
		put_bytes(name, text, bytes);
	if (space) {
		put(name, "#");
		put_number(name, number);
		put(name, "}");
	}
}

/* ---- paths ---- */

/* Goes on at an earlier place for a moment. */
static void back_reference(struct name *name, void (*what)(struct name *))
{
	size_t from = name->at - 1;
	uint64_t to = base62(name);
	size_t behind = name->at;

	if (to >= from)
		name->bad = true;
	if (name->bad || name->quiet)
		return;
	name->at = (size_t)to;
	what(name);
	name->at = behind;
}

static void quietly(struct name *name, void (*what)(struct name *))
{
	name->quiet++;
	what(name);
	name->quiet--;
}

static void generic_argument(struct name *name)
{
	if (take_if(name, 'L'))
		base62(name);
	else if (take_if(name, 'K'))
		constant(name);
	else
		type(name);
}

static void until_e(struct name *name, void (*what)(struct name *), const char *between)
{
	for (bool first = true; !name->bad && !take_if(name, 'E'); first = false) {
		if (!first)
			put(name, between);
		what(name);
	}
}

static void generics(struct name *name)
{
	until_e(name, generic_argument, "");
}

/* "<T>", "<T as Trait>". */
static void implementation(struct name *name, char kind)
{
	if (kind != 'Y') {
		disambiguator(name);
		quietly(name, path);
	}
	put(name, "<");
	type(name);
	if (kind != 'M') {
		put(name, " as ");
		path(name);
	}
	put(name, ">");
}

static void nested(struct name *name)
{
	char space = take(name);
	bool special = space >= 'A' && space <= 'Z';

	if (digit62(space) < 10)
		name->bad = true;
	path(name);
	uint64_t number = disambiguator(name);

	put(name, "::");
	identifier(name, number, special ? space : '\0');
}

static void path(struct name *name)
{
	if (!enter(name))
		return;
	char kind = take(name);

	if (kind == 'C') {
		disambiguator(name);
		identifier(name, 0, '\0');
	} else if (kind == 'N') {
		nested(name);
	} else if (kind == 'M' || kind == 'X' || kind == 'Y') {
		implementation(name, kind);
	} else if (kind == 'I') {
		path(name);
		quietly(name, generics);
	} else if (kind == 'B') {
		back_reference(name, path);
	} else {
		name->bad = true;
	}
	name->depth--;
}

/* ---- types ---- */

static const char *basic(char c)
{
	static const char *const names[26] = {
		['a' - 'a'] = "i8",    ['b' - 'a'] = "bool", ['c' - 'a'] = "char",
		['d' - 'a'] = "f64",   ['e' - 'a'] = "str",  ['f' - 'a'] = "f32",
		['h' - 'a'] = "u8",    ['i' - 'a'] = "isize", ['j' - 'a'] = "usize",
		['l' - 'a'] = "i32",   ['m' - 'a'] = "u32",  ['n' - 'a'] = "i128",
		['o' - 'a'] = "u128",  ['p' - 'a'] = "_",    ['s' - 'a'] = "i16",
		['t' - 'a'] = "u16",   ['u' - 'a'] = "()",   ['v' - 'a'] = "...",
		['x' - 'a'] = "i64",   ['y' - 'a'] = "u64",  ['z' - 'a'] = "!",
	};

	return c >= 'a' && c <= 'z' ? names[c - 'a'] : NULL;
}

static void binder(struct name *name)
{
	if (take_if(name, 'G'))
		base62(name);
}

static void function(struct name *name)
{
	binder(name);
	if (take_if(name, 'U'))
		put(name, "unsafe ");
	if (take_if(name, 'K') && !take_if(name, 'C')) {
		name->quiet++;
		identifier(name, 0, '\0');
		name->quiet--;
	}
	put(name, "fn(");
	until_e(name, type, ", ");
	put(name, ")");
	if (take_if(name, 'u'))
		return;
	put(name, " -> ");
	type(name);
}

/* A trait and, silently, what its associated types are. */
static void bound(struct name *name)
{
	path(name);
	name->quiet++;
	while (take_if(name, 'p')) {
		identifier(name, 0, '\0');
		type(name);
	}
	name->quiet--;
}

static void object(struct name *name)
{
	put(name, "dyn ");
	binder(name);
	until_e(name, bound, " + ");
	if (!take_if(name, 'L'))
		name->bad = true;
	base62(name);
}

static void compound(struct name *name, char kind)
{
	if (kind == 'R' || kind == 'Q') {
		if (take_if(name, 'L'))
			base62(name);
		put(name, kind == 'R' ? "&" : "&mut ");
		type(name);
	} else if (kind == 'P' || kind == 'O') {
		put(name, kind == 'P' ? "*const " : "*mut ");
		type(name);
	} else if (kind == 'A' || kind == 'S') {
		put(name, "[");
		type(name);
		if (kind == 'A')
			quietly(name, constant);
		put(name, kind == 'A' ? "; _]" : "]");
	} else {
		put(name, "(");
		until_e(name, type, ", ");
		put(name, ")");
	}
}

static void type(struct name *name)
{
	char kind = peek(name);
	const char *word = basic(kind);

	if (!enter(name))
		return;
	if (word || (kind && strchr("RQPOASTFDB", kind)))
		name->at++;
	if (word)
		put(name, word);
	else if (kind == 'F')
		function(name);
	else if (kind == 'D')
		object(name);
	else if (kind == 'B')
		back_reference(name, type);
	else if (kind && strchr("RQPOAST", kind))
		compound(name, kind);
	else
		path(name);
	name->depth--;
}

/* ---- constants: never printed ---- */

static void field(struct name *name)
{
	disambiguator(name);
	identifier(name, 0, '\0');
	constant(name);
}

static void value(struct name *name)
{
	path(name);
	if (take_if(name, 'T'))
		until_e(name, constant, "");
	else if (take_if(name, 'S'))
		until_e(name, field, "");
	else if (!take_if(name, 'U'))
		name->bad = true;
}

static void digits(struct name *name)
{
	take_if(name, 'n');
	while (!name->bad && !take_if(name, '_')) {
		char c = take(name);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			name->bad = true;
	}
}

static void constant(struct name *name)
{
	if (!enter(name))
		return;
	name->quiet++;
	char kind = take(name);

	if (kind == 'B')
		back_reference(name, constant);
	else if (kind == 'R' || kind == 'Q')
		constant(name);
	else if (kind == 'A' || kind == 'T')
		until_e(name, constant, "");
	else if (kind == 'V')
		value(name);
	else if (basic(kind) == NULL)
		name->bad = true;
	else if (kind != 'p')
		digits(name);
	name->quiet--;
	name->depth--;
}

/* ---- */

char *ta_rust_demangle(const char *text)
{
	struct name name = { .text = text + 2 };

	if (strncmp(text, "_R", 2) != 0)
		return NULL;
	name.bytes = strspn(name.text, "_0123456789abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (name.text[name.bytes] && !strchr(".$", name.text[name.bytes]))
		return NULL;
	path(&name);
	if (peek(&name) && !name.bad)
		quietly(&name, path);
	if (name.bad || name.at != name.bytes || name.used == 0)
		return NULL;
	return strndup(name.out, name.used);
}
