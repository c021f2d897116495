/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the agent's clocks.
 *
 * Timers (intervals, ages, patience) go by ta_agent_now_ns(), which has a file of
 * its own so that a test agent can be linked with a clock that jumps ahead: a jump
 * only makes timers fire.  What is compared with times that hosts wrote, or written
 * for hosts to read, goes by ta_host_now_ns(); dates are ta_unix_now_ns().  The kernel is asked to wait for
 * lengths of time, never until a time of the agent's.
 *
 * Runs: agent, any thread.
 */
#ifndef TA_AGENT_CLOCK_H
#define TA_AGENT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Never goes back; what it began with means nothing. */
uint64_t ta_agent_now_ns(void);

/* CLOCK_MONOTONIC, as the hosts read it. */
static inline uint64_t ta_host_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Time since 1970. */
static inline uint64_t ta_unix_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
