/* SPDX-License-Identifier: MIT */
/*
 * load.c - a program that begins and ends API spans, and says how many there must be.
 *
 *   load SPANS [PAUSE_NS [ROOT [BURST]]]
 *
 * PAUSE_NS after every BURST spans (0: as fast as it goes); ROOT=1: all of them below one root
 * span, in one trace.  Prints "begun N ns N": the spans, the root included, and the median time
 * of a begin and an end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/include/tagalong.h"

#define SAMPLES 100000

static uint32_t samples[SAMPLES];
static long begun, timed;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int one(void)
{
	uint64_t start = now_ns();
	tagalong_span_t span = tagalong_span_begin("one", NULL);

	tagalong_span_end();
	uint64_t ns = now_ns() - start;

	if (timed < SAMPLES)
		samples[timed++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
	return span.id != 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return (one > two) - (one < two);
}

/* Short ones by the clock, which nobody then may set back; long ones asleep. */
static void pause_for(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	if (ns >= 100000)
		nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
	else
		while (now_ns() < end)
			;
}

int main(int argc, char **argv)
{
	long spans = argc > 1 ? atol(argv[1]) : 1000;
	uint64_t pause_ns = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	int root = argc > 3 && atoi(argv[3]);
	long burst = argc > 4 ? atol(argv[4]) : 1;

	if (root)
		begun += tagalong_span_begin("root", NULL).id != 0;
	for (long i = 0; i < spans; i++) {
		begun += one();
		if (pause_ns && i % burst == burst - 1)
			pause_for(pause_ns);
	}
	if (root)
		tagalong_span_end();
	qsort(samples, (size_t)timed, sizeof(samples[0]), by_value);
	printf("begun %ld ns %u\n", begun, timed ? samples[timed / 2] : 0);
	return 0;
}
