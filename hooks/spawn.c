/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - programs that are started beside this one: posix_spawn, system, popen.
 *
 * What was started, or could not be, leaves a breadcrumb where its name is known.
 *
 * Runs: any host thread.  No heap, no locks.
 */
#include "hooks/spawn.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hooks/hook.h"
#include "preload/baseline.h"
#include "runtime/core/crumb.h"
#include "runtime/core/process_span.h"
#include "runtime/core/process_start.h"

/* ---- breadcrumbs ---- */

/* Whether what was tried has a name that can be read. */
static bool is_told(const char *path, int error)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_EXEC) && path && error != EFAULT &&
	       (error == 0 || !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed));
}

/* Arguments may be secrets, so only the program is told. */
static __attribute__((noinline)) void leave_crumb(const char *path, int error, pid_t child)
{
	const char *text = error ? ta_errno_text(error) : NULL;
	struct iovec pieces[3] = { ta_piece(path), ta_piece(": "),
				   ta_piece(text ? text : "failed") };
	struct ta_crumb_facts facts = { .category = "exec",
					.level = error ? TA_LEVEL_WARNING : TA_LEVEL_INFO,
					.text = pieces,
					.text_count = error ? 3 : 1 };
	struct ta_crumb_data data = { .bytes = 0 };

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	if (error)
		ta_crumb_number(&data, "errno", error);
	else
		ta_crumb_number(&data, "pid", child);
	facts.data = data.json;
	facts.data_bytes = data.bytes;
	ta_crumb_leave(thread, &facts);
}

void ta_spawn_told(const char *path, int error, pid_t child)
{
	if (is_told(path, error))
		leave_crumb(path, error, child);
}

/* ---- posix_spawn ---- */

/* The caller may not want to know the pid. */
static int spawned(const char *path, int error, const pid_t *child)
{
	ta_spawn_told(path, error, error == 0 && child ? *child : 0);
	return error;
}

typedef int spawn_fn(pid_t *restrict, const char *restrict, const posix_spawn_file_actions_t *restrict,
		     const posix_spawnattr_t *restrict, char *const *restrict, char *const *restrict);

static int spawn_by(spawn_fn *real, pid_t *child, const char *path,
		    const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
		    char *const *argv, char *const *envp)
{
	struct ta_spawn_env env;

	ta_process_span_forking();
	return spawned(path, real(child, path, actions, attr, argv,
				  ta_spawn_env(&env, envp, TA_SPAWN_BESIDE)),
		       child);
}

TA_HOOK int posix_spawn(pid_t *restrict child, const char *restrict path,
			const posix_spawn_file_actions_t *restrict actions,
			const posix_spawnattr_t *restrict attr, char *const *restrict argv,
			char *const *restrict envp)
{
	return spawn_by(&TA_REAL(posix_spawn), child, path, actions, attr, argv, envp);
}

TA_HOOK int posix_spawnp(pid_t *restrict child, const char *restrict file,
			 const posix_spawn_file_actions_t *restrict actions,
			 const posix_spawnattr_t *restrict attr, char *const *restrict argv,
			 char *const *restrict envp)
{
	return spawn_by(&TA_REAL(posix_spawnp), child, file, actions, attr, argv, envp);
}

#if defined(__x86_64__)
/* Before glibc 2.15: a file that is no program is given to the shell. */

TA_OLD(posix_spawn, GLIBC_2.2.5);
TA_HOOK int ta_old_posix_spawn(pid_t *restrict child, const char *restrict path,
			       const posix_spawn_file_actions_t *restrict actions,
			       const posix_spawnattr_t *restrict attr, char *const *restrict argv,
			       char *const *restrict envp)
{
	return spawn_by(&TA_REAL(old_posix_spawn), child, path, actions, attr, argv, envp);
}

TA_OLD(posix_spawnp, GLIBC_2.2.5);
TA_HOOK int ta_old_posix_spawnp(pid_t *restrict child, const char *restrict file,
				const posix_spawn_file_actions_t *restrict actions,
				const posix_spawnattr_t *restrict attr, char *const *restrict argv,
				char *const *restrict envp)
{
	return spawn_by(&TA_REAL(old_posix_spawnp), child, file, actions, attr, argv, envp);
}
#endif

/* ---- shells of libc ---- */

static bool is_quiet(void)
{
	return !ta_runtime.enabled || ta_tls.passive;
}

static void close_start(void *start)
{
	ta_start_close(*(int *)start);
}

/* A cancelled thread takes its word back as well. */
TA_HOOK int system(const char *command)
{
	if (is_quiet() || command == NULL)
		return TA_REAL(system)(command);
	int start = ta_start_open(), result;

	pthread_cleanup_push(close_start, &start);
	result = TA_REAL(system)(command);
	pthread_cleanup_pop(0);
	ta_start_close(start);
	return result;
}

TA_HOOK FILE *popen(const char *command, const char *mode)
{
	if (is_quiet())
		return TA_REAL(popen)(command, mode);
	int start = ta_start_open();
	FILE *stream = TA_REAL(popen)(command, mode);

	if (stream)
		ta_start_keep(start, stream);
	else
		ta_start_close(start);
	return stream;
}

TA_HOOK int pclose(FILE *stream)
{
	int start = is_quiet() ? TA_START_NONE : ta_start_kept(stream);
	int result = TA_REAL(pclose)(stream);

	ta_start_close(start);
	return result;
}
