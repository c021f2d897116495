/* SPDX-License-Identifier: MIT */
/*
 * inject.c - see inject.h.
 *
 * Runs: any host thread, inside the guard.  No locks but the connection's busy bit.
 */
#include "runtime/core/inject.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/client.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"
#include "runtime/protocol/traceparent.h"

#define PIECES_MAX 1024 /* the kernel takes no more (UIO_MAXIOV) */

/* ---- the header ---- */

static struct ta_injection *borrow(struct ta_conn *conn)
{
	int index = ta_pool_take(&ta_arena.injection_pool);

	if (index < 0)
		return NULL;
	conn->injection = &ta_arena.injections[index];
	conn->injection->bytes = conn->injection->sent = 0;
	return conn->injection;
}

void ta_inject_give_back(struct ta_conn *conn)
{
	if (conn->injection)
		ta_pool_give(&ta_arena.injection_pool,
			     (uint32_t)(conn->injection - ta_arena.injections));
	conn->injection = NULL;
}

static void put(struct ta_injection *injection, const char *text, size_t bytes)
{
	if (bytes > sizeof(injection->text) - injection->bytes)
		return;
	memcpy(injection->text + injection->bytes, text, bytes);
	injection->bytes += (uint32_t)bytes;
}

static struct ta_injection *make(struct ta_conn *conn)
{
	const struct ta_context *context = &conn->next.context;
	struct ta_traceparent parent = { .trace_hi = context->trace_hi,
					 .trace_lo = context->trace_lo,
					 .span_id = context->span_id,
					 .flags = context->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1 };
	char value[TA_TRACEPARENT_BYTES + 1];
	struct ta_injection *injection = borrow(conn);

	if (injection == NULL)
		return NULL;
	ta_traceparent_format(&parent, value);
	put(injection, "traceparent: ", 13);
	put(injection, value, TA_TRACEPARENT_BYTES);
	put(injection, "\r\n", 2);
	return injection;
}

/* ---- to whom ---- */

static bool is_private_4(const uint8_t *at)
{
	return at[0] == 127 || at[0] == 10 || (at[0] == 172 && (at[1] & 0xf0) == 16) ||
	       (at[0] == 192 && at[1] == 168) || (at[0] == 169 && at[1] == 254);
}

static bool is_private_6(const uint8_t *at)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(at, mapped, sizeof(mapped)) == 0)
		return is_private_4(at + 12);
	return memcmp(at, loopback, sizeof(loopback)) == 0 || (at[0] & 0xfe) == 0xfc ||
	       (at[0] == 0xfe && (at[1] & 0xc0) == 0x80);
}

/* Strangers are not told of traces unless they are meant to. */
static bool is_meant(const struct ta_conn *conn)
{
	struct sockaddr_in6 address = { 0 };

	if (ta_runtime.propagate_to_all)
		return true;
	memcpy(&address, conn->peer, conn->peer_bytes < sizeof(address) ? conn->peer_bytes :
									  sizeof(address));
	if (address.sin6_family == AF_INET)
		return is_private_4((const uint8_t *)&((const struct sockaddr_in *)(void *)&address)
					    ->sin_addr);
	return address.sin6_family != AF_INET6 || is_private_6(address.sin6_addr.s6_addr);
}

/* ---- where it goes ---- */

struct probe {
	struct ta_http1 parser;
	uint64_t at;	/* bytes looked at */
	char last[2];	/* the two bytes before */
	bool found;	/* a head ends at `at` */
};

static void remember(struct probe *probe, const char *data, size_t used)
{
	if (used == 0)
		return;
	probe->last[0] = used > 1 ? data[used - 2] : probe->last[1];
	probe->last[1] = data[used - 1];
}

/* One piece; false: nothing more is to be found. */
static bool look(struct probe *probe, struct ta_http1_head *head, const char *data, size_t bytes)
{
	enum ta_http1_event event = TA_HTTP1_STARTED;

	while (bytes > 0 && event != TA_HTTP1_MORE) {
		size_t used = ta_http1_feed(&probe->parser, head, data, bytes, &event);

		remember(probe, data, used);
		probe->at += used;
		data += used;
		bytes -= used;
		probe->found = event == TA_HTTP1_HEAD;
		if (probe->found || event == TA_HTTP1_BROKEN || event == TA_HTTP1_TUNNEL)
			return false;
	}
	return true;
}

/* What earlier writes have shown of the head goes on in the scratch: its flags and counts,
 * no texts. */
static void begin_probe(struct ta_conn *conn, struct ta_http1_head *scratch, struct probe *probe)
{
	*probe = (struct probe){ .parser = conn->in };
	memset(scratch, 0, offsetof(struct ta_http1_head, method));
	if (conn->mode == TA_CONN_NEW)
		ta_http1_init(&probe->parser, TA_HTTP1_REQUEST);
	else if (conn->head)
		scratch->traceparent_count = conn->head->traceparent_count;
}

bool ta_inject_plausible(const void *memory, uint64_t bytes)
{
	static const uintptr_t first = 4096, last = (uintptr_t)1 << 47;
	uintptr_t at = (uintptr_t)memory;

	return bytes == 0 || (at >= first && at < last && bytes <= last - at);
}

/* Nonsense is the kernel's to answer, so what it would not read is not looked at: nothing
 * outside of what a program can have, and at the start of a connection it is asked. */
static bool is_readable(const struct ta_conn *conn, const struct iovec *iov, int iov_count)
{
	char byte;
	struct iovec local = { .iov_base = &byte, .iov_len = 1 };

	for (int piece = 0; piece < iov_count; piece++)
		if (!ta_inject_plausible(iov[piece].iov_base, iov[piece].iov_len))
			return false;
	if (conn->mode == TA_CONN_HTTP)
		return true;
	struct iovec remote = { .iov_base = iov_count ? iov[0].iov_base : NULL, .iov_len = 1 };

	return !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	       ta_runtime.pid &&
	       ta_sys(SYS_process_vm_readv, ta_runtime.pid, &local, 1, &remote, 1, 0) == 1;
}

static bool is_http(const struct ta_conn *conn, const struct iovec *iov, int iov_count)
{
	if (conn->mode == TA_CONN_HTTP)
		return !conn->tunnel && is_readable(conn, iov, iov_count);
	/* The first write shows what it is, or is left alone. */
	return conn->mode == TA_CONN_NEW && conn->prefix_bytes == 0 && iov_count > 0 &&
	       ta_runtime.http && iov[0].iov_len > 0 && is_readable(conn, iov, iov_count) &&
	       ta_http1_recognise(iov[0].iov_base, iov[0].iov_len < TA_CONN_PREFIX_MAX ?
							   iov[0].iov_len :
							   TA_CONN_PREFIX_MAX) == 1;
}

static bool wants_header(const struct ta_http1_head *head)
{
	return head->traceparent_count == 0 && head->version_minor <= 1 &&
	       !(head->flags & TA_HTTP1_IS_CONNECT);
}

/* Before the empty line, which is the last line of the head. */
static bool place(const struct probe *probe, uint64_t *ret_at)
{
	uint64_t line = probe->last[0] == '\r' ? 2 : 1;

	if (!probe->found || probe->at < line)
		return false;
	*ret_at = probe->at - line;
	return true;
}

static bool plan(struct ta_conn *conn, struct ta_thread *thread, const struct iovec *iov,
		 int iov_count, struct ta_inject_plan *ret_plan)
{
	struct probe probe;

	begin_probe(conn, &thread->head, &probe);
	for (int piece = 0; piece < iov_count; piece++)
		if (!look(&probe, &thread->head, iov[piece].iov_base, iov[piece].iov_len))
			break;
	if (!probe.found || !wants_header(&thread->head) || !ta_exchange_prepare(conn, thread))
		return false;
	if (place(&probe, &ret_plan->at) && (ret_plan->what = make(conn)) != NULL)
		return true;
	ta_lost(TA_LOSS_INJECT);
	return false;
}

bool ta_inject_plan(uint64_t word, const struct iovec *iov, int iov_count,
		    struct ta_inject_plan *ret_plan)
{
	struct ta_thread *thread = ta_thread_self();
	bool sane = iov_count > 0 && iov_count <= PIECES_MAX &&
		    ta_inject_plausible(iov, (uint64_t)iov_count * sizeof(*iov));
	struct ta_conn *conn = thread && sane ? ta_conn_hold(word) : NULL;
	bool planned = false;

	if (conn == NULL)
		return false;
	if (conn->injection) {
		*ret_plan = (struct ta_inject_plan){ .at = 0, .what = conn->injection };
		planned = true;
	} else if (conn->owner == ta_runtime.proc_id && !conn->tls && !conn->bound &&
		   is_meant(conn) && is_http(conn, iov, iov_count)) {
		planned = plan(conn, thread, iov, iov_count, ret_plan);
	}
	ta_conn_release(conn);
	return planned;
}

/* ---- what became of it ---- */

/* It is made again when its place comes. */
static void drop(uint64_t word, const struct ta_inject_plan *plan)
{
	struct ta_conn *conn = plan->what->sent ? NULL : ta_conn_hold(word);

	if (conn == NULL)
		return;
	ta_inject_give_back(conn);
	ta_conn_release(conn);
}

uint64_t ta_inject_took(uint64_t word, const struct ta_inject_plan *plan, uint64_t bytes)
{
	struct ta_injection *what = plan->what;
	uint32_t left = what->bytes - what->sent;
	struct ta_conn *conn;

	if (bytes >= plan->at + left) {
		conn = ta_conn_hold(word);
		if (conn) {
			ta_inject_give_back(conn);
			ta_conn_release(conn);
		}
		return bytes - left;
	}
	if (bytes <= plan->at) {
		drop(word, plan);
		return bytes;
	}
	what->sent += (uint32_t)(bytes - plan->at);
	return plan->at;
}

void ta_inject_failed(uint64_t word, const struct ta_inject_plan *plan)
{
	struct ta_conn *conn = plan->what->sent ? NULL : ta_conn_hold(word);
	struct ta_thread *thread = ta_tls.thread;

	if (conn == NULL)
		return;
	ta_inject_give_back(conn);
	if (thread)
		ta_exchange_forget(conn, thread);
	ta_conn_release(conn);
}
