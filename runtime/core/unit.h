/* SPDX-License-Identifier: MIT */
/*
 * unit.h - work whose request is not known yet, and whom an outward exchange belongs to.
 *
 * A pool worker that wakes up works for somebody, but nothing that libc shows tells for
 * whom, until it writes the answer.  What it asks others meanwhile are children of a
 * unit: a pseudo-span (TA_SPAN_UNIT) of a trace of its own.  The answer that goes out
 * adopts the unit, and the agent moves its children below the request.  A unit that is
 * never adopted leaves its children as roots: an orphan is better than a lie.
 *
 * A unit is referred to by the thread that works in it and by every exchange that was
 * opened in it and is not answered; the last of them ends it.  So an event loop comes
 * back to a unit with the answer of its upstream.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#ifndef TA_CORE_UNIT_H
#define TA_CORE_UNIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/context.h"

struct ta_thread;

enum ta_owner_kind {
	TA_OWNER_NOBODY,
	TA_OWNER_REQUEST, /* an accepted connection and one of its requests */
	TA_OWNER_UNIT,
};

/* Whose work something is.  Numbers only: what it names may be over. */
struct ta_owner {
	uint8_t kind; /* enum ta_owner_kind */
	uint32_t index, generation;
	uint64_t span_id; /* TA_OWNER_REQUEST: the request's, or the connection's own */
};

static inline bool ta_owner_same(const struct ta_owner *one, const struct ta_owner *other)
{
	return one->kind == other->kind && one->index == other->index &&
	       one->generation == other->generation && one->span_id == other->span_id;
}

/* Why somebody is guessed to be whose work it is.  Guesses of a kind are believed, in
 * headers that go out and for calls that follow each other, when so many have been
 * confirmed and none refuted: TA_GUESS_CONFIRMED. */
enum ta_guess {
	TA_GUESS_NONE,
	TA_GUESS_SLEPT,	 /* the thread was at work for him when it slept */
	TA_GUESS_WAKER,	 /* he woke it up; never believed */
	TA_GUESS_QUEUE,	 /* his is the oldest of several requests on a connection */
	TA_GUESS_LOOP,	 /* the loop is at his connection; but others are unanswered, too */
	TA_GUESS_KINDS,
};

#define TA_GUESS_CONFIRMED 16u

struct ta_unit {
	_Atomic uint64_t state; /* generation << 32 | references */
	_Atomic uint32_t ended; /* its end is published */
	uint32_t proc;		/* low half of the proc_id that made it */
	uint8_t guess;		/* enum ta_guess: why link */
	struct ta_context context, link; /* ids */
};

bool ta_guess_is_believed(enum ta_guess guess);

/* The unit that the thread works in, made if there is none; link: a guess at whose work
 * it is, or NULL.  NULL: no room (counted). */
struct ta_unit *ta_unit_now(struct ta_thread *thread, const struct ta_context *link,
			    enum ta_guess guess);
struct ta_owner ta_unit_owner(const struct ta_thread *thread);
const struct ta_unit *ta_unit_of(const struct ta_owner *owner);

/* The thread is done with it, for now at least. */
void ta_unit_leave_slow(struct ta_thread *thread);
#define ta_unit_leave(thread)                                                                      \
	do {                                                                                       \
		if ((thread)->unit)                                                                \
			ta_unit_leave_slow(thread);                                                \
	} while (0)

/* An answer goes out to that request: the unit is its, unless another answer follows before
 * the thread does anything else.  Then it was work for several, and nobody gets it. */
void ta_unit_claim(struct ta_thread *thread, const struct ta_context *claimant);
/* It may be several ones': nobody gets it. */
void ta_unit_give_up(struct ta_thread *thread);
/* The thread does something else. */
void ta_unit_settle_slow(struct ta_thread *thread);
static inline void ta_unit_settle(struct ta_thread *thread, bool claimed)
{
	if (__builtin_expect(claimed, 0))
		ta_unit_settle_slow(thread);
}
/* The thread is back in it, if it is still there. */
void ta_unit_enter(struct ta_thread *thread, const struct ta_owner *owner);

/* One more, or one fewer, exchange that has not been answered.  False: it is over. */
bool ta_unit_ref(const struct ta_owner *owner);
void ta_unit_unref(struct ta_thread *thread, const struct ta_owner *owner);

#endif
