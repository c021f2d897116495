/* SPDX-License-Identifier: MIT */
/*
 * signal.h - setting a signal's action, whatever door the program came through.
 */
#ifndef TA_HOOKS_SIGNAL_H
#define TA_HOOKS_SIGNAL_H

#include <signal.h>

#include "hooks/hook.h"

typedef int ta_sigaction_fn(int, const struct sigaction *restrict, struct sigaction *restrict);

/* As sigaction(2); real is the function that talks to the kernel. */
int ta_signal_set(ta_sigaction_fn *real, int number, const struct sigaction *action,
		  struct sigaction *old);

#endif
