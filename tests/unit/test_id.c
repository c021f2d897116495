/* SPDX-License-Identifier: MIT */
/*
 * test_id.c - no id twice: neither within a thread, nor among threads, nor among
 * processes; whatever the clock says and wherever a thread's memory lies.
 *
 * The clock is the coarse one here, which stands still for milliseconds at a time, and
 * threads that follow one another get the same stack: all that a seed could be made of
 * besides the process's own numbers is the same.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/clock.h"
#include "runtime/core/runtime.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define THREADS (2000u / CORE_SLOW)
#define IDS_OF_THREAD 3u
#define AT_ONCE 4u
#define NUMBERS (100000u / CORE_SLOW)
#define CHILDREN 50u

static int by_number(const void *left, const void *right)
{
	uint64_t a, b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return a < b ? -1 : a > b;
}

/* How many are there already. */
static unsigned int repeated(uint64_t *numbers, size_t count)
{
	unsigned int twice = 0;

	qsort(numbers, count, sizeof(*numbers), by_number);
	for (size_t i = 1; i < count; i++)
		twice += numbers[i] == numbers[i - 1];
	return twice;
}

/* ---- threads, one after another ---- */

static void take_ids(void *argument)
{
	uint64_t *ids = argument;
	struct ta_thread *thread = ta_thread_self();

	for (unsigned int i = 0; thread && i < IDS_OF_THREAD; i++)
		ids[i] = ta_id_next(&thread->ids);
}

static void of_threads(void)
{
	static uint64_t ids[THREADS * IDS_OF_THREAD];

	for (unsigned int i = 0; i < THREADS; i++) {
		core_in_thread(take_ids, ids + (size_t)i * IDS_OF_THREAD);
		core_skip();
	}
	check_same(repeated(ids, THREADS * IDS_OF_THREAD), 0);
	check(ids[0] != 0, "a thread without ids");
}

/* ---- threads at the same time ---- */

static void take_numbers(void *argument)
{
	uint64_t *numbers = argument;

	for (unsigned int i = 0; i < NUMBERS; i++)
		numbers[i] = ta_process_unique();
}

static void of_claims(void)
{
	static uint64_t numbers[AT_ONCE * NUMBERS];
	struct core_thread threads[AT_ONCE];

	for (unsigned int i = 0; i < AT_ONCE; i++)
		core_thread_start(&threads[i], take_numbers, numbers + (size_t)i * NUMBERS);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		core_thread_join(&threads[i]);
	check_same(repeated(numbers, (size_t)AT_ONCE * NUMBERS), 0);
}

/* ---- processes ---- */

/* Two numbers for each: its process id, and the first id that a thread makes in it. */
static void fork_child(uint64_t *numbers)
{
	ta_process_fork_prepare();
	pid_t child = fork();

	if (child != 0) {
		ta_process_forked_parent(child);
		waitpid(child, NULL, 0);
		return;
	}
	ta_process_fork_child();
	numbers[0] = ta_runtime.proc_id;
	take_ids(numbers + 1);
	_exit(0);
}

static void of_children(void)
{
	size_t each = 1 + IDS_OF_THREAD, bytes = CHILDREN * each * sizeof(uint64_t);
	uint64_t *numbers =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!check(numbers != MAP_FAILED, "no memory"))
		return;
	for (unsigned int i = 0; i < CHILDREN; i++)
		fork_child(numbers + i * each);
	check(numbers[0] != 0 && numbers[1] != 0, "a child without ids");
	check_same(repeated(numbers, CHILDREN * each), 0);
	munmap(numbers, bytes);
}

int main(void)
{
	core_start();
	ta_clock_coarse();
	check_group("threads", of_threads);
	check_group("claims", of_claims);
	check_group("children", of_children);
	return check_status();
}
