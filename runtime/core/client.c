/* SPDX-License-Identifier: MIT */
/*
 * client.c - the life of a connection that the program opened, whatever it speaks.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/client.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/client_crumb.h"
#include "runtime/core/command.h"
#include "runtime/core/conn_hold.h"
#include "runtime/core/exchange.h"
#include "runtime/core/fd.h"
#include "runtime/core/http2.h"
#include "runtime/core/inject.h"
#include "runtime/core/outward.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/spoken.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"

/* ---- opening ---- */

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t bytes = sizeof(type);

	if (ta_fd_kind(ta_fd_get(fd)) == TA_FD_SOCKET)
		return true;
	/* A number whose making nobody saw. */
	return !atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed) &&
	       ta_sys(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
	       type == SOCK_STREAM;
}

static bool is_followed(int fd, const struct sockaddr *addr, socklen_t bytes)
{
	if ((unsigned int)fd >= ta_fd_count || addr == NULL || bytes < sizeof(addr->sa_family))
		return false;
	return (addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ||
		addr->sa_family == AF_UNIX) &&
	       is_stream(fd);
}

static void set_peer(struct ta_conn *conn, const struct sockaddr *addr, socklen_t bytes)
{
	conn->peer_bytes = (uint16_t)(bytes < TA_CONN_ADDRESS_BYTES ? bytes :
								     TA_CONN_ADDRESS_BYTES);
	memcpy(conn->peer, addr, conn->peer_bytes);
	conn->local_bytes = 0;
}

static bool begin_opening(struct ta_thread *thread, const struct sockaddr *addr, socklen_t bytes,
			  uint64_t start_ns, struct ta_outward *outward)
{
	uint32_t peer = bytes < TA_CONN_ADDRESS_BYTES ? bytes : TA_CONN_ADDRESS_BYTES;
	struct ta_emit emit;

	if (!ta_outward_begin(thread, outward, &emit, TA_SPAN_CONNECT, start_ns,
			      TA_ATTR_ROOM(peer)))
		return false;
	ta_emit_bytes(&emit, TA_ATTR_PEER, addr, peer);
	ta_emit_commit(&emit);
	return true;
}

static void end_opening(struct ta_thread *thread, struct ta_outward *outward, int error)
{
	struct ta_emit emit;

	if (thread == NULL || !ta_outward_end(thread, outward, &emit, TA_ATTR_ROOM(8)))
		return;
	if (error)
		ta_emit_int(&emit, TA_ATTR_ERRNO, error);
	ta_emit_commit(&emit);
}

/* The connection is there, or will not be. */
static void opened(struct ta_conn *conn, struct ta_thread *thread, int error)
{
	struct ta_outward outward = { .context = conn->opening, .open = conn->connecting };

	conn->connecting = false;
	end_opening(thread, &outward, error);
}

bool ta_client_is(uint64_t word)
{
	return ta_fd_kind(word) == TA_FD_CONN && ta_conn_is_client(word);
}

static bool is_under_way(int error)
{
	return error == EINPROGRESS || error == EINTR;
}

static void follow(struct ta_thread *thread, int fd, const struct sockaddr *addr, socklen_t bytes,
		   const struct ta_outward *outward)
{
	struct ta_conn *conn = ta_conn_new(thread, fd);

	if (conn == NULL)
		return;
	conn->side = TA_SIDE_CLIENT;
	conn->owner = ta_runtime.proc_id;
	set_peer(conn, addr, bytes);
	conn->opening = outward->context;
	conn->connecting = outward->open;
	conn->opener = outward->owner;
	conn->opener_waits = outward->waits;
	conn->opener_ids = outward->parent;
	ta_asker_hold(&conn->opener, &conn->opener_waits);
	ta_conn_release(conn);
}

void ta_client_connect(struct ta_thread *thread, int fd, const struct sockaddr *addr,
		       socklen_t bytes, uint64_t start_ns, int error)
{
	uint64_t word = ta_fd_get(fd);
	struct ta_outward outward = { .open = false };

	if (ta_client_is(word)) {
		if (!is_under_way(error) && error != EALREADY)
			ta_client_opened(thread, word, fd, error == EISCONN ? 0 : error);
		return;
	}
	if (error == EALREADY || error == EISCONN || !is_followed(fd, addr, bytes))
		return;
	begin_opening(thread, addr, bytes, start_ns, &outward);
	if (!is_under_way(error))
		end_opening(thread, &outward, error);
	if (error == 0 || is_under_way(error))
		follow(thread, fd, addr, bytes, &outward);
	if (outward.alone)
		ta_unit_leave(thread);
}

void ta_client_opened(struct ta_thread *thread, uint64_t word, int fd, int error)
{
	struct ta_conn *conn = ta_conn_hold(word);

	if (conn == NULL)
		return;
	if (conn->side != TA_SIDE_CLIENT)
		error = 0;
	else if (conn->connecting)
		opened(conn, thread, error);
	ta_conn_release(conn);
	/* It can be tried again, from the start. */
	if (error && ta_fd_get(fd) == word && conn->bytes_out + conn->bytes_in == 0)
		ta_fd_bind(fd, ta_fd_word(TA_FD_SOCKET, 0, 0));
}

/* ---- turns of what is not known ---- */

/* The request goes on waiting until somebody asks again, or the connection ends: nothing
 * tells whether the first byte of the answer was all of it. */
static void stop_waiting(struct ta_conn *conn)
{
	ta_conn_waits(&conn->asker_waits, -1);
	conn->asker_waits.kind = TA_OWNER_NOBODY;
}

static void let_go_of_turn(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->turn && conn->asker.kind == TA_OWNER_UNIT)
		ta_unit_unref(thread, &conn->asker);
	conn->turn = false;
}

static void end_turn_span(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_outward outward = { .context = conn->asked, .open = conn->asked.span_id != 0 };
	struct ta_emit emit;

	conn->asked.span_id = 0;
	if (thread && ta_outward_end(thread, &outward, &emit, TA_ATTR_ROOM(8))) {
		if (conn->error)
			ta_emit_int(&emit, TA_ATTR_ERRNO, conn->error);
		ta_emit_commit(&emit);
	}
}

static void publish_turn(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_emit emit;
	struct ta_span_facts facts = { .context = &conn->next.context,
				       .scopes = ta_outward_scopes(thread, &conn->next.owner),
				       .parent_id = conn->next.context.parent_id,
				       .start_ns = conn->next.start_ns,
				       .type = TA_SPAN_TURN,
				       .flags = TA_SPAN_LOOSE };

	if (!ta_span_start_begin(&emit, thread, &facts, TA_ATTR_ROOM(conn->peer_bytes)))
		return;
	ta_emit_bytes(&emit, TA_ATTR_PEER, conn->peer, conn->peer_bytes);
	ta_emit_commit(&emit);
	conn->asked = conn->next.context;
}

/* Two who ask at a time on what cannot be followed: nobody gets the answers. */
static void ask_opaque(struct ta_conn *conn, struct ta_thread *thread)
{
	bool recorded = ta_exchange_prepare(conn, thread);
	bool same = conn->turn && ta_owner_same(&conn->asker, &conn->next.owner);

	conn->next_ready = false;
	if (conn->turn) {
		ta_asker_let_go(thread, &conn->next.owner, &conn->next.waits);
		if (!same) {
			let_go_of_turn(conn, thread);
			stop_waiting(conn);
			conn->asker.kind = TA_OWNER_NOBODY;
			conn->turn = true;
			end_turn_span(conn, thread);
		}
		return;
	}
	stop_waiting(conn);
	conn->asker = conn->next.owner;
	conn->asker_waits = conn->next.waits;
	conn->turn = true;
	ta_opener_let_go(conn, thread);
	conn->request_count++;
	if (recorded)
		publish_turn(conn, thread);
}

static void answer_opaque(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_request asker = { .owner = conn->asker };

	if (conn->request_count == 0)
		return; /* it speaks first */
	ta_exchange_touched(conn, &asker);
	end_turn_span(conn, thread);
	let_go_of_turn(conn, thread);
}

/* ---- bytes ---- */

static void take_requests(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			  uint64_t bytes)
{
	if (conn->mode == TA_CONN_HTTP)
		ta_client_http_wrote(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_asked(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_asked(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_OPAQUE)
		ask_opaque(conn, thread);
}

static void recognise(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	uint8_t old = conn->prefix_bytes;
	const struct ta_protocol *protocol;
	enum ta_spoken spoken = ta_spoken_on(conn, data, bytes, &protocol);

	conn->tls_suspected = spoken == TA_SPOKEN_TLS;
	if (spoken == TA_SPOKEN_UNKNOWN || ta_conn_awaits_tls(conn))
		return;
	if (spoken == TA_SPOKEN_HTTP) {
		conn->mode = TA_CONN_HTTP;
		ta_client_http_start(conn);
	} else if (spoken == TA_SPOKEN_HTTP2 && ta_streams_start(conn)) {
		ta_streams_touch(conn, thread);
	} else if (spoken != TA_SPOKEN_COMMANDS || !ta_command_start(conn, protocol)) {
		conn->mode = TA_CONN_OPAQUE;
	}
	if (old)
		take_requests(conn, thread, conn->prefix, old);
	take_requests(conn, thread, data, bytes);
}

void ta_client_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		     uint64_t bytes)
{
	conn->bytes_out += bytes;
	if (ta_conn_awaits_tls(conn))
		return;
	if (conn->mode != TA_CONN_NEW) {
		take_requests(conn, thread, data, bytes);
		return;
	}
	/* Who asks is who writes the first byte, however many it takes to know what. */
	ta_exchange_prepare(conn, thread);
	recognise(conn, thread, data, bytes);
}

/* A server that speaks first: MySQL greets, HTTP/2 may; others are not known. */
static void recognise_first(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			    uint64_t bytes)
{
	uint8_t old = conn->prefix_bytes;
	const struct ta_protocol *protocol;
	if (ta_streams_greeted(conn, thread, data, bytes))
		return;
	enum ta_spoken spoken = conn->next_ready ? TA_SPOKEN_OTHER :
						   ta_spoken_first(conn, data, bytes, &protocol);

	if (spoken == TA_SPOKEN_UNKNOWN)
		return;
	conn->mode = TA_CONN_OPAQUE;
	if (spoken != TA_SPOKEN_COMMANDS || !ta_command_start(conn, protocol))
		return;
	if (old)
		ta_command_answered(conn, thread, conn->prefix, old);
	ta_command_answered(conn, thread, data, bytes);
}

void ta_client_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		    uint64_t bytes)
{
	conn->bytes_in += bytes;
	if (ta_conn_awaits_tls(conn))
		return;
	if (conn->mode == TA_CONN_NEW)
		recognise_first(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP)
		ta_client_http_read(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_answered(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_answered(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_OPAQUE)
		answer_opaque(conn, thread);
}

void ta_client_unseen(struct ta_conn *conn, struct ta_thread *thread, bool written,
		      uint64_t bytes)
{
	if (conn->mode == TA_CONN_NEW)
		conn->mode = TA_CONN_OPAQUE;
	if (conn->mode == TA_CONN_HTTP)
		ta_client_http_unseen(conn, thread, written, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_unseen(conn, thread, written, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_lost(conn, thread);
	else if (conn->mode == TA_CONN_OPAQUE && written)
		ask_opaque(conn, thread);
	else if (conn->mode == TA_CONN_OPAQUE)
		answer_opaque(conn, thread);
}

void ta_client_touch(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_streams_touch(conn, thread);
	conn->touched = (struct ta_owner){ .generation = UINT32_MAX };
	conn->touched_many = conn->batch_open = conn->touched_held = false;
	if (conn->connecting)
		opened(conn, thread, 0);
	/* A child's copy of its parent's connection: two who write cannot be followed. */
	if (conn->owner != ta_runtime.proc_id && conn->mode != TA_CONN_LOST)
		ta_client_lost(conn, thread);
}

void ta_client_return(struct ta_conn *conn, struct ta_thread *thread)
{
	static const struct ta_owner nobody = { .kind = TA_OWNER_NOBODY };

	if (conn->touched_many)
		ta_lost(TA_LOSS_AMBIGUOUS);
	if (conn->touched_many)
		ta_outward_return(thread, &nobody);
	else if (conn->touched.generation != UINT32_MAX)
		ta_outward_return(thread, &conn->touched);
	ta_client_crumb_leave(conn, thread);
	if (conn->touched_held)
		ta_unit_unref(thread, &conn->touched);
	conn->touched_held = false;
}

void ta_client_ended(uint64_t word)
{
	struct ta_thread *thread = ta_client_is(word) ? ta_thread_self() : NULL;
	struct ta_conn *conn = thread ? ta_conn_hold(word) : NULL;

	if (conn == NULL)
		return;
	ta_client_touch(conn, thread);
	for (uint32_t i = 0; i < conn->queue_count; i++)
		ta_exchange_touched(conn, &conn->queue[(conn->queue_first + i) &
						       (conn->queue_size - 1)]);
	if (conn->turn)
		ta_exchange_touched(conn, &(struct ta_request){ .owner = conn->asker });
	ta_client_return(conn, thread);
	ta_conn_release(conn);
}

void ta_client_failed(struct ta_conn *conn, struct ta_thread *thread, int error)
{
	conn->error = error;
	if (conn->connecting)
		opened(conn, thread, error);
}

void ta_client_lost(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_thread *own = conn->owner == ta_runtime.proc_id ? thread : NULL;

	ta_client_crumb_forget(conn);
	ta_exchange_fail_all(conn, own);
	end_turn_span(conn, own);
	let_go_of_turn(conn, own);
	stop_waiting(conn);
	ta_opener_let_go(conn, own);
	ta_conn_return_head(conn);
	ta_command_give_back(conn);
	/* Headers of which a part is out stay: they are finished whatever is followed. */
	conn->mode = TA_CONN_LOST;
}

void ta_client_finish(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->connecting)
		opened(conn, thread, conn->error);
	ta_client_crumb_failed(conn, thread);
	ta_exchange_fail_all(conn, thread);
	end_turn_span(conn, thread);
	let_go_of_turn(conn, thread);
	stop_waiting(conn);
	ta_opener_let_go(conn, thread);
	ta_conn_return_head(conn);
	ta_command_give_back(conn);
	ta_inject_give_back(conn);
}
