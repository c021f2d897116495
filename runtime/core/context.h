/* SPDX-License-Identifier: MIT */
/*
 * context.h - what is current on a thread: isolation scope, current scope, span.
 *
 * A thread has a stack of frames.  Frame 0 is the thread's own; accepting,
 * reading or writing a bound fd puts that connection's frame on it, a signal
 * handler and a span opened by the program put theirs on top.  Scopes are
 * version numbers (runtime/wire/record.h): forking a scope copies a number.
 *
 * Frames of kind TA_FRAME_CONN do not hold the context, they name the
 * connection: its oldest unanswered request is what is current.
 *
 * Runs: the owning thread only, inside the guard or in its signal handlers.
 */
#ifndef TA_CORE_CONTEXT_H
#define TA_CORE_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_context {
	uint64_t trace_hi, trace_lo; /* both 0: no trace yet */
	uint64_t span_id;	     /* 0: no active span */
	uint64_t isolation;	     /* scope versions */
	uint64_t current;
	uint8_t flags; /* enum ta_span_flags that children inherit (NOT_SAMPLED) */
};

enum ta_frame_kind { TA_FRAME_BASE, TA_FRAME_CONN, TA_FRAME_SIGNAL, TA_FRAME_SPAN };

struct ta_frame {
	uint8_t kind;
	bool inherited;	   /* over a fork: its span is the parent's to end */
	uint32_t conn;	   /* TA_FRAME_CONN: index and generation */
	uint32_t conn_generation;
	struct ta_context context;
};

#define TA_FRAMES_MAX 24

struct ta_thread;

/* The frame that is current now. */
struct ta_frame *ta_frame_top(struct ta_thread *thread);

/* The context that is current now; never NULL.  For a connection frame that is
 * the request's; when the connection is gone, the context of the frame below. */
struct ta_context *ta_context_now(struct ta_thread *thread);

/* Puts the connection's frame on top, replacing another connection's (and the
 * program's spans above that).  Frames of the program above the same
 * connection's frame stay. */
void ta_context_enter_conn(struct ta_thread *thread, uint32_t conn, uint32_t generation);

/* The thread is about to wait: it leaves the connection it was working for. */
void ta_context_leave_conn(struct ta_thread *thread);

/* A new frame on top with a copy of the current context; NULL when too deep. */
struct ta_frame *ta_context_push(struct ta_thread *thread, enum ta_frame_kind kind);

/* A signal handler's frame.  Leaves the slot below it alone, because the handler
 * may have interrupted this thread while it was filling that slot. */
struct ta_frame *ta_context_push_signal(struct ta_thread *thread);

/* Drops all frames above depth, ending spans that the program left open. */
void ta_context_unwind(struct ta_thread *thread, uint32_t depth);

#endif
