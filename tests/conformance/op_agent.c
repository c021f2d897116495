/* SPDX-License-Identifier: MIT */
/*
 * op_agent.c - what the agent holds, delivery, and the agent's clock.
 *
 * Runs: the inner process, any thread.
 */
#include "tests/conformance/inside.h"

#include <string.h>

#define STEP_MS 1000 /* the agent looks at its timers once a second */

static void check(const char *what, int error)
{
	if (error < 0)
		fail(STATUS_UNABLE, "the agent does not answer: %s: %s", what, strerror(-error));
}

void agent_settle(struct tagalong_buffered *ret_buffered)
{
	check("buffered", tagalong_buffered(ret_buffered, WAIT_MS));
}

void op_buffered(struct replay *replay, const cJSON *op)
{
	const char *label = json_text(op, "as", NULL);
	struct tagalong_buffered held;
	cJSON *probe;

	agent_settle(&held);
	if (!label)
		return;
	probe = probe_new(replay, label);
	cJSON_AddNumberToObject(probe, "complete", held.complete);
	cJSON_AddNumberToObject(probe, "open_buckets", held.open_buckets);
	cJSON_AddNumberToObject(probe, "active_traces", held.active_traces);
}

void op_flush(struct replay *replay, const cJSON *op)
{
	(void)replay, (void)op;
	check("flush", tagalong_flush(WAIT_MS));
}

void op_shutdown(struct replay *replay, const cJSON *op)
{
	(void)replay, (void)op;
	check("shutdown", tagalong_shutdown(WAIT_MS));
}

/* The last look is for what the last step has set going. */
void op_advance(struct replay *replay, const cJSON *op)
{
	double left_ms = json_number(op, "ms", 0);
	struct tagalong_buffered held;

	agent_settle(&held);
	while (left_ms > 0) {
		double step_ms = left_ms < STEP_MS ? left_ms : STEP_MS;

		*replay->clock_offset += (uint64_t)(step_ms * 1e6);
		left_ms -= step_ms;
		agent_settle(&held);
	}
	agent_settle(&held);
}
