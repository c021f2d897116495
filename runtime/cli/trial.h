/* SPDX-License-Identifier: MIT */
/*
 * trial.h - starting the library and the agent to see whether they start.
 */
#ifndef TA_CLI_TRIAL_H
#define TA_CLI_TRIAL_H

#define TA_CLI_SAID_BYTES 256

struct ta_cli_settings;

/* Preloads library into ourselves.  0, or -errno with what was said. */
int ta_cli_try_library(const char *library, char ret_said[TA_CLI_SAID_BYTES]);

/* Starts an agent on a directory of its own, which has nothing to serve. */
int ta_cli_try_agent(const struct ta_cli_settings *settings, char ret_said[TA_CLI_SAID_BYTES]);

#endif
