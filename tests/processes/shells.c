/* SPDX-License-Identifier: MIT */
/*
 * shells.c - threads that are in system() and popen() at once, each in a span of its own.
 *
 *     shells THREADS ROUNDS    every shell is told the span that it must be a child of
 *
 * What the shells were told goes to their own standard output, "PID SPAN" a line, so that it
 * can be compared with whose children their spans are.  The middle of three starts of a
 * round is popen's, left open until the round is over.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tagalong.h>

static int rounds;

static void tell(char *command, size_t size, const tagalong_span_t *span, const char *what)
{
	snprintf(command, size, "echo $$ %016llx %s; :", (unsigned long long)span->id, what);
}

static void once(const char *name)
{
	TAGALONG_SPAN(name) {
		tagalong_span_t span = tagalong_current_span();
		char command[128], line[128];
		FILE *pipe;

		tell(command, sizeof(command), &span, "system");
		if (system(command) != 0)
			abort();
		tell(command, sizeof(command), &span, "popen");
		pipe = popen(command, "r");
		if (!pipe || !fgets(line, sizeof(line), pipe))
			abort();
		tell(command, sizeof(command), &span, "again");
		if (system(command) != 0)
			abort();
		fputs(line, stdout);
		fflush(stdout);
		if (pclose(pipe) != 0)
			abort();
	}
}

static void *work(void *name)
{
	for (int round = 0; round < rounds; round++)
		once(name);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	static char names[64][16];
	int count = argc > 1 ? atoi(argv[1]) : 1;

	rounds = argc > 2 ? atoi(argv[2]) : 1;
	for (int i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "worker %d", i);
		pthread_create(&threads[i], NULL, work, names[i]);
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
