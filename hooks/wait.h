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

	if (thread && (thread->stack->depth | thread->unit | !thread->idled) != 0)
		ta_about_to_wait_slow();
}

#endif
