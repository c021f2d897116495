/* SPDX-License-Identifier: MIT */
/*
 * handover.h - contexts as objects: for queues, workers and coroutines of the program.
 *
 * A captured context is a stack of its own whose base shares the scopes of where it
 * was captured.  The thread that attaches it works on that stack; what it opens there
 * goes with the context to the next thread.
 *
 * Runs: any host thread, inside the guard.  No locks: attaching claims the object by
 * compare and swap.
 */
#ifndef TA_CORE_HANDOVER_H
#define TA_CORE_HANDOVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/core/context.h"

struct ta_handed {
	_Atomic uint64_t state; /* generation << 32 | enum ta_handed_state */
	struct ta_handed *below; /* attached before it on the same thread; NULL: the thread's own */
	struct ta_stack stack;
};

enum ta_handed_state { TA_HANDED_FREE, TA_HANDED_KEPT, TA_HANDED_ATTACHED };

/* What is current; 0: no room (counted). */
uint64_t ta_handover_capture(struct ta_thread *thread);
/* 0, -EBUSY (attached somewhere), -ESTALE. */
int ta_handover_attach(struct ta_thread *thread, uint64_t context);
/* 0, -ENOENT (not the one that is attached to this thread). */
int ta_handover_detach(struct ta_thread *thread, uint64_t context);
/* 0, -EBUSY, -ESTALE.  Ends blocks that were left open in it. */
int ta_handover_free(struct ta_thread *thread, uint64_t context);

/* For a coroutine, which nobody has a number of: a fork of what is current, attached to no
 * thread.  On a connection it begins on that connection.  NULL: no room. */
struct ta_handed *ta_handover_fork(struct ta_thread *thread);
/* Ends what was left open in it and frees it; not the one that the thread works on. */
void ta_handover_drop(struct ta_thread *thread, struct ta_handed *handed);

/* The thread ends with contexts attached: they are kept for others. */
void ta_handover_thread_ends(struct ta_thread *thread);

#endif
