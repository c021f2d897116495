/* SPDX-License-Identifier: MIT */
/*
 * program.c - what the debuggers' scripts look at: threads, a child, files, a fault on request.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int sum;

__attribute__((noinline)) static int deeper(int depth)
{
	sum += depth;
	return depth ? deeper(depth - 1) + 1 : sum;
}

static void *work(void *argument)
{
	deeper(*(int *)argument);
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
	sum += 1000;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;
	int depth = 5;

	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	pthread_create(&thread, NULL, work, &depth);
	pthread_join(thread, NULL);
	if (fork() == 0)
		_exit(3);
	wait(NULL);
	printf("sum %d\n", sum);
	fflush(stdout);
	char *volatile block = malloc(100);

	if (strcmp(how, "crash") == 0)
		*(volatile int *)0 = 1;
	if (strcmp(how, "beyond") == 0)
		block[100] = 1;
	if (strcmp(how, "unset") == 0)
		printf(block[50] ? "yes\n" : "no\n");
	if (strcmp(how, "leak") != 0)
		free(block);
	block = NULL;
	return sum == 1015 ? 0 : 1;
}
