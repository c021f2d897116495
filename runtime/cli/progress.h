/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a long conversion is: a line on standard error, if that is a terminal.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_PROGRESS_H
#define TA_CLI_PROGRESS_H

#include <stdint.h>

/* "tagalong: COUNT WHAT", renewed in place; nothing in the first moments.  Cheap to call often. */
void ta_cli_progress(const char *what, uint64_t count);
/* Before anything else is said: takes the line away. */
void ta_cli_progress_end(void);

/* For export_store.progress. */
void ta_cli_progress_lines(uint64_t lines);

#endif
