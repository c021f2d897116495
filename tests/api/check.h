/* SPDX-License-Identifier: MIT */
/*
 * check.h - what the programs of tests/api share.
 *
 * A program says each broken promise on a line of its own and ends with 1 if there
 * was one.  Every call goes through CALL or DO, which see to it that errno stays.
 * Plain C99 and C++11: these programs also show that the header is.
 */
#ifndef TESTS_API_CHECK_H
#define TESTS_API_CHECK_H

#include <tagalong.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The null pointer that no compiler complains about. */
#define NOTHING TAGALONG_NULL_

static int check_failures;

static inline void check_errno(const char *what, int line)
{
	if (errno != 77) {
		printf("line %d: %s leaves errno %d\n", line, what, errno);
		check_failures++;
	}
	errno = 77;
}

static inline void check_result(const char *what, int line, long got, long wanted)
{
	if (got != wanted) {
		printf("line %d: %s is %ld, not %ld\n", line, what, got, wanted);
		check_failures++;
	}
}

/* A call without a result; one whose result is an int. */
#define DO(call) (errno = 77, (void)(call), check_errno(#call, __LINE__))
#define CALL(call, wanted) check_call(#call, __LINE__, (errno = 77, (call)), wanted)
/* Anything else that has to be true. */
#define HOLDS(condition) check_result(#condition, __LINE__, (condition) ? 1 : 0, 1)

static inline void check_call(const char *what, int line, int got, int wanted)
{
	check_errno(what, line);
	check_result(what, line, got, wanted);
}

#endif
