/* SPDX-License-Identifier: MIT */
/*
 * object.h - spans that the program has opened and not ended.
 *
 * An object is what a handle needs while its span is open: ids for children, tags to
 * inherit, the root, the session, and, for spans that are ended far from where they
 * were started, their scopes.  The first who ends a span claims it; from then on its
 * handle is stale, wherever it is kept.
 *
 * Runs: any host thread, signal handlers.  No locks, no heap.
 */
#ifndef TA_CORE_OBJECT_H
#define TA_CORE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/arena.h"
#include "runtime/core/context.h"
#include "runtime/core/thread.h"

/* The version of the global scope. */
static inline uint64_t ta_global_version(void)
{
	return atomic_load_explicit(&ta_arena.cells[0].version, memory_order_acquire);
}

struct ta_object {
	_Atomic uint64_t state; /* generation << 32 | enum ta_object_state */
	uint64_t trace_hi, trace_lo, span_id, parent_id;
	_Atomic uint64_t tags;
	uint64_t root; /* object of its trace's root in this process; its own for a root, 0 none */
	uint32_t session; /* number + 1 of a session that was given; 0 none */
	uint32_t proc;	/* low half of the proc_id that opened it */
	uint8_t flags;	/* enum ta_span_flags that children inherit */
	bool scoped;	/* isolation and current are in use */
	bool framed;	/* a block's: its frame frees it, whoever ends it */
	struct ta_slot isolation, current;
};

enum ta_object_state { TA_OBJECT_FREE, TA_OBJECT_OPEN, TA_OBJECT_ENDING };

static inline struct ta_object *ta_object_at(uint64_t ref)
{
	uint32_t index = (uint32_t)ref;

	return &ta_arena.objects[index < ta_arena.object_pool.size ? index : 0];
}

static inline bool ta_object_matches(const struct ta_object *object, uint64_t ref)
{
	uint64_t open = (ref >> 32) << 32 | TA_OBJECT_OPEN;

	return atomic_load_explicit(&object->state, memory_order_acquire) == open;
}

static inline bool ta_object_is_open(uint64_t ref)
{
	return ta_object_matches(ta_object_at(ref), ref);
}

/* A free number from the pool, or -1 (counted). */
int ta_object_take(void);

/* A new open object with these ids; 0: no room (counted).  The caller sets root and
 * session before anybody else learns of it.  A thread keeps a few free ones:
 * no atomic instruction for most spans.  Fields are written as those that others may be
 * looking at. */
static inline uint64_t ta_object_new(struct ta_thread *thread, const struct ta_context *span,
				     bool framed)
{
	int index = thread->spare_count ? (int)thread->spare_objects[--thread->spare_count] :
					  ta_object_take();

	if (index < 0)
		return 0;
	struct ta_object *object = &ta_arena.objects[index];
	uint64_t generation = atomic_load_explicit(&object->state, memory_order_relaxed) >> 32;

	generation = generation ? generation : 1;
	atomic_thread_fence(memory_order_release);
	__atomic_store_n(&object->trace_hi, span->trace_hi, __ATOMIC_RELAXED);
	__atomic_store_n(&object->trace_lo, span->trace_lo, __ATOMIC_RELAXED);
	__atomic_store_n(&object->span_id, span->span_id, __ATOMIC_RELAXED);
	__atomic_store_n(&object->parent_id, span->parent_id, __ATOMIC_RELAXED);
	atomic_store_explicit(&object->tags, span->tags, memory_order_relaxed);
	object->proc = (uint32_t)ta_runtime.proc_id;
	__atomic_store_n(&object->flags, span->flags, __ATOMIC_RELAXED);
	object->scoped = false;
	object->framed = framed;
	atomic_store_explicit(&object->state, generation << 32 | TA_OBJECT_OPEN,
			      memory_order_release);
	return generation << 32 | (uint32_t)index;
}

/* Copies ids, tags and flags of an open span (not the slots).  False: it is over. */
bool ta_object_context(uint64_t ref, struct ta_context *ret_context);

/* The object of the root of an open span's trace; 0: the span is over, or has none. */
uint64_t ta_object_root(uint64_t ref);

/* What a child takes over: that root, and the session (number + 1, or 0) with a reference
 * of the child's own.  False: the span is over. */
bool ta_object_family(uint64_t ref, uint64_t *ret_root, uint32_t *ret_session);

/* True for the one caller who may end the span; ta_object_free() has to follow. */
static inline bool ta_object_claim(uint64_t ref)
{
	uint64_t open = (ref >> 32) << 32 | TA_OBJECT_OPEN;

	return ref != 0 && atomic_compare_exchange_strong(&ta_object_at(ref)->state, &open,
							  (ref >> 32) << 32 | TA_OBJECT_ENDING);
}

/* The same for the thread that has the block's frame.  Without a lock prefix: atomic towards
 * its own signal handlers.  When another thread ends the span at that very moment both may
 * be told that they are the one; the agent ignores a second end, and the frame alone frees
 * the object. */
static inline bool ta_object_claim_framed(uint64_t ref)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	uint64_t open = (ref >> 32) << 32 | TA_OBJECT_OPEN;
	uint64_t ending = (ref >> 32) << 32 | TA_OBJECT_ENDING;
	bool claimed;

	__asm__ volatile("cmpxchgq %3, %1"
			 : "=@cce"(claimed), "+m"(ta_object_at(ref)->state), "+a"(open)
			 : "r"(ending)
			 : "memory");
	return claimed;
#else
	return ta_object_claim(ref);
#endif
}

/* Scopes and session of an object that goes. */
void ta_object_let_go(struct ta_object *object);

/* After ta_object_claim(), and of a framed object by its frame.  thread: the caller's, or
 * NULL. */
static inline void ta_object_free(struct ta_thread *thread, uint64_t ref)
{
	struct ta_object *object = ta_object_at(ref);

	if (object->scoped || object->session)
		ta_object_let_go(object);
	atomic_store_explicit(&object->state, (((ref >> 32) + 1) & UINT32_MAX) << 32,
			      memory_order_release);
	if (thread && thread->spare_count < TA_SPARE_OBJECTS)
		thread->spare_objects[thread->spare_count++] = (uint32_t)ref;
	else
		ta_pool_give(&ta_arena.object_pool, (uint32_t)ref);
}

/* The thread's spare ones go back to the pool. */
void ta_object_give_spare(struct ta_thread *thread);

/* ---- sessions ---- */

#define TA_SESSION_TEXT 200u

struct ta_session {
	_Atomic uint32_t refs;
	uint16_t id_bytes, name_bytes;
	char id[TA_SESSION_TEXT];
	char name[TA_SESSION_TEXT];
};

/* Number + 1 with one reference; 0: no room (counted). */
uint32_t ta_session_new(const char *id, uint32_t id_bytes, const char *name, uint32_t name_bytes);
void ta_session_unref(uint32_t session);
const struct ta_session *ta_session_at(uint32_t session);

#endif
