/* SPDX-License-Identifier: MIT */
/*
 * child.c - waiting for children, where a keeper would show.
 *
 * A host that is init or a subreaper has a keeper (preload/spawn.c): a child
 * without exit signal, which plain waits do not count.  __WALL and __WCLONE do, so
 * there they are taken out of the options.  A program that makes such children
 * itself (clone with another exit signal) gets its options as it gave them.
 * Everywhere else these hooks are one load and a branch.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "hooks/hook.h"

#include <sys/wait.h>

static bool keeper_would_show(int options)
{
	return TA_UNLIKELY(ta_runtime.keeper) && !ta_runtime.clone_children &&
	       (options & (int)(__WALL | __WCLONE)) != 0;
}

/* "Clone children only": there are none but the keeper. */
static bool nobody_to_wait_for(int options)
{
	return (options & (int)__WCLONE) != 0 && !(options & __WALL);
}

#define WITHOUT_KEEPER(options) ((options) & ~(int)(__WALL | __WCLONE))

TA_HOOK pid_t waitpid(pid_t child, int *status, int options)
{
	if (!keeper_would_show(options))
		return TA_REAL(waitpid)(child, status, options);
	if (nobody_to_wait_for(options)) {
		errno = ECHILD;
		return -1;
	}
	return TA_REAL(waitpid)(child, status, WITHOUT_KEEPER(options));
}

TA_HOOK pid_t wait4(pid_t child, int *status, int options, struct rusage *usage)
{
	if (!keeper_would_show(options))
		return TA_REAL(wait4)(child, status, options, usage);
	if (nobody_to_wait_for(options)) {
		errno = ECHILD;
		return -1;
	}
	return TA_REAL(wait4)(child, status, WITHOUT_KEEPER(options), usage);
}

TA_HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (!keeper_would_show(options))
		return TA_REAL(waitid)(type, id, info, options);
	if (nobody_to_wait_for(options)) {
		errno = ECHILD;
		return -1;
	}
	return TA_REAL(waitid)(type, id, info, WITHOUT_KEEPER(options));
}
