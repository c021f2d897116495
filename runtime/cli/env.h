/* SPDX-License-Identifier: MIT */
/*
 * env.h - an environment under construction.
 *
 * Starts as a copy of the pointers of another one; strings that were set are
 * owned, the others are borrowed and must outlive it.
 */
#ifndef TA_CLI_ENV_H
#define TA_CLI_ENV_H

#include <stddef.h>

struct ta_cli_env {
	char **items; /* NULL at the end; valid as envp */
	size_t count;
};

/* Returns 0 or -ENOMEM. */
int ta_cli_env_init(struct ta_cli_env *env, char *const *envp);
int ta_cli_env_set(struct ta_cli_env *env, const char *name, const char *value);

void ta_cli_env_unset(struct ta_cli_env *env, const char *name);

/* The value, or "" when it is not set: the two mean the same to us. */
const char *ta_cli_env_get(const struct ta_cli_env *env, const char *name);

#endif
