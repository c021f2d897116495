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

struct ta_cli_run {
	const char *output; /* what the options say; NULL: nothing */
	const char *service;
	bool quiet; /* no summary at the end */
	bool no_follow;
	char **argv; /* of the program */
	int settle_ms;
	void (*before)(struct ta_cli_run *run); /* the program starts next, traced; or NULL */

	struct ta_cli_settings settings;
	char library[PATH_MAX];
	bool traced; /* the library goes in */
};

/* Starts it and waits for its end, and for the agent.  0, or an exit status + 1 when it could
 * not be started; then that was said. */
int ta_cli_run_program(struct ta_cli_run *run, struct ta_cli_child *child);

#endif
