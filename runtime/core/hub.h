/* SPDX-License-Identifier: MIT */
/*
 * hub.h - the older model of Sentry's SDKs: a stack of scopes per thread.
 *
 * A hub's scopes are cells that are linked from the topmost down.  A stack of
 * contexts has one current hub, made when it is first asked for; it starts with a
 * copy of the topmost scope of where the stack came from.
 *
 * Runs: any host thread, inside the guard.  A hub belongs to one thread at a time;
 * no locks.
 */
#ifndef TA_CORE_HUB_H
#define TA_CORE_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_stack;
struct ta_thread;

struct ta_hub {
	_Atomic uint64_t state; /* generation << 32 | references */
	uint64_t top;		/* cell */
	uint32_t depth;		/* scopes */
	bool client;
};

/* The current hub, made if there was none; 0: no room (counted). */
uint64_t ta_hub_current(struct ta_thread *thread);
/* A hub with one scope, a copy of another's topmost (from 0: empty).  One reference. */
uint64_t ta_hub_new(uint64_t from, bool client);
bool ta_hub_ref(uint64_t hub);
void ta_hub_drop(uint64_t hub);

/* The cell of the current hub's topmost scope; 0 without a client. */
uint64_t ta_hub_top(struct ta_thread *thread);
/* What the hub of a new stack starts with: a version, and whether without a client. */
uint64_t ta_hub_seed(const struct ta_stack *stack, bool *ret_silent);

/* Makes a hub current; the stack keeps a reference.  Returns the former one, whose
 * reference the caller has from then on. */
uint64_t ta_hub_enter(struct ta_stack *stack, uint64_t hub);
void ta_hub_restore(struct ta_stack *stack, uint64_t former);

uint64_t ta_hub_push_scope(struct ta_thread *thread);
bool ta_hub_pop_scope(struct ta_thread *thread);
uint32_t ta_hub_depth(struct ta_thread *thread);

#endif
