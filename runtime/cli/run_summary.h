/* SPDX-License-Identifier: MIT */
/*
 * run_summary.h - the page at the end of `tagalong run`.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_RUN_SUMMARY_H
#define TA_CLI_RUN_SUMMARY_H

#include "runtime/cli/tally.h"

/* What the two files got since the tallies began, on standard error: indented lines, no
 * wider than the terminal.  file and program as they are shown. */
void ta_cli_run_page(const struct ta_cli_tally *spans, const struct ta_cli_tally *events,
		     const char *file, const char *program, double seconds);

#endif
