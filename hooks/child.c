/* SPDX-License-Identifier: MIT */
/*
 * child.c - waiting for children.
 *
 * What a child died of is told to the runtime when it is reaped (core/ends.h); what the
 * caller gets is what libc gave.
 *
 * A host that is init or a subreaper has a keeper (preload/spawn.c): a child
 * without exit signal, which plain waits do not count.  __WALL and __WCLONE do, so
 * there they are taken out of the options.  A program that makes such children
 * itself (clone with another exit signal) gets its options as it gave them.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "hooks/hook.h"

#include <sys/wait.h>

#include "runtime/core/ends.h"

static bool keeper_would_show(int options)
{
	return TA_UNLIKELY(ta_runtime.keeper) && !ta_runtime.clone_children &&
	       (options & (int)(__WALL | __WCLONE)) != 0;
}

/* "Clone children only": there are none but the keeper. */
static bool nobody_to_wait_for(int options)
{
	return keeper_would_show(options) && (options & (int)__WCLONE) != 0 && !(options & __WALL);
}

static int without_keeper(int options)
{
	return keeper_would_show(options) ? options & ~(int)(__WALL | __WCLONE) : options;
}

static int no_child(void)
{
	errno = ECHILD;
	return -1;
}

/* ---- what became of it ---- */

static void note(pid_t child, int status)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return;
	if (WIFSIGNALED(status))
		ta_child_died(child, WTERMSIG(status));
	else if (WIFEXITED(status))
		ta_child_exited(child, WEXITSTATUS(status));
}

static pid_t reaped(pid_t child, const int *status)
{
	if (child > 0 && *status != 0)
		note(child, *status);
	return child;
}

static void note_info(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		note(info->si_pid, (info->si_status & 0xff) << 8);
	else if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED)
		note(info->si_pid, info->si_status & 0x7f);
}

/* ---- the calls ---- */

/* Where the program does not want the status, we still do. */
#define OWN_STATUS(status)                                                                         \
	int own_status = 0;                                                                        \
	status = status ? status : &own_status

TA_HOOK pid_t wait(int *status)
{
	OWN_STATUS(status);
	return reaped(TA_REAL(wait)(status), status);
}

TA_HOOK pid_t __wait(int *status);
TA_HOOK pid_t __wait(int *status)
{
	OWN_STATUS(status);
	return reaped(TA_REAL(__wait)(status), status);
}

TA_HOOK pid_t waitpid(pid_t child, int *status, int options)
{
	if (nobody_to_wait_for(options))
		return no_child();
	OWN_STATUS(status);
	return reaped(TA_REAL(waitpid)(child, status, without_keeper(options)), status);
}

TA_HOOK pid_t __waitpid(pid_t child, int *status, int options);
TA_HOOK pid_t __waitpid(pid_t child, int *status, int options)
{
	if (nobody_to_wait_for(options))
		return no_child();
	OWN_STATUS(status);
	return reaped(TA_REAL(__waitpid)(child, status, without_keeper(options)), status);
}

TA_HOOK pid_t wait3(int *status, int options, struct rusage *usage)
{
	if (nobody_to_wait_for(options))
		return no_child();
	OWN_STATUS(status);
	return reaped(TA_REAL(wait3)(status, without_keeper(options), usage), status);
}

TA_HOOK pid_t wait4(pid_t child, int *status, int options, struct rusage *usage)
{
	if (nobody_to_wait_for(options))
		return no_child();
	OWN_STATUS(status);
	return reaped(TA_REAL(wait4)(child, status, without_keeper(options), usage), status);
}

/* Without a place for the facts there are none: asking for them is not the same call. */
TA_HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (nobody_to_wait_for(options))
		return no_child();
	int result = TA_REAL(waitid)(type, id, info, without_keeper(options));

	if (result == 0 && info && !(options & WNOWAIT) && info->si_pid > 0)
		note_info(info);
	return result;
}

/* ---- who killed it ---- */

TA_HOOK int kill(pid_t process, int number)
{
	if (number == SIGKILL && !ta_tls.passive)
		ta_child_killed(process);
	return TA_REAL(kill)(process, number);
}

TA_HOOK int killpg(pid_t group, int number)
{
	if (number == SIGKILL && !ta_tls.passive)
		ta_child_killed(-1);
	return TA_REAL(killpg)(group, number);
}
