/* SPDX-License-Identifier: MIT */
/*
 * torn.h - segments whose file is cut short while they are mapped.
 *
 * A program can truncate its own segment at any time; what lies beyond the new end raises
 * SIGBUS when it is looked at.  That must not end an agent that serves others as well: zeros
 * are put there, in which there are no records, and the segment is marked.
 *
 * Runs: agent.
 */
#ifndef TA_AGENT_TORN_H
#define TA_AGENT_TORN_H

#include "runtime/agent/segments.h"

/* From now on, for the segments that are mapped by these; they are used by one thread. */
void ta_torn_watch(struct ta_segments *segments);

#endif
