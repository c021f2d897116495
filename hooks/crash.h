/* SPDX-License-Identifier: MIT */
/*
 * crash.h - fatal signals that the program leaves at their default.
 *
 * Where the program has no handler for a fatal signal, ours is in its place: it reports,
 * and then the process dies as it would have.  Queries answer SIG_DFL.  Where the program
 * has one, it is left alone (a fault may be how a runtime works); only SA_RESETHAND, which
 * would put the kernel's default behind our back, goes through a function of ours.
 *
 * Ours runs on an alternate stack, so that a stack overflow can be told; queries of
 * sigaltstack() do not show it.  A handler of the program with SA_ONSTACK would then run
 * there too, though the program never set one up: so the flag is kept from the kernel until
 * the program calls sigaltstack() itself.
 *
 * Runs: any host thread, signal handlers, vfork children (which pass through).  No locks.
 */
#ifndef TA_HOOKS_CRASH_H
#define TA_HOOKS_CRASH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "hooks/signal.h"

/* In the constructor: ours wherever the default is in force, and the first thread's
 * alternate stack. */
void ta_crash_install(void);
/* Before a sandbox, where the handler could do nothing: the defaults again. */
void ta_crash_uninstall(void);

/* What the program has set for a signal, as the kernel would answer it. */
struct ta_crash_setting {
	uintptr_t handler; /* that is called through ours; 0: none is */
	int flags;	   /* of its default, or of that handler */
	uint64_t mask;
};
struct ta_crash_setting ta_crash_setting(int number);

/* The program has set something: ours takes its place where that is how it is. */
void ta_crash_take_over(int number);

/* The program's handler is about to return: from an abort() that is death.  told may be
 * NULL where the handler is not told. */
void ta_crash_handled(int number, const siginfo_t *told, const void *context);

/* An answer of the kernel's, turned into what the program had set before. */
void ta_crash_answer(struct sigaction *old, const struct ta_crash_setting *before);
sighandler_t ta_crash_signal_answer(sighandler_t old, const struct ta_crash_setting *before);

/* ---- altstack.c ---- */

/* A thread begins, or ends: its alternate stack. */
void ta_altstack_begin(void);
void ta_altstack_end(void);

/* A handler's context names the alternate stack that comes back with its return: ours is
 * hidden from the program meanwhile.  shown may be NULL. */
stack_t ta_altstack_hide(stack_t *shown);
void ta_altstack_show(stack_t *shown, const stack_t *real);

/* Flags of a handler as the kernel is to have them, and as the program is to see them. */
int ta_altstack_flags(int number, int flags);
int ta_altstack_answer(int number, int flags);

#endif
