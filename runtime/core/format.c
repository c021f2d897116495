/* SPDX-License-Identifier: MIT */
/*
 * format.c - see format.h.
 *
 * Runs: any host thread, signal handlers.  Pure.
 */
#include "runtime/core/format.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/core/crumb.h"

struct sink {
	char *out;
	uint32_t bytes, size;
};

struct spec {
	bool left, zero, plus, blank, alternative;
	int width, precision; /* precision -1: none */
	int longs;	      /* 0: int, 1: long and its like, -1 short, -2 char */
	char conversion;
};

static void put(struct sink *sink, const char *text, size_t bytes)
{
	size_t room = sink->size - sink->bytes;

	if (bytes > room)
		bytes = room;
	memcpy(sink->out + sink->bytes, text, bytes);
	sink->bytes += (uint32_t)bytes;
}

static void fill(struct sink *sink, char c, long count)
{
	for (; count > 0 && sink->bytes < sink->size; count--)
		sink->out[sink->bytes++] = c;
}

/* prefix and zeroes come before text; all of it in the field's width. */
static void put_field(struct sink *sink, const struct spec *spec, const char *prefix, long zeroes,
		      const char *text, size_t bytes)
{
	long length = (long)strlen(prefix) + zeroes + (long)bytes, pad = spec->width - length;

	if (!spec->left)
		fill(sink, ' ', pad);
	put(sink, prefix, strlen(prefix));
	fill(sink, '0', zeroes);
	put(sink, text, bytes);
	if (spec->left)
		fill(sink, ' ', pad);
}

/* ---- numbers ---- */

static char *digits_of(uint64_t value, unsigned int base, const char *digits, char *end)
{
	while (value) {
		*--end = digits[value % base];
		value /= base;
	}
	return end;
}

static void put_number(struct sink *sink, const struct spec *spec, uint64_t value,
		       const char *prefix)
{
	char room[24], *end = room + sizeof(room);
	unsigned int base = 10;

	if (spec->conversion == 'x' || spec->conversion == 'X' || spec->conversion == 'p')
		base = 16;
	else if (spec->conversion == 'o')
		base = 8;
	char *at = digits_of(value, base,
			     spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef",
			     end);
	long least = spec->precision >= 0 ? spec->precision : 1, count = end - at;

	if (base == 16 && spec->alternative && value)
		prefix = spec->conversion == 'X' ? "0X" : "0x";
	if (spec->zero && !spec->left && spec->precision < 0 &&
	    spec->width - (long)strlen(prefix) > least)
		least = spec->width - (long)strlen(prefix);
	if (base == 8 && spec->alternative && count >= least)
		least = count + 1;
	put_field(sink, spec, prefix, least > count ? least - count : 0, at, (size_t)count);
}

static const char *sign_of(const struct spec *spec, bool negative)
{
	return negative ? "-" : spec->plus ? "+" : spec->blank ? " " : "";
}

static void put_signed(struct sink *sink, const struct spec *spec, int64_t value)
{
	put_number(sink, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value,
		   sign_of(spec, value < 0));
}

/* Numbers that fit 18 digits, to 9 places at most.  False: not that. */
static bool put_real(struct sink *sink, const struct spec *spec, double value)
{
	int places = spec->precision < 0 ? 6 : spec->precision;
	bool negative = __builtin_signbit(value) != 0; /* also of -0.0 */
	char room[32], *end = room + sizeof(room), *at = end;
	uint64_t scale = 1;

	value = negative ? -value : value;
	for (int i = 0; i < places && i < 9; i++)
		scale *= 10;
	if (places > 9 || !(value < 9e17 / (double)scale))
		return false;
	double scaled = value * (double)scale;
	uint64_t whole = (uint64_t)scaled;

	double rest = scaled - (double)whole;

	whole += rest > 0.5 || (rest == 0.5 && whole & 1); /* as libc rounds */
	for (int i = 0; i < places; i++, whole /= 10)
		*--at = (char)('0' + whole % 10);
	if (places)
		*--at = '.';
	if (whole == 0)
		*--at = '0';
	at = digits_of(whole, 10, "0123456789", at);
	const char *sign = sign_of(spec, negative);
	long zeroes = spec->zero && !spec->left ? spec->width - (long)strlen(sign) - (end - at) : 0;

	put_field(sink, spec, sign, zeroes > 0 ? zeroes : 0, at, (size_t)(end - at));
	return true;
}

/* ---- arguments ---- */

struct arguments {
	va_list list;
	int error;
};

static int64_t signed_argument(struct arguments *arguments, int longs)
{
	if (longs > 0)
		return va_arg(arguments->list, long);
	int value = va_arg(arguments->list, int);

	return longs == -2 ? (signed char)value : longs == -1 ? (short)value : value;
}

static uint64_t unsigned_argument(struct arguments *arguments, int longs)
{
	if (longs > 0)
		return va_arg(arguments->list, unsigned long);
	unsigned int value = va_arg(arguments->list, unsigned int);

	return longs == -2 ? (unsigned char)value : longs == -1 ? (unsigned short)value : value;
}

/* Not a byte is read beyond the precision, nor beyond what there is room for. */
static void put_string(struct sink *sink, const struct spec *spec, const char *text)
{
	size_t most = spec->precision >= 0 ? (size_t)spec->precision : sink->size;

	if (text == NULL)
		text = spec->precision >= 0 && spec->precision < 6 ? "" : "(null)";
	put_field(sink, spec, "", 0, text, strnlen(text, most < sink->size ? most : sink->size));
}

static void put_error(struct sink *sink, const struct spec *spec, int error)
{
	const char *text = ta_errno_text(error);
	struct spec plain = { .precision = -1, .conversion = 'd' };

	if (text) {
		put_string(sink, spec, text);
		return;
	}
	put(sink, "error ", 6);
	put_signed(sink, &plain, error);
}

static bool convert(struct sink *sink, const struct spec *spec, struct arguments *arguments)
{
	struct spec pointer = *spec;
	char c;

	switch (spec->conversion) {
	case 'd':
	case 'i':
		put_signed(sink, spec, signed_argument(arguments, spec->longs));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_number(sink, spec, unsigned_argument(arguments, spec->longs), "");
		return true;
	case 'p':
		pointer.alternative = true;
		put_number(sink, &pointer, (uintptr_t)va_arg(arguments->list, void *), "");
		return true;
	case 'm':
		put_error(sink, spec, arguments->error);
		return true;
	case 'c':
		c = (char)va_arg(arguments->list, int);
		put_field(sink, spec, "", 0, &c, 1);
		return spec->longs <= 0;
	case 's':
		if (spec->longs > 0)
			return false;
		put_string(sink, spec, va_arg(arguments->list, const char *));
		return true;
	case 'f':
	case 'F':
		return spec->longs <= 1 && put_real(sink, spec, va_arg(arguments->list, double));
	case '%':
		put(sink, "%", 1);
		return true;
	default:
		return false;
	}
}

/* ---- the format ---- */

static const char *read_flags(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else if (*at == '+')
			spec->plus = true;
		else if (*at == ' ')
			spec->blank = true;
		else if (*at == '#')
			spec->alternative = true;
		else
			return at;
	}
}

static const char *read_count(const char *at, int *count, struct arguments *arguments)
{
	*count = 0;
	if (*at == '*') {
		*count = va_arg(arguments->list, int);
		return at + 1;
	}
	for (; *at >= '0' && *at <= '9'; at++)
		if (*count < 100000)
			*count = *count * 10 + (*at - '0');
	return at;
}

static const char *read_length(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == 'h')
			spec->longs--;
		else if (*at == 'l')
			spec->longs++;
		else if (*at == 'z' || *at == 'j' || *at == 't')
			spec->longs = 1;
		else
			return at;
	}
}

static const char *read_spec(const char *at, struct spec *spec, struct arguments *arguments)
{
	*spec = (struct spec){ .precision = -1 };
	at = read_count(read_flags(at, spec), &spec->width, arguments);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = spec->width < -100000 ? 100000 : -spec->width;
	}
	if (*at == '.')
		at = read_count(at + 1, &spec->precision, arguments);
	at = read_length(at, spec);
	spec->conversion = *at;
	return *at ? at + 1 : at;
}

static bool format_all(struct sink *sink, const char *format, struct arguments *arguments)
{
	struct spec spec;

	while (*format && sink->bytes < sink->size) {
		size_t plain = strcspn(format, "%");

		put(sink, format, plain);
		format += plain;
		if (*format == '\0' || sink->bytes == sink->size)
			break;
		format = read_spec(format + 1, &spec, arguments);
		if (!convert(sink, &spec, arguments))
			return false;
	}
	return true;
}

uint32_t ta_format(char *out, uint32_t size, const char *format, va_list list, int error)
{
	struct sink sink = { .out = out, .size = size };
	struct arguments arguments = { .error = error };

	va_copy(arguments.list, list);
	bool understood = format_all(&sink, format, &arguments);

	va_end(arguments.list);
	if (!understood) {
		sink.bytes = 0;
		put(&sink, format, strnlen(format, size));
	}
	return sink.bytes;
}
