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

struct ta_unit {
	_Atomic uint64_t state; /* generation << 32 | references */
	_Atomic uint32_t ended; /* its end is published */
	uint32_t proc;		/* low half of the proc_id that made it */
	struct ta_context context;
};

/* The unit that the thread works in, made if there is none; link: a guess at whose work
 * it is, or NULL.  NULL: no room (counted). */
struct ta_unit *ta_unit_now(struct ta_thread *thread, const struct ta_context *link);
struct ta_owner ta_unit_owner(const struct ta_thread *thread);

/* The thread is done with it, for now at least. */
void ta_unit_leave_slow(struct ta_thread *thread);
/* It turns out to be work for that request. */
void ta_unit_adopt_slow(struct ta_thread *thread, const struct ta_context *adopter);
/* The thread is back in it, if it is still there. */
void ta_unit_enter(struct ta_thread *thread, const struct ta_owner *owner);

/* One more, or one fewer, exchange that has not been answered.  False: it is over. */
bool ta_unit_ref(const struct ta_owner *owner);
void ta_unit_unref(struct ta_thread *thread, const struct ta_owner *owner);

#endif
