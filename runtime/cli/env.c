/* SPDX-License-Identifier: MIT */
/*
 * env.c - an environment under construction.
 *
 * A command line lives short and sets five variables: replaced strings are not
 * given back.
 */
#include "runtime/cli/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ta_cli_env_init(struct ta_cli_env *env, char *const *envp)
{
	size_t count = 0;

	while (envp[count])
		count++;
	env->items = calloc(count + 1, sizeof(char *));
	if (!env->items)
		return -ENOMEM;
	memcpy(env->items, envp, count * sizeof(char *));
	env->count = count;
	return 0;
}

static size_t position(const struct ta_cli_env *env, const char *name)
{
	size_t bytes = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], name, bytes) == 0 && env->items[i][bytes] == '=')
			return i;
	return env->count;
}

int ta_cli_env_set(struct ta_cli_env *env, const char *name, const char *value)
{
	size_t at = position(env, name);
	char *item = NULL;

	if (asprintf(&item, "%s=%s", name, value) < 0)
		return -ENOMEM;
	if (at == env->count) {
		char **items = realloc(env->items, (env->count + 2) * sizeof(char *));

		if (!items) {
			free(item);
			return -ENOMEM;
		}
		env->items = items;
		env->items[++env->count] = NULL;
	}
	env->items[at] = item;
	return 0;
}

void ta_cli_env_unset(struct ta_cli_env *env, const char *name)
{
	for (size_t at = position(env, name); at < env->count; at = position(env, name)) {
		memmove(&env->items[at], &env->items[at + 1],
			(env->count - at) * sizeof(char *));
		env->count--;
	}
}

const char *ta_cli_env_get(const struct ta_cli_env *env, const char *name)
{
	size_t at = position(env, name);

	return at < env->count ? env->items[at] + strlen(name) + 1 : "";
}
