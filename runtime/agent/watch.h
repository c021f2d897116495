/* SPDX-License-Identifier: MIT */
/*
 * watch.h - waiting for work: futexes in the segments, the directory, deaths.
 *
 * A futex cannot be waited for together with descriptors, so a helper thread
 * waits for the descriptors (inotify on the run directory, pidfds of hosts) and
 * pokes a futex word of ours when one is readable.  It reads nothing and touches
 * nothing else.
 *
 * Runs: agent.  ta_watch_poke() is async-signal-safe.
 */
#ifndef TA_AGENT_WATCH_H
#define TA_AGENT_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ta_segments;

struct ta_watch {
	int epoll_fd, inotify_fd, stop_fd;
	pthread_t thread;
	bool running;
	bool can_stop; /* the helper hears of stop_fd */
	bool no_waitv; /* the kernel does not have it, or a sandbox forbids it */
	_Atomic uint32_t poked;
	_Atomic uint32_t stop;
	uint32_t pidfds;
};

struct ta_watch_news {
	bool directory; /* files came */
	bool deaths;
};

int ta_watch_start(struct ta_watch *watch, int dir_fd);
void ta_watch_stop(struct ta_watch *watch);
void ta_watch_poke(struct ta_watch *watch);

/* A pidfd that wakes us when the process ends; -1 when there are too many, or
 * no such process. */
int ta_watch_pid(struct ta_watch *watch, uint32_t pid);
/* The pidfd is about to be closed. */
void ta_watch_forget(struct ta_watch *watch, int pidfd);

/* Sleeps until a lane passes half, somebody asks, something is poked, or for so long. */
struct ta_watch_news ta_watch_wait(struct ta_watch *watch, struct ta_segments *segments,
				   uint64_t longest_ns);

#endif
