/* SPDX-License-Identifier: MIT */
/*
 * stacks.c - coroutines with spans of their own, interleaved; every way to go and to end.
 *
 *     stacks libc      makecontext, swapcontext, uc_link; stacks used twice
 *     stacks threads   the same, and each is resumed by another thread than before
 *     stacks api       switches that the library is told of, no ucontext at all
 *     stacks get       getcontext in a coroutine and setcontext back to it
 *
 * A span's name says what its parent's has to be: "child PARENT".
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tagalong.h>
#include <ucontext.h>

#define COUNT 50
#define STACK 16384

static ucontext_t scheduler, routines[COUNT];
static char memory[COUNT][STACK];
static int finished;

static void spans(int self, void (*pause)(int self))
{
	char outer[32], inner[64];

	snprintf(outer, sizeof(outer), "routine-%d", self);
	snprintf(inner, sizeof(inner), "child %s", outer);
	TAGALONG_SPAN(outer) {
		for (int turn = 0; turn < 3; turn++) {
			TAGALONG_SPAN(inner)
				pause(self);
			pause(self);
		}
	}
	finished++;
}

static void to_scheduler(int self)
{
	if (swapcontext(&routines[self], &scheduler) != 0)
		abort();
}

static void body(int self, int b, int c, int d, int e, int f, int g, int h)
{
	if (b != 2 || c != 3 || d != 4 || e != 5 || f != 6 || g != 7 || h != 8)
		abort();
	spans(self, to_scheduler);
}

static void make_all(void)
{
	for (int i = 0; i < COUNT; i++) {
		if (getcontext(&routines[i]) != 0)
			abort();
		routines[i].uc_stack.ss_sp = memory[i];
		routines[i].uc_stack.ss_size = STACK;
		routines[i].uc_link = &scheduler;
		makecontext(&routines[i], (void (*)(void))(void *)body, 8, i, 2, 3, 4, 5, 6, 7, 8);
	}
}

static void resume_all(void)
{
	for (int i = 0; i < COUNT; i++)
		if (swapcontext(&scheduler, &routines[i]) != 0)
			abort();
}

static void by_libc(void)
{
	for (int round = 0; round < 2; round++) {
		TAGALONG_SPAN("maker") {
			make_all();
			for (int turn = 0; turn < 7; turn++)
				resume_all();
			TAGALONG_SPAN("child maker")
				;
		}
	}
}

static void *resume(void *nothing)
{
	(void)nothing;
	TAGALONG_SPAN("runner") {
		resume_all();
		TAGALONG_SPAN("child runner")
			;
	}
	return NULL;
}

static void by_threads(void)
{
	pthread_t thread;

	make_all();
	for (int turn = 0; turn < 7; turn++) {
		pthread_create(&thread, NULL, resume, NULL);
		pthread_join(thread, NULL);
	}
}

/* Each is a state machine: no stack is switched at all. */
static void by_api(void)
{
	static char ids[COUNT];
	tagalong_span_t outer[COUNT];

	for (int i = 0; i < COUNT; i++) {
		char name[32];

		snprintf(name, sizeof(name), "routine-%d", i);
		tagalong_coroutine_switch(&ids[i]);
		outer[i] = tagalong_span_begin(name, NULL);
	}
	for (int turn = 0; turn < 3; turn++)
		for (int i = 0; i < COUNT; i++) {
			char name[64];

			snprintf(name, sizeof(name), "child routine-%d", i);
			tagalong_coroutine_switch(&ids[i]);
			tagalong_span_begin(name, NULL);
			tagalong_coroutine_switch(&ids[(i + 7) % COUNT]);
			tagalong_coroutine_switch(&ids[i]);
			tagalong_span_end();
		}
	for (int i = 0; i < COUNT; i++) {
		tagalong_coroutine_switch(&ids[i]);
		tagalong_span_end();
		finished += tagalong_coroutine_end(&ids[i]) == 0 && outer[i].id != 0;
	}
	tagalong_coroutine_switch(NULL);
	TAGALONG_SPAN("maker") {
		TAGALONG_SPAN("child maker")
			;
	}
}

static ucontext_t saved;

static void saver(void)
{
	volatile int turn = 0;

	TAGALONG_SPAN("routine-0") {
		if (getcontext(&saved) != 0)
			abort();
		turn = turn + 1;
		TAGALONG_SPAN("child routine-0")
			;
		if (turn < 4)
			swapcontext(&routines[0], &scheduler);
	}
	finished++;
}

static void by_get(void)
{
	volatile int turn = 0;

	getcontext(&routines[0]);
	routines[0].uc_stack.ss_sp = memory[0];
	routines[0].uc_stack.ss_size = STACK;
	routines[0].uc_link = &scheduler;
	makecontext(&routines[0], saver, 0);
	TAGALONG_SPAN("maker") {
		swapcontext(&scheduler, &routines[0]);
		getcontext(&scheduler);
		turn = turn + 1;
		TAGALONG_SPAN("child maker")
			;
		if (turn < 4)
			setcontext(&saved);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "libc";

	if (!strcmp(how, "libc"))
		by_libc();
	if (!strcmp(how, "threads"))
		by_threads();
	if (!strcmp(how, "api"))
		by_api();
	if (!strcmp(how, "get"))
		by_get();
	printf("%d finished\n", finished);
	return 0;
}
