/* SPDX-License-Identifier: MIT */
/*
 * thread.h - a thread's private state, its lane, and the guard around hooks.
 *
 * A thread claims a lane when it first has something to record.  Lane number N
 * and ta_arena.threads[N] belong together; both come back when the thread ends (or
 * when the agent sees that it is gone).  A thread whose lane is full, because the
 * agent waits for a processor, goes on in another lane and comes back later.
 *
 * The guard marks that this thread is inside the library.  It heals itself: a
 * handler that jumps out of a hook leaves the mark behind, and the next hook on
 * an older stack frame, or on a lower signal level, takes it over.
 *
 * No locks.  Thread-local storage is one struct of pointers and bytes,
 * initial-exec: the general-dynamic model would call malloc.
 */
#ifndef TA_CORE_THREAD_H
#define TA_CORE_THREAD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/cause.h"
#include "runtime/core/context.h"
#include "runtime/core/id.h"
#include "runtime/core/runtime.h"
#include "runtime/protocol/http1.h"
#include "runtime/wire/lane.h"

#define TA_SIGNAL_LEVELS_MAX 8
#define TA_SPARE_OBJECTS 4
#define TA_SPILL_MAX 7 /* lanes that a thread can have besides its first one */

/* No lane with room was found in the directory: it has hundreds, and every record would
 * look again.  Until the agent has taken something out of the lane that is full, only some
 * records look, fewer and fewer. */
struct ta_lane_rest {
	uint64_t tail;	  /* where the agent stood in that lane */
	uint32_t records; /* until the next look */
	uint32_t pause;	  /* what that began with; 0: the last look found one */
};

/* One signal handler that is running on this thread. */
struct ta_signal_level {
	uintptr_t frame;       /* address in the trampoline's frame */
	uintptr_t stack_low;   /* bounds of the alternate stack it runs on; 0: the thread's own */
	uintptr_t stack_high;
	struct ta_stack *stack; /* of contexts, that was in use, and its frames below */
	uint32_t depth;
	bool framed;	       /* it has a context frame and a span */
};

enum ta_resumed {
	TA_RESUMED = 1, /* it has read an answer */
	TA_ADRIFT = 2,	/* to nobody that is still there */
};

struct ta_thread {
	struct ta_ring_writer main_ring;
	struct ta_ring_writer signal_ring;
	uint32_t seq;
	uint32_t index;		/* of this struct, and of the thread's first lane */
	uint32_t lane_index;	/* the lane that is being written to */
	uint32_t spill_count;	/* lanes besides the first */
	uint32_t spill[TA_SPILL_MAX];
	struct ta_lane_rest rest;
	volatile uint8_t main_busy;	/* a write to the main ring is under way (1 + signal level) */
	volatile uint8_t signal_busy;
	bool woken; /* the agent was woken for this filling */
	uintptr_t main_busy_at; /* stack address of that write */
	struct ta_id_source ids;
	struct ta_lane *lane;
	uint64_t token; /* the claim */
	uint64_t start_ns;

	/* The thread's own span, published when something shows that it matters. */
	uint64_t span_parent; /* 0: root */
	uint64_t start_routine;
	bool span_pending;
	bool span_open;
	uint32_t inherited_conn; /* + 1; the connection whose context it was born in */
	uint32_t inherited_generation;
	bool born_at_work;	/* its base's scopes are of whom its creator was at work for */
	bool inherited_request; /* one of its requests was unanswered then: the base has its ids */
	uint32_t tid;

	/* What it does for whom, where that is not plain; see unit.h and outward.h. */
	uint32_t unit; /* + 1; 0: none */
	uint32_t unit_generation;
	bool main_thread;
	bool idled; /* it has waited for work */
	bool worked; /* it has answered somebody, or waited for events, since it last slept */
	bool doubt; /* it has slept since it last touched the connection that it works for */
	uint8_t resumed; /* enum ta_resumed: since it last waited for events, or read a request */
	bool looped; /* what it last waited for was events of any kind */
	bool loops; /* and once it has, it may always be in a loop */
	bool watched; /* it has asked between connections: what wakes it up is noted in cause */
	struct ta_cause cause;
	uint32_t visits; /* connections that it has gone to work on since it last waited for events */
	bool claimed; /* its unit is going to be adopted by *claimant, unless another claims it */
	struct ta_context claimant; /* ids */
	struct ta_context hint; /* ids: who woke it up, so far as that was seen */

	struct ta_signal_level levels[TA_SIGNAL_LEVELS_MAX];
	struct ta_stack *stack; /* of contexts: own, or one that was handed over */
	struct ta_stack own;
	uint64_t event_hi, event_lo; /* id of what it captured last */
	uint32_t spare_objects[TA_SPARE_OBJECTS]; /* free ones at hand; inside the guard only */
	uint32_t spare_count;
	uint32_t crumb_count; /* automatic breadcrumbs in the second that began then */
	uint64_t crumbs_since_ns;
	uint64_t moved;		/* fd word of the connection whose bytes it has moved last */
	struct ta_http1_head head; /* scratch for heads that arrive whole */
};

struct ta_tls {
	struct ta_thread *thread;
	uintptr_t inside;     /* stack address of the guard that is held; 0 none */
	uint8_t inside_level; /* signal level at which it was taken */
	uint8_t level;	      /* signal handlers running */
	uint8_t passive;      /* vfork child on this thread's memory: hooks pass through */
	uint8_t attaching;
	uint8_t slept; /* this thread has waited, before it had anything to record */
	uint8_t looped; /* and the last time for events of any kind */
	uint16_t altstack;    /* signal stack of ours: its number + 1; 0 none */
	uint64_t fork_token; /* id of the child that is being forked; 0 none */
	uint64_t lane_tries; /* calls since no lane was found: when to try again */
};

extern _Thread_local struct ta_tls ta_tls
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The calling thread's state; claims a lane at the first call.  NULL: no lane. */
struct ta_thread *ta_thread_attach(void);

static inline struct ta_thread *ta_thread_self(void)
{
	return __builtin_expect(ta_tls.thread != NULL, 1) ? ta_tls.thread : ta_thread_attach();
}

/* The frame that is current now. */
static inline struct ta_frame *ta_frame_top(struct ta_thread *thread)
{
	return &thread->stack->frames[thread->stack->depth];
}

static inline void ta_context_settle(struct ta_thread *thread)
{
	if (__builtin_expect(ta_frame_top(thread)->kind == TA_FRAME_PUSHED, 0))
		ta_context_settle_slow(thread);
}

static inline void ta_context_matters(struct ta_thread *thread)
{
	uint8_t kind = ta_frame_top(thread)->kind;

	if (kind == TA_FRAME_CONN || (kind == TA_FRAME_BASE && thread->span_pending))
		ta_context_matters_slow(thread);
}

/* The lane is full: goes on in another one, its own or a free one.  False when
 * there is none with room.  For publish.c, while it holds the main ring. */
bool ta_thread_change_lane(struct ta_thread *thread);

/* What a new thread takes over from its creator.  Kept in a static pool between
 * pthread_create and the thread's first instruction. */
struct ta_thread_birth {
	void *(*start)(void *);
	void *argument;
	struct ta_context context;
	uint64_t hub_seed;
	bool hub_silent;
	uint64_t created_ns;
	uint32_t conn; /* + 1; 0: not born in a connection's context */
	uint32_t conn_generation;
	bool request; /* born while one of its requests was unanswered; context has its ids */
	bool at_work; /* the creator was at work for somebody: its scopes are theirs */
	_Atomic uint32_t taken;
};

/* A free birth, or NULL (pool empty).  Needs no guard. */
struct ta_thread_birth *ta_thread_birth_new(void *(*start)(void *), void *argument);
void ta_thread_birth_free(struct ta_thread_birth *birth);
/* Fills in the calling thread's context.  Inside the guard. */
void ta_thread_birth_inherit(struct ta_thread_birth *birth);

/* In the new thread: the birth is its own from here on, and is freed when the
 * thread attaches or ends. */
void ta_thread_begin(struct ta_thread_birth *birth);

/* The thread is ending: closes its spans and gives the lane back. */
void ta_thread_end(void);

/* Publishes the thread's own span if that is still to be done.  conn: the
 * connection it has just worked for, or NULL. */
struct ta_conn;
void ta_thread_publish(struct ta_thread *thread, const struct ta_conn *conn);

/* After a fork, in the child: a lane of its own, the same contexts.  May find
 * none; the child is then quiet until there is one. */
void ta_thread_forked(void);

/* Makes sure that a forked child or a new thread will find a ready lane. */
void ta_thread_prepare_lane(void);

/* Drops signal levels whose handler was left by a long jump; ends their spans. */
void ta_thread_heal(uintptr_t stack);

/* ---- guard ---- */

struct ta_guard {
	bool entered; /* false: nested, passive or switched off; do nothing but atomics */
	int saved_errno;
};

struct ta_guard ta_guard_enter(void);

static inline void ta_guard_leave(struct ta_guard *guard)
{
	if (guard->entered)
		ta_tls.inside = 0;
	errno = guard->saved_errno;
}

/* The same for calls that cannot change errno; stack: an address in the caller's frame. */
static inline bool ta_guard_take(uintptr_t stack)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return false;
	ta_process_check();
	if (__builtin_expect(ta_tls.level, 0))
		ta_thread_heal(stack);
	if (__builtin_expect(ta_tls.inside != 0, 0) &&
	    (ta_tls.inside_level < ta_tls.level || stack <= ta_tls.inside)) {
		ta_lost(TA_LOSS_GUARD_BUSY);
		return false;
	}
	ta_tls.inside = stack;
	ta_tls.inside_level = ta_tls.level;
	return true;
}

static inline void ta_guard_drop(const bool *taken)
{
	if (*taken)
		ta_tls.inside = 0;
}

/* Leaves, and restores errno, at the end of the block.  The real call is never
 * inside: it may block, and a cancelled thread would keep the guard. */
#define TA_GUARD(name)                                                                             \
	struct ta_guard name __attribute__((cleanup(ta_guard_leave), unused)) = ta_guard_enter()

/* The same without a call, for the few hooks that every request goes through. */
static inline struct ta_guard ta_guard_enter_inline(uintptr_t stack)
{
	struct ta_guard guard = { .saved_errno = errno };

	guard.entered = ta_guard_take(stack);
	return guard;
}

#define TA_GUARD_INLINE(name)                                                                      \
	struct ta_guard name __attribute__((cleanup(ta_guard_leave), unused)) =                    \
		ta_guard_enter_inline((uintptr_t)__builtin_frame_address(0))

/* For what may interrupt itself: the thread's state without the guard, or NULL when
 * nothing is to be recorded.  Touches no frame. */
static inline struct ta_thread *ta_thread_reentrant(void)
{
	if (!ta_runtime.enabled || ta_tls.passive)
		return NULL;
	ta_process_check();
	return ta_thread_self();
}

#endif
