/* SPDX-License-Identifier: MIT */
/*
 * run.h - a program under Tagalong: what `tagalong run` and `tagalong wait-crash` share.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_RUN_H
#define TA_CLI_RUN_H

#include <limits.h>
#include <stdbool.h>

#include "runtime/cli/child.h"
#include "runtime/cli/settings.h"

#define TA_CLI_SETTLE_MS 3000 /* for the agent, once the program has ended */

#define TA_CLI_RUN_TAGS 64u

enum ta_cli_export { TA_CLI_EXPORT_FILE = 1, TA_CLI_EXPORT_OTLP = 2, TA_CLI_EXPORT_SENTRY = 4 };

struct ta_cli_run {
	const char *output; /* what the options say; NULL: nothing */
	const char *service, *endpoint, *dsn, *sample, *keep;
	const char *tags[TA_CLI_RUN_TAGS]; /* KEY=VALUE */
	unsigned int tag_count;
	unsigned int exports; /* enum ta_cli_export; 0: as configured */
	bool quiet; /* nothing is said at the end */
	bool summary; /* a page at the end, wherever standard error goes */
	bool follow, no_follow; /* neither: as configured */
	char **argv; /* of the program */
	int settle_ms;
	void (*before)(struct ta_cli_run *run); /* the program starts next, traced; or NULL */

	struct ta_cli_settings settings;
	char library[PATH_MAX];
	bool traced; /* the library goes in */
};

/* run_options.c: the command line of `tagalong run`; 0, or an exit status + 1. */
int ta_cli_run_parse(struct ta_cli_run *run, int argc, char **argv);
/* What the options say, into settings.env; 0 or -errno. */
int ta_cli_run_environment(struct ta_cli_run *run);

/* Starts it and waits for its end, and for the agent.  0, or an exit status + 1 when it could
 * not be started; then that was said. */
int ta_cli_run_program(struct ta_cli_run *run, struct ta_cli_child *child);

#endif
