/* SPDX-License-Identifier: MIT */
/* loop.c - an event loop over epoll, poll or select; see loop.h. */
#include "loop.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/select.h>
#include <time.h>

#define EVENTS 64

void loop_watch(struct loop *loop, struct source *source, uint32_t wanted)
{
	bool is_new = loop->sources[source->fd] != source;

	/* Edge-triggered, both are asked for once and for all. */
	if (loop->flags & EPOLLET)
		wanted = EPOLLIN | EPOLLOUT;
	if (!is_new && source->wanted == wanted && !(loop->flags & EPOLLONESHOT))
		return;
	loop->sources[source->fd] = source;
	source->wanted = wanted;
	loop->backend->watch(loop, source, is_new);
}

void loop_forget(struct loop *loop, struct source *source)
{
	if (loop->sources[source->fd] != source)
		return;
	loop->backend->forget(loop, source);
	loop->sources[source->fd] = NULL;
}

/* ---- epoll ---- */

static void epoll_change(struct loop *loop, struct source *source, bool is_new)
{
	struct epoll_event event = {.events = source->wanted | loop->flags, .data.ptr = source};

	if (loop->by_fd)
		event.data.fd = source->fd;
	epoll_ctl(loop->poller, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, source->fd, &event);
}

static void epoll_forget(struct loop *loop, struct source *source)
{
	epoll_ctl(loop->poller, EPOLL_CTL_DEL, source->fd, NULL);
}

/* A source may be forgotten by the one before it in the same round: by descriptor that shows,
 * by pointer nothing but the end of a connection does it, and that is its own. */
static void epoll_round(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(loop->poller, events, loop->shared ? 1 : EVENTS, timeout_ms);

	for (int i = 0; i < count; i++) {
		struct source *source = loop->by_fd ? loop->sources[events[i].data.fd] : events[i].data.ptr;

		if (source)
			source->ready(source);
	}
}

const struct backend backend_epoll = {epoll_change, epoll_forget, epoll_round};

/* ---- poll and select: all descriptors, every time ---- */

static void nothing_to_watch(struct loop *loop, struct source *source, bool is_new)
{
	(void)loop, (void)source, (void)is_new;
}

static void nothing_to_forget(struct loop *loop, struct source *source)
{
	(void)loop, (void)source;
}

static void call_ready(struct loop *loop, int fd)
{
	if (loop->sources[fd])
		loop->sources[fd]->ready(loop->sources[fd]);
}

static void poll_round(struct loop *loop, int timeout_ms)
{
	struct pollfd fds[LOOP_FDS];
	nfds_t count = 0;

	for (int fd = 0; fd < LOOP_FDS; fd++)
		if (loop->sources[fd] && loop->sources[fd]->wanted)
			fds[count++] = (struct pollfd){.fd = fd, .events = (short)loop->sources[fd]->wanted};
	if (poll(fds, count, timeout_ms) <= 0)
		return;
	for (nfds_t i = 0; i < count; i++)
		if (fds[i].revents)
			call_ready(loop, fds[i].fd);
}

static void select_round(struct loop *loop, int timeout_ms)
{
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	fd_set in, out;
	int end = 0;

	FD_ZERO(&in);
	FD_ZERO(&out);
	for (int fd = 0; fd < LOOP_FDS; fd++) {
		if (!loop->sources[fd] || !loop->sources[fd]->wanted)
			continue;
		FD_SET(fd, loop->sources[fd]->wanted & EPOLLIN ? &in : &out);
		end = fd + 1;
	}
	if (select(end, &in, &out, NULL, timeout_ms < 0 ? NULL : &timeout) <= 0)
		return;
	for (int fd = 0; fd < end; fd++)
		if (FD_ISSET(fd, &in) || FD_ISSET(fd, &out))
			call_ready(loop, fd);
}

const struct backend backend_poll = {nothing_to_watch, nothing_to_forget, poll_round};
const struct backend backend_select = {nothing_to_watch, nothing_to_forget, select_round};

/* ---- timers ---- */

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void loop_after(struct loop *loop, struct timer *timer, unsigned microseconds)
{
	timer->due_us = now_us() + microseconds;
	timer->next = loop->timers;
	loop->timers = timer;
}

/* Calls one timer that is due; false: none is. */
static bool call_expired(struct loop *loop)
{
	uint64_t now = now_us();

	for (struct timer **at = &loop->timers, *timer; (timer = *at); at = &timer->next) {
		if (timer->due_us > now)
			continue;
		*at = timer->next;
		timer->expired(timer);
		return true;
	}
	return false;
}

static int until_next(const struct loop *loop)
{
	uint64_t now = now_us(), next = UINT64_MAX;

	for (const struct timer *timer = loop->timers; timer; timer = timer->next)
		next = timer->due_us < next ? timer->due_us : next;
	return next == UINT64_MAX ? -1 : next <= now ? 0 : (int)((next - now + 999) / 1000);
}

static bool anything(const struct loop *loop)
{
	for (int fd = 0; fd < LOOP_FDS; fd++)
		if (loop->sources[fd])
			return true;
	return loop->timers != NULL;
}

void loop_run(struct loop *loop)
{
	while (loop->shared || anything(loop))
		if (!call_expired(loop)) /* it may have been the last thing to do */
			loop->backend->wait(loop, until_next(loop));
}
