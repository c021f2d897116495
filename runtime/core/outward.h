/* SPDX-License-Identifier: MIT */
/*
 * outward.h - whose child is what a thread asks others: the rules of DESIGN.md part 5.
 *
 * In this order:
 * - a span of the program, or a signal delivery, that is active;
 * - the request that the thread works for, while it is not answered;
 * - the thread's own span, while the thread has never waited for work; the process's, in
 *   a program that serves nobody, for its first TA_BASE_SPANS_MAX;
 * - a unit.
 *
 * The second is sure of a thread that does one thing after the other.  It is a guess, and
 * the work goes into a unit that names it, when the thread has slept in the middle; when
 * the connection has several requests and the oldest waits for others already; and in an
 * event loop while other requests lie about that a timer or a queue may wake up: nothing
 * shows which handler runs.  A connection's first request is its opener's.
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_OUTWARD_H
#define TA_CORE_OUTWARD_H

#include "runtime/core/thread.h"
#include "runtime/core/unit.h"

#define TA_BASE_SPANS_MAX 1000u

struct ta_conn;

struct ta_asking {
	struct ta_context parent; /* ids */
	struct ta_owner owner;	  /* where the answer puts the thread back */
	struct ta_owner waits;	  /* the request that waits for it, for certain or by a guess */
	bool alone;		  /* the unit is this one's only: the thread does not stay in it */
};

/* on: the connection that is written to, NULL for anything else.  False: nothing is to be
 * recorded. */
bool ta_outward_asks(struct ta_thread *thread, const struct ta_conn *on,
		     struct ta_asking *ret_asking);

/* Whether the thread runs handlers for events of any kind.  A stack of its own (a coroutine,
 * a context that was handed over) is nobody's loop. */
static inline bool ta_outward_in_loop(const struct ta_thread *thread)
{
	return thread->looped && thread->stack == &thread->own;
}

/* Ids of a child of parent. */
void ta_outward_ids(struct ta_thread *thread, const struct ta_context *parent,
		    struct ta_context *ret_span);

/* The scopes that what was asked for owner begins in: the request's, which need not be the one
 * that the thread is in, or that of a guess that is believed; the thread's own where it is not
 * known whose work it is; and where the program has a block open, that block's. */
struct ta_versions ta_outward_scopes(struct ta_thread *thread, const struct ta_owner *owner);

/* The thread goes on for this owner, because it has read the answer to what was asked for
 * it; nobody: for nobody that is known. */
void ta_outward_return(struct ta_thread *thread, const struct ta_owner *owner);

/* ---- in one piece: something that a thread does and waits for ---- */

struct ta_outward {
	struct ta_context context;
	struct ta_context parent;
	struct ta_owner owner, waits; /* of who does it */
	bool open;
	bool alone; /* see struct ta_asking */
};

struct ta_emit;
/* Begins the record of a span of that type, begun at start_ns (0: now); the caller adds attributes and commits.
 * False: nothing is recorded. */
bool ta_outward_begin(struct ta_thread *thread, struct ta_outward *outward, struct ta_emit *emit,
		      uint8_t type, uint64_t start_ns, uint32_t attr_bytes);
/* Begins the record of its end, the same way. */
bool ta_outward_end(struct ta_thread *thread, struct ta_outward *outward, struct ta_emit *emit,
		    uint32_t attr_bytes);

#endif
