/* SPDX-License-Identifier: MIT */
/*
 * counts_signals.c - counts the deliveries of each signal and says them at the
 * end, one "NUMBER COUNT" per line; spans of the optional API are open while
 * signals come.  Not a victim: tests/e2e/test_signals.py runs it.
 *
 *     counts_signals return|jump|nested|nodefer|resethand|storm|threads
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/time.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

static _Atomic int counts[65];
static volatile int depth;
static sigjmp_buf back;

static void install(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	NEED(sigaction(number, &action, NULL) == 0);
}

static void on_count(int number) { counts[number]++; }

static void on_jump(int number)
{
	counts[number]++;
	siglongjmp(back, 1);
}

static void on_nested(int number)
{
	counts[number]++;
	if (number < SIGRTMIN + 6)
		raise(number + 1);
}

static void on_nodefer(int number)
{
	counts[number]++;
	if (++depth < 6)
		raise(number);
	depth--;
}

static void *in_thread(void *argument)
{
	tagalong_span_begin("thread work", NULL);
	for (int i = 0; i < 100; i++)
		pthread_kill(pthread_self(), SIGUSR1);
	tagalong_span_end();
	return argument;
}

static void storm(void)
{
	struct itimerval every = {{0, 200}, {0, 200}};

	setitimer(ITIMER_REAL, &every, NULL);
	while (counts[SIGALRM] < 5000) {
		tagalong_span_begin("loop", NULL);
		for (volatile int i = 0; i < 20000; i++)
			;
		tagalong_span_end();
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";
	pthread_t threads[4];

	tagalong_span_begin("outer", NULL);
	if (!strcmp(how, "return")) {
		install(SIGUSR1, on_count, 0);
		install(SIGPROF, on_count, 0); /* machinery: no span */
		for (int i = 0; i < 200; i++)
			raise(i % 4 ? SIGUSR1 : SIGPROF);
		counts[SIGPROF] = 0;
		tagalong_span_end();
		raise(SIGUSR1); /* nothing to link to */
		tagalong_span_begin("outer", NULL);
	}
	if (!strcmp(how, "jump")) {
		install(SIGUSR1, on_jump, 0);
		for (volatile int i = 0; i < 300; i++)
			if (sigsetjmp(back, 1) == 0)
				raise(SIGUSR1);
	}
	if (!strcmp(how, "nested")) {
		for (int number = SIGRTMIN + 1; number <= SIGRTMIN + 6; number++)
			install(number, on_nested, 0);
		for (int i = 0; i < 50; i++)
			raise(SIGRTMIN + 1); /* the first one is machinery */
	}
	if (!strcmp(how, "nodefer")) {
		install(SIGUSR1, on_nodefer, SA_NODEFER);
		for (int i = 0; i < 50; i++, depth = 0)
			raise(SIGUSR1);
	}
	if (!strcmp(how, "resethand"))
		for (int i = 0; i < 100; i++) {
			install(SIGUSR1, on_count, (int)SA_RESETHAND);
			raise(SIGUSR1);
		}
	if (!strcmp(how, "storm")) {
		install(SIGALRM, on_count, SA_RESTART);
		storm();
	}
	if (!strcmp(how, "threads")) {
		install(SIGUSR1, on_count, 0);
		for (int i = 0; i < 4; i++)
			NEED(pthread_create(&threads[i], NULL, in_thread, NULL) == 0);
		for (int i = 0; i < 4; i++)
			NEED(pthread_join(threads[i], NULL) == 0);
	}
	tagalong_span_end();
	for (int number = 1; number < 65; number++)
		if (counts[number])
			say("%d %d\n", number, counts[number]);
	return 0;
}
