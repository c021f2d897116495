/* SPDX-License-Identifier: MIT */
/*
 * format.c - fuzzes the library's own printf against libc's.
 *
 * Input: a byte of room, four that choose a conversion, eight of its argument, and text that
 * stands around it.  What libc makes of it is what comes out, as far as there is room; real
 * numbers may differ in their last place.  Then the text is a format itself.
 */
#include "runtime/core/format.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* Into a place of exactly its size. */
static uint32_t format(char *out, uint32_t size, const char *text, ...)
{
	char *own = malloc(size ? size : 1);
	va_list list;

	va_start(list, text);
	uint32_t bytes = ta_format(own, size, text, list, 2);

	va_end(list);
	demand(bytes <= size);
	memcpy(out, own, bytes);
	out[bytes] = '\0';
	free(own);
	return bytes;
}

struct conversion {
	char text[64];
	char what;
	int width, precision;
	bool by_argument;
	uint64_t value;
};

/* Flags that mean nothing to a conversion are nobody's business. */
static void choose(struct conversion *conversion, const uint8_t *how)
{
	static const char whats[] = "diuxXocspfF";
	static const char *const lengths[] = { "", "l", "z", "hh", "h", "ll", "j", "t" };
	char what = whats[how[0] % (sizeof(whats) - 1)], flags[6];
	bool number = strchr("diuxXo", what), real = strchr("fF", what);
	size_t used = 0;

	if (how[1] & 1)
		flags[used++] = '-';
	if (how[1] & 2 && (number || real))
		flags[used++] = '0';
	if (how[1] & 4 && (strchr("di", what) || real))
		flags[used++] = '+';
	if (how[1] & 8 && (strchr("di", what) || real))
		flags[used++] = ' ';
	if (how[1] & 16 && strchr("xXo", what))
		flags[used++] = '#';
	flags[used] = '\0';
	conversion->what = what;
	conversion->width = how[2] % 48;
	conversion->precision = how[3] & 0x80 && what != 'c' && what != 'p' ? how[3] % (real ? 10 : 32) : -1;
	conversion->by_argument = how[1] & 32;
	if (conversion->by_argument)
		snprintf(conversion->text, sizeof(conversion->text), "%%%s*.*%s%c", flags,
			 number ? lengths[how[1] >> 6] : "", what);
	else if (conversion->precision >= 0)
		snprintf(conversion->text, sizeof(conversion->text), "%%%s%d.%d%s%c", flags,
			 conversion->width, conversion->precision, number ? lengths[how[0] >> 5] : "", what);
	else
		snprintf(conversion->text, sizeof(conversion->text), "%%%s%.0d%s%c", flags,
			 conversion->width, number ? lengths[how[0] >> 5] : "", what);
}

/* Both, with the argument as the conversion wants it. */
#define BOTH(argument)                                                                             \
	do {                                                                                       \
		if (conversion->by_argument) {                                                     \
			format(ours, size, text, conversion->width, conversion->precision, argument); \
			snprintf(theirs, ROOM, text, conversion->width, conversion->precision, argument); \
		} else {                                                                           \
			format(ours, size, text, argument);                                        \
			snprintf(theirs, ROOM, text, argument);                                    \
		}                                                                                  \
	} while (0)

/* A real number among text: the same up to its last place, or not understood at all. */
static void check_real(const char *ours, const char *theirs, const char *text, double value, int places)
{
	if (strcmp(ours, theirs) == 0 || strcmp(ours, text) == 0)
		return;
	const char *a = ours + strcspn(ours, "0123456789"), *b = theirs + strcspn(theirs, "0123456789");

	demand(fabs(value) < 9e17 && strlen(ours) == strlen(theirs));
	demand(fabs(strtod(a, NULL) - strtod(b, NULL)) <= 1.001 * pow(10, -places) + fabs(value) * 1e-15);
}

static void compare(const struct conversion *conversion, const char *text, uint32_t size)
{
	char ours[ROOM + 1], theirs[ROOM];
	uint64_t value = conversion->value;
	double real;

	memcpy(&real, &value, sizeof(real));
	if (conversion->what == 'c') {
		BOTH((int)(value % 126) + 1);
	} else if (conversion->what == 's') {
		char string[9];

		memcpy(string, &value, 8);
		string[8] = '\0';
		BOTH((const char *)string);
	} else if (conversion->what == 'p') {
		BOTH((void *)(uintptr_t)(value | 1));
	} else if (strchr("fF", conversion->what)) {
		if (!isfinite(real))
			return;
		real = fabs(real) > 1e12 ? (double)(int64_t)value / 1e6 : real;
		BOTH(real);
		if (size == ROOM)
			check_real(ours, theirs, text, real, conversion->precision < 0 ? 6 : conversion->precision);
		return;
	} else if (strpbrk(conversion->text, "lzjt")) {
		BOTH((long)value);
	} else {
		BOTH((int)value);
	}
	/* Of a string that does not fit, and is padded, nobody counts what does not fit. */
	if (conversion->what == 's' && (uint32_t)conversion->width > size)
		return;
	demand(strncmp(ours, theirs, size) == 0 && strlen(ours) == strnlen(theirs, size));
}

/* With so many arguments that every one is there; a string is none. */
static void try_text(const char *text, uint32_t size)
{
	char out[ROOM + 1];
	size_t wanted = 0;

	for (const char *at = text; *at; at++)
		wanted += *at == '%' || *at == '*';
	if (wanted <= 16)
		format(out, size, text, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0.0,
		       0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct conversion conversion = { .what = 0 };
	char text[ROOM / 2], around[64];
	size_t rest = bytes < 13 ? 0 : bytes - 13;

	if (bytes < 13)
		return 0;
	rest = rest < sizeof(around) - 1 ? rest : sizeof(around) - 1;
	memcpy(around, data + 13, rest);
	around[rest] = '\0';
	uint32_t size = data[0] & 1 ? ROOM : data[0];

	try_text(around, size);
	for (char *at = around; (at = strchr(at, '%')) != NULL;)
		*at = '.';
	choose(&conversion, data + 1);
	memcpy(&conversion.value, data + 5, sizeof(conversion.value));
	snprintf(text, sizeof(text), "%s%s%s", around, conversion.text, around);
	compare(&conversion, text, size);
	return 0;
}
