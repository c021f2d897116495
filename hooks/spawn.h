/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - what a new program is told, shared by exec.c and spawn.c.
 *
 * Runs: any host thread, forked and vfork children.
 */
#ifndef TA_HOOKS_SPAWN_H
#define TA_HOOKS_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/protocol/traceparent.h"

#define TA_SPAWN_ENV_MAX 192
#define TA_SPAWN_ENV_MORE 5 /* entries that we add at most */
#define TA_STARTER "TAGALONG_STARTER="

struct ta_spawn_env {
	char traceparent[12 + TA_TRACEPARENT_BYTES + 1];
	char starter[sizeof(TA_STARTER) + 20];
	char *entries[TA_SPAWN_ENV_MAX + TA_SPAWN_ENV_MORE + 1];
};

enum ta_spawn_place {
	TA_SPAWN_HERE,	 /* exec, in the process that began this image */
	TA_SPAWN_CHILD,	 /* exec, in a forked or vfork child */
	TA_SPAWN_BESIDE, /* libc will make the process */
};

/* The environment for a new image: envp itself when nothing is to be changed, else a copy
 * in *env. */
char *const *ta_spawn_env(struct ta_spawn_env *env, char *const *envp, enum ta_spawn_place place);

/* Leaves a breadcrumb for what was started, or could not be (error). */
void ta_spawn_told(const char *path, int error, pid_t child);

#endif
