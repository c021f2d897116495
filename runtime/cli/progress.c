/* SPDX-License-Identifier: MIT */
/*
 * progress.c - how far it is, on a terminal, when it takes longer than a moment.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define EVERY_NS 200000000ull
#define LOOK_EVERY 256u /* calls */

static uint64_t calls, last_ns;
static bool shown;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void ta_cli_progress(const char *what, uint64_t count)
{
	uint64_t at;

	if (calls++ % LOOK_EVERY || !isatty(STDERR_FILENO))
		return;
	at = now();
	if (!last_ns)
		last_ns = at;
	if (at - last_ns < EVERY_NS)
		return;
	last_ns = at;
	shown = true;
	fprintf(stderr, "\r\033[Ktagalong: %llu %s", (unsigned long long)count, what);
	fflush(stderr);
}

void ta_cli_progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

void ta_cli_progress_lines(uint64_t lines)
{
	ta_cli_progress("lines read", lines);
}
