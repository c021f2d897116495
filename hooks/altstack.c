/* SPDX-License-Identifier: MIT */
/*
 * altstack.c - alternate signal stacks: ours, and the program's.
 *
 * A thread gets one of ours from a pool; SS_AUTODISARM takes it out of use while a handler
 * runs there, so a signal that comes meanwhile does not begin at its top again.  As soon as
 * the program sets one up for a thread, ours steps back in that thread, and SA_ONSTACK of
 * the program's handlers, which had no meaning until then, goes to the kernel.
 *
 * Runs: any host thread, vfork children (which pass through).  No locks.
 */
#include "hooks/crash.h"

#include <errno.h>
#include <stdatomic.h>

#include "hooks/hook.h"
#include "runtime/core/arena.h"
#include "runtime/core/sys.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static _Atomic uint64_t wanted;	   /* bit number - 1: a handler of the program has SA_ONSTACK */
static _Atomic bool program_has_one;

static bool is_quiet(void)
{
	return !ta_runtime.crashes || !ta_runtime.enabled || ta_tls.passive ||
	       atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed);
}

static stack_t own_stack(uint32_t slot)
{
	return (stack_t){ .ss_sp = ta_arena.altstacks + (size_t)slot * TA_ALTSTACK_BYTES,
			  .ss_size = TA_ALTSTACK_BYTES,
			  .ss_flags = (int)SS_AUTODISARM };
}

static bool is_ours(const stack_t *stack)
{
	const char *at = stack->ss_sp;

	return at >= ta_arena.altstacks &&
	       at < ta_arena.altstacks + (size_t)ta_arena.altstack_pool.size * TA_ALTSTACK_BYTES;
}

/* Slot number plus one, in thread-local storage; 0: none. */
void ta_altstack_begin(void)
{
	stack_t before, own;

	if (is_quiet() || ta_tls.altstack)
		return;
	/* A thread may come with one, by clone(). */
	if (ta_sys(SYS_sigaltstack, 0, &before) != 0 || !(before.ss_flags & SS_DISABLE))
		return;
	int slot = ta_pool_take(&ta_arena.altstack_pool);

	if (slot < 0)
		return;
	own = own_stack((uint32_t)slot);
	if (ta_sys(SYS_sigaltstack, &own, 0) == 0)
		ta_tls.altstack = (uint16_t)(slot + 1);
	else
		ta_pool_give(&ta_arena.altstack_pool, (uint32_t)slot);
}

void ta_altstack_end(void)
{
	stack_t now, none = { .ss_flags = SS_DISABLE };
	uint32_t slot = ta_tls.altstack;

	if (slot == 0 || is_quiet())
		return;
	if (ta_sys(SYS_sigaltstack, 0, &now) != 0)
		return;
	if (is_ours(&now) && ta_sys(SYS_sigaltstack, &none, 0) != 0)
		return; /* we stand on it */
	ta_tls.altstack = 0;
	ta_pool_give(&ta_arena.altstack_pool, slot - 1);
}

stack_t ta_altstack_hide(stack_t *shown)
{
	stack_t none = { .ss_flags = SS_DISABLE }, real = none;

	if (shown && ta_tls.altstack && is_ours(shown)) {
		real = *shown;
		*shown = none;
	}
	return real;
}

void ta_altstack_show(stack_t *shown, const stack_t *real)
{
	if (real->ss_sp)
		*shown = *real;
}

/* ---- SA_ONSTACK ---- */

int ta_altstack_flags(int number, int flags)
{
	uint64_t bit = 1ull << (number - 1);

	if (is_quiet() || atomic_load(&program_has_one))
		return flags;
	if (!(flags & SA_ONSTACK)) {
		atomic_fetch_and(&wanted, ~bit);
		return flags;
	}
	atomic_fetch_or(&wanted, bit);
	return flags & ~SA_ONSTACK;
}

int ta_altstack_answer(int number, int flags)
{
	return flags | (atomic_load(&wanted) >> (number - 1) & 1 ? SA_ONSTACK : 0);
}

/* The program has an alternate stack now: its handlers get the flag that they asked for. */
static void give_flags(void)
{
	struct sigaction action;

	if (atomic_exchange(&program_has_one, true))
		return;
	for (int number = 1; number < NSIG; number++) {
		if (!(atomic_load(&wanted) >> (number - 1) & 1) ||
		    TA_REAL(sigaction)(number, NULL, &action) != 0)
			continue;
		action.sa_flags |= SA_ONSTACK;
		TA_REAL(sigaction)(number, &action, NULL);
	}
	atomic_store(&wanted, 0);
}

/* ---- sigaltstack() ---- */

static void answer(stack_t *old)
{
	if (old && is_ours(old))
		*old = (stack_t){ .ss_flags = SS_DISABLE };
}

TA_HOOK int sigaltstack(const stack_t *restrict stack, stack_t *restrict old)
{
	stack_t own;
	bool disables = stack && stack->ss_flags & SS_DISABLE;

	if (is_quiet() || ta_tls.altstack == 0)
		return TA_REAL(sigaltstack)(stack, old);
	if (disables)
		own = own_stack(ta_tls.altstack - 1u);
	int result = TA_REAL(sigaltstack)(disables ? &own : stack, old);

	if (result == 0 && stack && !disables)
		give_flags();
	if (result == 0)
		answer(old);
	return result;
}
