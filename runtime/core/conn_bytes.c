/* SPDX-License-Identifier: MIT */
/*
 * conn_bytes.c - bytes on a connection: what is entered by touching it, and who looks at them.
 *
 * On an accepted connection, reading or writing puts the thread into its context; the
 * first bytes decide what it speaks.  The side that the program opened is client.c's.
 *
 * Runs: host threads inside the guard.  No locks: BUSY is waited for a bounded moment.
 */
#include "runtime/core/conn.h"

#include <string.h>

#include "runtime/core/block.h"
#include "runtime/core/client.h"
#include "runtime/core/clock.h"
#include "runtime/core/command.h"
#include "runtime/core/conn_hold.h"
#include "runtime/core/exchange.h"
#include "runtime/core/fd.h"
#include "runtime/core/http2.h"
#include "runtime/core/now.h"
#include "runtime/core/outward.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/spoken.h"
#include "runtime/core/thread.h"
#include "runtime/core/tls.h"

#define TLS_HANDSHAKE_MAX 65536u /* bytes, both ways; longer ones are no handshake */

/* ---- whose work it is ---- */

/* The context of what the next answer on an accepted connection is for; NULL: of nothing. */
static inline const struct ta_context *asked_of(struct ta_conn *conn)
{
	const struct ta_request *oldest = ta_conn_oldest(conn);

	if (oldest)
		return &oldest->context;
	return conn->mode == TA_CONN_OPAQUE && conn->turn ? &conn->context : NULL;
}

/* Whether a unit may be work for that request: it was for another one if that is what was
 * guessed, and in an event loop it may have been for anybody. */
static bool may_be_for(const struct ta_thread *thread, const struct ta_context *asked)
{
	struct ta_owner owner = ta_unit_owner(thread);
	uint64_t guessed = ta_unit_of(&owner)->link.span_id;

	return guessed ? guessed == asked->span_id : !ta_outward_in_loop(thread);
}

/* Reading more of a request that the thread is at work on says whose work it is, as an
 * answer does; reading another one ends what it was at. */
static __attribute__((noinline)) void settle_unit(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_frame *frame = thread->unit ? ta_context_conn_frame(thread) : NULL;
	const struct ta_context *asked = frame ? asked_of(conn) : NULL;

	ta_unit_settle(thread, thread->claimed);
	if (asked && frame->conn == ta_conn_index(conn) && thread->unit &&
	    may_be_for(thread, asked)) {
		ta_unit_claim(thread, asked);
		ta_unit_settle_slow(thread);
	}
	ta_unit_leave(thread);
}

static inline void settle_reading(struct ta_conn *conn, struct ta_thread *thread)
{
	if (__builtin_expect(thread->unit || thread->claimed, 0))
		settle_unit(conn, thread);
	thread->doubt = false;
	thread->resumed = 0;
	thread->hint.span_id = 0;
	conn->reader = thread->index + 1;
}

/* Returns the request that the answer is for: a thread that has not read it has no part in
 * the next one.  0: the oldest, whichever that is. */
static inline uint64_t settle_writing(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_context *asked = asked_of(conn);
	bool other = asked && conn->reader && conn->reader != thread->index + 1;

	if (other && !atomic_load_explicit(&ta_runtime.hands_over, memory_order_relaxed))
		atomic_store_explicit(&ta_runtime.hands_over, true, memory_order_relaxed);
	/* In an event loop it may be a timer's answer to somebody else. */
	if (thread->unit && asked && !ta_outward_in_loop(thread))
		ta_unit_claim(thread, asked);
	thread->worked = true;
	thread->doubt = false;
	return other ? asked->span_id : 0;
}

/* ---- bytes ---- */

enum way { READS, WRITES };

/* Somebody had to pass by without doing the work. */
static void torn(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->mode == TA_CONN_COMMANDS)
		ta_command_lost(conn, thread);
	else if (conn->mode == TA_CONN_HTTP && conn->side == TA_SIDE_CLIENT)
		ta_client_lost(conn, thread);
	else if (conn->mode == TA_CONN_HTTP)
		ta_http_lost(conn, thread);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_lost(conn, thread);
}

__attribute__((always_inline)) static inline void
enter(struct ta_conn *conn, struct ta_thread *thread, uint64_t word, enum way way)
{
	uint64_t request = 0;

	if (way == READS)
		settle_reading(conn, thread);
	else
		request = settle_writing(conn, thread);
	struct ta_frame *top = ta_frame_top(thread);

	if (top->kind == TA_FRAME_CONN && top->conn == ta_fd_index(word) &&
	    top->conn_generation == (uint32_t)word)
		top->request = request;
	else if (thread->stack->depth > 0)
		ta_context_enter_request(thread, ta_fd_index(word), (uint32_t)word, request);
	else {
		ta_context_push_conn(thread->stack, ta_fd_index(word), (uint32_t)word, request);
		ta_conn_attend_held(thread, conn);
	}
}

/* Which stream it is, and whether any, is known when its bytes are. */
static void enter_streams(struct ta_conn *conn, struct ta_thread *thread, enum way way)
{
	if (way == READS)
		settle_reading(conn, thread);
	ta_streams_touch(conn, thread);
}

/* The connection of word for this thread; NULL when there is nothing to do. */
__attribute__((always_inline)) static inline struct ta_conn *
take_conn(uint64_t word, struct ta_thread **ret_thread)
{
	struct ta_thread *thread = ta_thread_self();
	struct ta_conn *conn = thread ? ta_conn_take(word) : NULL;

	if (conn == NULL)
		return NULL;
	*ret_thread = thread;
	thread->moved = word;
	if (thread->stack->innermost_block && ta_tls.level == 0)
		ta_block_heal_slow(thread, (uintptr_t)__builtin_frame_address(0));
	return conn;
}

static inline void end_torn(struct ta_conn *conn, struct ta_thread *thread)
{
	if (__builtin_expect(atomic_load_explicit(&conn->state, memory_order_relaxed) &
				     TA_CONN_TORN,
			     0))
		torn(conn, thread);
}

/* It is entered, and ready to take bytes. */
__attribute__((always_inline)) static inline void
begin_on(struct ta_conn *conn, struct ta_thread *thread, uint64_t word, enum way way)
{
	if (conn->side == TA_SIDE_SERVER && conn->mode == TA_CONN_HTTP2)
		enter_streams(conn, thread, way);
	else if (conn->side == TA_SIDE_SERVER)
		enter(conn, thread, word, way);
	end_torn(conn, thread);
}

/* Both. */
static struct ta_conn *begin(uint64_t word, struct ta_thread **ret_thread, enum way way)
{
	struct ta_conn *conn = take_conn(word, ret_thread);

	if (conn)
		begin_on(conn, *ret_thread, word, way);
	return conn;
}

/* A thread that was born for a connection becomes its child once it is known
 * what the connection is; any other connection makes it a root. */
static inline void settle_thread(struct ta_conn *conn, struct ta_thread *thread)
{
	if (__builtin_expect(!thread->span_pending || thread->inherited_conn == 0, 1))
		return;
	if (thread->inherited_conn != ta_conn_index(conn) + 1 || conn->published || conn->first_taken)
		ta_thread_publish(thread, conn);
}

static inline void done(struct ta_conn *conn, struct ta_thread *thread, enum way way)
{
	if (conn->side == TA_SIDE_SERVER && conn->mode == TA_CONN_HTTP2) {
		if (way == READS)
			ta_streams_were_read(conn, thread);
		else
			ta_streams_were_written(conn, thread);
		ta_conn_review(conn);
	}
	if (conn->side == TA_SIDE_SERVER)
		settle_thread(conn, thread);
	ta_conn_let_go(conn);
}

/* Whether another process has published the connection and is in the middle of
 * something that only it can end. */
static bool is_foreign(const struct ta_conn *conn)
{
	return conn->owner && conn->owner != ta_runtime.proc_id &&
	       (conn->published || conn->mode == TA_CONN_HTTP2 || conn->queue_count || conn->request_open || conn->answering);
}

/* What is not followed, or not any more, is one span for the connection. */
static void become_opaque(struct ta_conn *conn, struct ta_thread *thread)
{
	conn->mode = TA_CONN_OPAQUE;
	ta_conn_publish(conn, thread);
}

static void take_asked(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		       uint64_t bytes)
{
	if (conn->mode == TA_CONN_HTTP)
		ta_http_read(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_asked(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_asked(conn, thread, data, bytes);
}

/* First bytes from the peer: what does it speak?  Keeps what is too short to tell. */
static void recognise(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	uint8_t old = conn->prefix_bytes;
	const struct ta_protocol *protocol;

	if (conn->request_ns == 0)
		conn->request_ns = ta_now_ns();
	enum ta_spoken spoken = ta_spoken_on(conn, data, bytes, &protocol);

	if (spoken == TA_SPOKEN_UNKNOWN)
		return;
	conn->tls_suspected = spoken == TA_SPOKEN_TLS;
	if (conn->tls_suspected)
		return;
	if (spoken == TA_SPOKEN_HTTP) {
		conn->mode = TA_CONN_HTTP;
		ta_http_start(conn);
	} else if (spoken == TA_SPOKEN_HTTP2 && ta_streams_start(conn)) {
		ta_streams_touch(conn, thread);
	} else if (spoken != TA_SPOKEN_COMMANDS || !ta_command_start(conn, protocol)) {
		become_opaque(conn, thread);
		return;
	}
	ta_conn_own(conn, thread);
	take_asked(conn, thread, conn->prefix, old);
	take_asked(conn, thread, data, bytes);
}

/* A handshake whose plaintext may still be told (core/tls.h): then nothing is decided. */
bool ta_conn_awaits_tls(const struct ta_conn *conn)
{
	return conn->mode == TA_CONN_NEW && conn->tls_suspected && ta_tls_is_used() &&
	       conn->bytes_in + conn->bytes_out <= TLS_HANDSHAKE_MAX;
}

static void take_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	conn->bytes_in += bytes;
	conn->turn = true;
	if (conn->mode == TA_CONN_NEW && !conn->tls_suspected)
		recognise(conn, thread, data, bytes);
	else if (ta_conn_awaits_tls(conn))
		conn->turn = false;
	else if (conn->mode == TA_CONN_NEW)
		become_opaque(conn, thread); /* TLS that nobody told us of */
	else
		take_asked(conn, thread, data, bytes);
}

/* A server that speaks first speaks no HTTP/1. */
static void greet(struct ta_conn *conn, struct ta_thread *thread, const char *data, uint64_t bytes)
{
	if (ta_streams_greeted(conn, thread, data, bytes))
		ta_conn_own(conn, thread);
	else
		become_opaque(conn, thread);
}

static void take_write(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		       uint64_t bytes)
{
	conn->bytes_out += bytes;
	conn->turn = false;
	if (ta_conn_awaits_tls(conn))
		return;
	if (conn->mode == TA_CONN_NEW)
		greet(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP)
		ta_http_wrote(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_answered(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_answered(conn, thread, data, bytes);
}

typedef void take_fn(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		     uint64_t bytes);

static void for_each_piece(struct ta_conn *conn, struct ta_thread *thread, take_fn *take,
			   const struct iovec *iov, int iov_count, uint64_t bytes)
{
	for (int piece = 0; piece < iov_count && bytes > 0; piece++) {
		uint64_t length = iov[piece].iov_len < bytes ? iov[piece].iov_len : bytes;

		if (length)
			take(conn, thread, iov[piece].iov_base, length);
		bytes -= length;
	}
}

/* ---- ciphertext ---- */

/* Only counted; the plaintext comes by itself. */
static void take_sealed_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			     uint64_t bytes)
{
	(void)thread;
	(void)data;
	conn->bytes_in += bytes;
}

static void take_sealed_write(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			      uint64_t bytes)
{
	(void)thread;
	(void)data;
	conn->bytes_out += bytes;
}

static take_fn *take_for(const struct ta_conn *conn, enum way way, bool plain)
{
	bool client = conn->side == TA_SIDE_CLIENT;

	if (conn->tls && !plain)
		return way == READS ? take_sealed_read : take_sealed_write;
	if (way == READS)
		return client ? ta_client_read : take_read;
	return client ? ta_client_wrote : take_write;
}

/* ---- from the hooks ---- */

/* What most bytes are: of HTTP/1, in the clear, on a connection that was accepted. */
static inline bool is_usual(const struct ta_conn *conn)
{
	return conn->mode == TA_CONN_HTTP && conn->side == TA_SIDE_SERVER && !conn->tls;
}

__attribute__((always_inline)) static inline void
take_usual(struct ta_conn *conn, struct ta_thread *thread, enum way way, const char *data,
	   uint64_t bytes)
{
	if (way == READS) {
		conn->bytes_in += bytes;
		conn->turn = true;
		ta_http_read(conn, thread, data, bytes);
	} else {
		conn->bytes_out += bytes;
		conn->turn = false;
		ta_http_wrote(conn, thread, data, bytes);
	}
}

/* What one of these leaves behind may be unusual. */
__attribute__((always_inline)) static inline void
take_pieces(struct ta_conn *conn, struct ta_thread *thread, enum way way, const struct iovec *iov,
	    int iov_count, uint64_t bytes)
{
	for (; iov_count > 0 && conn->mode == TA_CONN_HTTP; iov++, iov_count--) {
		uint64_t length = iov->iov_len < bytes ? iov->iov_len : bytes;

		if (length)
			take_usual(conn, thread, way, iov->iov_base, length);
		bytes -= length;
		if (bytes == 0)
			return;
	}
	for_each_piece(conn, thread, take_for(conn, way, false), iov, iov_count, bytes);
}

__attribute__((always_inline)) static inline void
transfer_unusual(struct ta_conn *conn, struct ta_thread *thread, uint64_t word, enum way way,
		 bool plain, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	begin_on(conn, thread, word, way);
	if (conn->side == TA_SIDE_CLIENT)
		ta_client_touch(conn, thread);
	if (!is_foreign(conn) && (!plain || conn->tls))
		for_each_piece(conn, thread, take_for(conn, way, plain), iov, iov_count, bytes);
	if (conn->side == TA_SIDE_CLIENT && way == READS)
		ta_client_return(conn, thread);
	done(conn, thread, way);
}

/* bytes: more than 0. */
__attribute__((always_inline)) static inline void transfer(uint64_t word, enum way way,
							   const struct iovec *iov, int iov_count,
							   uint64_t bytes)
{
	struct ta_thread *thread;
	struct ta_conn *conn = take_conn(word, &thread);

	if (conn == NULL)
		return;
	if (__builtin_expect(!is_usual(conn), 0)) {
		transfer_unusual(conn, thread, word, way, false, iov, iov_count, bytes);
		return;
	}
	enter(conn, thread, word, way);
	end_torn(conn, thread);
	if (!is_foreign(conn))
		take_pieces(conn, thread, way, iov, iov_count, bytes);
	settle_thread(conn, thread);
	ta_conn_let_go(conn);
}

/* The same for plaintext, of which the kernel has seen something else. */
static void transfer_plain(uint64_t word, enum way way, const void *data, uint64_t bytes)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = bytes };
	struct ta_thread *thread;
	struct ta_conn *conn = take_conn(word, &thread);

	if (conn)
		transfer_unusual(conn, thread, word, way, true, &iov, 1, bytes);
}

void ta_conn_read(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	transfer(word, READS, iov, iov_count, bytes);
}

void ta_conn_wrote(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	transfer(word, WRITES, iov, iov_count, bytes);
}

/* ---- bytes that nobody saw ---- */

static void take_read_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes)
{
	conn->bytes_in += bytes;
	if (conn->mode == TA_CONN_NEW)
		become_opaque(conn, thread);
	else if (conn->mode == TA_CONN_HTTP)
		ta_http_read_unseen(conn, thread, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_unseen(conn, thread, true, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_lost(conn, thread);
}

static void take_write_unseen(struct ta_conn *conn, struct ta_thread *thread, uint64_t bytes)
{
	conn->bytes_out += bytes;
	conn->turn = false;
	if (conn->mode == TA_CONN_NEW)
		become_opaque(conn, thread);
	else if (conn->mode == TA_CONN_HTTP)
		ta_http_wrote_unseen(conn, thread, bytes);
	else if (conn->mode == TA_CONN_HTTP2)
		ta_streams_unseen(conn, thread, false, bytes);
	else if (conn->mode == TA_CONN_COMMANDS)
		ta_command_lost(conn, thread);
}

static void transfer_unseen(uint64_t word, enum way way, bool plain, uint64_t bytes)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread, way);

	if (conn == NULL)
		return;
	if (conn->side == TA_SIDE_CLIENT)
		ta_client_touch(conn, thread);
	if (is_foreign(conn) || conn->tls != plain)
		;
	else if (conn->side == TA_SIDE_CLIENT)
		ta_client_unseen(conn, thread, way == WRITES, bytes);
	else if (way == READS)
		take_read_unseen(conn, thread, bytes);
	else
		take_write_unseen(conn, thread, bytes);
	if (conn->side == TA_SIDE_CLIENT && way == READS)
		ta_client_return(conn, thread);
	done(conn, thread, way);
}

void ta_conn_read_unseen(uint64_t word, uint64_t bytes)
{
	transfer_unseen(word, READS, false, bytes);
}

void ta_conn_wrote_unseen(uint64_t word, uint64_t bytes)
{
	transfer_unseen(word, WRITES, false, bytes);
}

/* ---- failure and the end of one direction ---- */

void ta_conn_failed(uint64_t word, int error, const struct iovec *iov, int iov_count)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread, WRITES);

	if (conn == NULL)
		return;
	conn->error = error;
	if (conn->side == TA_SIDE_CLIENT)
		ta_client_failed(conn, thread, error);
	else if (conn->mode == TA_CONN_HTTP && !is_foreign(conn) && !conn->tls)
		for_each_piece(conn, thread, ta_http_tried, iov, iov_count, UINT64_MAX);
	done(conn, thread, WRITES);
}

void ta_conn_shut(uint64_t word)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread, WRITES);

	if (conn == NULL)
		return;
	if (conn->side == TA_SIDE_SERVER && conn->mode == TA_CONN_HTTP && !is_foreign(conn))
		ta_http_shut(conn, thread);
	done(conn, thread, WRITES);
}

/* ---- above TLS ---- */

void ta_conn_expect_tls(uint64_t word)
{
	struct ta_conn *conn = ta_conn_hold(word);

	if (conn == NULL)
		return;
	if (conn->mode == TA_CONN_NEW && !conn->bound &&
	    (conn->tls_suspected || conn->prefix_bytes == 0)) {
		conn->tls = true;
		conn->tls_suspected = false;
		conn->prefix_bytes = 0;
		/* Who shakes hands need not be who asks. */
		if (conn->side == TA_SIDE_CLIENT && ta_thread_self())
			ta_exchange_forget(conn, ta_thread_self());
	}
	ta_conn_release(conn);
}

void ta_conn_plain_read(uint64_t word, const void *data, uint64_t bytes)
{
	transfer_plain(word, READS, data, bytes);
}

void ta_conn_plain_wrote(uint64_t word, const void *data, uint64_t bytes)
{
	if (data)
		transfer_plain(word, WRITES, data, bytes);
	else
		transfer_unseen(word, WRITES, true, bytes);
}

uint64_t ta_conn_current_word(struct ta_thread *thread)
{
	return thread->moved;
}
