/* SPDX-License-Identifier: MIT */
/*
 * check.h - the little that our unit tests need.
 *
 * A test program is a few groups.  Each group is a function of checks; it prints
 * one line, "ok NAME" or "not ok NAME: why" with the first check that failed.
 *
 *     static void splits(void)
 *     {
 *             check(1 + 1 == 2, "%d", 1 + 1);
 *     }
 *     int main(void)
 *     {
 *             check_group("splits", splits);
 *             return check_status();
 *     }
 *
 * Exit status: 0, or 1 when a check failed; check_skip() ends with 77.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_SKIPPED 77

static struct {
	char why[2048]; /* of the first failure in this group */
	bool failed;	/* this group */
	int failures;	/* groups */
} check_state;

/* Notes the first failure of a group; the group goes on.  Returns the condition,
 * so that a group can stop where going on makes no sense. */
__attribute__((unused, format(printf, 4, 5))) static bool
check_at(bool holds, const char *condition, int line, const char *format, ...)
{
	if (holds || check_state.failed)
		return holds;
	int used = snprintf(check_state.why, sizeof(check_state.why), "line %d: %s: ", line,
			    condition);
	va_list args;

	va_start(args, format);
	if (used > 0 && (size_t)used < sizeof(check_state.why))
		vsnprintf(check_state.why + used, sizeof(check_state.why) - (size_t)used, format,
			  args);
	va_end(args);
	check_state.failed = true;
	return false;
}

#define check(condition, ...) check_at((condition), #condition, __LINE__, __VA_ARGS__)

/* Two numbers that have to be the same. */
#define check_same(a, b)                                                                           \
	do {                                                                                       \
		long long check_a = (long long)(a), check_b = (long long)(b);                      \
		check_at(check_a == check_b, #a " is " #b, __LINE__, "%lld, expected %lld",        \
			 check_a, check_b);                                                        \
	} while (0)

/* Two strings that have to be the same. */
#define check_text(a, b)                                                                           \
	do {                                                                                       \
		const char *check_a = (a), *check_b = (b);                                         \
		check_at(strcmp(check_a, check_b) == 0, #a, __LINE__, "\"%s\", expected \"%s\"",   \
			 check_a, check_b);                                                        \
	} while (0)

__attribute__((unused)) static void check_group(const char *name, void (*run)(void))
{
	check_state.failed = false;
	run();
	if (check_state.failed) {
		check_state.failures++;
		printf("not ok %s: %s\n", name, check_state.why);
	} else {
		printf("ok %s\n", name);
	}
	fflush(stdout);
}

__attribute__((unused)) static int check_status(void)
{
	return check_state.failures ? 1 : 0;
}

__attribute__((unused, noreturn)) static void check_skip(const char *why)
{
	printf("skip: %s\n", why);
	exit(CHECK_SKIPPED);
}

#endif
