/* SPDX-License-Identifier: MIT */
/*
 * context.h - what is current: isolation scope, current scope, active span.
 *
 * A thread works on a stack of frames: its own, or one that was handed over to it
 * (runtime/core/handover.h).  Frame 0 is the base; accepting, reading or writing a
 * bound fd puts that connection's frame on it; a signal handler and the blocks that
 * the program opens put theirs on top.
 *
 * Frames of kind TA_FRAME_CONN do not hold the context, they name the connection:
 * its oldest unanswered request is what is current.  Every other frame has its own
 * current scope; those that fork the isolation scope, or stand on a connection,
 * have a slot for it, the others use the one below.
 *
 * Runs: the owning thread only, inside the guard or in its signal handlers.
 */
#ifndef TA_CORE_CONTEXT_H
#define TA_CORE_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/scope.h"

struct ta_context {
	uint64_t trace_hi, trace_lo; /* both 0: no trace yet */
	uint64_t span_id;	     /* 0: no active span */
	uint64_t parent_id;	     /* of that span; captured events name it */
	uint64_t span_ref;	     /* the span's object if the program opened it, else 0 */
	uint64_t tags;		     /* scope version: what children inherit as tags */
	struct ta_slot isolation, current;
	uint8_t flags; /* enum ta_span_flags that children inherit (NOT_SAMPLED) */
};

enum ta_frame_kind {
	TA_FRAME_BASE,
	TA_FRAME_CONN,
	TA_FRAME_SIGNAL,
	TA_FRAME_SPAN,	    /* a span of the program; ends with its block */
	TA_FRAME_PUSHED,    /* the same without a block; goes when its span has ended */
	TA_FRAME_ENTER,	    /* makes a span active that lives elsewhere */
	TA_FRAME_SCOPE,	    /* forks the current scope */
	TA_FRAME_ISOLATION, /* forks both */
	TA_FRAME_HUB,	    /* another hub is current */
};

struct ta_frame {
	uint8_t kind;
	bool has_isolation; /* its isolation slot is in use */
	bool hides;	    /* TA_FRAME_ENTER of no span: what is below is not active */
	bool empty;	    /* TA_FRAME_SPAN that could not be recorded: only the block is kept */
	uint32_t proc;	    /* low half of the proc_id that made it: a forked child does not
			     * end its parent's spans */
	uint32_t conn;	    /* TA_FRAME_CONN: index and generation */
	uint32_t conn_generation;
	uint64_t request;   /* span id of one of its requests; 0: the oldest unanswered one */
	uint64_t hub;	    /* TA_FRAME_HUB: the one that was current before */
	uintptr_t block;    /* address of the program's block, 0 none; see block.h */
	struct ta_context context;
};

#define TA_FRAMES_MAX 128u
#define TA_ROOTS_MAX 4u
#define TA_ANCESTORS_MAX 8u

struct ta_stack {
	uint32_t depth;	   /* top frame */
	uint32_t overflow; /* blocks opened beyond the last frame */
	uint32_t root_count;
	uint32_t inherited_roots; /* the first of them: older than the base's span */
	uint32_t ancestor_count;
	uint64_t roots[TA_ROOTS_MAX]; /* roots that are current without being entered */
	uint64_t ancestors[TA_ANCESTORS_MAX]; /* spans that were open below the base, innermost first */
	uint64_t hub;	   /* 0: not needed yet */
	uint64_t hub_seed; /* version that its first scope starts with */
	bool hub_silent;   /* it starts without a client */
	uintptr_t innermost_block;
	struct ta_context found; /* ids of a root or an ancestor that is active */
	struct ta_frame frames[TA_FRAMES_MAX];
};

struct ta_thread;

/* The context of the top frame; never NULL.  For a connection frame that is the
 * request's; when the connection is gone, the context of the frame below. */
struct ta_context *ta_context_now(struct ta_thread *thread);

/* runtime/core/now.h has what is looked up most, with the common case inline:
 * ta_context_active(), ta_isolation_slot(), ta_current_slot(), ta_versions_at(). */
const struct ta_context *ta_context_find_active(struct ta_thread *thread);
/* Together with the frame that holds it (the base when nothing else does): another thread may
 * answer a connection's request between two looks. */
struct ta_frame *ta_context_active_frame(struct ta_thread *thread,
					 const struct ta_context **ret_active);
/* The connection's frame that the thread is on or above; NULL: none. */
struct ta_frame *ta_context_conn_frame(struct ta_thread *thread);
struct ta_slot *ta_isolation_slot_slow(struct ta_thread *thread, uint32_t at);
struct ta_slot *ta_current_slot_slow(struct ta_thread *thread, uint32_t at);
struct ta_versions ta_versions_slow(struct ta_thread *thread, uint32_t at);

/* Those of a context that has both slots itself. */
struct ta_versions ta_versions_of(const struct ta_context *context);

/* Copies ids, object, tags and flags; the slots stay. */
static inline void ta_context_set_span(struct ta_context *to, const struct ta_context *from)
{
	to->trace_hi = from->trace_hi;
	to->trace_lo = from->trace_lo;
	to->span_id = from->span_id;
	to->parent_id = from->parent_id;
	to->span_ref = from->span_ref;
	to->tags = from->tags;
	to->flags = from->flags;
}

/* *to gets ids and forks of both scopes. */
void ta_context_fork(struct ta_context *to, struct ta_thread *from);
void ta_context_drop(struct ta_context *context);

/* Puts the connection's frame on top, replacing another connection's; but blocks of the
 * program that are open on that one stay, and the new frame goes on top of them.  Frames
 * of the program above the same connection's frame stay. */
void ta_context_enter_conn(struct ta_thread *thread, uint32_t conn, uint32_t generation);

/* The same for one of its requests. */
void ta_context_enter_request(struct ta_thread *thread, uint32_t conn, uint32_t generation,
			      uint64_t request);

/* The thread is about to wait: it leaves the connection it was working for, unless the
 * program has a block open on it. */
void ta_context_leave_conn(struct ta_thread *thread);

/* A new frame on top: the ids of what is active, a fork of the current scope.  NULL
 * when too deep (counted). */
struct ta_frame *ta_context_push(struct ta_thread *thread, enum ta_frame_kind kind);
/* The same with a given span instead of the active one, which has been asked whether it
 * matters.  In now.h, with the common case inline: ta_context_push_span(). */
struct ta_frame *ta_context_push_slow(struct ta_thread *thread, enum ta_frame_kind kind,
				      const struct ta_context *span);

/* A signal handler's frame.  Leaves the slot below it alone, because the handler
 * may have interrupted this thread while it was filling that slot. */
struct ta_frame *ta_context_push_signal(struct ta_thread *thread);

/* Drops all frames above depth, ending spans that the program left open. */
void ta_context_unwind(struct ta_thread *thread, uint32_t depth);

/* The innermost frame that a connection's frame, or the end of a block, may not
 * reach below: a signal handler's, or the base. */
uint32_t ta_context_floor(struct ta_thread *thread);

/* The top frame had a block and is gone: which block is innermost now? */
void ta_context_find_block(struct ta_stack *stack);

/* Takes one frame out, ends those that the program opened above it, and keeps a
 * connection's frame (and what is above that).  error: why a span's block failed, or
 * NULL. */
struct ta_error;
void ta_context_remove(struct ta_thread *thread, uint32_t at, const struct ta_error *error);

/* thread.h has ta_frame_top(), and the two that follow with their common case inline:
 * ta_context_settle() drops frames on top whose span was finished elsewhere;
 * ta_context_matters() says that something is going to name the active span: one that
 * Tagalong has opened and not published yet has to be. */
void ta_context_settle_slow(struct ta_thread *thread);
void ta_context_matters_slow(struct ta_thread *thread);

/* Forgets every frame and its scopes without a record. */
void ta_stack_reset(struct ta_stack *stack);

#endif
