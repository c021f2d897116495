/* SPDX-License-Identifier: MIT */
/*
 * faults.c - a library that is loaded behind ours, so that our own calls reach it: reads and
 * writes on sockets that are shorter than asked for, or fail for the moment.
 *
 * FAULTS is how often, in 256 calls: short, again, interrupted ("64,64,64"); FAULTS_MOST the
 * most bytes of a short one; FAULTS_SEED what the dice begin with.  FAULTS_COUNT is a file of
 * three numbers of 64 bits that are counted up: how many of each there were.
 *
 * Who is told EAGAIN by an edge-triggered epoll waits for an edge; so it is watched anew after
 * every fault, as if there had been one.  Only TCP has faults: what a program's own processes tell
 * each other in messages is lost if it is cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/core/sys.h"

static unsigned int shorts, agains, interrupts, most = 1;
static _Atomic uint64_t dice = 1;
static _Atomic uint64_t unread[3], *counted = unread;

#define WATCHED 4096

static struct {
	int epoll; /* descriptor of the last that watches it, and one more; 0: nobody */
	struct epoll_event event;
} watched[WATCHED];

static void count_in(const char *path)
{
	int fd = (int)ta_sys(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	void *page = fd < 0 ? MAP_FAILED
			    : mmap(NULL, sizeof(unread), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		abort();
	counted = page;
	ta_sys(SYS_close, fd);
}

static __attribute__((constructor)) void begin(void)
{
	const char *faults = getenv("FAULTS"), *seed = getenv("FAULTS_SEED");
	const char *bytes = getenv("FAULTS_MOST"), *count = getenv("FAULTS_COUNT");

	if (faults)
		sscanf(faults, "%u,%u,%u", &shorts, &agains, &interrupts);
	dice = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 1;
	most = bytes ? (unsigned int)atoi(bytes) : 1;
	if (count)
		count_in(count);
}

static uint32_t roll(void)
{
	uint64_t next = atomic_load(&dice) * 6364136223846793005ull + 1442695040888963407ull;

	atomic_store(&dice, next); /* two threads may roll the same */
	return (uint32_t)(next >> 33);
}

/* syscall() is one of the names that are hooked. */
static ssize_t answer(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static bool is_tcp(int fd)
{
	int domain = 0;
	socklen_t bytes = sizeof(domain);

	return ta_sys(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

/* ---- edges ---- */

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	ssize_t result = answer(ta_sys(SYS_epoll_ctl, epoll, what, fd, event));

	if (result == 0 && fd < WATCHED && what == EPOLL_CTL_DEL)
		watched[fd].epoll = 0;
	if (result == 0 && fd < WATCHED && what != EPOLL_CTL_DEL) {
		watched[fd].event = *event;
		watched[fd].epoll = epoll + 1;
	}
	return (int)result;
}

static void watch_anew(int fd)
{
	if (fd < WATCHED && watched[fd].epoll && watched[fd].event.events & EPOLLET)
		ta_sys(SYS_epoll_ctl, watched[fd].epoll - 1, EPOLL_CTL_MOD, fd, &watched[fd].event);
}

/* ---- what is allowed ---- */

static ssize_t fail(int fd, int error, int kind)
{
	atomic_fetch_add(&counted[kind], 1);
	watch_anew(fd);
	errno = error;
	return -1;
}

/* How many bytes of so many; -1: it fails, errno is set. */
static ssize_t allowed(int fd, size_t bytes)
{
	uint32_t what = roll() % 256;

	if (shorts + agains + interrupts == 0 || !is_tcp(fd))
		return (ssize_t)bytes;
	if (what < agains)
		return fail(fd, EAGAIN, 1);
	if (what < agains + interrupts)
		return fail(fd, EINTR, 2);
	if (what < agains + interrupts + shorts) {
		size_t part = 1 + roll() % most;

		if (part < bytes) {
			atomic_fetch_add(&counted[0], 1);
			watch_anew(fd);
			return (ssize_t)part;
		}
	}
	return (ssize_t)bytes;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
	ssize_t part = allowed(fd, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_write, fd, data, part));
}

ssize_t __write(int fd, const void *data, size_t bytes);
ssize_t __write(int fd, const void *data, size_t bytes)
{
	return write(fd, data, bytes);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
	ssize_t part = allowed(fd, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_sendto, fd, data, part, flags, NULL, 0));
}

/* The first pieces that make up so many bytes. */
static int cut(struct iovec *out, const struct iovec *iov, int count, size_t bytes)
{
	int used = 0;

	for (; used < count && used < 1024 && bytes > 0; used++) {
		out[used] = iov[used];
		if (out[used].iov_len > bytes)
			out[used].iov_len = bytes;
		bytes -= out[used].iov_len;
	}
	return used;
}

static size_t total(const struct iovec *iov, int count)
{
	size_t bytes = 0;

	for (int piece = 0; piece < count; piece++)
		bytes += iov[piece].iov_len;
	return bytes;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	static _Thread_local struct iovec pieces[1024];

	if (count < 1 || count > 1024 || shorts + agains + interrupts == 0)
		return answer(ta_sys(SYS_writev, fd, iov, count));
	size_t bytes = total(iov, count);
	ssize_t part = allowed(fd, bytes);

	if (part < 0)
		return -1;
	return answer(ta_sys(SYS_writev, fd, pieces, cut(pieces, iov, count, (size_t)part)));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	static _Thread_local struct iovec pieces[1024];

	if (shorts + agains + interrupts == 0 || message->msg_iovlen > 1024)
		return answer(ta_sys(SYS_sendmsg, fd, message, flags));
	struct msghdr shorter = *message;
	ssize_t part = allowed(fd, total(message->msg_iov, (int)message->msg_iovlen));

	if (part < 0)
		return -1;
	shorter.msg_iov = pieces;
	shorter.msg_iovlen =
		(size_t)cut(pieces, message->msg_iov, (int)message->msg_iovlen, (size_t)part);
	return answer(ta_sys(SYS_sendmsg, fd, &shorter, flags));
}

ssize_t sendfile(int out, int in, off_t *offset, size_t bytes)
{
	ssize_t part = allowed(out, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_sendfile, out, in, offset, part));
}

ssize_t read(int fd, void *data, size_t bytes)
{
	ssize_t part = allowed(fd, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_read, fd, data, part));
}

ssize_t recv(int fd, void *data, size_t bytes, int flags)
{
	ssize_t part = allowed(fd, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_recvfrom, fd, data, part, flags, NULL, NULL));
}

ssize_t recvfrom(int fd, void *data, size_t bytes, int flags, struct sockaddr *from,
		 socklen_t *room)
{
	ssize_t part = allowed(fd, bytes);

	return part < 0 ? -1 : answer(ta_sys(SYS_recvfrom, fd, data, part, flags, from, room));
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	static _Thread_local struct iovec pieces[1024];

	if (count < 1 || count > 1024 || shorts + agains + interrupts == 0)
		return answer(ta_sys(SYS_readv, fd, iov, count));
	ssize_t part = allowed(fd, total(iov, count));

	if (part < 0)
		return -1;
	return answer(ta_sys(SYS_readv, fd, pieces, cut(pieces, iov, count, (size_t)part)));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	static _Thread_local struct iovec pieces[1024];

	if (shorts + agains + interrupts == 0 || message->msg_iovlen > 1024)
		return answer(ta_sys(SYS_recvmsg, fd, message, flags));
	struct iovec *whole = message->msg_iov;
	size_t count = message->msg_iovlen;
	ssize_t part = allowed(fd, total(whole, (int)count));

	if (part < 0)
		return -1;
	message->msg_iov = pieces;
	message->msg_iovlen = (size_t)cut(pieces, whole, (int)count, (size_t)part);
	part = answer(ta_sys(SYS_recvmsg, fd, message, flags));
	message->msg_iov = whole;
	message->msg_iovlen = count;
	return part;
}
