/* SPDX-License-Identifier: MIT */
/*
 * priority.c - the thread that reads lanes gets the processor when it wakes.
 *
 * A busy program fills a lane in one or two milliseconds; a thread that wakes on a
 * busy processor waits for the others' slices, 3 ms each, unless its own is shorter.
 *
 * And where memory runs out it is the agent that goes, not the program.
 *
 * Runs: agent.
 */
#include "runtime/agent/priority.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000u /* honoured by Linux 6.12 and later */
#define NICE (-5)
#define RESET_ON_FORK 1u
#define FIRST_TO_GO 1000

/* struct sched_attr, which libc does not have. */
struct attributes {
	uint32_t size;
	uint32_t policy; /* 0: the usual one */
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static int set(int nice)
{
	struct attributes attributes = { .size = sizeof(attributes),
					 .flags = RESET_ON_FORK,
					 .nice = nice,
					 .runtime_ns = SLICE_NS };

	return (int)syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

void ta_priority_set(void)
{
	prctl(PR_SET_TIMERSLACK, 10000ul); /* short naps, see worker.c */
	int nice = getpriority(PRIO_PROCESS, 0);

	/* A program with a nice value of its own has an agent that shares it. */
	if (nice != 0 || set(NICE) != 0)
		set(nice);
}

void ta_priority_background(void)
{
	const struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_BATCH, &none);
}

/* Not permitted, or not there: then it is as it was. */
static void write_number(const char *path, int number)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", number);

	if (fd < 0)
		return;
	ssize_t ignored = write(fd, text, (size_t)length);

	(void)ignored;
	close(fd);
}

void ta_priority_session(void)
{
	if (getpriority(PRIO_PROCESS, 0) == 0)
		write_number("/proc/self/autogroup", NICE);
}

void ta_priority_memory(void)
{
	write_number("/proc/self/oom_score_adj", FIRST_TO_GO);
}
