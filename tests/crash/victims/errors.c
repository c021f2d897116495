/* SPDX-License-Identifier: MIT */
/*
 * errors.c - programs in C that die of what libc finds, that exit badly, and that have
 * children which do.
 *
 *     errors HOW
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) static void smash(volatile char *at, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = 'x';
}

__attribute__((noinline)) static int smashed(int bytes)
{
	char buffer[16];

	smash(buffer, bytes);
	return buffer[3];
}

__attribute__((noinline)) static void overflow(const char *text)
{
	char buffer[4];

	strcpy(buffer, text);
	puts(buffer);
}

static void corrupt_top(void)
{
	volatile size_t *block = malloc(64), *more;

	block[64 / sizeof(*block) + 1] = ~(size_t)0; /* size of what is left */
	more = malloc(100000);
	more[0] = 1;
}

/* A child that ends so, reaped. */
static int child(int number, int status, int own)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (own)
			pause();
		if (number)
			raise(number);
		_exit(status);
	}
	if (own)
		kill(pid, number);
	return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

static int forked(const char *how)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(how, how, (char *)NULL);
		_exit(9);
	}
	return wait(NULL) == pid ? 0 : 1;
}

static void misuse(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t mutex;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attributes);
	mutex.__data.__lock = 0x3fffffff; /* a thread that there is not */
	pthread_mutex_lock(&mutex);
}

#define IS(name) (strcmp(how, name) == 0)

static void abort_somehow(const char *how)
{
	char *volatile block = malloc(24);
	volatile int none = 0;

	if (IS("abort"))
		abort();
	if (IS("assert"))
		assert(none == 1 && "it is one");
	if (IS("free")) {
		block += 8;
		free(block);
	}
	if (IS("double")) {
		char *volatile again = block = malloc(2000);

		block[0] = *(char *)malloc(10);
		free(block);
		free(again);
	}
	if (IS("top"))
		corrupt_top();
	if (IS("stack"))
		smashed((int)strlen(how) * 20);
	if (IS("buffer"))
		overflow("much too long for four");
	if (IS("format")) {
		char format[] = "%n";
		int written;

		printf(format, &written);
	}
	if (IS("mutex"))
		misuse();
	if (IS("sent"))
		kill(getpid(), SIGABRT);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	abort_somehow(how);
	if (IS("exit"))
		exit(3);
	if (IS("_exit"))
		_exit(4);
	if (IS("return"))
		return 5;
	if (IS("child-kill"))
		return child(SIGKILL, 0, 0);
	if (IS("child-own-kill"))
		return child(SIGKILL, 0, 1);
	if (IS("child-term"))
		return child(SIGTERM, 0, 0);
	if (IS("child-abort"))
		return child(SIGABRT, 0, 0);
	if (IS("child-exit"))
		return child(0, 7, 0);
	if (IS("child-storm"))
		for (int i = 0; i < 40; i++)
			child(SIGKILL, 0, 0);
	if (IS("child-untraced"))
		return forked(argv[2]);
	return 0;
}
