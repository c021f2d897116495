/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the clock of the agent's timers, and nothing else: see clock.h.
 *
 * Runs: agent, any thread.
 */
#include "runtime/agent/clock.h"

uint64_t ta_agent_now_ns(void)
{
	return ta_host_now_ns();
}
