/* SPDX-License-Identifier: MIT */
/*
 * loop.h - an event loop with a choice of system calls underneath, and servers on top.
 *
 * A source is a descriptor with a function for its events.  How the loop waits, and how it finds
 * the source again (by a pointer, or by the number of the descriptor), is its backend's.
 */
#ifndef TESTS_ATTRIBUTION_LOOP_H
#define TESTS_ATTRIBUTION_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_FDS 1024

struct source {
	int fd;
	uint32_t wanted; /* EPOLLIN, EPOLLOUT, of any backend; 0: known, nothing wanted now */
	void (*ready)(struct source *source);
};

struct timer {
	uint64_t due_us; /* 0: not running */
	void (*expired)(struct timer *timer);
	struct timer *next;
};

struct loop;

struct backend {
	void (*watch)(struct loop *loop, struct source *source, bool is_new);
	void (*forget)(struct loop *loop, struct source *source);
	void (*wait)(struct loop *loop, int timeout_ms); /* and calls who is ready */
};

struct loop {
	const struct backend *backend;
	int poller;
	uint32_t flags; /* EPOLLET or EPOLLONESHOT */
	bool by_fd, shared;
	struct source *sources[LOOP_FDS]; /* by descriptor */
	struct timer *timers;
};

extern const struct backend backend_epoll, backend_poll, backend_select;

void loop_watch(struct loop *loop, struct source *source, uint32_t wanted);
void loop_forget(struct loop *loop, struct source *source); /* before it is closed */
void loop_after(struct loop *loop, struct timer *timer, unsigned microseconds);
void loop_run(struct loop *loop);

/* server_async.c: serves what comes to the listener, for ever; where connections are passed from, if
 * it is no listener, is a socket with descriptors (SCM_RIGHTS). */
void loop_serve(struct loop *loop, int listener, bool passed);

/* As loop_serve, for connections that were accepted already; returns when all are closed. */
void loop_serve_these(struct loop *loop, const int *fds, unsigned count);

#endif
