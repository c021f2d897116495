/* SPDX-License-Identifier: MIT */
/* bugs.c - what sanitizers find: bugs HOW. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int *volatile nowhere;
static int shared;

static void *race(void *unused)
{
	for (int i = 0; i < 1000; i++)
		shared++;
	return unused;
}

__attribute__((noinline)) static int deep(int depth)
{
	volatile char frame[300];

	frame[depth % 300] = 1;
	return depth < 0 ? 0 : deep(depth + 1) + frame[0];
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	char *volatile block = malloc(20);
	volatile int large = INT_MAX;

	if (strcmp(how, "used") == 0) {
		free(block);
		return block[3];
	}
	if (strcmp(how, "beyond") == 0)
		return block[20];
	if (strcmp(how, "null") == 0)
		*nowhere = 1;
	if (strcmp(how, "deep") == 0)
		return deep(0);
	if (strcmp(how, "leak") == 0)
		block = NULL;
	if (strcmp(how, "signed") == 0) {
		large += 1;
		printf("%d\n", large);
	}
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "race") == 0) {
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, race, NULL);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
	}
	free(block);
	return 0;
}
