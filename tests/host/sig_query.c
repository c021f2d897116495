/* SPDX-License-Identifier: MIT */
/*
 * sig_query.c - what a program is told about its signal dispositions: exactly
 * what it installed, verbatim, for every signal and every way to ask.
 *
 * Victim: runs=2
 */
#include <sys/syscall.h>

#include "victim.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void one(int number) { (void)number; }
static void two(int number) { (void)number; }
static void info(int number, siginfo_t *seen, void *context) { (void)number, (void)seen, (void)context; }

static const char *handler_word(const struct sigaction *action)
{
	void (*handler)(int) = action->sa_handler;

	return handler == SIG_DFL ? "default" : handler == SIG_IGN ? "ignore" : handler == SIG_ERR ? "error"
	     : handler == one ? "one" : handler == two ? "two"
	     : handler == (void (*)(int))(void *)info ? "info" : "SOMETHING ELSE";
}

static void say_action(const char *what, const struct sigaction *action)
{
	char mask[65 * 3] = "";
	size_t used = 0;

	for (int number = 1; number < 65; number++)
		if (sigismember(&action->sa_mask, number) == 1)
			used += (size_t)snprintf(mask + used, sizeof(mask) - used, " %d", number);
	say("%s: %s flags %#x mask%s restorer %d\n", what, handler_word(action), (unsigned int)action->sa_flags, mask,
	    action->sa_restorer != NULL);
}

/* libc strips a thing or two: what the kernel has must be the same function or a trampoline, but
 * flags and mask are compared raw where nothing may stand between. */
static void query(int number)
{
	struct sigaction old;

	memset(&old, 0x5a, sizeof(old));
	TRY(sigaction(number, NULL, &old));
	say_action("now", &old);
}

static void install_and_query(int number, void (*handler)(int), int flags, int masked)
{
	struct sigaction action, old;

	memset(&action, 0, sizeof(action));
	memset(&old, 0x5a, sizeof(old));
	action.sa_handler = handler;
	action.sa_flags = flags;
	if (masked > 0)
		sigaddset(&action.sa_mask, masked);
	if (masked < 0)
		sigfillset(&action.sa_mask);
	TRY(sigaction(number, &action, &old));
	say_action("was", &old);
	query(number);
}

static void every_signal(void)
{
	for (int number = 1; number < 65; number++) {
		say("-- %d\n", number);
		query(number);
		install_and_query(number, one, 0, SIGUSR2);
		install_and_query(number, SIG_IGN, SA_RESTART, 0);
		install_and_query(number, two, SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_ONSTACK, -1);
		install_and_query(number, (void (*)(int))(void *)info, SA_SIGINFO | SA_NOCLDSTOP | SA_NOCLDWAIT, SIGKILL);
		install_and_query(number, SIG_DFL, 0, 0);
	}
}

static void edges(void)
{
	struct sigaction action = {.sa_handler = one}, old;

	for (int number = -1; number < 70; number += number < 1 ? 1 : number < 64 ? 63 : 1) {
		TRY(sigaction(number, NULL, NULL));
		TRY(sigaction(number, &action, NULL));
		TRY(sigaction(number, NULL, &old));
		TRY(signal(number, SIG_DFL) == SIG_ERR);
	}
	TRY(sigaction(SIGKILL, &action, NULL));
	TRY(sigaction(SIGSTOP, &action, &old));
	TRY(sigaction(SIGKILL, NULL, &old));
	TRY(signal(SIGKILL, one) == SIG_ERR);
	TRY(signal(SIGUSR1, SIG_ERR) == SIG_ERR);
	query(SIGUSR1);
	action.sa_handler = SIG_ERR;
	TRY(sigaction(SIGUSR1, &action, NULL));
	query(SIGUSR1);
	TRY(signal(SIGUSR1, SIG_DFL) == SIG_ERR);
	/* in and out are the same struct */
	action.sa_handler = one;
	action.sa_flags = SA_RESTART;
	TRY(sigaction(SIGUSR1, &action, &action));
	say_action("same struct", &action);
	query(SIGUSR1);
	/* put back what was read, as every library does */
	TRY(sigaction(SIGUSR1, NULL, &old));
	action.sa_handler = two;
	TRY(sigaction(SIGUSR1, &action, NULL));
	TRY(sigaction(SIGUSR1, &old, &action));
	say_action("replaced", &action);
	query(SIGUSR1);
}

static const char *word(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	return handler_word(&action);
}

extern void (*bsd_signal(int, void (*)(int)))(int);
extern void (*ssignal(int, void (*)(int)))(int);

static void classics(void)
{
	static const char *const names[] = {"signal", "sysv_signal", "bsd_signal", "ssignal", "sigset"};
	void (*calls[])(int) = {(void (*)(int))(void *)signal, (void (*)(int))(void *)sysv_signal,
				(void (*)(int))(void *)bsd_signal, (void (*)(int))(void *)ssignal,
				(void (*)(int))(void *)sigset};

	for (size_t i = 0; i < 5; i++) {
		void (*(*set)(int, void (*)(int)))(int) = (void (*(*)(int, void (*)(int)))(int))(void *)calls[i];

		say("-- %s\n", names[i]);
		say("old %s\n", word(set(SIGUSR1, one)));
		query(SIGUSR1);
		say("old %s\n", word(set(SIGUSR1, SIG_IGN)));
		query(SIGUSR1);
		say("old %s\n", word(set(SIGUSR1, two)));
		query(SIGUSR1);
		TRY(siginterrupt(SIGUSR1, 1));
		query(SIGUSR1);
		say("old %s\n", word(set(SIGUSR1, one)));
		query(SIGUSR1);
		TRY(siginterrupt(SIGUSR1, 0));
		query(SIGUSR1);
		say("old %s\n", word(set(SIGUSR1, SIG_DFL)));
		query(SIGUSR1);
	}
	TRY(siginterrupt(0, 1));
	TRY(siginterrupt(65, 1));
	TRY(siginterrupt(SIGKILL, 1));
	say("sigset hold: %d\n", sigset(SIGUSR2, SIG_HOLD) == SIG_DFL);
	say("sigset again: %d\n", sigset(SIGUSR2, one) == SIG_HOLD);
	query(SIGUSR2);
	TRY(sighold(SIGUSR2));
	TRY(sigrelse(SIGUSR2));
	TRY(sigignore(SIGUSR2));
	query(SIGUSR2);
	TRY(sigignore(SIGKILL));
}

int main(void)
{
	stack_t stack;

	every_signal();
	edges();
	classics();
	TRY(sigaltstack(NULL, &stack));
	say("altstack flags %d size %zu\n", stack.ss_flags, stack.ss_size);
	return 0;
}
