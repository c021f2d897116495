/* SPDX-License-Identifier: MIT */
/*
 * show_screen.c - where `tagalong show` and `tagalong wait-crash` print to: how wide it is,
 * which characters it has, whether it has colours.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned int width_of(FILE *out, bool terminal)
{
	const char *columns = getenv("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
	struct winsize size;

	if (!width && terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (!width)
		width = 100;
	return width < 40 ? 40 : width > 500 ? 500 : (unsigned int)width;
}

struct show_screen ta_show_screen(FILE *out, const char *color)
{
	bool terminal = isatty(fileno(out));
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct show_screen screen = { .out = out, .cut = terminal };

	screen.utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen.width = width_of(out, terminal);
	if (strcmp(color, "auto") == 0)
		screen.color = terminal && !(no_color && no_color[0]) &&
			       !(term && strcmp(term, "dumb") == 0);
	else
		screen.color = strcmp(color, "always") == 0;
	return screen;
}
