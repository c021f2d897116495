/* SPDX-License-Identifier: MIT */
/*
 * state_part.h - what the files of the state share among themselves.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_STATE_PART_H
#define TA_AGENT_STATE_PART_H

#include "runtime/agent/state.h"

/* pid as its own host says (0: not known).  foreign: from another pid namespace, means nothing here. */
void ta_state_set_pid(struct ta_proc *proc, uint32_t pid, bool foreign);

/* Applies a TA_EVENT_RECORDS of so many bytes; -EINVAL: what comes first in it that makes no sense
 * is where it ends. */
int ta_state_records(struct ta_state *state, const struct ta_event_records *event, size_t bytes);

#endif
