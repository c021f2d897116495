/* SPDX-License-Identifier: MIT */
/*
 * crumb_storm.c - says so many lines on standard error, has a handler run once, captures an error,
 * and says on standard output how many whole seconds that took at most.  Uses the optional API for
 * that error only.
 *
 *     crumb_storm LINES
 *
 * Not a victim: tests/e2e/test_breadcrumbs.py runs it.
 */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
	handled = number;
}

static long long now_ns(void)
{
	struct timespec now;

	NEED(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int main(int argc, char **argv)
{
	long long begin = now_ns();

	NEED(argc == 2 && signal(SIGUSR1, on_signal) != SIG_ERR);
	for (int i = 0; i < atoi(argv[1]); i++)
		fprintf(stderr, "line %d\n", i);
	NEED(raise(SIGUSR1) == 0 && handled == SIGUSR1);
	tagalong_capture_error("Storm", argv[1]);
	say("%lld\n", (now_ns() - begin) / 1000000000 + 1);
	return 0;
}
