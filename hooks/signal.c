/* SPDX-License-Identifier: MIT */
/*
 * signal.c - handlers that the program installs.
 *
 * A handler is replaced by a trampoline that opens a span around it.  What the
 * program set is kept in one atomic word per signal, and every query answers
 * that: handler, flags, mask, verbatim.  SIG_DFL and SIG_IGN are never replaced.
 * Signals that are machinery (faults, profilers, libc's own) are left alone.
 *
 * The kernel is the only one who knows whether a trampoline is in force (it may
 * have reset it, SA_RESETHAND), so answers start from what the kernel says.
 *
 * Runs: any host thread, signal handlers, vfork children (which pass through).
 * No locks.
 */
#include "hooks/signal.h"

#include <stdatomic.h>
#include <stddef.h>
#include <ucontext.h>

#include "hooks/crash.h"
#include "runtime/core/delivery.h"

#ifndef SIG_HOLD
#define SIG_HOLD ((sighandler_t)2)
#endif

#define WITH_INFO (1ull << 63) /* the program asked for SA_SIGINFO */
#define DIRECT (1ull << 62)    /* it has since set an action that was not replaced */

typedef void info_handler(int, siginfo_t *, void *);

static _Atomic uint64_t actions[NSIG];

static void *handler_of(uint64_t action)
{
	return (void *)(uintptr_t)(action & ~(WITH_INFO | DIRECT));
}

/* On x86_64 the kernel passes it to every handler, elsewhere to those with SA_SIGINFO. */
static const void *certain_context(const siginfo_t *told, const void *context)
{
#if defined(__x86_64__)
	(void)told;
	return context;
#else
	return told ? context : NULL;
#endif
}

static __attribute__((noinline)) void deliver(int number, siginfo_t *info, void *context,
					      const siginfo_t *told)
{
	uint64_t action = atomic_load_explicit(&actions[number], memory_order_relaxed);
	struct ta_delivery delivery;
	int saved_errno = errno;

	ta_delivery_begin(&delivery, number, told, told ? context : NULL,
			  (uintptr_t)__builtin_frame_address(0));
	stack_t *shown = told ? &((ucontext_t *)context)->uc_stack : NULL;
	stack_t real = ta_altstack_hide(shown);

	errno = saved_errno;
	((info_handler *)handler_of(action))(number, info, context);
	saved_errno = errno;
	ta_altstack_show(shown, &real);
	ta_delivery_end(&delivery);
	ta_crash_handled(number, told, certain_context(told, context));
	errno = saved_errno;
}

/* Installed with SA_SIGINFO: all three arguments are what the kernel made. */
static void trampoline_info(int number, siginfo_t *info, void *context)
{
	deliver(number, info, context, info);
}

/* Installed by signal() and its kin.  The second and third argument registers are
 * passed on as they are; they are not looked at. */
static void trampoline_plain(int number, siginfo_t *info, void *context)
{
	deliver(number, info, context, NULL);
}

static bool is_trampoline(const void *handler)
{
	return handler == (const void *)trampoline_info ||
	       handler == (const void *)trampoline_plain;
}

static bool is_machinery(int number)
{
	switch (number) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
	case SIGPROF:
	case SIGURG:
	case SIGVTALRM:
	case 32: /* libc's own real-time signals, and the first of the program's, which */
	case 33: /* runtimes use for their own threads */
	case 34:
		return true;
	default:
		return false;
	}
}

static bool wants(int number, const void *handler)
{
	if (!ta_runtime.enabled || !ta_runtime.signals || ta_tls.passive)
		return false;
	if (number <= 0 || number >= NSIG || is_machinery(number) || is_trampoline(handler))
		return false;
	return handler != (void *)SIG_DFL && handler != (void *)SIG_IGN &&
	       handler != (void *)SIG_ERR && handler != (void *)SIG_HOLD;
}

/* ---- sigaction ---- */

/* Puts into an answer what the program set, if the kernel named a trampoline. */
static void answer(struct sigaction *old, uint64_t action)
{
	/* SA_RESETHAND has put the handler back, and left the flags that we gave it. */
	bool reset = old->sa_handler == SIG_DFL && (old->sa_flags & (int)SA_RESETHAND) != 0 &&
		     action != 0 && !(action & DIRECT);

	if (reset && !(action & WITH_INFO))
		old->sa_flags &= ~SA_SIGINFO;
	if (!is_trampoline((const void *)old->sa_sigaction))
		return;
	if (old->sa_sigaction == trampoline_info && !(action & WITH_INFO))
		old->sa_flags &= ~SA_SIGINFO;
	old->sa_sigaction = (info_handler *)handler_of(action);
}

/* What the kernel gets of an action with a handler. */
static const struct sigaction *with_trampoline(int number, const struct sigaction *action,
					       struct sigaction *own)
{
	*own = *action;
	own->sa_sigaction = trampoline_info;
	own->sa_flags |= SA_SIGINFO;
	atomic_store(&actions[number], (uint64_t)(uintptr_t)action->sa_sigaction |
					       (action->sa_flags & SA_SIGINFO ? WITH_INFO : 0));
	return own;
}

static const struct sigaction *without_onstack(int number, const struct sigaction *action,
					       struct sigaction *own)
{
	int flags = ta_altstack_flags(number, action->sa_flags);

	if (flags == action->sa_flags)
		return action;
	*own = *action;
	own->sa_flags = flags;
	return own;
}

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

int ta_signal_set(ta_sigaction_fn *real, int number, const struct sigaction *action_set,
		  struct sigaction *old)
{
	if (number <= 0 || number >= NSIG)
		return real(number, action_set, old);
	uint64_t before = atomic_load(&actions[number]);
	struct ta_crash_setting crash = ta_crash_setting(number);
	int onstack = ta_altstack_answer(number, 0);
	struct sigaction own;
	const struct sigaction *action = action_set;
	bool wrap = action && wants(number, (const void *)action->sa_sigaction);

	if (wrap)
		action = with_trampoline(number, action, &own);
	if (action_set && is_handler(action_set))
		action = without_onstack(number, action, &own);
	int result = real(number, action, old);

	if (result != 0 && wrap)
		atomic_store(&actions[number], before);
	if (result == 0 && action_set && !wrap && !ta_tls.passive)
		atomic_fetch_or(&actions[number], DIRECT);
	if (result == 0 && action_set)
		ta_crash_take_over(number);
	if (result == 0 && old) {
		ta_crash_answer(old, &crash);
		answer(old, before);
		old->sa_flags |= is_handler(old) ? onstack : 0;
	}
	return result;
}

TA_HOOK int sigaction(int number, const struct sigaction *restrict action,
		      struct sigaction *restrict old)
{
	return ta_signal_set(TA_REAL(sigaction), number, action, old);
}

TA_HOOK int __sigaction(int number, const struct sigaction *restrict action,
			struct sigaction *restrict old);
TA_HOOK int __sigaction(int number, const struct sigaction *restrict action,
			struct sigaction *restrict old)
{
	return ta_signal_set(TA_REAL(__sigaction), number, action, old);
}

/* ---- signal and its kin ---- */

typedef sighandler_t signal_fn(int, sighandler_t);

static sighandler_t set_by_signal(signal_fn *real, int number, sighandler_t handler)
{
	if (number <= 0 || number >= NSIG)
		return real(number, handler);
	uint64_t before = atomic_load(&actions[number]);
	struct ta_crash_setting crash = ta_crash_setting(number);
	bool wrap = wants(number, (const void *)handler);

	if (wrap)
		atomic_store(&actions[number], (uint64_t)(uintptr_t)handler);
	sighandler_t old = real(number, wrap ? (sighandler_t)(void *)trampoline_plain : handler);

	if (old == SIG_ERR && wrap)
		atomic_store(&actions[number], before);
	else if (old != SIG_ERR && !wrap && !ta_tls.passive)
		atomic_fetch_or(&actions[number], DIRECT);
	if (old != SIG_ERR)
		ta_crash_take_over(number);
	return is_trampoline((const void *)old) ? (sighandler_t)handler_of(before) :
						  ta_crash_signal_answer(old, &crash);
}

#define SIGNAL(name)                                                                               \
	TA_HOOK sighandler_t name(int number, sighandler_t handler);                               \
	TA_HOOK sighandler_t name(int number, sighandler_t handler)                                \
	{                                                                                          \
		return set_by_signal(TA_REAL(name), number, handler);                              \
	}

SIGNAL(signal)
SIGNAL(bsd_signal)
SIGNAL(ssignal)
SIGNAL(sysv_signal)
SIGNAL(__sysv_signal)
SIGNAL(sigset)
