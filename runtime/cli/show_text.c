/* SPDX-License-Identifier: MIT */
/*
 * show_text.c - text on its way to a terminal: measured, cut, and made harmless.
 *
 * Names come from the network.  Control characters, broken UTF-8, and the
 * characters that turn the writing direction become '?'; where the locale is not
 * UTF-8 everything beyond ASCII does.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <string.h>
#include <wchar.h>

/* The next character of text: its bytes and its columns.  columns is -1 when it
 * must not be printed. */
static size_t next_char(const struct show_screen *screen, const char *text, int *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t bytes;

	if ((unsigned char)text[0] < 0x80) {
		*ret_columns = (unsigned char)text[0] >= 0x20 && text[0] != 0x7f ? 1 : -1;
		return 1;
	}
	*ret_columns = -1;
	bytes = screen->utf8 ? mbrtowc(&wide, text, strlen(text), &state) : (size_t)-1;
	if (bytes == 0 || bytes > 4) {
		bytes = 1; /* skip the rest of what might have been one character */
		while (!screen->utf8 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
			bytes++;
		return bytes;
	}
	if ((wide >= 0x202a && wide <= 0x202e) || (wide >= 0x2066 && wide <= 0x2069))
		return bytes;
	*ret_columns = wcwidth(wide);
	return bytes;
}

unsigned int ta_show_width(const struct show_screen *screen, const char *text)
{
	unsigned int width = 0;

	while (*text) {
		int columns;

		text += next_char(screen, text, &columns);
		width += columns < 0 ? 1 : (unsigned int)columns;
	}
	return width;
}

unsigned int ta_show_text(const struct show_screen *screen, const char *text, unsigned int max)
{
	unsigned int width = ta_show_width(screen, text), at = 0;
	const char *dots = screen->utf8 ? "\xe2\x80\xa6" : "~";
	bool cut = width > max;

	if (max == 0)
		return 0;
	while (*text) {
		int columns;
		size_t bytes = next_char(screen, text, &columns);
		unsigned int wide = columns < 0 ? 1 : (unsigned int)columns;

		if (cut && at + wide > max - 1)
			break;
		if (columns < 0)
			fputc('?', screen->out);
		else
			fwrite(text, 1, bytes, screen->out);
		at += wide;
		text += bytes;
	}
	if (cut) {
		fputs(dots, screen->out);
		at++;
	}
	return at;
}

void ta_show_pad(const struct show_screen *screen, unsigned int columns)
{
	fprintf(screen->out, "%*s", (int)columns, "");
}

void ta_show_style(const struct show_screen *screen, const char *style)
{
	if (screen->color)
		fprintf(screen->out, "\033[%sm", style ? style : "0");
}

/* Three digits that matter. */
static void scaled(double value, const char *unit, char *out, size_t out_bytes)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(out, out_bytes, "%.*f %s", decimals, value, unit);
}

void ta_show_duration(const struct show_screen *screen, uint64_t ns, char *out, size_t out_bytes)
{
	unsigned long long seconds = ns / 1000000000;

	if (ns < 1000)
		snprintf(out, out_bytes, "%u ns", (unsigned int)ns);
	else if (ns < 999500)
		scaled((double)ns / 1e3, screen->utf8 ? "\xc2\xb5s" : "us", out, out_bytes);
	else if (ns < 999500000)
		scaled((double)ns / 1e6, "ms", out, out_bytes);
	else if (seconds < 60)
		scaled((double)ns / 1e9, "s", out, out_bytes);
	else if (seconds < 3600)
		snprintf(out, out_bytes, "%llum %02llus", seconds / 60, seconds % 60);
	else
		snprintf(out, out_bytes, "%lluh %02llum", seconds / 3600, seconds / 60 % 60);
}
