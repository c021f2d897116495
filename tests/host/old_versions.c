/* SPDX-License-Identifier: MIT */
/*
 * old_versions.c - a program that was linked long ago: functions of which libc has two versions.
 *
 * Victim: args='cond|spawn|spawnp|quick_exit' libs=-ldl
 */
#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <time.h>

#include "victim.h"

#if defined(__x86_64__)
__asm__(".symver pthread_cond_init, pthread_cond_init@GLIBC_2.2.5");
__asm__(".symver pthread_cond_destroy, pthread_cond_destroy@GLIBC_2.2.5");
__asm__(".symver pthread_cond_wait, pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver pthread_cond_timedwait, pthread_cond_timedwait@GLIBC_2.2.5");
__asm__(".symver pthread_cond_signal, pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver pthread_cond_broadcast, pthread_cond_broadcast@GLIBC_2.2.5");
__asm__(".symver posix_spawn, posix_spawn@GLIBC_2.2.5");
__asm__(".symver posix_spawnp, posix_spawnp@GLIBC_2.2.5");
__asm__(".symver quick_exit, quick_exit@GLIBC_2.10");

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static int turn;

static void *answer(void *nothing)
{
	for (int i = 1; i < 200; i += 2) {
		pthread_mutex_lock(&mutex);
		while (turn != i)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		if (i & 2)
			pthread_cond_signal(&cond);
		else
			pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return nothing;
}

/* Two threads in turns; the variable of the older kind is memory of its own, which destroying gives back. */
static void conditions(void)
{
	struct timespec past = { .tv_sec = 1 };
	pthread_t thread;

	NEED(pthread_cond_init(&cond, NULL) == 0);
	NEED(pthread_create(&thread, NULL, answer, NULL) == 0);
	for (int i = 0; i < 200; i += 2) {
		pthread_mutex_lock(&mutex);
		while (turn != i)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	NEED(pthread_join(thread, NULL) == 0);
	pthread_mutex_lock(&mutex);
	TRY(pthread_cond_timedwait(&cond, &mutex, &past));
	pthread_mutex_unlock(&mutex);
	say("turns %d, a pointer in it: %d\n", turn, *(void **)&cond != NULL);
	TRY(pthread_cond_destroy(&cond));
}

/* Text without a first line that says who reads it: the older functions give it to the shell. */
static void spawning(int by_path)
{
	char name[] = "old-version-script-XXXXXX", *argv[] = { name, "word", NULL };
	int fd = mkstemp(name), status = 0;
	pid_t child;

	NEED(fd >= 0 && write(fd, "echo \"the shell has $1\"\nexit 4\n", 31) == 31);
	NEED(fchmod(fd, 0700) == 0 && close(fd) == 0);
	setenv("PATH", ".:/bin:/usr/bin", 1);
	int error = by_path ? posix_spawnp(&child, name, NULL, NULL, argv, environ) :
			      posix_spawn(&child, name, NULL, NULL, argv, environ);

	if (error == 0)
		NEED(waitpid(child, &status, 0) == child);
	say("spawned %d, status %d\n", error, WEXITSTATUS(status));
	unlink(name);
}

static void at_the_end(void)
{
	say("at the end\n");
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	/* The names without a version are the newer ones still. */
	say("two functions: %d\n", dlsym(RTLD_DEFAULT, "quick_exit") != dlvsym(RTLD_DEFAULT, "quick_exit", "GLIBC_2.10"));
	if (!strcmp(how, "cond"))
		conditions();
	if (!strncmp(how, "spawn", 5))
		spawning(how[5] != '\0');
	if (!strcmp(how, "quick_exit")) {
		at_quick_exit(at_the_end);
		quick_exit(6);
	}
	return 0;
}
#else
int main(void)
{
	say("libc has no older versions of these here\n");
	return 77;
}
#endif
