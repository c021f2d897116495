/* SPDX-License-Identifier: MIT */
/*
 * crash.h - a process that dies of a signal says so: one event, and what the agent needs
 * for stacks (runtime/wire/crash.h).
 *
 * Runs: signal handlers, on the thread's alternate stack if it has one.  Only memory that
 * was there before and raw system calls; a fault in here ends the report, not the order of
 * things.
 */
#ifndef TA_CORE_CRASH_H
#define TA_CORE_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether its default is death, and it is no request to go: SEGV BUS ILL FPE ABRT TRAP SYS
 * XCPU. */
bool ta_crash_is_fatal(int number);

/* In the constructor: where abort() is. */
void ta_crash_init(const void *abort_function);

/* Whether a signal with this context was raised by abort(), which does not return. */
bool ta_crash_is_abort(const void *context);

/* Writes the event, leaves registers and stack for the agent, and waits for it for at most
 * TAGALONG_CRASH_WAIT_MS.  Returns; then it is time to die. */
void ta_crash_report(int number, const siginfo_t *info, const void *context);

/* Dies of this signal, at the interrupted instruction, when the calling handler returns;
 * context is the one that the handler was given. */
void ta_crash_die(int number, siginfo_t *info, void *context);

#endif
