/* SPDX-License-Identifier: MIT */
/*
 * say.c - how the command speaks for itself: one line, one write, on stderr.
 */
#include "runtime/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

void ta_cli_say(const char *format, ...)
{
	char line[4096] = "tagalong: ";
	const size_t start = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + start, sizeof(line) - start - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	/* A closed stderr is the caller's choice. */
	ssize_t ignored = write(STDERR_FILENO, line, strlen(line));

	(void)ignored;
}
