/* SPDX-License-Identifier: MIT */
/*
 * crash.c - fatal signals that the program leaves at their default; see crash.h.
 *
 * What the program last set is kept per signal: flags and mask for its queries, and its
 * handler where that goes through ours (SA_RESETHAND).
 *
 * Runs: any host thread, signal handlers.
 */
#include "hooks/crash.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "hooks/hook.h"
#include "runtime/core/crash.h"
#include "runtime/core/sys.h"

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU };

#define RESTORER 0x04000000 /* SA_RESTORER: libc has put its own there (x86_64) */
#define FATAL_COUNT (sizeof(fatal) / sizeof(fatal[0]))

/* Written before the kernel is told. */
static struct {
	_Atomic uintptr_t handler;
	_Atomic int flags;
	_Atomic uint64_t mask; /* of the signals that there are */
} settings[NSIG];

static void on_fatal(int number, siginfo_t *info, void *context)
{
	ta_crash_report(number, info, context);
	ta_crash_die(number, info, context);
}

typedef void info_handler(int, siginfo_t *, void *);

static struct sigaction ours(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

	action.sa_sigaction = on_fatal;
	return action;
}

static void put_default(int number)
{
	struct sigaction action = ours();

	TA_REAL(sigaction)(number, &action, NULL);
}

/* The program asked for its handler to be taken out when it is called. */
static void on_reset(int number, siginfo_t *info, void *context)
{
	uintptr_t handler = atomic_load(&settings[number].handler);
	int saved_errno = errno;

	put_default(number);
	errno = saved_errno;
	((info_handler *)handler)(number, info, context);
}

struct ta_crash_setting ta_crash_setting(int number)
{
	return (struct ta_crash_setting){ .handler = atomic_load(&settings[number].handler),
					  .flags = atomic_load(&settings[number].flags),
					  .mask = atomic_load(&settings[number].mask) };
}

static void keep(int number, const struct sigaction *set)
{
	uint64_t mask;

	memcpy(&mask, &set->sa_mask, sizeof(mask));
	atomic_store(&settings[number].mask, mask);
	atomic_store(&settings[number].flags, set->sa_flags);
	atomic_store(&settings[number].handler, (uintptr_t)set->sa_sigaction);
}

static bool is_active(int number)
{
	return ta_runtime.crashes && ta_runtime.enabled && !ta_tls.passive &&
	       !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	       ta_crash_is_fatal(number);
}

static bool is_handler(const void *handler)
{
	return handler != (const void *)SIG_DFL && handler != (const void *)SIG_IGN;
}

/* What the kernel says after the program's call is what queries are to answer. */
void ta_crash_take_over(int number)
{
	struct sigaction set, own = ours();

	if (!is_active(number) || TA_REAL(sigaction)(number, NULL, &set) != 0)
		return;
	if (set.sa_handler != SIG_DFL) {
		if (!is_handler((const void *)set.sa_sigaction) ||
		    !(set.sa_flags & (int)SA_RESETHAND))
			return;
		own.sa_sigaction = on_reset;
		own.sa_mask = set.sa_mask;
		own.sa_flags = (set.sa_flags & ~(int)SA_RESETHAND) | SA_SIGINFO;
	}
	keep(number, &set);
	TA_REAL(sigaction)(number, &own, NULL);
}

/* abort() goes on with libc's own ways to the kernel, which nobody sees. */
void ta_crash_handled(int number, const siginfo_t *told, const void *context)
{
	siginfo_t info = { .si_signo = SIGABRT, .si_code = SI_TKILL };

	if (number != SIGABRT || !context || !is_active(number) || !ta_crash_is_abort(context))
		return;
	info.si_pid = (pid_t)ta_sys(SYS_getpid);
	ta_crash_report(number, told ? told : &info, context);
}

void ta_crash_answer(struct sigaction *old, const struct ta_crash_setting *before)
{
	const void *handler = (const void *)old->sa_sigaction;

	if (handler != (const void *)on_fatal && handler != (const void *)on_reset)
		return;
	memcpy(&old->sa_mask, &before->mask, sizeof(before->mask));
	old->sa_flags = before->flags;
	if (!(before->flags & RESTORER))
		old->sa_restorer = NULL;
	if (handler == (const void *)on_fatal)
		old->sa_handler = SIG_DFL;
	else
		old->sa_sigaction = (info_handler *)before->handler;
}

sighandler_t ta_crash_signal_answer(sighandler_t old, const struct ta_crash_setting *before)
{
	if ((const void *)old == (const void *)on_reset)
		return (sighandler_t)before->handler;
	return (const void *)old == (const void *)on_fatal ? SIG_DFL : old;
}

void ta_crash_install(void)
{
	if (!ta_runtime.crashes || !ta_runtime.enabled)
		return;
	for (size_t i = 0; i < FATAL_COUNT; i++)
		ta_crash_take_over(fatal[i]);
	ta_altstack_begin();
}

void ta_crash_uninstall(void)
{
	struct sigaction now, by_default = { .sa_handler = SIG_DFL };

	for (size_t i = 0; ta_runtime.crashes && i < FATAL_COUNT; i++)
		if (TA_REAL(sigaction)(fatal[i], NULL, &now) == 0 && now.sa_sigaction == on_fatal)
			TA_REAL(sigaction)(fatal[i], &by_default, NULL);
}
