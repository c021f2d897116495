/* SPDX-License-Identifier: MIT */
/*
 * cause.h - what an event loop was woken up by, where that decides whose work it does.
 *
 * A loop that runs handlers from a queue of its own (asyncio) has left the connection by the
 * time that a handler asks others.  It is known all the same whose work that is when it was
 * woken up by one event, which brought the bytes that were moved last; when nothing has
 * joined since; when the timeout that it waited with shows that no timer is due; when nobody
 * else's request could go on, nor be waiting for the room that an answer makes; and when
 * there is no other thread, which might have handed something in.
 *
 * Only threads that were seen to ask between connections are watched.
 *
 * Runs: any host thread, inside the guard.  No locks.
 */
#ifndef TA_CORE_CAUSE_H
#define TA_CORE_CAUSE_H

#include <stdbool.h>
#include <stdint.h>

struct ta_owner;
struct ta_thread;

struct ta_cause {
	uint64_t word;	      /* fd word of the one connection that woke it up; 0: not known */
	uint64_t bytes;	      /* that it had brought until then */
	uint64_t until_ns;    /* no timer is due before */
	uint64_t returned_ns; /* from its last wait */
	uint32_t asked;	      /* answers that are expected by what it asked while it was watched */
};

/* The thread has waited for events, so long at the most; data: what the program has put
 * to the first of count. */
void ta_cause_woken(struct ta_thread *thread, int timeout_ms, int count, uint64_t data);

/* One more, or one fewer, answer is expected by the request, as the thread sees to.  A program
 * that asks several at a time for one request in a loop may keep some of them until an
 * answer to somebody else has made room. */
void ta_cause_expects(struct ta_thread *thread, const struct ta_owner *request, int change);

/* Whether that may be so now: it was seen to, and several requests are unanswered. */
bool ta_cause_may_have_room(void);

/* The request that all is done for until the thread waits again.  False: not known; from
 * now on the thread is watched. */
bool ta_cause_owner(struct ta_thread *thread, struct ta_owner *ret_owner);

#endif
