/* SPDX-License-Identifier: MIT */
/*
 * watch.c - waiting for work.
 *
 * Writers wake us through agent_waiting when a lane passes half, once per
 * filling, and when they ask.  So: set it, look once more, and only then sleep while
 * it is still set.  More segments than the kernel takes in one wait: the busiest
 * ones are in it, the others are seen at the next tick.
 *
 * Runs: agent.  Two threads, one word between them: poked is set by the helper
 * (or a signal handler) and cleared by the worker when it has looked.
 */
#include "runtime/agent/watch.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/agent/segments.h"

#define WAIT_SEGMENTS 120
#define PIDFDS_MAX 512
#define FALLBACK_NS 10000000ull
#define REST_NS 2000000 /* news of so long come together, when there are many */
#define TAG_DIRECTORY 1u
#define TAG_PID 2u
#define TAG_STOP 3u

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static void wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

void ta_watch_poke(struct ta_watch *watch)
{
	int saved = errno;

	if (atomic_exchange(&watch->poked, 1) == 0)
		wake(&watch->poked);
	errno = saved;
}

static void *helper(void *argument)
{
	struct ta_watch *watch = argument;
	struct pollfd readable = { .fd = watch->epoll_fd, .events = POLLIN };
	struct timespec rest = { .tv_nsec = REST_NS };

	while (!atomic_load(&watch->stop)) {
		/* One that fails rests as well: it may fail for long. */
		if (poll(&readable, 1, -1) > 0 && !atomic_load(&watch->stop))
			ta_watch_poke(watch);
		/* Readable until the worker has looked; it does not wake us again. */
		syscall(SYS_futex, &watch->stop, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &rest, NULL,
			0);
	}
	return NULL;
}

static int add(struct ta_watch *watch, int fd, uint32_t tag, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = tag };

	return fd < 0 ? -1 : epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int start_helper(struct ta_watch *watch)
{
	sigset_t all, before;
	pthread_attr_t attributes;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	int error = pthread_create(&watch->thread, &attributes, helper, watch);

	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watch->running = error == 0;
	return -error;
}

int ta_watch_start(struct ta_watch *watch, int dir_fd)
{
	char path[32];

	*watch = (struct ta_watch){ .inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
				    .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
				    .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (watch->epoll_fd < 0)
		return -errno;
	/* By descriptor, so that it is the directory that was checked. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir_fd);
	if (watch->inotify_fd >= 0)
		inotify_add_watch(watch->inotify_fd, path,
				  IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
	add(watch, watch->inotify_fd, TAG_DIRECTORY, EPOLLIN);
	watch->can_stop = add(watch, watch->stop_fd, TAG_STOP, EPOLLIN) == 0;
	return start_helper(watch);
}

void ta_watch_stop(struct ta_watch *watch)
{
	uint64_t one = 1;

	if (watch->running) {
		atomic_store(&watch->stop, 1);
		if (!watch->can_stop || write(watch->stop_fd, &one, sizeof(one)) < 0)
			pthread_cancel(watch->thread);
		wake(&watch->stop);
		pthread_join(watch->thread, NULL);
	}
	watch->running = false;
	close(watch->epoll_fd);
	if (watch->inotify_fd >= 0)
		close(watch->inotify_fd);
	if (watch->stop_fd >= 0)
		close(watch->stop_fd);
}

int ta_watch_pid(struct ta_watch *watch, uint32_t pid)
{
	if (!watch->running || watch->pidfds >= PIDFDS_MAX)
		return -1;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	if (fd < 0)
		return -1;
	if (add(watch, fd, TAG_PID, EPOLLIN | EPOLLONESHOT) != 0) {
		close(fd);
		return -1;
	}
	watch->pidfds++;
	return fd;
}

void ta_watch_forget(struct ta_watch *watch, int pidfd)
{
	if (!watch->running)
		return;
	epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, pidfd, NULL);
	watch->pidfds--;
}

static void drop_inotify_events(const struct ta_watch *watch)
{
	char buffer[4096];

	while (read(watch->inotify_fd, buffer, sizeof(buffer)) > 0)
		;
}

static struct ta_watch_news look(struct ta_watch *watch)
{
	struct ta_watch_news news = { 0 };
	struct epoll_event events[64];
	int count = epoll_wait(watch->epoll_fd, events, 64, 0);

	for (int i = 0; i < count; i++) {
		news.directory |= events[i].data.u32 == TAG_DIRECTORY;
		news.deaths |= events[i].data.u32 == TAG_PID;
	}
	if (news.directory)
		drop_inotify_events(watch);
	return news;
}

static bool past_half(const struct ta_mapped *mapped)
{
	uint32_t ring = mapped->lane_bytes - TA_LANE_HEADER_BYTES - mapped->signal_ring_bytes;

	for (uint32_t i = 0; !mapped->finished && ta_mapped_next(mapped, &i); i++) {
		if (!mapped->lanes[i].tails_known)
			continue;
		struct ta_lane *lane = ta_mapped_lane(mapped, i);
		uint64_t unread = atomic_load(&lane->head) - mapped->lanes[i].tail;
		uint64_t signal_unread =
			atomic_load(&lane->signal_head) - mapped->lanes[i].signal_tail;

		if (unread > ring / 2 || signal_unread > mapped->signal_ring_bytes / 2)
			return true;
	}
	return false;
}

static void set_waiting(struct ta_segments *segments, uint32_t value)
{
	TA_LIST_EACH(at, &segments->mapped)
		atomic_store(&TA_CONTAINER(at, struct ta_mapped, link)->shared->agent_waiting,
			     value);
}

static bool any_calls(struct ta_segments *segments)
{
	TA_LIST_EACH(at, &segments->mapped) {
		const struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (past_half(mapped) || ta_mapped_asked(mapped))
			return true;
	}
	return false;
}

static int busier(const void *left, const void *right)
{
	uint64_t a = (*(struct ta_mapped *const *)left)->busy_bytes;
	uint64_t b = (*(struct ta_mapped *const *)right)->busy_bytes;

	return a > b ? -1 : a < b;
}

/* At most WAIT_SEGMENTS segments, the busiest when there are more. */
static uint32_t choose(struct ta_segments *segments, struct ta_mapped **chosen)
{
	uint32_t count = 0;
	struct ta_mapped **all = chosen;

	if (segments->count > WAIT_SEGMENTS)
		all = calloc(segments->count, sizeof(all[0]));
	if (!all)
		return 0;
	TA_LIST_EACH(at, &segments->mapped)
		all[count++] = TA_CONTAINER(at, struct ta_mapped, link);
	if (all == chosen)
		return count;
	qsort(all, count, sizeof(all[0]), busier);
	memcpy(chosen, all, WAIT_SEGMENTS * sizeof(all[0]));
	free(all);
	return WAIT_SEGMENTS;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
				  .tv_nsec = (long)(ns % 1000000000u) };
}

static void sleep_short(struct ta_watch *watch)
{
	struct timespec nap = timespec_of(FALLBACK_NS);

	syscall(SYS_futex, &watch->poked, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &nap, NULL, 0);
}

static void sleep_until(struct ta_watch *watch, struct ta_segments *segments, uint64_t deadline_ns)
{
	struct ta_mapped *chosen[WAIT_SEGMENTS];
	struct futex_waitv waits[WAIT_SEGMENTS + 1] = { 0 };
	struct timespec deadline = timespec_of(deadline_ns);
	uint32_t count = choose(segments, chosen);

	waits[0].uaddr = (uintptr_t)&watch->poked;
	waits[0].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
	for (uint32_t i = 0; i < count; i++) {
		waits[i + 1].uaddr = (uintptr_t)&chosen[i]->shared->agent_waiting;
		waits[i + 1].flags = FUTEX_32;
		waits[i + 1].val = 1;
	}
	if (!watch->no_waitv && syscall(SYS_futex_waitv, waits, count + 1, 0, &deadline,
					CLOCK_MONOTONIC) < 0)
		watch->no_waitv = errno == ENOSYS || errno == EPERM;
	if (watch->no_waitv)
		sleep_short(watch);
}

struct ta_watch_news ta_watch_wait(struct ta_watch *watch, struct ta_segments *segments,
				   uint64_t longest_ns)
{
	set_waiting(segments, 1);
	if (!any_calls(segments))
		sleep_until(watch, segments, ta_host_now_ns() + longest_ns);
	set_waiting(segments, 0);
	/* Cleared first, looked then: what comes in between pokes again. */
	if (atomic_exchange(&watch->poked, 0) == 0)
		return (struct ta_watch_news){ 0 };
	return look(watch);
}
