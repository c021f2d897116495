/* SPDX-License-Identifier: MIT */
/*
 * write.c - bytes that go out.
 *
 * On a bound fd the bytes that the kernel took go to the connection; sendfile and
 * splice say only how many.  A write that fails for good is looked at as well:
 * what the program tried to send tells the status that it will log.
 *
 * What goes to descriptor 2 and is text leaves a breadcrumb, a call a breadcrumb.  Stdio
 * (fprintf(stderr), perror, std::cerr) does not come by here: libc writes past our names.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "hooks/hook.h"
#include "hooks/hop.h"
#include "hooks/inject.h"
#include "hooks/note.h"

#include <fcntl.h>
#include <sys/sendfile.h>

#include "hooks/stderr.h"
#include "runtime/core/conn.h"
#include "runtime/core/sys.h"

/* What the program tried to send.  The kernel may have failed the call without a
 * look at the buffer, so the copy is made by the kernel as well: it answers EFAULT
 * where we would die.  In a sandbox nothing is asked. */
static void note_failed(uint64_t word, int error, const struct iovec *iov, int iov_count)
{
	char tried[128];
	struct iovec remote = { 0 }, local = { .iov_base = tried, .iov_len = sizeof(tried) };
	struct iovec first = { .iov_base = &remote, .iov_len = sizeof(remote) };
	struct iovec from = { .iov_base = (void *)iov, .iov_len = sizeof(remote) };
	long pid = ta_runtime.pid, bytes = 0;

	if (iov_count > 0 && pid && error != EFAULT &&
	    !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	    ta_sys(SYS_process_vm_readv, pid, &first, 1, &from, 1, 0) == sizeof(remote)) {
		if (remote.iov_len > sizeof(tried))
			remote.iov_len = sizeof(tried);
		bytes = ta_sys(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0);
	}
	local.iov_len = bytes > 0 ? (size_t)bytes : 0;
	ta_conn_failed(word, error, &local, 1);
}

static __attribute__((noinline)) void note_wrote(uint64_t word, const struct iovec *iov,
						 int iov_count, ssize_t result)
{
	TA_GUARD_INLINE(guard);

	if (!guard.entered)
		return;
	if (result > 0)
		ta_conn_wrote(word, iov, iov_count, (uint64_t)result);
	else if (result < 0 && guard.saved_errno != EAGAIN && guard.saved_errno != EINTR)
		note_failed(word, guard.saved_errno, iov, iov_count);
}

static __attribute__((noinline)) void note_wrote_unseen(uint64_t word, ssize_t result)
{
	TA_GUARD(guard);

	if (!guard.entered)
		return;
	if (result > 0)
		ta_conn_wrote_unseen(word, (uint64_t)result);
	else if (result < 0 && guard.saved_errno != EAGAIN && guard.saved_errno != EINTR)
		ta_conn_failed(word, guard.saved_errno, NULL, 0);
}

static inline ssize_t noted(int fd, const void *data, size_t bytes, ssize_t result)
{
	uint64_t word = ta_conn_word(fd);

	if (TA_UNLIKELY(word != 0)) {
		struct iovec iov = { .iov_base = (void *)data, .iov_len = bytes };

		note_wrote(word, &iov, 1, result);
	} else if (TA_UNLIKELY(fd == 2) && result > 0) {
		ta_note_stderr(data, (size_t)result);
	} else if (ta_fd_kind(ta_fd_get(fd)) == TA_FD_HOP && result > 0) {
		ta_note_wakes(ta_fd_place(ta_fd_get(fd)));
	}
	return result;
}

static inline ssize_t noted_iov(int fd, const struct iovec *iov, int count, ssize_t result)
{
	uint64_t word = ta_conn_word(fd);

	if (TA_UNLIKELY(word != 0))
		note_wrote(word, iov, count, result);
	else if (TA_UNLIKELY(fd == 2) && result > 0)
		ta_note_stderr_iov(iov, count, (size_t)result);
	return result;
}

void ta_note_wrote(int fd, const struct iovec *iov, int iov_count, ssize_t result)
{
	noted_iov(fd, iov, iov_count, result);
}

static inline ssize_t noted_unseen(int fd, ssize_t result)
{
	uint64_t word = ta_conn_word(fd);

	if (TA_UNLIKELY(word != 0))
		note_wrote_unseen(word, result);
	return result;
}

/* Whether a header of ours went out with it. */
static inline bool injected(const struct ta_write_call *call, const void *data, size_t bytes,
			    ssize_t *ret_result)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = bytes };

	return ta_inject(call, &iov, 1, ret_result);
}

TA_HOOK ssize_t write(int fd, const void *data, size_t bytes)
{
	ssize_t result;

	if (injected(&(struct ta_write_call){ .fd = fd }, data, bytes, &result))
		return noted(fd, data, bytes, result);
	return noted(fd, data, bytes, TA_REAL(write)(fd, data, bytes));
}

TA_HOOK ssize_t __write(int fd, const void *data, size_t bytes);
TA_HOOK ssize_t __write(int fd, const void *data, size_t bytes)
{
	ssize_t result;

	if (injected(&(struct ta_write_call){ .fd = fd }, data, bytes, &result))
		return noted(fd, data, bytes, result);
	return noted(fd, data, bytes, TA_REAL(__write)(fd, data, bytes));
}

TA_HOOK ssize_t writev(int fd, const struct iovec *iov, int count)
{
	ssize_t result;

	if (ta_inject(&(struct ta_write_call){ .fd = fd }, iov, count, &result))
		return noted_iov(fd, iov, count, result);
	return noted_iov(fd, iov, count, TA_REAL(writev)(fd, iov, count));
}

#define SENDS(number, how)                                                                         \
	&(struct ta_write_call)                                                                    \
	{                                                                                          \
		.fd = number, .flags = how, .message = true                                        \
	}

TA_HOOK ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
	ssize_t result;

	if (injected(SENDS(fd, flags), data, bytes, &result))
		return noted(fd, data, bytes, result);
	return noted(fd, data, bytes, TA_REAL(send)(fd, data, bytes, flags));
}

TA_HOOK ssize_t __send(int fd, const void *data, size_t bytes, int flags);
TA_HOOK ssize_t __send(int fd, const void *data, size_t bytes, int flags)
{
	ssize_t result;

	if (injected(SENDS(fd, flags), data, bytes, &result))
		return noted(fd, data, bytes, result);
	return noted(fd, data, bytes, TA_REAL(__send)(fd, data, bytes, flags));
}

TA_HOOK ssize_t sendto(int fd, const void *data, size_t bytes, int flags,
		       const struct sockaddr *addr, socklen_t len)
{
	ssize_t result;

	/* A stream socket has its peer already. */
	if (addr == NULL && injected(SENDS(fd, flags), data, bytes, &result))
		return noted(fd, data, bytes, result);
	return noted(fd, data, bytes, TA_REAL(sendto)(fd, data, bytes, flags, addr, len));
}

/* With a header of ours, where the message is no more than bytes. */
static bool injected_message(int fd, const struct msghdr *message, int flags, ssize_t *ret_result)
{
	return TA_UNLIKELY(ta_conn_word(fd) != 0) && ta_client_is(ta_conn_word(fd)) &&
	       ta_runtime.propagate == TA_PROPAGATE_INJECT &&
	       ta_inject_readable(message, sizeof(*message)) &&
	       message->msg_controllen == 0 && message->msg_name == NULL &&
	       ta_inject(SENDS(fd, flags), message->msg_iov, (int)message->msg_iovlen, ret_result);
}

TA_HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t result;

	if (!injected_message(fd, message, flags, &result))
		result = TA_REAL(sendmsg)(fd, message, flags);

	/* A call that failed may have been given nonsense. */
	if (TA_UNLIKELY(result < 0))
		return noted_iov(fd, NULL, 0, result);
	return noted_iov(fd, message->msg_iov, (int)message->msg_iovlen, result);
}

/* Whether bytes that we do not see may follow: not while a header is out in part. */
static inline bool may_follow(int fd, ssize_t *ret_result)
{
	uint64_t word = ta_conn_word(fd);

	return TA_UNLIKELY(word != 0) && ta_runtime.propagate == TA_PROPAGATE_INJECT &&
			       ta_client_is(word) ?
		       ta_inject_finish(word, &(struct ta_write_call){ .fd = fd }, ret_result) :
		       true;
}

TA_HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	ssize_t answer;

	if (!may_follow(fd, &answer))
		return (int)answer;
	int result = TA_REAL(sendmmsg)(fd, messages, count, flags);

	for (int at = 0; at < result; at++)
		noted_iov(fd, messages[at].msg_hdr.msg_iov,
			  (int)messages[at].msg_hdr.msg_iovlen, (ssize_t)messages[at].msg_len);
	return result;
}

TA_HOOK ssize_t sendfile(int out_fd, int in_fd, off_t *offset, size_t bytes)
{
	ssize_t answer;

	if (!may_follow(out_fd, &answer))
		return answer;
	return noted_unseen(out_fd, TA_REAL(sendfile)(out_fd, in_fd, offset, bytes));
}

TA_HOOK ssize_t sendfile64(int out_fd, int in_fd, off64_t *offset, size_t bytes)
{
	ssize_t answer;

	if (!may_follow(out_fd, &answer))
		return answer;
	return noted_unseen(out_fd, TA_REAL(sendfile64)(out_fd, in_fd, offset, bytes));
}

static void note_spliced_in(int in_fd, ssize_t result)
{
	uint64_t word = ta_conn_word(in_fd);

	if (word == 0 || result <= 0)
		return;
	TA_GUARD(guard);
	if (guard.entered)
		ta_conn_read_unseen(word, (uint64_t)result);
}

TA_HOOK ssize_t splice(int in_fd, off64_t *in_offset, int out_fd, off64_t *out_offset,
		       size_t bytes, unsigned int flags)
{
	ssize_t answer;

	if (!may_follow(out_fd, &answer))
		return answer;
	ssize_t result = TA_REAL(splice)(in_fd, in_offset, out_fd, out_offset, bytes, flags);

	note_spliced_in(in_fd, result);
	return noted_unseen(out_fd, result);
}
