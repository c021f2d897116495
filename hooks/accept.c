/* SPDX-License-Identifier: MIT */
/*
 * accept.c - connections that arrive.
 *
 * A successful accept forks an isolation scope for the new connection and enters
 * it; fd.c drops it.  The caller sees exactly what libc gave: result, errno, peer
 * address.  About to block, the thread leaves the connection that it worked for.
 *
 * Runs: any host thread.  No locks.
 *
 * The real call comes outside the guard: it may block, it is a cancellation
 * point, and a signal handler may jump out of it.  A failed accept (EAGAIN is
 * routine) costs one compare.
 */
#include "hooks/hook.h"
#include "hooks/note.h"
#include "hooks/wait.h"
#include "runtime/core/conn.h"

void ta_note_accepted(int listen_fd, int conn_fd, const struct sockaddr *peer,
		      const socklen_t *bytes)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_conn_accepted(conn_fd, peer, peer && bytes ? *bytes : 0, ta_fd_get(listen_fd));
	else
		ta_fd_forget(conn_fd);
}

TA_HOOK int accept4(int fd, struct sockaddr *restrict addr, socklen_t *restrict len, int flags)
{
	ta_about_to_wait();
	int conn_fd = TA_REAL(accept4)(fd, addr, len, flags);

	if (conn_fd >= 0)
		ta_note_accepted(fd, conn_fd, addr, len);
	return conn_fd;
}

TA_HOOK int accept(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
	ta_about_to_wait();
	int conn_fd = TA_REAL(accept)(fd, addr, len);

	if (conn_fd >= 0)
		ta_note_accepted(fd, conn_fd, addr, len);
	return conn_fd;
}

static void note_listening(int fd)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_fd_listening(fd);
}

TA_HOOK int listen(int fd, int backlog)
{
	int result = TA_REAL(listen)(fd, backlog);

	if (result == 0)
		note_listening(fd);
	return result;
}
