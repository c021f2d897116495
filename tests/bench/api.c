/* SPDX-License-Identifier: MIT */
/*
 * api.c - what the calls of tagalong.h cost, in nanoseconds and in readings of the clock.
 *
 *     api ROUNDS [NAME...]
 *     api --count N NAME
 *
 * The first form prints, for each operation, "NAME MIN MEDIAN CLOCK-MIN CLOCK-MEDIAN
 * RATIO-MEDIAN": nanoseconds per operation and per clock_gettime(CLOCK_MONOTONIC), and
 * how many of the latter one of the former costs, over ROUNDS batches.  Every batch
 * stands between two batches of clock readings, so that a processor that changes its
 * pace does so for both.  Both are called through a pointer; "empty" is that call alone.
 *
 * Between batches, which write less than half a lane, the agent is asked to take what
 * there is: nothing is lost and nobody is woken while the clock runs.
 *
 * The second form runs one operation N times without a pause, inside count_ops(): for
 * callgrind's --toggle-collect.
 *
 * Runs: alone, single-threaded; plain (every call does nothing) and preloaded.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/include/tagalong.h"
#include "tests/bench/bench.h"

#define ROUNDS_MAX 100000u
#define CLOCKS 200u	 /* readings before and after a batch */
#define WARM_UP_NS 60000000u /* the library's clock trusts the counter after 20 ms */
#define TAGS 100

struct op {
	const char *name;
	unsigned int batch;    /* operations between two looks at the clock */
	void (*enter)(void);   /* once, before all batches; may be NULL */
	void (*run)(void);
	void (*leave)(void);
};

/* ---- surroundings ---- */

static void isolate(void)
{
	tagalong_isolation_push();
}

static void leave_isolation(void)
{
	tagalong_isolation_pop();
}

static void isolate_with_tags(void)
{
	char key[32], value[32];

	tagalong_isolation_push();
	for (int i = 0; i < TAGS; i++) {
		snprintf(key, sizeof(key), "tag.number.%d", i);
		snprintf(value, sizeof(value), "value %d", i);
		tagalong_set_tag(key, value);
	}
}

static void open_parent(void)
{
	isolate();
	tagalong_span_begin("bench.parent", NULL);
}

static void open_parent_with_tags(void)
{
	isolate_with_tags();
	tagalong_span_begin("bench.parent", NULL);
}

static void close_parent(void)
{
	tagalong_span_end();
	leave_isolation();
}

/* ---- operations ---- */

static void op_empty(void)
{
	__asm__ volatile("");
}

static void op_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
}

static void op_tag(void)
{
	tagalong_set_tag("user.id", "0123456789");
}

static void op_isolation(void)
{
	tagalong_isolation_push();
	tagalong_isolation_pop();
}

static void op_scope(void)
{
	tagalong_scope_push();
	tagalong_scope_pop();
}

static void op_span(void)
{
	tagalong_span_begin("bench.operation", NULL);
	tagalong_span_end();
}

static void op_detached(void)
{
	tagalong_span_finish(tagalong_span_start("bench.operation", NULL));
}

static void op_message(void)
{
	tagalong_capture_message(TAGALONG_LEVEL_INFO, "cache miss for user 42");
}

static void op_breadcrumb(void)
{
	tagalong_add_breadcrumb("query", "select from orders");
}

static void op_context(void)
{
	tagalong_context_t *context = tagalong_context_capture();

	tagalong_context_attach(context);
	tagalong_context_detach(context);
	tagalong_context_free(context);
}

static const struct op ops[] = {
	{ "empty", 200, NULL, op_empty, NULL },
	{ "clock_gettime", 200, NULL, op_clock, NULL },
	{ "set_tag", 100, isolate, op_tag, leave_isolation },
	{ "isolation_push_pop", 200, isolate, op_isolation, leave_isolation },
	{ "isolation_push_pop_100_tags", 200, isolate_with_tags, op_isolation, leave_isolation },
	{ "scope_push_pop", 200, isolate, op_scope, leave_isolation },
	{ "scope_push_pop_100_tags", 200, isolate_with_tags, op_scope, leave_isolation },
	{ "root_begin_end", 100, isolate, op_span, leave_isolation },
	{ "root_begin_end_100_tags", 100, isolate_with_tags, op_span, leave_isolation },
	{ "span_begin_end", 100, open_parent, op_span, close_parent },
	{ "span_begin_end_100_tags", 100, open_parent_with_tags, op_span, close_parent },
	{ "detached_start_finish", 100, open_parent, op_detached, close_parent },
	{ "capture_message", 100, open_parent, op_message, close_parent },
	{ "add_breadcrumb", 100, isolate, op_breadcrumb, leave_isolation },
	{ "context_there_and_back", 100, open_parent, op_context, close_parent },
};

#define OPS (sizeof(ops) / sizeof(ops[0]))

/* ---- measuring ---- */

/* Lets the agent take what the batch has written, and go back to sleep. */
static void rest(void)
{
	struct timespec nap = { .tv_nsec = 300000 };
	struct tagalong_buffered unused;

	errno = -tagalong_buffered(&unused, 2000);
	if (errno)
		die("the agent does not answer");
	if (tagalong())
		nanosleep(&nap, NULL);
}

static double time_of(void (*run)(void), unsigned int times)
{
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < times; i++)
		run();
	return (double)(now_ns() - start) / times;
}

static void warm_up(const struct op *op)
{
	uint64_t until = now_ns() + WARM_UP_NS;

	while (now_ns() < until) {
		time_of(op->run, op->batch);
		rest();
	}
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void sort(double *samples, unsigned int count)
{
	qsort(samples, count, sizeof(*samples), by_value);
}

static void measure(const struct op *op, unsigned int rounds, double *samples)
{
	double *times = samples, *clocks = samples + rounds, *ratios = samples + 2 * rounds;

	if (op->enter)
		op->enter();
	rest();
	warm_up(op);
	for (unsigned int round = 0; round < rounds; round++) {
		double before = time_of(op_clock, CLOCKS);

		times[round] = time_of(op->run, op->batch);
		clocks[round] = (before + time_of(op_clock, CLOCKS)) / 2;
		ratios[round] = times[round] / clocks[round];
		rest();
	}
	if (op->leave)
		op->leave();
	sort(times, rounds);
	sort(clocks, rounds);
	sort(ratios, rounds);
	printf("%s %.2f %.2f %.2f %.2f %.3f\n", op->name, times[0], times[rounds / 2], clocks[0],
	       clocks[rounds / 2], ratios[rounds / 2]);
	fflush(stdout);
}

__attribute__((noinline, used)) static void count_ops(void (*run)(void), unsigned long times)
{
	while (times--)
		run();
	__asm__ volatile("");
}

static void count(const struct op *op, unsigned long times)
{
	if (op->enter)
		op->enter();
	rest();
	warm_up(op);
	count_ops(op->run, times);
	if (op->leave)
		op->leave();
}

/* ---- arguments ---- */

static int wanted(const char *name, char **names)
{
	if (*names == NULL)
		return 1;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return 1;
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: api ROUNDS [NAME...]   (1 to %u rounds)\n"
			"       api --count N NAME\n"
			"operations:",
		ROUNDS_MAX);
	for (size_t i = 0; i < OPS; i++)
		fprintf(stderr, " %s", ops[i].name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool counting = argc == 4 && strcmp(argv[1], "--count") == 0;
	unsigned long number = argc > 1 ? strtoul(argv[counting ? 2 : 1], NULL, 10) : 0;
	double *samples = calloc(3 * ROUNDS_MAX, sizeof(*samples));
	int found = 0;

	if (number == 0 || number > ROUNDS_MAX || samples == NULL)
		return usage();
	for (size_t i = 0; i < OPS; i++) {
		if (!wanted(ops[i].name, argv + (counting ? 3 : 2)))
			continue;
		found = 1;
		if (counting)
			count(&ops[i], number);
		else
			measure(&ops[i], (unsigned int)number, samples);
	}
	free(samples);
	return found ? 0 : usage();
}
