/* SPDX-License-Identifier: MIT */
/*
 * wait.h - what a thread does before it waits for other work.
 */
#ifndef TA_HOOKS_WAIT_H
#define TA_HOOKS_WAIT_H

#include "hooks/hook.h"

void ta_about_to_wait_slow(void);

/* Leaves the connection's context, if the thread is in one, and what it did for nobody. */
static inline void ta_about_to_wait(void)
{
	const struct ta_thread *thread = ta_tls.thread;

	if (thread == NULL)
		ta_tls.slept = ta_tls.looped = 1;
	else if (thread->stack->depth | thread->unit | !thread->worked)
		ta_about_to_wait_slow();
}

#endif
