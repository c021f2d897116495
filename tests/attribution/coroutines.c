/* SPDX-License-Identifier: MIT */
/*
 * coroutines.c - a coroutine per connection on one thread, by makecontext and swapcontext.
 *
 * The code of a connection is that of a thread (blocking.c); what would block goes
 * back to the loop, which goes on with whoever is ready.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES (64 * 1024)

struct coroutine {
	ucontext_t context;
	int fd;
	bool over;
	uint64_t due_us; /* it sleeps until then; 0: not */
	struct coroutine *next; /* of those that sleep, or that are free */
	char stack[STACK_BYTES];
};

static ucontext_t loop_context;
static struct coroutine *current, *sleeping, *unused;
static int poller;

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void resume(struct coroutine *coroutine)
{
	current = coroutine;
	swapcontext(&loop_context, &coroutine->context);
	current = NULL;
	if (!coroutine->over)
		return;
	coroutine->next = unused;
	unused = coroutine;
}

static void yield(void)
{
	swapcontext(&current->context, &loop_context);
}

static void wait_in_loop(int fd, short events)
{
	struct epoll_event event = {.events = (uint32_t)events | EPOLLONESHOT, .data.ptr = current};

	if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0)
		epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
	yield();
}

static void pause_in_loop(unsigned microseconds)
{
	current->due_us = now_us() + microseconds;
	current->next = sleeping;
	sleeping = current;
	yield();
}

static void run_connection(void)
{
	connection_serve(current->fd);
	current->over = true;
}

static struct coroutine *free_coroutine(void)
{
	struct coroutine *coroutine = unused;

	if (!coroutine)
		return malloc(sizeof(*coroutine));
	unused = coroutine->next;
	return coroutine;
}

static void begin(int fd)
{
	static struct coroutine *coroutine; /* getcontext() returns twice, says the compiler */

	coroutine = free_coroutine();
	coroutine->fd = fd;
	coroutine->over = false;
	getcontext(&coroutine->context);
	coroutine->context.uc_stack.ss_sp = coroutine->stack;
	coroutine->context.uc_stack.ss_size = STACK_BYTES;
	coroutine->context.uc_link = &loop_context;
	makecontext(&coroutine->context, run_connection, 0);
	resume(coroutine);
}

/* Wakes who has slept enough; milliseconds until the next one, -1: nobody sleeps. */
static int wake_sleepers(void)
{
	struct coroutine **at = &sleeping, *coroutine;
	uint64_t now = now_us(), next = UINT64_MAX;

	while ((coroutine = *at)) {
		if (coroutine->due_us <= now) {
			*at = coroutine->next;
			resume(coroutine);
			at = &sleeping; /* it may have gone to sleep again */
			next = UINT64_MAX;
			continue;
		}
		next = coroutine->due_us < next ? coroutine->due_us : next;
		at = &coroutine->next;
	}
	return next == UINT64_MAX ? -1 : (int)((next - now + 999) / 1000);
}

int model_coroutines(int listener)
{
	struct epoll_event events[64], door = {.events = EPOLLIN};

	wait_for = wait_in_loop;
	pause_for = pause_in_loop;
	poller = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &door);
	for (;;) {
		int count = epoll_wait(poller, events, 64, wake_sleepers());

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				resume(events[i].data.ptr);
			else
				begin(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
		}
	}
}
