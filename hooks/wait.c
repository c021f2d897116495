/* SPDX-License-Identifier: MIT */
/*
 * wait.c - poll, select and epoll: the turn boundary of event loops.
 *
 * A thread that is about to wait is done with the request that it worked for;
 * the next event's fd says what comes next.  The calls themselves are passed on
 * untouched.
 *
 * Runs: any host thread.  No locks.
 */
#include "hooks/wait.h"

#include "runtime/core/hop.h"

void ta_about_to_wait_slow(void)
{
	TA_GUARD_INLINE(guard);

	struct ta_thread *thread = guard.entered ? ta_tls.thread : NULL;

	if (thread)
		ta_hop_waits(thread);
}

/* A call for one descriptor that stands for a connection is part of reading or writing it:
 * the thread stays where it is.  Looked at when the kernel has read it. */
static bool is_for_one(const struct pollfd *fds, nfds_t count, int result)
{
	return count == 1 && result >= 0 && ta_conn_word(fds[0].fd) != 0;
}

static inline void before_poll(nfds_t count)
{
	if (count != 1)
		ta_about_to_wait();
}

static inline int after_poll(const struct pollfd *fds, nfds_t count, int result)
{
	if (count == 1 && !is_for_one(fds, count, result)) {
		int saved_errno = errno;

		ta_about_to_wait();
		errno = saved_errno;
	}
	return result;
}

TA_HOOK int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	before_poll(count);
	return after_poll(fds, count, TA_REAL(poll)(fds, count, timeout));
}

TA_HOOK int __poll(struct pollfd *fds, nfds_t count, int timeout);
TA_HOOK int __poll(struct pollfd *fds, nfds_t count, int timeout)
{
	before_poll(count);
	return after_poll(fds, count, TA_REAL(__poll)(fds, count, timeout));
}

TA_HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t object_bytes);
TA_HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t object_bytes)
{
	before_poll(count);
	return after_poll(fds, count, TA_REAL(__poll_chk)(fds, count, timeout, object_bytes));
}

TA_HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		  const sigset_t *mask)
{
	before_poll(count);
	return after_poll(fds, count, TA_REAL(ppoll)(fds, count, timeout, mask));
}

TA_HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			const sigset_t *mask, size_t object_bytes);
TA_HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			const sigset_t *mask, size_t object_bytes)
{
	before_poll(count);
	return after_poll(fds, count,
			  TA_REAL(__ppoll_chk)(fds, count, timeout, mask, object_bytes));
}

TA_HOOK int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		   struct timeval *restrict timeout)
{
	ta_about_to_wait();
	return TA_REAL(select)(count, in, out, except, timeout);
}

TA_HOOK int __select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		     struct timeval *restrict timeout);
TA_HOOK int __select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		     struct timeval *restrict timeout)
{
	ta_about_to_wait();
	return TA_REAL(__select)(count, in, out, except, timeout);
}

TA_HOOK int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
		    const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	ta_about_to_wait();
	return TA_REAL(pselect)(count, in, out, except, timeout, mask);
}

/* ---- loops that are watched ---- */

static int woken(int timeout, const struct epoll_event *events, int result)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_cause_woken(ta_tls.thread, timeout, result, result > 0 ? events[0].data.u64 : 0);
	return result;
}

static inline bool is_watched(void)
{
	return __builtin_expect(ta_tls.thread && ta_tls.thread->watched, 0);
}

TA_HOOK int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	ta_about_to_wait();
	if (is_watched())
		return woken(timeout, events, TA_REAL(epoll_wait)(fd, events, count, timeout));
	return TA_REAL(epoll_wait)(fd, events, count, timeout);
}

TA_HOOK int epoll_pwait(int fd, struct epoll_event *events, int count, int timeout,
			const sigset_t *mask)
{
	ta_about_to_wait();
	if (is_watched())
		return woken(timeout, events,
			     TA_REAL(epoll_pwait)(fd, events, count, timeout, mask));
	return TA_REAL(epoll_pwait)(fd, events, count, timeout, mask);
}

TA_HOOK int epoll_pwait2(int fd, struct epoll_event *events, int count,
			 const struct timespec *timeout, const sigset_t *mask)
{
	ta_about_to_wait();
	return TA_REAL(epoll_pwait2)(fd, events, count, timeout, mask);
}
