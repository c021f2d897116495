/* SPDX-License-Identifier: MIT */
/*
 * fd.c - numbers that come and go.
 *
 * close forgets a number *before* the real call, because another thread may get
 * the number at once.  Everything that makes an fd drops what its number stood
 * for, so a close that nobody saw (fclose, a raw system call) does no harm.
 *
 * Runs: any host thread, signal handlers.  No locks, no guard: the table is
 * atomic words, and a connection whose last fd goes away is finished by whoever
 * may.
 */
#include "hooks/hook.h"
#include "hooks/note.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

void ta_note_closing(int fd)
{
	uint64_t word = ta_fd_get(fd);

	if (TA_UNLIKELY(word != 0)) {
		int saved_errno = errno;

		ta_fd_forget_slow(fd, word);
		errno = saved_errno;
	}
}

TA_HOOK int close(int fd)
{
	ta_note_closing(fd);
	return TA_REAL(close)(fd);
}

TA_HOOK int __close(int fd);
TA_HOOK int __close(int fd)
{
	ta_note_closing(fd);
	return TA_REAL(__close)(fd);
}

TA_HOOK int close_range(unsigned int first, unsigned int last, int flags)
{
	if (!(flags & (int)CLOSE_RANGE_CLOEXEC) && first <= last) {
		int saved_errno = errno;

		ta_fd_forget_range(first, last);
		errno = saved_errno;
	}
	return TA_REAL(close_range)(first, last, flags);
}

TA_HOOK void closefrom(int first)
{
	ta_fd_forget_range(first < 0 ? 0 : (unsigned int)first, UINT32_MAX);
	TA_REAL(closefrom)(first);
}

/* ---- duplicates ---- */

void ta_note_duplicated(int from, int to)
{
	if (to >= 0 && !ta_tls.passive && (ta_fd_get(from) | ta_fd_get(to)) != 0) {
		int saved_errno = errno;

		ta_fd_duplicated(from, to);
		errno = saved_errno;
	}
}

static int duplicated(int from, int to)
{
	ta_note_duplicated(from, to);
	return to;
}

TA_HOOK int dup(int fd)
{
	return duplicated(fd, TA_REAL(dup)(fd));
}

TA_HOOK int dup2(int from, int to)
{
	return duplicated(from, TA_REAL(dup2)(from, to));
}

TA_HOOK int __dup2(int from, int to);
TA_HOOK int __dup2(int from, int to)
{
	return duplicated(from, TA_REAL(__dup2)(from, to));
}

TA_HOOK int dup3(int from, int to, int flags)
{
	return duplicated(from, TA_REAL(dup3)(from, to, flags));
}

/* fcntl has one optional argument of pointer size; it is passed on untouched. */
static int fcntl_done(int fd, int command, int result)
{
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return duplicated(fd, result);
	return result;
}

#define FCNTL(name)                                                                                \
	TA_HOOK int name(int fd, int command, ...)                                                 \
	{                                                                                          \
		va_list list;                                                                      \
                                                                                                   \
		va_start(list, command);                                                           \
		void *argument = va_arg(list, void *);                                             \
		va_end(list);                                                                      \
		return fcntl_done(fd, command, TA_REAL(name)(fd, command, argument));              \
	}

FCNTL(fcntl)
#undef fcntl64
TA_HOOK int fcntl64(int fd, int command, ...);
FCNTL(fcntl64)
TA_HOOK int __fcntl(int fd, int command, ...);
FCNTL(__fcntl)

/* ---- new numbers ---- */

static void stands_for(int fd, enum ta_fd_kind kind, uint32_t what)
{
	if (fd >= 0 && ta_runtime.outward && (unsigned int)fd < ta_fd_count && !ta_tls.passive)
		ta_fd_bind(fd, ta_fd_word(kind, 0, what));
}

TA_HOOK int socket(int domain, int type, int protocol)
{
	int fd = ta_fd_made(TA_REAL(socket)(domain, type, protocol));

	/* So that connect() need not ask the kernel. */
	if ((type & 0xf) == SOCK_STREAM)
		stands_for(fd, TA_FD_SOCKET, 0);
	return fd;
}

static void made_two(const int *fds)
{
	ta_fd_made(fds[0]);
	ta_fd_made(fds[1]);
}

/* Threads hand work to each other over it; both ends are one place. */
static int made_pipe(const int *fds, int result)
{
	if (result == 0) {
		made_two(fds);
		stands_for(fds[0], TA_FD_HOP, (uint32_t)fds[0]);
		stands_for(fds[1], TA_FD_HOP, (uint32_t)fds[0]);
	}
	return result;
}

TA_HOOK int socketpair(int domain, int type, int protocol, int fds[2])
{
	int result = TA_REAL(socketpair)(domain, type, protocol, fds);

	if (result == 0)
		made_two(fds);
	return result;
}

TA_HOOK int pipe(int fds[2])
{
	return made_pipe(fds, TA_REAL(pipe)(fds));
}

TA_HOOK int __pipe(int fds[2]);
TA_HOOK int __pipe(int fds[2])
{
	return made_pipe(fds, TA_REAL(__pipe)(fds));
}

TA_HOOK int pipe2(int fds[2], int flags)
{
	return made_pipe(fds, TA_REAL(pipe2)(fds, flags));
}

TA_HOOK int eventfd(unsigned int value, int flags)
{
	int fd = ta_fd_made(TA_REAL(eventfd)(value, flags));

	stands_for(fd, TA_FD_HOP, (uint32_t)fd);
	return fd;
}

TA_HOOK int epoll_create(int size)
{
	return ta_fd_made(TA_REAL(epoll_create)(size));
}

TA_HOOK int epoll_create1(int flags)
{
	return ta_fd_made(TA_REAL(epoll_create1)(flags));
}

TA_HOOK int timerfd_create(int clock, int flags)
{
	int fd = ta_fd_made(TA_REAL(timerfd_create)(clock, flags));

	stands_for(fd, TA_FD_HOP, (uint32_t)fd);
	return fd;
}

TA_HOOK int signalfd(int fd, const sigset_t *mask, int flags)
{
	int made = TA_REAL(signalfd)(fd, mask, flags);

	return fd == -1 ? ta_fd_made(made) : made;
}

TA_HOOK int inotify_init(void)
{
	return ta_fd_made(TA_REAL(inotify_init)());
}

TA_HOOK int inotify_init1(int flags)
{
	return ta_fd_made(TA_REAL(inotify_init1)(flags));
}

TA_HOOK int memfd_create(const char *name, unsigned int flags)
{
	return ta_fd_made(TA_REAL(memfd_create)(name, flags));
}
