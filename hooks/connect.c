/* SPDX-License-Identifier: MIT */
/*
 * connect.c - outward connections, and sides that are shut.
 *
 * connect only makes sure that the fd is not taken for an accepted connection;
 * outward spans are not made yet.  shutdown of the writing side ends a response
 * whose length is "until the connection ends".
 *
 * Runs: any host thread.  No locks.
 */
#include "hooks/hook.h"

#include "runtime/core/conn.h"

TA_HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	ta_fd_forget(fd);
	return TA_REAL(connect)(fd, addr, len);
}

TA_HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len);
TA_HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	ta_fd_forget(fd);
	return TA_REAL(__connect)(fd, addr, len);
}

static void note_shut(uint64_t word)
{
	TA_GUARD(guard);

	if (guard.entered)
		ta_conn_shut(word);
}

TA_HOOK int shutdown(int fd, int how)
{
	int result = TA_REAL(shutdown)(fd, how);
	uint64_t word = ta_conn_word(fd);

	if (word != 0 && result == 0 && how != SHUT_RD)
		note_shut(word);
	return result;
}
