/* SPDX-License-Identifier: MIT */
/*
 * sent.h - what an agent has sent to its receivers since we looked last.
 *
 * Read from the agent's status page (runtime/agent/status.h).  Other programs under the
 * same agent are counted with ours.
 */
#ifndef TA_CLI_SENT_H
#define TA_CLI_SENT_H

#include <stdint.h>

#include "runtime/agent/status.h"

struct ta_cli_sent {
	int dir_fd; /* the run directory; -1: it cannot be opened */
	uint32_t key;
	uint64_t agent; /* which one we saw: when it began */
	uint64_t taken[TA_QUEUES], sent[TA_QUEUES]; /* spans */
};

void ta_cli_sent_start(struct ta_cli_sent *sent, const char *run_dir, uint32_t key);

/* Waits until nothing waits, at most limit_ms, and no longer once a receiver is known to
 * be away; then says one line for each receiver of spans. */
void ta_cli_sent_end(struct ta_cli_sent *sent, int limit_ms);

#endif
