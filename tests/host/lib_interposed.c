/* SPDX-License-Identifier: MIT */
/*
 * lib_interposed.c - stands before libc for names of which libc has two versions, as a sanitizer's
 * runtime does: without versions, for everybody.
 */
#include "lib_interposed.h"

#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>

int interposed_calls;

#define PASS(name, ...)                                                                            \
	__atomic_add_fetch(&interposed_calls, 1, __ATOMIC_RELAXED);                                \
	return ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

int pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
	PASS(pthread_cond_wait, cond, mutex);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
			   const struct timespec *restrict until)
{
	PASS(pthread_cond_timedwait, cond, mutex, until);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
	PASS(pthread_cond_signal, cond);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
	PASS(pthread_cond_broadcast, cond);
}

int posix_spawn(pid_t *restrict pid, const char *restrict path,
		const posix_spawn_file_actions_t *restrict actions,
		const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
		char *const envp[restrict])
{
	PASS(posix_spawn, pid, path, actions, attributes, argv, envp);
}
