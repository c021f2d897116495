/* SPDX-License-Identifier: MIT */
/*
 * crumb_words.c - says its arguments on standard error, a line each, and captures an error.  Uses the
 * optional API for that one only.
 *
 *     crumb_words LINE...
 *
 * Not a victim: tests/e2e/test_breadcrumbs.py runs it.
 */
#include <stdio.h>

#include "runtime/include/tagalong.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		fprintf(stderr, "%s\n", argv[i]);
	return tagalong_capture_error("Words", "said") != 0;
}
