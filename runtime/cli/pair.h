/* SPDX-License-Identifier: MIT */
/*
 * pair.h - key=value, as the command line takes it.
 */
#ifndef TA_CLI_PAIR_H
#define TA_CLI_PAIR_H

#include <stddef.h>

/* Cuts word at its first '='.  The value, or NULL (word untouched) when there is no
 * '=' or nothing before it. */
static inline char *ta_cli_pair_cut(char *word)
{
	for (char *at = word; *at; at++) {
		if (*at != '=')
			continue;
		if (at == word)
			return NULL;
		*at = '\0';
		return at + 1;
	}
	return NULL;
}

#endif
