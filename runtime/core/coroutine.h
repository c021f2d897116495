/* SPDX-License-Identifier: MIT */
/*
 * coroutine.h - contexts follow the stack that a thread switches to.
 *
 * A coroutine that makecontext makes has a stack of contexts of its own (struct ta_stack),
 * a fork of what was current when it was made.  Which one a thread is on is told by
 * its stack pointer: the saved one of the context that it switches to lies in a coroutine's
 * stack, or in none, and then it is the thread's own.  So copies of ucontext_t, getcontext
 * in the middle and coroutines that change threads need no bookkeeping.
 *
 * Coroutines that switch by themselves (assembly) are not seen.  Their program can say
 * which one runs, by an id of its own: ta_coroutine_switch().
 *
 * Runs: any host thread, inside the guard unless said otherwise.  No locks, no heap; needs
 * little stack, because coroutines have little.
 */
#ifndef TA_CORE_COROUTINE_H
#define TA_CORE_COROUTINE_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

struct ta_thread;

/* makecontext is called: a coroutine begins to exist. */
void ta_coroutine_make(struct ta_thread *thread, const ucontext_t *made);

/* The thread is about to switch to a context that was made or saved. */
void ta_coroutine_leave_to(struct ta_thread *thread, const ucontext_t *to);

/* The switch failed: the thread is where it was. */
void ta_coroutine_stay(struct ta_thread *thread);

/* A coroutine's function has returned; libc goes on with link, or ends the thread. */
void ta_coroutine_finish(struct ta_thread *thread, const ucontext_t *link);

/* By the program: the coroutine of that id runs now; NULL: the thread's own stack.  One that
 * is new begins with a fork of what is current.  False: no room (counted). */
bool ta_coroutine_switch(struct ta_thread *thread, const void *id);
/* It will not run again.  False: there is none of that id. */
bool ta_coroutine_end(struct ta_thread *thread, const void *id);

#endif
