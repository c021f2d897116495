/* SPDX-License-Identifier: MIT */
/*
 * syscall.c - programs that go around libc's names by libc's own door.
 *
 * libuv closes by syscall(SYS_close), BIND receives by syscall(SYS_recvmmsg),
 * vsftpd forks by syscall(SYS_clone).  Six register arguments are passed on
 * untouched; the few numbers that matter are told to the same inner functions as
 * the named calls.
 *
 * seccomp: from the moment a filter is asked for, the library makes no system
 * call of its own in this process and its children.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "hooks/hook.h"

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "hooks/crash.h"
#include "hooks/hop.h"
#include "hooks/note.h"
#include "hooks/wait.h"
#include "runtime/core/clock.h"

struct call {
	long number;
	long a[6];
};

static struct iovec iovec_of(const struct call *call)
{
	return (struct iovec){ .iov_base = (void *)call->a[1], .iov_len = (size_t)call->a[2] };
}

static void sandboxed(void)
{
	ta_crash_uninstall();
	atomic_store(&ta_runtime.sandboxed, 1);
}

/* prctl, by whatever door. */
static void before_prctl(long option, long mode)
{
	if (option == PR_SET_SECCOMP)
		sandboxed();
	if ((option == PR_SET_SECCOMP && mode == SECCOMP_MODE_STRICT) ||
	    (option == PR_SET_TSC && mode == PR_TSC_SIGSEGV))
		ta_clock_coarse();
}

static bool makes_process(const struct call *call)
{
#ifdef SYS_fork
	if (call->number == SYS_fork)
		return true;
#endif
	return call->number == SYS_clone && !(call->a[0] & CLONE_VM);
}

/* What has to be known before the kernel acts. */
static void before(const struct call *call)
{
	switch (call->number) {
	case SYS_close:
		ta_note_closing((int)call->a[0]);
		break;
	case SYS_close_range:
		if (!(call->a[2] & CLOSE_RANGE_CLOEXEC) && (unsigned int)call->a[0] <= (unsigned int)call->a[1])
			ta_fd_forget_range((unsigned int)call->a[0], (unsigned int)call->a[1]);
		break;
	case SYS_seccomp:
		sandboxed();
		if (call->a[0] == SECCOMP_SET_MODE_STRICT)
			ta_clock_coarse();
		break;
	case SYS_prctl:
		before_prctl(call->a[0], call->a[1]);
		break;
	case SYS_exit_group:
		if (ta_runtime.enabled && !ta_tls.passive)
			ta_process_ending((int)call->a[0]);
		break;
	case SYS_accept4:
#ifdef SYS_accept
	case SYS_accept:
#endif
		ta_about_to_wait();
		break;
	case SYS_futex:
		if ((call->a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE)
			ta_note_wakes((uintptr_t)call->a[0]);
		break;
	default:
		if (makes_process(call))
			ta_process_fork_prepare();
		break;
	}
}

static bool is_futex_wait(long operation)
{
	return (operation & FUTEX_CMD_MASK) == FUTEX_WAIT ||
	       (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
}

static void after_messages(const struct call *call, long result, bool in)
{
	const struct mmsghdr *messages = (const void *)call->a[1];

	for (long at = 0; at < result; at++) {
		const struct msghdr *message = &messages[at].msg_hdr;
		ssize_t bytes = (ssize_t)messages[at].msg_len;

		if (in)
			ta_note_received((int)call->a[0], message, bytes, (int)call->a[3]);
		else
			ta_note_wrote((int)call->a[0], message->msg_iov, (int)message->msg_iovlen,
				      bytes);
	}
}

static void after_process(long result)
{
	if (result == 0)
		ta_process_fork_child();
	else if (ta_runtime.enabled && !ta_tls.passive && ta_tls.fork_token)
		ta_process_forked_parent(result);
}

static void after_data(const struct call *call, long result)
{
	struct iovec iov = iovec_of(call);
	const struct msghdr *message = (const void *)call->a[1];
	int fd = (int)call->a[0];

	switch (call->number) {
	case SYS_read:
		ta_note_read(fd, &iov, 1, result, 0);
		break;
	case SYS_recvfrom:
		ta_note_read(fd, &iov, 1, result, (int)call->a[3]);
		break;
	case SYS_readv:
		ta_note_read(fd, (const void *)call->a[1], (int)call->a[2], result, 0);
		break;
	case SYS_recvmsg:
		ta_note_received(fd, message, result, (int)call->a[2]);
		break;
	case SYS_write:
	case SYS_sendto:
		ta_note_wrote(fd, &iov, 1, result);
		break;
	case SYS_writev:
		ta_note_wrote(fd, (const void *)call->a[1], (int)call->a[2], result);
		break;
	case SYS_sendmsg:
		if (result >= 0)
			ta_note_wrote(fd, message->msg_iov, (int)message->msg_iovlen, result);
		break;
	default:
		break;
	}
}

static void after(const struct call *call, long result)
{
	switch (call->number) {
	case SYS_accept4:
#ifdef SYS_accept
	case SYS_accept:
#endif
		if (result >= 0)
			ta_note_accepted((int)call->a[0], (int)result, (const void *)call->a[1],
					 (const void *)call->a[2]);
		break;
	case SYS_recvmmsg:
	case SYS_sendmmsg:
		after_messages(call, result, call->number == SYS_recvmmsg);
		break;
	case SYS_dup:
		ta_note_duplicated((int)call->a[0], (int)result);
		break;
#ifdef SYS_dup2
	case SYS_dup2:
#endif
	case SYS_dup3:
		ta_note_duplicated((int)call->a[0], (int)result);
		break;
	case SYS_futex:
		if (is_futex_wait(call->a[1]))
			ta_note_slept((uintptr_t)call->a[0]);
		break;
	case SYS_socket:
	case SYS_openat:
		ta_fd_made((int)result);
		break;
	default:
		if (makes_process(call))
			after_process(result);
		else if (ta_conn_word((int)call->a[0]))
			after_data(call, result);
		break;
	}
}

TA_HOOK long syscall(long number, ...)
{
	struct call call = { .number = number };
	va_list list;

	va_start(list, number);
	for (int at = 0; at < 6; at++)
		call.a[at] = va_arg(list, long);
	va_end(list);
	int saved_errno = errno;

	before(&call);
	errno = saved_errno;
	long result = TA_REAL(syscall)(number, call.a[0], call.a[1], call.a[2], call.a[3],
				       call.a[4], call.a[5]);
	saved_errno = errno;
	after(&call, result);
	errno = saved_errno;
	return result;
}

TA_HOOK int prctl(int option, ...)
{
	unsigned long a[4];
	va_list list;

	va_start(list, option);
	for (int at = 0; at < 4; at++)
		a[at] = va_arg(list, unsigned long);
	va_end(list);
	before_prctl(option, (long)a[0]);
	return TA_REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}
