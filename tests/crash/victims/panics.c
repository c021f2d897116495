/* SPDX-License-Identifier: MIT */
/*
 * panics.c - a runtime that lives with faults, as Go's does: a handler on an alternate stack
 * of each thread rewrites the interrupted context so that the thread goes on in a function
 * that panics, which jumps back to where somebody recovers.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define THREADS 4
#define ROUNDS 5000

static _Thread_local jmp_buf recover;
static volatile int *volatile nowhere;
static volatile int zero;

static void panic(void)
{
	longjmp(recover, 1);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)number;
	(void)info;
#if defined(__x86_64__)
	interrupted->uc_mcontext.gregs[REG_RSP] = (interrupted->uc_mcontext.gregs[REG_RSP] - 256) & ~15ll;
	interrupted->uc_mcontext.gregs[REG_RSP] -= 8;
	interrupted->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)panic;
#else
	interrupted->uc_mcontext.pc = (uintptr_t)panic;
#endif
}

static void *work(void *unused)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	volatile long faults = 0;

	sigaltstack(&stack, NULL);
	for (volatile int i = 0; i < ROUNDS; i++) {
		if (setjmp(recover) != 0) {
			faults++;
			continue;
		}
#if defined(__x86_64__)
		if (i % 2)
			zero = 10 / zero;
#endif
		*nowhere = 1;
	}
	(void)unused;
	return (void *)faults;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER };
	pthread_t threads[THREADS];
	long all = 0;

	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSEGV);
	sigdelset(&action.sa_mask, SIGFPE);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (int i = 0; i < THREADS; i++) {
		void *faults;

		pthread_join(threads[i], &faults);
		all += (long)faults;
	}
	printf("%ld panics\n", all);
	return 0;
}
