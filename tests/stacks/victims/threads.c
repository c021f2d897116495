/* SPDX-License-Identifier: MIT */
/* threads.c - one thread of many crashes; the others wait, or work. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dump.h"

static pthread_barrier_t ready;
static volatile unsigned long sink;
static int *volatile nowhere;

__attribute__((noinline)) static void wait_for_ever(void)
{
	pause();
	sink++;
}

__attribute__((noinline)) static void work_for_ever(void)
{
	for (;;)
		sink++;
}

static void *waiter(void *number)
{
	char name[16];

	snprintf(name, sizeof(name), "waiter-%d", (int)(long)number);
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&ready);
	if ((long)number == 1)
		work_for_ever();
	wait_for_ever();
	return NULL;
}

__attribute__((noinline)) static void crash_here(void)
{
	*nowhere = 1;
	sink++;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 3;
	pthread_t thread;

	dump_arm();
	pthread_barrier_init(&ready, NULL, (unsigned int)count + 1);
	for (long i = 1; i <= count; i++)
		pthread_create(&thread, NULL, waiter, (void *)i);
	pthread_barrier_wait(&ready);
	usleep(20000);
	crash_here();
	return 3;
}
