/* SPDX-License-Identifier: MIT */
/*
 * interposed.c - linked with a library that has libc's names, as programs with a sanitizer are: what is
 * called goes through that library, and is what it was made of there.
 *
 * Victim: lib=lib_interposed.c libs=-ldl runs=3
 */
#include <pthread.h>
#include <spawn.h>
#include <time.h>

#include "lib_interposed.h"
#include "victim.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *answer(void *nothing)
{
	pthread_mutex_lock(&mutex);
	while (turn == 0)
		pthread_cond_wait(&cond, &mutex);
	turn = 2;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mutex);
	return nothing;
}

static void conditions(void)
{
	struct timespec past = { .tv_sec = 1 };
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	say("in the past: %s\n", errno_word(pthread_cond_timedwait(&cond, &mutex, &past)));
	NEED(pthread_create(&thread, NULL, answer, NULL) == 0);
	turn = 1;
	pthread_cond_broadcast(&cond);
	while (turn != 2)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	NEED(pthread_join(thread, NULL) == 0);
	say("destroyed: %d\n", pthread_cond_destroy(&cond));
}

int main(void)
{
	char *argv[] = { "true", NULL };
	int before, status = -1;
	pid_t child;

	conditions();
	say("condition variables through the library: %s\n", interposed_calls >= 4 ? "yes" : "no");
	before = interposed_calls;
	NEED(posix_spawn(&child, "/bin/true", NULL, NULL, argv, NULL) == 0);
	NEED(waitpid(child, &status, 0) == child);
	say("spawned: status %d, through the library: %d\n", status, interposed_calls - before);
	return 0;
}
