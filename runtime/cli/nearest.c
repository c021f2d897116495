/* SPDX-License-Identifier: MIT */
/*
 * nearest.c - what the user most likely meant.
 *
 * Edit distance with neighbours swapped counted as one (shwo, show).  A guess is
 * offered only when at most a third of the word, and at least one letter, differs.
 */
#include "runtime/cli/cli.h"

#include <string.h>

#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	size_t rows[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= a_bytes; i++) {
		for (size_t j = 0; j <= b_bytes; j++) {
			if (i == 0 || j == 0) {
				rows[i][j] = i + j;
				continue;
			}
			size_t swap = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			rows[i][j] = least(swap, least(rows[i - 1][j], rows[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_bytes][b_bytes];
}

const char *ta_cli_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t word_bytes = strlen(word), best_distance = word_bytes / 3 + 1;

	if (word_bytes == 0 || word_bytes > WORD_MAX)
		return NULL;
	for (; *names; names++) {
		size_t name_bytes = strlen(*names);

		if (name_bytes > WORD_MAX)
			continue;
		size_t found = distance(word, word_bytes, *names, name_bytes);

		if (found <= best_distance && (!best || found < best_distance)) {
			best = *names;
			best_distance = found;
		}
	}
	return best;
}

const char *ta_cli_nearest_verb(const char *name)
{
	const char *names[16];
	size_t count = 0;

	for (const struct ta_cli_verb *verb = ta_cli_verbs; verb->name && count < 15; verb++)
		names[count++] = verb->name;
	names[count] = NULL;
	return ta_cli_nearest(name, names);
}

int ta_cli_bad_option(const char *verb, const char *option, const char *const *options)
{
	const char *meant = ta_cli_nearest(option, options);
	size_t dashes = strspn(option, "-");

	if (!meant && ta_cli_nearest_verb(option + dashes))
		meant = ta_cli_nearest_verb(option + dashes);
	if (meant)
		ta_cli_say("unknown option '%s'; did you mean '%s'?  `tagalong help %s` lists all",
			   option, meant, verb);
	else
		ta_cli_say("unknown option '%s'; `tagalong help %s` lists all", option, verb);
	return TA_CLI_USAGE;
}
