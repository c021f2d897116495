/* SPDX-License-Identifier: MIT */
/*
 * exec.c - new images in place of this one.
 *
 * An image that could not be started leaves a breadcrumb.  An exec that works leaves
 * none: there is nobody left to show it.
 *
 * Runs: any host thread, forked and vfork children.  No heap, no locks; in a
 * vfork child nothing is recorded, only read.
 */
#include "hooks/hook.h"

#include <stdarg.h>
#include <unistd.h>

#include "hooks/spawn.h"
#include "runtime/core/process_span.h"

extern char **environ;

static enum ta_spawn_place place(void)
{
	return ta_tls.passive || !ta_runtime.creator ? TA_SPAWN_CHILD : TA_SPAWN_HERE;
}

/* What the new image will name is published first: nothing may follow the record. */
static void note_exec(void)
{
	ta_process_span_forking();
	TA_GUARD(guard);

	if (guard.entered)
		ta_process_exec();
}

/* exec came back: it failed. */
static int not_started(const char *path, int result)
{
	ta_spawn_told(path, errno, 0);
	return result;
}

/* ---- exec ---- */

static int run_execve(const char *path, char *const *argv, char *const *envp)
{
	struct ta_spawn_env env;

	note_exec();
	return not_started(path, TA_REAL(execve)(path, argv,
						 ta_spawn_env(&env, envp, place())));
}

static int run_execvpe(const char *file, char *const *argv, char *const *envp)
{
	struct ta_spawn_env env;

	note_exec();
	return not_started(file, TA_REAL(execvpe)(file, argv,
						  ta_spawn_env(&env, envp, place())));
}

TA_HOOK int execve(const char *path, char *const *argv, char *const *envp)
{
	return run_execve(path, argv, envp);
}

TA_HOOK int execv(const char *path, char *const *argv)
{
	return run_execve(path, argv, environ);
}

TA_HOOK int execvp(const char *file, char *const *argv)
{
	return run_execvpe(file, argv, environ);
}

TA_HOOK int execvpe(const char *file, char *const *argv, char *const *envp)
{
	return run_execvpe(file, argv, envp);
}

TA_HOOK int fexecve(int fd, char *const *argv, char *const *envp)
{
	struct ta_spawn_env env;

	note_exec();
	return TA_REAL(fexecve)(fd, argv, ta_spawn_env(&env, envp, place()));
}

TA_HOOK int execveat(int dir, const char *path, char *const *argv, char *const *envp, int flags)
{
	struct ta_spawn_env env;

	note_exec();
	return not_started(path, TA_REAL(execveat)(dir, path, argv,
						   ta_spawn_env(&env, envp, place()),
						   flags));
}

/* The list forms: arguments up to NULL, for execle followed by the environment.
 * The array is as long as the list, on the stack, as libc has it. */
static size_t count_arguments(const char *first, va_list list)
{
	size_t count = 1;
	va_list walk;

	va_copy(walk, list);
	for (const char *next = first; next; next = va_arg(walk, const char *))
		count++;
	va_end(walk);
	return count;
}

#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wstack-usage="
#endif
#define EXECL(name, run, environment)                                                              \
	TA_HOOK int name(const char *path, const char *first, ...)                                 \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, first);                                                             \
		size_t count = count_arguments(first, list);                                       \
		char *argv[count];                                                                 \
                                                                                                   \
		argv[0] = (char *)first;                                                           \
		for (size_t at = 1; at < count; at++)                                              \
			argv[at] = va_arg(list, char *);                                           \
		char *const *envp = environment;                                                   \
                                                                                                   \
		va_end(list);                                                                      \
		return run(path, argv, envp);                                                      \
	}

EXECL(execl, run_execve, environ)
EXECL(execle, run_execve, va_arg(list, char *const *))
EXECL(execlp, run_execvpe, environ)
#pragma GCC diagnostic pop
