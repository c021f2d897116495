/* SPDX-License-Identifier: MIT */
/* plain.c - a crash by the name of its argument, some calls deep. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"

static volatile int zero;
static int *volatile nowhere;
static void (*volatile no_function)(void);
static volatile unsigned long sink;
static char room_of_ours[256], *volatile misplaced = room_of_ours;

__attribute__((noinline)) static void write_nowhere(int value)
{
	*nowhere = value; /* segv line */
}

static inline __attribute__((always_inline)) void inner(int value)
{
	*nowhere = value; /* inner line */
}

static inline __attribute__((always_inline)) void middle(int value)
{
	sink++;
	inner(value + 1); /* middle line */
}

__attribute__((noinline)) static void outer(int value)
{
	middle(value * 2); /* outer line */
	sink++;
}

__attribute__((noinline)) static void call_null(void)
{
	no_function(); /* null line */
	sink++;
}

__attribute__((noinline)) static void call_wild(void)
{
	no_function = (void (*)(void))0x1234567890ul;
	no_function(); /* wild line */
	sink++;
}

__attribute__((noinline)) static unsigned long dive(unsigned long depth)
{
	volatile char room[64];

	room[depth & 63] = (char)depth;
	return dive(depth + 1) + (unsigned long)room[(depth + 1) & 63];
}

__attribute__((noinline)) static void smash(unsigned long words)
{
	static char pattern[256];
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	unsigned long room[4];

	memset(pattern, 'A', sizeof(pattern));
	copy(room, pattern, words * sizeof(*room));
	sink += room[0];
}

__attribute__((noinline)) static void smash_caller(void)
{
	smash(12);
	sink++;
}

static void handler(int signal)
{
	write_nowhere(signal);
	sink++;
}

__attribute__((noinline)) static void crash_in_handler(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	sink++;
}

__attribute__((noinline)) static void run(const char *what)
{
	if (!strcmp(what, "segv"))
		write_nowhere(1); /* run line */
	else if (!strcmp(what, "inline"))
		outer(3);
	else if (!strcmp(what, "null"))
		call_null();
	else if (!strcmp(what, "wild"))
		call_wild();
	else if (!strcmp(what, "overflow"))
		sink += dive(0);
	else if (!strcmp(what, "smash"))
		smash_caller();
	else if (!strcmp(what, "handler"))
		crash_in_handler();
	else if (!strcmp(what, "divide"))
		sink = (unsigned long)(7 / zero);
	else if (!strcmp(what, "abort"))
		abort();
	else if (!strcmp(what, "assert"))
		assert(zero == 1);
	else if (!strcmp(what, "free"))
		free((void *)(misplaced + 8));
	sink++;
}

static void *in_thread(void *what)
{
	dump_alternate_stack();
	run(what);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argc;
	dump_arm();
	if (argv[2]) {
		pthread_create(&thread, NULL, in_thread, argv[1]);
		pthread_join(thread, NULL);
	} else {
		run(argv[1]);
	}
	return 3;
}
