/* SPDX-License-Identifier: MIT */
/*
 * coroutine.c - which stack of contexts belongs to the stack that a thread runs on.
 *
 * A coroutine is found by the ucontext_t that it was last switched to by (a table of hints,
 * checked), else by a look at all of them.  It is forgotten when its function returns, or
 * when another one is made on the same memory: a program that drops one tells nobody.
 *
 * One that found no room works on the contexts of the stack that switches to it; then
 * switches leave connections, so that nobody's request becomes another's.
 *
 * Runs: see coroutine.h.
 */
#include "runtime/core/coroutine.h"

#include <stddef.h>

#include "runtime/core/arena.h"
#include "runtime/core/coroutine_end.h"
#include "runtime/core/coroutine_pool.h"
#include "runtime/core/handover.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

#define HOME_REACH 1024u /* our frames between the saved stack pointer and where it is noted */

static _Atomic bool some_without; /* there are coroutines without contexts of their own */

static _Thread_local struct {
	struct ta_coroutine *coroutine; /* NULL: on the thread's own stack */
	struct ta_stack *home;		/* what was current there when it was left; NULL: its own */
	uintptr_t home_at;		/* its stack pointer then */
} here __attribute__((tls_model("initial-exec")));

/* ---- finding ---- */

static bool holds(const struct ta_coroutine *coroutine, uintptr_t at)
{
	uintptr_t low = atomic_load_explicit(&coroutine->low, memory_order_acquire);

	return low != 0 && at >= low && at <= coroutine->high;
}

static _Atomic uint32_t *hint_for(const void *key)
{
	uint64_t mixed = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15ull;

	return &ta_arena.coroutine_hints[(mixed >> 32) % ta_arena.coroutine_pool.size];
}

static struct ta_coroutine *hinted(const void *key)
{
	uint32_t number = atomic_load_explicit(hint_for(key), memory_order_relaxed);

	return number ? &ta_arena.coroutines[number - 1] : NULL;
}

static void hint(const void *key, const struct ta_coroutine *coroutine)
{
	atomic_store_explicit(hint_for(key), (uint32_t)(coroutine - ta_arena.coroutines) + 1,
			      memory_order_relaxed);
}

static uint32_t ever_used(void)
{
	uint32_t fresh = atomic_load_explicit(&ta_arena.coroutine_pool.fresh, memory_order_relaxed);

	return fresh < ta_arena.coroutine_pool.size ? fresh : ta_arena.coroutine_pool.size;
}

static struct ta_coroutine *find_at(uintptr_t at)
{
	for (uint32_t number = 0; number < ever_used(); number++)
		if (holds(&ta_arena.coroutines[number], at))
			return &ta_arena.coroutines[number];
	return NULL;
}

static bool is_home(uintptr_t at)
{
	return at >= here.home_at && at - here.home_at < HOME_REACH;
}

static struct ta_coroutine *find(const ucontext_t *context)
{
	uintptr_t at = ta_saved_stack(context);
	struct ta_coroutine *found = hinted(context);

	if (found && holds(found, at))
		return found;
	if (is_home(at))
		return NULL;
	found = find_at(at);
	if (found)
		hint(context, found);
	return found;
}

/* Switches of a kind that nobody sees may have brought the thread elsewhere. */
static void look_where_we_are(void)
{
	uintptr_t at = (uintptr_t)__builtin_frame_address(0);

	if (here.coroutine && here.coroutine->id == NULL && !holds(here.coroutine, at))
		here.coroutine = find_at(at);
}

/* ---- switching ---- */

static void go_to(struct ta_thread *thread, struct ta_coroutine *to)
{
	if (here.coroutine == to) {
		if (to == NULL && atomic_load_explicit(&some_without, memory_order_relaxed))
			ta_context_leave_conn(thread);
		return;
	}
	if (here.coroutine)
		here.coroutine->left = thread->stack;
	else
		here.home = thread->stack == &thread->own ? NULL : thread->stack;
	atomic_signal_fence(memory_order_seq_cst);
	thread->stack = to ? to->left : here.home ? here.home : &thread->own;
	here.coroutine = to;
}

void ta_coroutine_leave_to(struct ta_thread *thread, const ucontext_t *to)
{
	struct ta_coroutine *found;

	look_where_we_are();
	if (here.coroutine == NULL)
		here.home_at = (uintptr_t)__builtin_frame_address(0);
	found = find(to);
	if (found && found->fresh) {
		found->fresh = false;
		ta_coroutine_see_end(found->high, to);
	}
	go_to(thread, found);
}

void ta_coroutine_stay(struct ta_thread *thread)
{
	go_to(thread, find_at((uintptr_t)__builtin_frame_address(0)));
}

/* ---- beginning and end ---- */

static void forget(struct ta_thread *thread, struct ta_coroutine *coroutine)
{
	struct ta_handed *handed = coroutine->handed;

	atomic_store_explicit(&coroutine->low, 0, memory_order_release);
	coroutine->id = NULL;
	coroutine->handed = NULL;
	if (handed)
		ta_handover_drop(thread, handed);
	ta_pool_give(&ta_arena.coroutine_pool, (uint32_t)(coroutine - ta_arena.coroutines));
}

/* What was on this memory is over; its ucontext_t may be another one. */
static void forget_overlapping(struct ta_thread *thread, uintptr_t low, uintptr_t high)
{
	for (uint32_t number = 0; number < ever_used(); number++) {
		struct ta_coroutine *other = &ta_arena.coroutines[number];
		uintptr_t other_low = atomic_load_explicit(&other->low, memory_order_acquire);

		if (other_low && other_low < high && low < other->high && other != here.coroutine)
			forget(thread, other);
	}
}

static struct ta_coroutine *begin(struct ta_thread *thread, const void *key)
{
	int number = ta_pool_take(&ta_arena.coroutine_pool);
	struct ta_coroutine *coroutine = number < 0 ? NULL : &ta_arena.coroutines[number];

	if (coroutine) {
		coroutine->handed = ta_handover_fork(thread);
		if (coroutine->handed) {
			coroutine->left = &coroutine->handed->stack;
			coroutine->fresh = true;
			hint(key, coroutine);
			return coroutine;
		}
		ta_pool_give(&ta_arena.coroutine_pool, (uint32_t)number);
	}
	ta_lost(TA_LOSS_SCOPE_POOL);
	atomic_store_explicit(&some_without, true, memory_order_relaxed);
	return NULL;
}

void ta_coroutine_make(struct ta_thread *thread, const ucontext_t *made)
{
	uintptr_t low = (uintptr_t)made->uc_stack.ss_sp;
	uintptr_t high = low + made->uc_stack.ss_size;

	if (low == 0 || high <= low)
		return;
	forget_overlapping(thread, low, high);
	struct ta_coroutine *coroutine = begin(thread, made);

	if (coroutine == NULL)
		return;
	coroutine->high = high;
	atomic_store_explicit(&coroutine->low, low, memory_order_release);
}

void ta_coroutine_finish(struct ta_thread *thread, const ucontext_t *link)
{
	struct ta_coroutine *ended = find_at((uintptr_t)__builtin_frame_address(0));

	if (link)
		ta_coroutine_leave_to(thread, link);
	else
		go_to(thread, NULL);
	if (ended && ended != here.coroutine)
		forget(thread, ended);
}

/* ---- by the program ---- */

static struct ta_coroutine *find_id(const void *id)
{
	struct ta_coroutine *found = hinted(id);

	if (found && found->id == id)
		return found;
	for (uint32_t number = 0; number < ever_used(); number++)
		if (ta_arena.coroutines[number].id == id)
			return &ta_arena.coroutines[number];
	return NULL;
}

bool ta_coroutine_switch(struct ta_thread *thread, const void *id)
{
	struct ta_coroutine *to = id ? find_id(id) : NULL;

	if (id && to == NULL) {
		to = begin(thread, id);
		if (to)
			to->id = id;
	}
	go_to(thread, to);
	return to != NULL || id == NULL;
}

bool ta_coroutine_end(struct ta_thread *thread, const void *id)
{
	struct ta_coroutine *ended = id ? find_id(id) : NULL;

	if (ended == NULL)
		return false;
	if (ended == here.coroutine)
		go_to(thread, NULL);
	forget(thread, ended);
	return true;
}
