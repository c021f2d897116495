/* SPDX-License-Identifier: MIT */
/*
 * faults.c - a library that is loaded behind ours, so that our own calls reach it: reads and
 * writes on sockets that are shorter than asked for, or fail for the moment.
 *
 * FAULTS is how often, in 256 calls: short, again, interrupted ("64,64,64"); FAULTS_MOST the
 * most bytes of a short one; FAULTS_SEED what the dice begin with.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/core/sys.h"

static unsigned int shorts, agains, interrupts, most = 1;
static uint64_t dice = 1;

static __attribute__((constructor)) void begin(void)
{
	const char *faults = getenv("FAULTS"), *seed = getenv("FAULTS_SEED");
	const char *bytes = getenv("FAULTS_MOST");

	if (faults)
		sscanf(faults, "%u,%u,%u", &shorts, &agains, &interrupts);
	dice = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 1;
	most = bytes ? (unsigned int)atoi(bytes) : 1;
}

static uint32_t roll(void)
{
	dice = dice * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(dice >> 33);
}

/* syscall() is one of the names that are hooked. */
static ssize_t answer(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static bool is_socket(int fd)
{
	int type;
	socklen_t bytes = sizeof(type);

	return ta_sys(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0;
}

/* How many bytes of so many; -1: it fails, errno is set. */
static ssize_t allowed(int fd, size_t bytes)
{
	uint32_t what = roll() % 256;

	if (shorts + agains + interrupts == 0 || !is_socket(fd))
		return (ssize_t)bytes;
	if (what < agains) {
		errno = EAGAIN;
		return -1;
	}
	if (what < agains + interrupts) {
		errno = EINTR;
		return -1;
	}
	if (what < agains + interrupts + shorts) {
		size_t part = 1 + roll() % most;

		return (ssize_t)(part < bytes ? part : bytes);
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
	shorter.msg_iovlen = (size_t)cut(pieces, message->msg_iov, (int)message->msg_iovlen,
					 (size_t)part);
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
