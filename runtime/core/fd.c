/* SPDX-License-Identifier: MIT */
/*
 * fd.c - the fd table: forgetting, duplicating, listening.
 *
 * Runs: any host thread, signal handlers.  No locks.
 */
#include "runtime/core/fd.h"

#include <string.h>
#include <sys/socket.h>

#include "runtime/core/conn.h"
#include "runtime/core/listener.h"
#include "runtime/core/process_span.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"

/* Highest number that was ever bound, so that a range needs no long walk. */
static _Atomic uint32_t highest;

void ta_fd_forget_slow(int fd, uint64_t word)
{
	if (ta_tls.passive)
		return;
	ta_process_check(); /* a child must not end what is its parent's */
	if (!atomic_compare_exchange_strong(&ta_fds[fd], &word, 0))
		return;
	if (ta_fd_kind(word) == TA_FD_CONN)
		ta_conn_unref(word);
}

void ta_fd_forget_range(unsigned int first, unsigned int last)
{
	unsigned int end = atomic_load_explicit(&highest, memory_order_relaxed);

	for (unsigned int fd = first; fd <= last && fd <= end && fd < ta_fd_count; fd++)
		ta_fd_forget((int)fd);
}

void ta_fd_bind(int fd, uint64_t word)
{
	uint32_t seen = atomic_load_explicit(&highest, memory_order_relaxed);

	while ((uint32_t)fd > seen &&
	       !atomic_compare_exchange_weak(&highest, &seen, (uint32_t)fd))
		;
	uint64_t old = atomic_exchange(&ta_fds[fd], word);

	if (ta_fd_kind(old) == TA_FD_CONN)
		ta_conn_unref(old);
}

void ta_fd_duplicated(int from, int to)
{
	uint64_t word = ta_fd_get(from);

	if (from == to)
		return;
	if ((unsigned int)to >= ta_fd_count || word == 0) {
		ta_fd_forget(to);
		return;
	}
	if (ta_fd_kind(word) == TA_FD_CONN)
		ta_conn_ref(word);
	ta_fd_bind(to, word);
}

void ta_fd_listening(int fd)
{
	struct ta_listener *listener;
	int index;

	enum ta_fd_kind kind = ta_fd_kind(ta_fd_get(fd));

	if ((unsigned int)fd >= ta_fd_count || ta_tls.passive ||
	    (kind != TA_FD_NONE && kind != TA_FD_SOCKET))
		return;
	ta_process_serves();
	index = ta_listener_new(&listener);
	if (index < 0)
		return;
	socklen_t bytes = sizeof(listener->address);

	if (!atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	    ta_sys(SYS_getsockname, fd, listener->address, &bytes) == 0)
		listener->bytes = bytes < sizeof(listener->address)
					  ? (uint16_t)bytes
					  : (uint16_t)sizeof(listener->address);
	ta_fd_bind(fd, ta_fd_word(TA_FD_LISTENER, (uint32_t)index, 1));
}
