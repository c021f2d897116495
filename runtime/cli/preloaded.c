/* SPDX-License-Identifier: MIT */
/*
 * preloaded.c - the command itself as a program that is watched.
 *
 * Spans go where `tagalong run` would write them, and programs started from here
 * inherit that, so that one trace is in one file.
 */
#include "runtime/cli/preloaded.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"
#include "runtime/cli/settings.h"
#include "runtime/include/tagalong.h"

static int put_preload(struct ta_cli_env *env, const char *library)
{
	const char *existing = ta_cli_env_get(env, "LD_PRELOAD");
	char value[PATH_MAX * 2];
	int length =
		snprintf(value, sizeof(value), "%s%s%s", library, existing[0] ? ":" : "", existing);

	if (length < 0 || (size_t)length >= sizeof(value))
		return -ENAMETOOLONG;
	return ta_cli_env_set(env, "LD_PRELOAD", value);
}

int ta_cli_env_without_library(struct ta_cli_env *env)
{
	const char *preload = ta_cli_env_get(env, "LD_PRELOAD");
	const char *rest = preload + strcspn(preload, ":");

	if (*rest == ':')
		return ta_cli_env_set(env, "LD_PRELOAD", rest + 1);
	ta_cli_env_unset(env, "LD_PRELOAD");
	return 0;
}

/* NULL, or why the library cannot be had. */
static const char *find_library(const struct ta_cli_settings *settings, char *ret_library)
{
	if (ta_cli_library(ret_library) < 0)
		return TA_CLI_LIBRARY " is neither beside the tagalong binary nor in ../lib: install them together";
	if (ret_library[strcspn(ret_library, " :")])
		return "the dynamic loader takes no path with a space or a colon: install "
		       "elsewhere";
	return ta_cli_run_dir_make(settings->run_dir, settings->run_dir_configured);
}

static int prepare(struct ta_cli_settings *settings)
{
	int error = ta_cli_settings_init(settings);

	if (!error && ta_cli_env_get(&settings->env, "TAGALONG_FILE")[0] == '\0')
		error = ta_cli_env_set(&settings->env, "TAGALONG_FILE", "tagalong.jsonl");
	if (!error)
		error = ta_cli_settings_load(settings, ta_cli_settings_warn);
	return error;
}

static int start_again(struct ta_cli_settings *settings, const char *library, int argc, char **argv)
{
	char self[PATH_MAX];
	char **again = calloc((size_t)argc + 3, sizeof(char *));
	int error = again ? ta_cli_self(self) : -ENOMEM;

	if (!error)
		error = put_preload(&settings->env, library);
	if (!error) {
		again[0] = (char *)"tagalong";
		again[1] = argv[0];
		again[2] = (char *)TA_CLI_PRELOADED;
		memcpy(again + 3, argv + 1, (size_t)(argc - 1) * sizeof(char *));
		execve(self, again, settings->env.items);
		error = -errno;
	}
	free(again);
	return error;
}

bool ta_cli_is_preloaded(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], TA_CLI_PRELOADED) == 0;
}

bool ta_cli_have_library(int argc, char **argv)
{
	static struct ta_cli_settings settings;
	char library[PATH_MAX];

	if (tagalong() || ta_cli_is_preloaded(argc, argv))
		return true;
	int error = prepare(&settings);

	if (!error && (settings.config.disabled || settings.config.sdk_disabled))
		return true;
	const char *why = error ? strerror(-error) : find_library(&settings, library);

	if (!why)
		why = strerror(-start_again(&settings, library, argc, argv));
	ta_cli_say("%s: nothing is recorded: %s", argv[0], why);
	return false;
}
