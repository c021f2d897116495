/* SPDX-License-Identifier: MIT */
/*
 * checks.h - what stands in the way of tracing a program.
 *
 * Each check makes findings; `tagalong doctor` prints all of them, `tagalong run`
 * the first problem.  Nothing is executed and nothing is changed.
 */
#ifndef TA_CLI_CHECKS_H
#define TA_CLI_CHECKS_H

#include <stdbool.h>

#define TA_CLI_REASON_BYTES 1024

enum ta_cli_level { TA_CLI_OK, TA_CLI_NOTE, TA_CLI_PROBLEM };

struct ta_cli_settings;

/* Who is told.  text is one line. */
struct ta_cli_findings {
	void (*note)(void *user, enum ta_cli_level level, const char *text);
	void *user;
};

void ta_cli_find(const struct ta_cli_findings *findings, enum ta_cli_level level,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* path is the file that would be executed; scripts are followed. */
void ta_cli_check_program(const char *path, const char *library,
			  const struct ta_cli_settings *settings,
			  const struct ta_cli_findings *findings);

/* Whether the program would end at once with a library preloaded. */
bool ta_cli_ends_preloaded(const char *path, const struct ta_cli_settings *settings);

/* The first problem of the program; false when there is none. */
bool ta_cli_why_untraceable(const char *path, const char *library,
			    const struct ta_cli_settings *settings,
			    char ret_reason[TA_CLI_REASON_BYTES]);

#endif
