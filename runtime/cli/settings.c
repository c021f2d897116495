/* SPDX-License-Identifier: MIT */
/*
 * settings.c - the configuration as a program started from here would have it.
 *
 * Relative paths are made absolute in the environment: the program may change its
 * directory before it starts others, and hosts and agent must agree on the key.
 */
#include "runtime/cli/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/place.h"

int ta_cli_settings_init(struct ta_cli_settings *settings)
{
	if (!getcwd(settings->cwd, sizeof(settings->cwd)))
		strcpy(settings->cwd, "/"); /* removed under us */
	return ta_cli_env_init(&settings->env, environ);
}

static int make_absolute(struct ta_cli_settings *settings, const char *variable)
{
	char path[PATH_MAX];
	const char *value = ta_cli_env_get(&settings->env, variable);

	if (value[0] == '\0' || value[0] == '/' || strcmp(value, "none") == 0)
		return 0;
	int error = ta_cli_absolute(settings->cwd, value, path);

	return error ? error : ta_cli_env_set(&settings->env, variable, path);
}

int ta_cli_settings_load(struct ta_cli_settings *settings, ta_config_warn_fn *warn)
{
	return ta_cli_settings_load_for(settings, warn, NULL);
}

int ta_cli_settings_load_for(struct ta_cli_settings *settings, ta_config_warn_fn *warn, void *user)
{
	static const char *const paths[] = { "TAGALONG_FILE", "TAGALONG_LOG", "TAGALONG_RUN_DIR",
					     "TAGALONG_AGENT", NULL };

	for (const char *const *path = paths; *path; path++) {
		int error = make_absolute(settings, *path);

		if (error)
			return error;
	}
	ta_config_load(&settings->config, settings->env.items, warn, user);
	settings->run_dir_configured = settings->config.run_dir[0] != '\0';
	settings->key = ta_config_key(&settings->config, settings->env.items, settings->cwd);
	return ta_cli_run_dir(settings->config.run_dir, settings->cwd, settings->run_dir);
}

/* Set by `tagalong run` for its program: not a setting. */
static bool is_internal(const char *variable)
{
	return strcmp(variable, "TAGALONG_ROOT_PID") == 0;
}

bool ta_cli_settings_words(const struct ta_config_warning *warning, char *out, size_t out_bytes)
{
	bool near = warning->used && warning->used[0];

	if (is_internal(warning->variable))
		return false;
	if (warning->allowed && warning->allowed[0])
		snprintf(out, out_bytes, "%s=%s: allowed is %s; using %s", warning->variable,
			 warning->value, warning->allowed, warning->used);
	else
		snprintf(out, out_bytes,
			 "%s: no such setting%s%s; `tagalong help environment` lists all",
			 warning->variable, near ? ", did you mean " : "", near ? warning->used : "");
	return true;
}

void ta_cli_settings_warn(void *user, const struct ta_config_warning *warning)
{
	char text[1024];

	(void)user;
	if (ta_cli_settings_words(warning, text, sizeof(text)))
		ta_cli_say("%s", text);
}
