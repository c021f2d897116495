/* SPDX-License-Identifier: MIT */
/*
 * exec.c - new images: what they are told, and the end of this one.
 *
 * The child's environment is a copy on the stack with at most two entries put in
 * front: TRACEPARENT when a span is current (W3C trace context; the new image
 * continues the trace), and TAGALONG_DISABLED=1 under TAGALONG_FOLLOW=0 when the
 * image would run in another process.  The program's own environment is never
 * touched; one with more than ENV_MAX entries is passed on as it is.
 *
 * An image that could not be started leaves a breadcrumb; one that was started by
 * posix_spawn too.  An exec that works leaves none: there is nobody left to show it.
 *
 * Runs: any host thread, forked and vfork children.  No heap, no locks; in a
 * vfork child nothing is recorded, only read.
 */
#include "hooks/hook.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "runtime/core/crumb.h"
#include "runtime/core/sys.h"
#include "runtime/core/now.h"
#include "runtime/protocol/traceparent.h"

#define ENV_MAX 192

extern char **environ;

struct exec_env {
	char traceparent[12 + TA_TRACEPARENT_BYTES + 1];
	char *entries[ENV_MAX + 3];
};

static bool is_entry(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* The current span as TRACEPARENT=...; false when there is none. */
static bool put_traceparent(char *out)
{
	struct ta_thread *thread = ta_tls.thread;
	const struct ta_context *context = thread ? ta_context_active(thread) : NULL;

	if (context == NULL || context->span_id == 0)
		return false;
	struct ta_traceparent parent = { .trace_hi = context->trace_hi,
					 .trace_lo = context->trace_lo,
					 .span_id = context->span_id,
					 .flags = context->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1 };

	memcpy(out, "TRACEPARENT=", 12);
	ta_traceparent_format(&parent, out + 12);
	return true;
}

/* Whether there is an environment at all: exec answers EFAULT to nonsense, and so
 * must we.  In a sandbox nobody can be asked. */
static bool is_readable(char *const *envp)
{
	char *first;
	struct iovec local = { .iov_base = &first, .iov_len = sizeof(first) };
	struct iovec remote = { .iov_base = (void *)envp, .iov_len = sizeof(first) };

	if (envp == environ)
		return envp != NULL;
	return !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	       ta_sys(SYS_process_vm_readv, ta_sys(SYS_getpid), &local, 1, &remote, 1, 0) ==
		       (long)sizeof(first);
}

/* The environment for the new image: envp itself when nothing is to be added. */
static char *const *make_env(struct exec_env *env, char *const *envp, bool other_process)
{
	static char disabled[] = "TAGALONG_DISABLED=1";
	size_t count = 0, at = 0;

	bool traced = ta_runtime.enabled && put_traceparent(env->traceparent);
	bool disable = ta_runtime.unfollowed ||
		       (ta_runtime.enabled && !ta_runtime.follow && other_process);

	if ((!traced && !disable) || !is_readable(envp))
		return envp;
	while (envp[count])
		if (++count > ENV_MAX)
			return envp;
	if (traced)
		env->entries[at++] = env->traceparent;
	if (disable)
		env->entries[at++] = disabled;
	for (size_t from = 0; from < count; from++)
		if (!(traced && is_entry(envp[from], "TRACEPARENT")))
			env->entries[at++] = envp[from];
	env->entries[at] = NULL;
	return env->entries;
}

static bool in_other_process(void)
{
	return ta_tls.passive || !ta_runtime.creator;
}

static void note_exec(void)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_process_exec();
}

/* ---- breadcrumbs ---- */

/* Whether what was tried has a name that can be read. */
static bool is_told(const char *path, int error)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_EXEC) && path && error != EFAULT &&
	       (error == 0 || !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed));
}

/* Arguments may be secrets, so only the program is told. */
static __attribute__((noinline)) void note_started(const char *path, int error, pid_t child)
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

/* exec came back: it failed. */
static int not_started(const char *path, int result)
{
	if (is_told(path, errno))
		note_started(path, errno, 0);
	return result;
}

/* ---- exec ---- */

static int run_execve(const char *path, char *const *argv, char *const *envp)
{
	struct exec_env env;

	note_exec();
	return not_started(path, TA_REAL(execve)(path, argv,
						 make_env(&env, envp, in_other_process())));
}

static int run_execvpe(const char *file, char *const *argv, char *const *envp)
{
	struct exec_env env;

	note_exec();
	return not_started(file, TA_REAL(execvpe)(file, argv,
						  make_env(&env, envp, in_other_process())));
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
	struct exec_env env;

	note_exec();
	return TA_REAL(fexecve)(fd, argv, make_env(&env, envp, in_other_process()));
}

TA_HOOK int execveat(int dir, const char *path, char *const *argv, char *const *envp, int flags)
{
	struct exec_env env;

	note_exec();
	return not_started(path, TA_REAL(execveat)(dir, path, argv,
						   make_env(&env, envp, in_other_process()),
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

/* ---- spawn ---- */

/* The caller may not want to know the pid. */
static int spawned(const char *path, int error, const pid_t *child)
{
	if (is_told(path, error))
		note_started(path, error, error == 0 && child ? *child : 0);
	return error;
}

TA_HOOK int posix_spawn(pid_t *restrict child, const char *restrict path,
			const posix_spawn_file_actions_t *restrict actions,
			const posix_spawnattr_t *restrict attr, char *const *restrict argv,
			char *const *restrict envp)
{
	struct exec_env env;

	return spawned(path, TA_REAL(posix_spawn)(child, path, actions, attr, argv,
						  make_env(&env, envp, true)),
		       child);
}

TA_HOOK int posix_spawnp(pid_t *restrict child, const char *restrict file,
			 const posix_spawn_file_actions_t *restrict actions,
			 const posix_spawnattr_t *restrict attr, char *const *restrict argv,
			 char *const *restrict envp)
{
	struct exec_env env;

	return spawned(file, TA_REAL(posix_spawnp)(child, file, actions, attr, argv,
						   make_env(&env, envp, true)),
		       child);
}
