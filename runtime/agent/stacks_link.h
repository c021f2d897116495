/* SPDX-License-Identifier: MIT */
/*
 * stacks_link.h - the socket to one tagalong-stacks, for stacks.c and stacks_live.c.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_STACKS_LINK_H
#define TA_AGENT_STACKS_LINK_H

#include "runtime/agent/stacks.h"

/* 0 or -errno. */
int ta_stacks_link_open(struct ta_stacks_link *link, const char *program);
void ta_stacks_link_close(struct ta_stacks_link *link); /* ends the program */

/* Puts a request up; what was under way is forgotten. */
int ta_stacks_link_ask(struct ta_stacks_link *link, const struct ta_stacks_request *request,
		       const char *modules, const char *stack);

/* Goes on without waiting.  1: an answer is complete, in head and json; 0: not yet; -EPIPE:
 * the program has ended; -EPROTO: it speaks nonsense; another -errno. */
int ta_stacks_link_step(struct ta_stacks_link *link);
/* The answer has been looked at. */
void ta_stacks_link_next(struct ta_stacks_link *link);

#endif
