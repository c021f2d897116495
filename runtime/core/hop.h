/* SPDX-License-Identifier: MIT */
/*
 * hop.h - sleeping and waking: where a thread stops to work for one and begins for another.
 *
 * A thread sleeps on a place (a condition variable, a semaphore, an eventfd).  Some are
 * where it waits for work, others where it waits for something that its work needs (a
 * connection of a pool, the interpreter's lock).  A thread that works for a request whose
 * answer it has not written goes on for it, in doubt (outward.h).  One that has none is
 * at a new piece of work when it wakes up, unless the place is one where threads have
 * slept many times in the middle of work, and never first thing after an answer.
 *
 * Who wakes a sleeper leaves a hint at the place: whose work it was at.  A hint is a
 * guess, good for a link and no more.
 *
 * Runs: any host thread, inside the guard.  No locks: counters and a sequence.
 */
#ifndef TA_CORE_HOP_H
#define TA_CORE_HOP_H

#include <stdint.h>

struct ta_thread;

#define TA_PLACE_FD ((uintptr_t)1) /* in a place: it is a descriptor, no address */

/* The thread has slept, or may have, on the place. */
void ta_hop_slept(struct ta_thread *thread, uintptr_t place);

/* The thread wakes whoever sleeps there. */
void ta_hop_wakes(struct ta_thread *thread, uintptr_t place);

/* It is about to sleep. */
void ta_hop_sleeps(struct ta_thread *thread);

/* It waits for events of any kind: nothing that it does next has to do with what it did. */
void ta_hop_waits(struct ta_thread *thread);

#endif
