/* SPDX-License-Identifier: MIT */
/*
 * ways.c - every way out of a block.
 *
 * Each way leaves a span of its own name open, or closed, as it does; then
 * "after NAME" is begun, which has to be a root.  Compiled as C, as C with
 * -fexceptions and as C++; the runner counts spans, ends and parents.
 */
#include "check.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <unistd.h>

static sem_t ready;
static jmp_buf place;

static void after(const char *name)
{
	HOLDS(tagalong_current_span().id == 0);
	TAGALONG_SPAN(name) HOLDS(tagalong_current_span().id != 0);
	HOLDS(tagalong_current_span().id == 0);
}

static int by_return(void)
{
	TAGALONG_SPAN("return") { return 1; }
	return 0;
}

static void by_loops(void)
{
	int turns = 0;

	for (int turn = 0; turn < 2; turn++) {
		TAGALONG_SPAN("break")
		{
			if (turn < 2)
				break;
			turns += 100;
		}
		TAGALONG_SPAN("continue")
		{
			if (turn < 2)
				continue;
			turns += 100;
		}
		turns++;
	}
	HOLDS(turns == 2);
}

static void by_goto(void)
{
	TAGALONG_SPAN("goto")
	{
		TAGALONG_SCOPE()
		{
			TAGALONG_SPAN("goto inner") { goto out; }
		}
	}
	HOLDS(0);
out:
	return;
}

/* Deep on the stack, so that what comes after is further out; called by pointers, so that
 * no compiler makes one frame of it. */
static void jump_from(int depth);
static void jump_again(int turn);
static void (*volatile call_jump_from)(int) = jump_from;
static void (*volatile call_jump_again)(int) = jump_again;

#define KEEP(room) __asm__ volatile("" : : "r"(room) : "memory")

static void jump_from(int depth)
{
	char room[4096];

	KEEP(room);
	if (depth > 0) {
		call_jump_from(depth - 1);
	} else {
		TAGALONG_SPAN("longjmp")
		{
			TAGALONG_SCOPE()
			{
				TAGALONG_SPAN("longjmp inner") { longjmp(place, 1); }
			}
		}
	}
	KEEP(room);
}

static void by_longjmp(void)
{
	if (setjmp(place) == 0)
		call_jump_from(4);
}

static void jump_again(int turn)
{
	char room[4096];

	KEEP(room);
	if (turn < 10)
		call_jump_again(turn + 10);
	else
		TAGALONG_SPAN("longjmp again") { longjmp(place, turn - 10); }
	KEEP(room);
}

/* A block that is begun where one that was jumped out of had been: three roots. */
static void by_longjmp_in_a_loop(void)
{
	switch (setjmp(place)) {
	case 0:
		call_jump_again(1);
		break;
	case 1:
		call_jump_again(2);
		break;
	case 2:
		call_jump_again(3);
		break;
	}
}

static void *wait_in_block(void *unused)
{
	TAGALONG_SPAN("cancel")
	{
		sem_post(&ready);
		for (;;)
			pause();
	}
	return unused;
}

static void *exit_in_block(void *unused)
{
	TAGALONG_SPAN("pthread_exit") { pthread_exit(unused); }
	return unused;
}

static void by_threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NOTHING, wait_in_block, NOTHING) != 0)
		abort();
	while (sem_wait(&ready) != 0)
		;
	pthread_cancel(thread);
	pthread_join(thread, NOTHING);
	after("after cancel");
	if (pthread_create(&thread, NOTHING, exit_in_block, NOTHING) != 0)
		abort();
	pthread_join(thread, NOTHING);
	after("after pthread_exit");
}

/* Blocks without macros that are closed from outside. */
static void by_outer_end(void)
{
	CALL(tagalong_scope_push(), 0);
	tagalong_span_begin("outer end", NOTHING);
	CALL(tagalong_scope_push(), 0);
	CALL(tagalong_scope_push(), 0);
	CALL(tagalong_span_end(), 0);
	CALL(tagalong_scope_pop(), 0);
	CALL(tagalong_scope_pop(), -ENOENT);
	CALL(tagalong_isolation_push(), 0);
	tagalong_span_begin("isolation end", NOTHING);
	CALL(tagalong_isolation_pop(), 0);
	CALL(tagalong_span_end(), -ENOENT);
}

#ifdef __cplusplus
static void throw_from(int depth)
{
	TAGALONG_SPAN(depth ? "throw" : "throw inner")
	{
		TAGALONG_SCOPE()
		{
			if (depth)
				throw_from(depth - 1);
			throw 7;
		}
	}
}

static void by_exception(void)
{
	try {
		throw_from(1);
	} catch (int thrown) {
		HOLDS(thrown == 7);
	}
	after("after throw");
}
#endif

int main(void)
{
	sem_init(&ready, 0, 0);
	TAGALONG_SPAN("end") {}
	after("after end");
	HOLDS(by_return());
	after("after return");
	by_loops();
	after("after loops");
	by_goto();
	after("after goto");
	by_longjmp();
	after("after longjmp");
	by_longjmp_in_a_loop();
	after("after longjmp in a loop");
	by_threads();
	by_outer_end();
	after("after outer end");
#ifdef __cplusplus
	by_exception();
#endif
	return check_failures != 0;
}
