/* SPDX-License-Identifier: MIT */
/*
 * priority.h - the thread that reads lanes gets the processor when it wakes.
 *
 * Runs: agent.
 */
#ifndef TA_AGENT_PRIORITY_H
#define TA_AGENT_PRIORITY_H

/* For the calling thread alone: threads and processes that it makes are as others.
 * Asks for what it may have; there is no error. */
void ta_priority_set(void);

/* For a session that is the agent's own: its share against other sessions, where
 * the kernel shares processors among sessions (autogroup). */
void ta_priority_session(void);

/* For all processes that are started from here: the first that the kernel ends when there is no
 * memory, of the machine or of a container that the agent shares with its program. */
void ta_priority_memory(void);

/* For a thread whose work can wait: who runs when it wakes is not put aside for it.  (What is
 * on hand is bounded elsewhere; it gets its share of the processor as any other.) */
void ta_priority_background(void);

#endif
