/* SPDX-License-Identifier: MIT */
/*
 * hop.h - told by hooks after which a thread may be at work for somebody else.
 */
#ifndef TA_HOOKS_HOP_H
#define TA_HOOKS_HOP_H

#include "hooks/hook.h"
#include "runtime/core/hop.h"

void ta_note_slept_slow(uintptr_t place);
void ta_note_wakes_slow(uintptr_t place);
void ta_note_sleeps_slow(void);

/* Before it sleeps. */
static inline void ta_note_sleeps(void)
{
	if (ta_tls.thread && ta_tls.thread->claimed)
		ta_note_sleeps_slow();
}

/* A thread that was never seen to do anything has nothing to leave. */
static inline void ta_note_slept(uintptr_t place)
{
	if (ta_tls.thread) {
		ta_note_slept_slow(place);
		return;
	}
	ta_tls.slept = 1;
	if (!(place & TA_PLACE_FD)) /* that is an event like others */
		ta_tls.looped = 0;
}

static inline void ta_note_wakes(uintptr_t place)
{
	const struct ta_thread *thread = ta_tls.thread;

	if (thread && thread->stack->depth > 0)
		ta_note_wakes_slow(place);
}

/* An eventfd or a pipe as a place. */
static inline uintptr_t ta_fd_place(uint64_t word)
{
	return (uintptr_t)(uint32_t)word << 1 | TA_PLACE_FD;
}

#endif
