/* SPDX-License-Identifier: MIT */
/*
 * cli.h - what the files of the `tagalong` command share.
 *
 * A verb is a function with main's signature: argv[0] is the verb, the result is
 * the exit status.  Usage errors are 2.  Everything the command says on its own
 * behalf is one line on stderr that begins with "tagalong: ".
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_CLI_H
#define TA_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define TA_CLI_USAGE 2

struct ta_cli_verb {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *synopsis; /* what follows the verb */
	const char *clause;   /* one line for the overview */
	const char *text;     /* the rest of `tagalong help VERB` */
};

/* All verbs, a NULL name at the end. */
extern const struct ta_cli_verb ta_cli_verbs[];

int ta_cli_run(int argc, char **argv);
int ta_cli_wait_crash(int argc, char **argv);
int ta_cli_span(int argc, char **argv);
int ta_cli_tag(int argc, char **argv);
int ta_cli_agent(int argc, char **argv);
int ta_cli_drain(int argc, char **argv);
int ta_cli_show(int argc, char **argv);
int ta_cli_status(int argc, char **argv);
int ta_cli_top(int argc, char **argv);
int ta_cli_export(int argc, char **argv);
int ta_cli_report(int argc, char **argv);
int ta_cli_doctor(int argc, char **argv);
int ta_cli_help(int argc, char **argv);

/* "tagalong: ..." and a newline to stderr, in one write. */
void ta_cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that option is not one of verb's, names the nearest one, returns 2.
 * options is a NULL-terminated list of long options. */
int ta_cli_bad_option(const char *verb, const char *option, const char *const *options);

/* The name of the list (NULL at the end) that word most likely meant, or NULL. */
const char *ta_cli_nearest(const char *word, const char *const *names);

/* The verb of this name, or NULL; the verb that was most likely meant, or NULL. */
const struct ta_cli_verb *ta_cli_verb(const char *name);
const char *ta_cli_nearest_verb(const char *name);

#endif
