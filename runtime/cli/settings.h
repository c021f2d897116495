/* SPDX-License-Identifier: MIT */
/*
 * settings.h - the configuration as a program started from here would have it.
 *
 * Three steps: init copies the environment, the caller changes it, load makes
 * paths absolute, reads it and computes the key of the agent.
 */
#ifndef TA_CLI_SETTINGS_H
#define TA_CLI_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cli/env.h"
#include "runtime/wire/config.h"

struct ta_cli_settings {
	char cwd[PATH_MAX];
	char run_dir[PATH_MAX];
	bool run_dir_configured;
	struct ta_cli_env env;
	struct ta_config config; /* points into env */
	uint32_t key;
};

int ta_cli_settings_init(struct ta_cli_settings *settings);

/* warn may be NULL.  Returns 0 or -errno. */
int ta_cli_settings_load(struct ta_cli_settings *settings, ta_config_warn_fn *warn);
int ta_cli_settings_load_for(struct ta_cli_settings *settings, ta_config_warn_fn *warn, void *user);

/* A sentence for a value that was not taken; false when nobody needs to know. */
bool ta_cli_settings_words(const struct ta_config_warning *warning, char *out, size_t out_bytes);

/* The same as one line on stderr, for ta_cli_settings_load(). */
void ta_cli_settings_warn(void *user, const struct ta_config_warning *warning);

#endif
