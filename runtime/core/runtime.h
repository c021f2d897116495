/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - the process-wide state of the host side.
 *
 * Written by the constructor before any thread exists, and by a forked child;
 * read by everybody.  Losses are counted in the segment so that they outlive us.
 */
#ifndef TA_CORE_RUNTIME_H
#define TA_CORE_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/record.h"
#include "runtime/wire/sampler.h"
#include "runtime/wire/segment.h"

enum ta_propagate { TA_PROPAGATE_NONE, TA_PROPAGATE_EXTRACT, TA_PROPAGATE_INJECT };

/* What carries a trace. */
enum ta_propagator {
	TA_PROPAGATOR_TRACECONTEXT = 1,
	TA_PROPAGATOR_BAGGAGE = 2,
	TA_PROPAGATOR_SENTRY = 4,
};

struct ta_runtime {
	struct ta_segment *segment; /* NULL while quiet */
	bool enabled;		    /* hooks record */
	bool threads, signals, http;
	bool outward;		    /* spans for what the program asks others */
	bool commands;		    /* spans for commands that it is asked */
	bool query_text, processes;
	uint8_t propagate;	    /* enum ta_propagate */
	uint8_t propagators;	    /* enum ta_propagator */
	bool propagate_to_all;	    /* not only to private addresses */
	_Atomic bool threaded;	    /* there is, or was, a second thread (core/alone.h) */
	_Atomic bool serving;	    /* it has listened, or accepted a connection */
	_Atomic bool hands_over;    /* a request was answered by a thread that had not read it */
	bool follow;		    /* children that exec are traced as well */
	bool unfollowed;	    /* quiet because our parent is not followed; nor are our children */
	bool by_environment;	    /* LD_PRELOAD brought us here, not the system's own list */
	_Atomic uint32_t sandboxed; /* seccomp seen: no system call of ours from here on */
	uint64_t proc_id;
	uint64_t parent_proc_id;
	uint64_t seed;
	uint32_t pid; /* 0: not known */
	uint32_t exit_wait_ms;
	uint32_t crash_wait_ms;
	bool agentless; /* no agent is started; another's may come all the same */
	bool crashes; /* fatal signals are reported */
	bool child_deaths;    /* children that die of a signal are events */
	uint8_t exit_events;  /* enum ta_exit_events (core/ends.h) */
	bool root;	      /* no traced program has started this one; only where it is asked for */
	bool stacks;  /* captured errors and messages carry theirs */
	uint32_t breadcrumbs; /* automatic ones: which kinds (core/crumb.h) */
	struct ta_sampler sampler;
	bool ended;
	bool keeper;	     /* the agent hangs below a child of ours, see preload/spawn.c */
	bool clone_children; /* the program has made children without SIGCHLD itself */
	bool creator; /* this process made the segment */
	struct {
		uint64_t trace_hi, trace_lo, span_id; /* from TRACEPARENT */
		uint8_t flags;
	} remote;
	/* Written for every request: not beside what every hook reads. */
	struct {
		_Alignas(TA_CACHE_LINE) _Atomic int32_t unanswered; /* requests by HTTP that it
					     * has been asked and not answered */
		_Atomic int32_t parked; /* requests that may go on without an event of their own */
	};
};

extern struct ta_runtime ta_runtime __attribute__((visibility("hidden")));

/* A page that reads zero in every forked child (MADV_WIPEONFORK): how a raw
 * clone or _Fork is noticed.  alive is 1 in the process that set it. */
extern struct ta_wipe {
	_Atomic uint32_t alive;
} *ta_wipe __attribute__((visibility("hidden")));

/* What the spans of a trace say of head sampling, and what is handed on (traceparent). */
static inline uint8_t ta_sampling_flags(uint64_t trace_lo, enum ta_parent_decision parent)
{
	return ta_sampler_takes(&ta_runtime.sampler, trace_lo, parent) ? 0 : TA_SPAN_NOT_SAMPLED;
}

static inline enum ta_parent_decision ta_parent_decided(uint8_t traceparent_flags)
{
	return traceparent_flags & 1 ? TA_PARENT_SAMPLED : TA_PARENT_NOT_SAMPLED;
}

static inline void ta_lost(enum ta_loss loss)
{
	if (ta_runtime.segment)
		atomic_fetch_add_explicit(&ta_runtime.segment->lost[loss], 1, memory_order_relaxed);
}

/* Wakes the agent if it said that it sleeps; nothing in a sandbox. */
void ta_agent_wake(void);

/* ---- processes (process.c) ---- */

/* A number that this process has not been given before; another one may have it by
 * chance only.  Any thread, signal handlers. */
uint64_t ta_process_unique(void);

/* Before a fork: makes the child's id (it waits in the thread's fork_token) and
 * counts the fork.  Both do nothing in a vfork child and while we are quiet. */
void ta_process_fork_prepare(void);
void ta_process_fork_child(void);
/* In the parent: tells the agent the child's pid; not when the fork failed. */
void ta_process_forked_parent(long child_pid);
/* In the child: a process of its own, whatever noticed it. */
void ta_process_forked_child(void);

/* Notices a fork that no hook saw.  One load. */
static inline void ta_process_check(void)
{
	if (__builtin_expect(ta_wipe != NULL &&
				     atomic_load_explicit(&ta_wipe->alive, memory_order_relaxed) == 0,
			     0))
		ta_process_forked_child();
}
/* The process is about to end in an orderly way, or to exec. */
void ta_process_ending(int status);
void ta_process_exec(void);

#endif
