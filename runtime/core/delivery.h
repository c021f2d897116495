/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - one delivery of a signal to a handler of the program.
 *
 * Forks the isolation scope and opens a root span that links to the span that
 * was interrupted; both end when the handler returns, or, when it jumps out, as
 * soon as the next hook sees that its frame is gone.
 *
 * Runs: signal handlers.  Takes no guard: it has to work when the handler has
 * interrupted the library itself.
 */
#ifndef TA_CORE_DELIVERY_H
#define TA_CORE_DELIVERY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_delivery {
	bool active;
	uint8_t level;
};

/* info and context may be NULL (handlers installed by signal()).  frame is an
 * address in the trampoline's stack frame. */
void ta_delivery_begin(struct ta_delivery *delivery, int number, const siginfo_t *info,
		       const void *context, uintptr_t frame);
void ta_delivery_end(const struct ta_delivery *delivery);

#endif
