/* SPDX-License-Identifier: MIT */
/*
 * ask.h - questions to the agent, answered through the segment.
 *
 * Runs: any host thread, outside the guard: it waits.
 */
#ifndef TA_CORE_ASK_H
#define TA_CORE_ASK_H

#include <stdint.h>

#include "runtime/wire/segment.h"

struct ta_counts {
	uint32_t complete_spans, open_traces, open_buckets;
};

/* Asks (enum ta_ask) and waits for the answer.  0, -ETIMEDOUT, or -EAGAIN: nobody may be
 * asked from in here (a sandbox), or no agent has ever looked at the segment. */
int ta_ask(uint32_t what, int timeout_ms, struct ta_counts *ret_counts);

#endif
