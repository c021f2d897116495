/* SPDX-License-Identifier: MIT */
/*
 * read.c - bytes that come in.
 *
 * On a bound fd the bytes that were really consumed go to the connection: peeked
 * and error-queue reads move nothing, MSG_TRUNC drops bytes unseen.  recvmsg
 * also brings fds (SCM_RIGHTS).  On any other fd a hook costs a load.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "hooks/hook.h"
#include "hooks/hop.h"
#include "hooks/note.h"

#include <string.h>

#include "runtime/core/client.h"
#include "runtime/core/conn.h"
#include "runtime/core/sys.h"

__attribute__((always_inline)) static inline void note_conn(uint64_t word, const struct iovec *iov,
						int iov_count, ssize_t result, int flags)
{
	TA_GUARD_INLINE(guard);

	if (!guard.entered || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return;
	if (result > 0 && flags & MSG_TRUNC) {
		ta_conn_read_unseen(word, (uint64_t)result);
		return;
	}
	if (result > 0) {
		ta_conn_read(word, iov, iov_count, (uint64_t)result);
		return;
	}
	if (result < 0 && (guard.saved_errno == EAGAIN || guard.saved_errno == EINTR))
		return;
	if (result < 0)
		ta_conn_failed(word, guard.saved_errno, NULL, 0);
	ta_client_ended(word);
}

static __attribute__((noinline)) void note_read(uint64_t word, const struct iovec *iov,
						int iov_count, ssize_t result, int flags)
{
	note_conn(word, iov, iov_count, result, flags);
}

static __attribute__((noinline)) void note_data(uint64_t word, void *data, ssize_t result,
						int flags)
{
	struct iovec iov = { .iov_base = data, .iov_len = SIZE_MAX };

	if (ta_fd_kind(word) == TA_FD_CONN)
		note_conn(word, &iov, 1, result, flags);
	else if (ta_fd_kind(word) == TA_FD_HOP && result > 0)
		ta_note_slept(ta_fd_place(word));
}

static inline ssize_t noted(int fd, void *data, ssize_t result, int flags)
{
	uint64_t word = ta_fd_get(fd);

	if (TA_UNLIKELY(word != 0))
		note_data(word, data, result, flags);
	return result;
}

static inline ssize_t noted_iov(int fd, const struct iovec *iov, int iov_count, ssize_t result,
				int flags)
{
	uint64_t word = ta_conn_word(fd);

	if (TA_UNLIKELY(word != 0))
		note_read(word, iov, iov_count, result, flags);
	return result;
}

/* Reading an eventfd or a pipe may be sleeping. */
static inline void before(int fd)
{
	if (TA_UNLIKELY(ta_fd_get(fd) != 0) && ta_fd_kind(ta_fd_get(fd)) == TA_FD_HOP)
		ta_note_sleeps();
}

TA_HOOK ssize_t read(int fd, void *data, size_t bytes)
{
	before(fd);
	return noted(fd, data, TA_REAL(read)(fd, data, bytes), 0);
}

TA_HOOK ssize_t __read(int fd, void *data, size_t bytes);
TA_HOOK ssize_t __read(int fd, void *data, size_t bytes)
{
	return noted(fd, data, TA_REAL(__read)(fd, data, bytes), 0);
}

TA_HOOK ssize_t __read_chk(int fd, void *data, size_t bytes, size_t object_bytes);
TA_HOOK ssize_t __read_chk(int fd, void *data, size_t bytes, size_t object_bytes)
{
	return noted(fd, data, TA_REAL(__read_chk)(fd, data, bytes, object_bytes), 0);
}

TA_HOOK ssize_t readv(int fd, const struct iovec *iov, int count)
{
	return noted_iov(fd, iov, count, TA_REAL(readv)(fd, iov, count), 0);
}

TA_HOOK ssize_t recv(int fd, void *data, size_t bytes, int flags)
{
	return noted(fd, data, TA_REAL(recv)(fd, data, bytes, flags), flags);
}

TA_HOOK ssize_t __recv_chk(int fd, void *data, size_t bytes, size_t object_bytes, int flags);
TA_HOOK ssize_t __recv_chk(int fd, void *data, size_t bytes, size_t object_bytes, int flags)
{
	return noted(fd, data, TA_REAL(__recv_chk)(fd, data, bytes, object_bytes, flags), flags);
}

TA_HOOK ssize_t recvfrom(int fd, void *restrict data, size_t bytes, int flags,
			 struct sockaddr *restrict addr, socklen_t *restrict len)
{
	return noted(fd, data, TA_REAL(recvfrom)(fd, data, bytes, flags, addr, len), flags);
}

TA_HOOK ssize_t __recvfrom_chk(int fd, void *restrict data, size_t bytes, size_t object_bytes,
			       int flags, struct sockaddr *restrict addr, socklen_t *restrict len);
TA_HOOK ssize_t __recvfrom_chk(int fd, void *restrict data, size_t bytes, size_t object_bytes,
			       int flags, struct sockaddr *restrict addr, socklen_t *restrict len)
{
	ssize_t result =
		TA_REAL(__recvfrom_chk)(fd, data, bytes, object_bytes, flags, addr, len);

	return noted(fd, data, result, flags);
}

/* ---- messages ---- */

/* Whether fd is a connected TCP socket: then somebody has accepted it for us. */
static bool is_peer_socket(int fd, struct sockaddr *peer, socklen_t *bytes)
{
	int type = 0;
	socklen_t type_bytes = sizeof(type);

	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) ||
	    ta_sys(SYS_getpeername, fd, peer, bytes) != 0)
		return false;
	return (peer->sa_family == AF_INET || peer->sa_family == AF_INET6) &&
	       ta_sys(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) == 0 &&
	       type == SOCK_STREAM;
}

static void note_fd_received(int fd)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof(peer);

	ta_fd_forget(fd);
	TA_GUARD(guard);
	if (guard.entered && is_peer_socket(fd, (struct sockaddr *)&peer, &bytes))
		ta_conn_accepted(fd, &peer, bytes, 0);
}

static void note_fds_received(const struct msghdr *message)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(message);

	for (; control; control = CMSG_NXTHDR((struct msghdr *)message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t at = 0; at < count; at++) {
			int fd;

			memcpy(&fd, CMSG_DATA(control) + at * sizeof(int), sizeof(fd));
			note_fd_received(fd);
		}
	}
}

void ta_note_read(int fd, const struct iovec *iov, int iov_count, ssize_t result, int flags)
{
	noted_iov(fd, iov, iov_count, result, flags);
}

void ta_note_received(int fd, const struct msghdr *message, ssize_t result, int flags)
{
	if (result >= 0 && message->msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    message->msg_control && ta_runtime.enabled && !ta_tls.passive)
		note_fds_received(message);
	/* A call that failed may have been given nonsense. */
	if (TA_UNLIKELY(result < 0))
		noted_iov(fd, NULL, 0, result, flags);
	else
		noted_iov(fd, message->msg_iov, (int)message->msg_iovlen, result, flags);
}

TA_HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t result = TA_REAL(recvmsg)(fd, message, flags);

	ta_note_received(fd, message, result, flags);
	return result;
}

TA_HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
		     struct timespec *timeout)
{
	int result = TA_REAL(recvmmsg)(fd, messages, count, flags, timeout);

	for (int at = 0; at < result; at++)
		ta_note_received(fd, &messages[at].msg_hdr, (ssize_t)messages[at].msg_len, flags);
	return result;
}
