/* SPDX-License-Identifier: MIT */
/*
 * connect.c - outward connections, and sides that are shut.
 *
 * connect makes sure that the fd is not taken for an accepted connection, and leaves a
 * breadcrumb: where to, and how that went; "in progress" where it does not wait; the
 * connection is followed from there (core/client.h).  shutdown of the writing side ends a response
 * whose length is "until the connection ends".
 *
 * Runs: any host thread.  No locks.
 */
#include "hooks/hook.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

#include "runtime/core/client.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/crumb.h"
#include "runtime/core/crumb_address.h"

/* The address as a person writes it.  Returns the length; 0: a kind that is not known. */
static uint32_t put_address(char *out, const struct sockaddr *addr, socklen_t len, uint16_t *port)
{
	const struct sockaddr_in *four = (const void *)addr;
	const struct sockaddr_in6 *six = (const void *)addr;
	bool is_four = addr->sa_family == AF_INET && len >= sizeof(*four);

	if (!is_four && !(addr->sa_family == AF_INET6 && len >= sizeof(*six)))
		return 0;
	*port = ntohs(is_four ? four->sin_port : six->sin6_port);
	return is_four ? ta_put_ipv4(out, (const uint8_t *)&four->sin_addr) :
			 ta_put_ipv6(out, six->sin6_addr.s6_addr);
}

/* Abstract names begin with a zero byte. */
static struct iovec socket_path(const struct sockaddr_un *addr, socklen_t len)
{
	size_t room = len > offsetof(struct sockaddr_un, sun_path) ?
			      len - offsetof(struct sockaddr_un, sun_path) :
			      0;
	bool abstract = room && addr->sun_path[0] == '\0';

	return (struct iovec){ .iov_base = (char *)addr->sun_path + abstract,
			       .iov_len = abstract ? room - 1 : strnlen(addr->sun_path, room) };
}

/* Says how it went, in words and numbers. */
static void leave(struct ta_thread *thread, struct iovec where, uint16_t port, int error)
{
	struct ta_crumb_data data = { .bytes = 0 };
	const char *text = error ? ta_errno_text(error) : NULL;
	struct iovec pieces[3] = { where, ta_piece(": "), ta_piece(text ? text : "failed") };
	struct ta_crumb_facts facts = { .category = "connect",
					.level = error && error != EINPROGRESS ?
							 TA_LEVEL_WARNING :
							 TA_LEVEL_INFO,
					.text = pieces,
					.text_count = error ? 3 : 1 };

	if (port)
		ta_crumb_number(&data, "port", port);
	if (error)
		ta_crumb_number(&data, "errno", error);
	facts.data = data.json;
	facts.data_bytes = data.bytes;
	ta_crumb_leave(thread, &facts);
}

/* Whether the kernel has read the address, and the call says something: a check whether
 * it is connected by now does not.  What a sandbox answers is not the kernel's word. */
static bool is_told(int error)
{
	switch (error) {
	case EBADF:
	case ENOTSOCK:
	case EFAULT:
	case EINVAL:
	case ENOSYS:
	case EPERM:
	case EISCONN:
	case EALREADY:
		return false;
	default:
		return error == 0 ||
		       !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed);
	}
}

static __attribute__((noinline)) void note_connected(const struct sockaddr *addr, socklen_t len,
						     int error)
{
	char text[TA_ADDRESS_MAX + 8];
	struct iovec where = { .iov_base = text };
	uint16_t port = 0;

	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	if (addr->sa_family == AF_UNIX)
		where = socket_path((const void *)addr, len);
	else
		where.iov_len = put_address(text, addr, len, &port);
	if (port)
		where.iov_len += ta_put_port(text + where.iov_len, port);
	if (where.iov_len)
		leave(thread, where, port, error);
}

/* Before the call: what the number stood for is over, unless it is being opened.  Returns
 * the time, 0: nobody wants to know. */
static uint64_t before(int fd)
{
	uint64_t word = ta_fd_get(fd);

	if (!ta_client_is(word) && ta_fd_kind(word) != TA_FD_SOCKET)
		ta_fd_forget(fd);
	return ta_runtime.enabled && ta_runtime.outward && !ta_tls.passive ? ta_now_ns() : 0;
}

static __attribute__((noinline)) void follow(int fd, const struct sockaddr *addr, socklen_t len,
					     uint64_t start_ns, int error)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_client_connect(thread, fd, addr, len, start_ns, error);
}

static bool leaves_crumb(int error)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_CONNECT) && is_told(error);
}

/* After the call, with what it answered. */
static int noted(int fd, const struct sockaddr *addr, socklen_t len, int result, uint64_t start_ns)
{
	int error = result ? errno : 0;

	if (addr == NULL || len < sizeof(addr->sa_family))
		return result;
	if (start_ns && (is_told(error) || error == EISCONN || error == EALREADY))
		follow(fd, addr, len, start_ns, error);
	if (leaves_crumb(error))
		note_connected(addr, len, error);
	return result;
}

TA_HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	uint64_t start_ns = before(fd);

	return noted(fd, addr, len, TA_REAL(connect)(fd, addr, len), start_ns);
}

TA_HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len);
TA_HOOK int __connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	uint64_t start_ns = before(fd);

	return noted(fd, addr, len, TA_REAL(__connect)(fd, addr, len), start_ns);
}

static __attribute__((noinline)) void opened(uint64_t word, int fd, int error)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		ta_client_opened(thread, word, fd, error);
}

/* How a connection that was not waited for has come out. */
TA_HOOK int getsockopt(int fd, int level, int name, void *restrict value,
		       socklen_t *restrict bytes)
{
	int result = TA_REAL(getsockopt)(fd, level, name, value, bytes);
	uint64_t word = level == SOL_SOCKET && name == SO_ERROR ? ta_conn_word(fd) : 0;

	if (TA_UNLIKELY(word != 0) && result == 0 && *bytes == sizeof(int))
		opened(word, fd, *(const int *)value);
	return result;
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
