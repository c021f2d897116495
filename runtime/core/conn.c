/* SPDX-License-Identifier: MIT */
/*
 * conn.c - the life of an accepted connection, whatever it speaks.
 *
 * State word: generation in the upper half, flags in the lower.  BUSY is held by
 * the one thread that works on the connection, CLOSING says that no fd is left,
 * TORN that somebody had to pass by without doing the work.
 *
 * A forked child has its own copy of everything.  Whoever carries the first byte
 * owns the connection (owner), and only the owner publishes and ends spans.
 *
 * Runs: host threads inside the guard; ta_conn_unref() anywhere.  No locks: BUSY
 * is waited for a bounded moment.
 */
#include "runtime/core/conn.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/block.h"
#include "runtime/core/clock.h"
#include "runtime/core/fd.h"
#include "runtime/core/listener.h"
#include "runtime/core/now.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"

#define BUSY 1u
#define CLOSING 2u
#define LIVE 4u
#define TORN 8u
#define SPINS 2000

/* Without a division: an index that is out of range (there is none) gets entry 0,
 * whose generation tells that it is another connection. */
static struct ta_conn *conn_at(uint32_t index)
{
	return &ta_arena.conns[index < ta_arena.conn_pool.size ? index : 0];
}

static struct ta_conn *conn_of(uint64_t word)
{
	return conn_at(ta_fd_index(word));
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

/* ---- entering and leaving ---- */

static bool try_busy(struct ta_conn *conn, uint32_t generation, uint32_t required, bool *ret_gone)
{
	uint64_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	*ret_gone = (uint32_t)(state >> 32) != generation || !(state & LIVE);
	if (*ret_gone || (state & BUSY) || (state & required) != required)
		return false;
	return atomic_compare_exchange_strong_explicit(&conn->state, &state, state | BUSY,
						       memory_order_acquire, memory_order_relaxed);
}

/* The connection of word with BUSY held, or NULL: gone, or busy for too long. */
static struct ta_conn *conn_enter(uint64_t word)
{
	struct ta_conn *conn = conn_of(word);
	bool gone;

	for (int spin = 0; spin < SPINS; spin++) {
		if (try_busy(conn, (uint32_t)word, 0, &gone))
			return conn;
		if (gone)
			return NULL;
		relax();
	}
	ta_lost(TA_LOSS_CONN_BUSY);
	atomic_fetch_or(&conn->state, TORN);
	return NULL;
}

static void recycle(struct ta_conn *conn, uint32_t generation)
{
	atomic_store_explicit(&conn->state, (uint64_t)(generation + 1) << 32, memory_order_release);
	ta_pool_give(&ta_arena.conn_pool, (uint32_t)(conn - ta_arena.conns));
}

static void end_own_span(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_versions scopes = ta_versions_of(&conn->context);
	struct ta_emit emit;

	if (!ta_emit_span_end(&emit, thread, conn->context.span_id, ta_now_ns(), &scopes,
			      3 * TA_ATTR_ROOM(8)))
		return;
	ta_emit_int(&emit, TA_ATTR_BYTES_IN, (int64_t)conn->bytes_in);
	ta_emit_int(&emit, TA_ATTR_BYTES_OUT, (int64_t)conn->bytes_out);
	if (conn->error)
		ta_emit_int(&emit, TA_ATTR_ERRNO, conn->error);
	ta_emit_commit(&emit);
}

static void finish(struct ta_conn *conn)
{
	uint32_t generation = (uint32_t)(atomic_load(&conn->state) >> 32);
	bool mine = conn->owner == 0 || conn->owner == ta_runtime.proc_id;
	struct ta_thread *thread = mine ? ta_thread_self() : NULL;

	if (thread && conn->referenced && !conn->published && !conn->first_taken)
		ta_conn_publish(conn, thread);
	ta_http_finish(conn, thread);
	if (thread && conn->published)
		end_own_span(conn, thread);
	ta_context_drop(&conn->served);
	ta_context_drop(&conn->context);
	recycle(conn, generation);
}

/* Whoever gets BUSY once CLOSING is set finishes the connection. */
static void finish_if_closing(struct ta_conn *conn, uint32_t generation)
{
	bool gone;

	if (try_busy(conn, generation, CLOSING, &gone))
		finish(conn);
}

static void conn_leave(struct ta_conn *conn)
{
	/* BUSY is ours and therefore set.  A subtraction is one instruction; x86 makes
	 * a loop of a fetch_and whose result is used. */
	uint64_t state = atomic_fetch_sub_explicit(&conn->state, BUSY, memory_order_release);

	if (state & CLOSING)
		finish_if_closing(conn, (uint32_t)(state >> 32));
}

void ta_conn_ref(uint64_t word)
{
	atomic_fetch_add(&conn_of(word)->fds, 1);
}

void ta_conn_unref(uint64_t word)
{
	struct ta_conn *conn = conn_of(word);
	uint64_t state = atomic_load(&conn->state);

	if ((uint32_t)(state >> 32) != (uint32_t)word || atomic_fetch_sub(&conn->fds, 1) != 1)
		return;
	state = atomic_fetch_or(&conn->state, CLOSING);
	if (!(state & BUSY))
		finish_if_closing(conn, (uint32_t)word);
}

/* ---- accepting ---- */

static void set_addresses(struct ta_conn *conn, const void *peer, uint32_t peer_bytes,
			  uint64_t listen_word)
{
	conn->peer_bytes = conn->local_bytes = 0;
	if (peer && peer_bytes) {
		conn->peer_bytes = (uint16_t)(peer_bytes < TA_CONN_ADDRESS_BYTES
						      ? peer_bytes
						      : TA_CONN_ADDRESS_BYTES);
		memcpy(conn->peer, peer, conn->peer_bytes);
	}
	if (ta_fd_kind(listen_word) == TA_FD_LISTENER) {
		const struct ta_listener *listener =
			&ta_arena.listeners[ta_fd_index(listen_word) % ta_arena.listener_count];

		conn->local_bytes = listener->bytes;
		memcpy(conn->local, listener->address, listener->bytes);
	}
}

static void reset(struct ta_conn *conn, struct ta_thread *thread)
{
	size_t from = offsetof(struct ta_conn, mode), to = offsetof(struct ta_conn, peer_bytes);

	memset((char *)conn + from, 0, to - from);
	atomic_store(&conn->fds, 1);
	conn->queue = conn->inline_queue;
	conn->queue_size = TA_REQUESTS_INLINE;
	conn->acceptor = ta_runtime.proc_id;
	conn->accepted_ns = ta_now_ns();
	ta_context_fork(&conn->context, thread);
	ta_span_new_trace(thread, &conn->context);
}

void ta_conn_accepted(int fd, const void *peer, uint32_t peer_bytes, uint64_t listen_word)
{
	struct ta_thread *thread = ta_thread_self();
	int index = -1;

	if ((unsigned int)fd >= ta_fd_count)
		ta_lost(TA_LOSS_FD_RANGE);
	else if (thread && (index = ta_pool_take(&ta_arena.conn_pool)) < 0)
		ta_lost(TA_LOSS_CONN_POOL);
	if (index < 0) {
		ta_fd_forget(fd);
		return;
	}
	struct ta_conn *conn = &ta_arena.conns[index];
	uint32_t generation = (uint32_t)(atomic_load(&conn->state) >> 32);

	reset(conn, thread);
	set_addresses(conn, peer, peer_bytes, listen_word);
	atomic_store_explicit(&conn->state, (uint64_t)generation << 32 | LIVE,
			      memory_order_release);
	ta_fd_bind(fd, ta_fd_word(TA_FD_CONN, (uint32_t)index, generation));
	ta_context_enter_conn(thread, (uint32_t)index, generation);
}

/* ---- bound by the program ---- */

int ta_conn_bind(struct ta_thread *thread, int fd)
{
	uint64_t word = ta_fd_get(fd);
	int index;

	if ((unsigned int)fd >= ta_fd_count)
		return -EBADF;
	if (word && !(ta_fd_kind(word) == TA_FD_CONN && conn_of(word)->bound))
		return -EBUSY;
	ta_fd_forget(fd);
	index = ta_pool_take(&ta_arena.conn_pool);
	if (index < 0) {
		ta_lost(TA_LOSS_CONN_POOL);
		return -ENOBUFS;
	}
	struct ta_conn *conn = &ta_arena.conns[index];
	uint32_t generation = (uint32_t)(atomic_load(&conn->state) >> 32);
	uint32_t depth = thread->stack->depth;

	reset(conn, thread);
	ta_context_set_span(&conn->context, ta_context_active(thread));
	conn->context.isolation = ta_slot_share(ta_isolation_slot(thread, depth));
	conn->context.current = ta_slot_share(ta_current_slot(thread, depth));
	conn->mode = TA_CONN_LOST;
	conn->first_taken = conn->bound = true; /* it has no span of its own */
	atomic_store_explicit(&conn->state, (uint64_t)generation << 32 | LIVE,
			      memory_order_release);
	ta_fd_bind(fd, ta_fd_word(TA_FD_CONN, (uint32_t)index, generation));
	return 0;
}

int ta_conn_unbind(int fd)
{
	uint64_t word = ta_fd_get(fd);

	if (ta_fd_kind(word) != TA_FD_CONN || !conn_of(word)->bound)
		return -ENOENT;
	ta_fd_forget(fd);
	return 0;
}

/* ---- contexts ---- */

static struct ta_conn *find(uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = conn_at(index);
	uint64_t state = atomic_load_explicit(&conn->state, memory_order_acquire);

	return (uint32_t)(state >> 32) == generation && (state & LIVE) ? conn : NULL;
}

struct ta_context *ta_conn_context(uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = find(index, generation);

	if (conn == NULL)
		return NULL;
	if (conn->queue_count)
		return &conn->queue[conn->queue_first].context;
	return conn->served.span_id ? &conn->served : &conn->context;
}

const struct ta_context *ta_conn_first_context(uint32_t index, uint32_t generation)
{
	const struct ta_conn *conn = find(index, generation);

	return conn ? &conn->context : NULL;
}

bool ta_conn_has_span(uint32_t index, uint32_t generation)
{
	const struct ta_conn *conn = find(index, generation);

	return conn && (conn->queue_count || conn->published);
}

uint32_t ta_conn_index(const struct ta_conn *conn)
{
	return (uint32_t)(conn - ta_arena.conns);
}

void ta_conn_referenced(uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = find(index, generation);

	if (conn)
		conn->referenced = true;
}

/* ---- publishing ---- */

void ta_conn_own(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->owner == ta_runtime.proc_id)
		return;
	if (conn->acceptor != ta_runtime.proc_id && !conn->referenced)
		conn->context.span_id = ta_id_next(&thread->ids);
	conn->owner = ta_runtime.proc_id;
}

void ta_conn_publish(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_emit emit;

	ta_conn_own(conn, thread);
	conn->published = true;
	struct ta_span_facts facts = { .context = &conn->context,
				       .scopes = ta_versions_of(&conn->context),
				       .start_ns = conn->accepted_ns,
				       .type = TA_SPAN_CONNECTION };

	if (!ta_span_start_begin(&emit, thread, &facts,
				 TA_ATTR_ROOM(conn->peer_bytes) + TA_ATTR_ROOM(conn->local_bytes)))
		return;
	ta_emit_bytes(&emit, TA_ATTR_PEER, conn->peer, conn->peer_bytes);
	ta_emit_bytes(&emit, TA_ATTR_LOCAL, conn->local, conn->local_bytes);
	ta_emit_commit(&emit);
}

/* ---- bytes ---- */

/* The connection of word, entered by this thread, ready to take bytes; NULL when
 * there is nothing to do. */
static struct ta_conn *begin(uint64_t word, struct ta_thread **ret_thread)
{
	struct ta_thread *thread = ta_thread_self();
	struct ta_conn *conn = thread ? conn_enter(word) : NULL;

	if (conn == NULL)
		return NULL;
	*ret_thread = thread;
	if (thread->stack->innermost_block && ta_tls.level == 0)
		ta_block_heal_slow(thread, (uintptr_t)__builtin_frame_address(0));
	ta_context_enter_conn(thread, ta_fd_index(word), (uint32_t)word);
	if (atomic_load_explicit(&conn->state, memory_order_relaxed) & TORN &&
	    conn->mode == TA_CONN_HTTP)
		ta_http_lost(conn, thread);
	return conn;
}

/* A thread that was born for a connection becomes its child once it is known
 * what the connection is; any other connection makes it a root. */
static void settle_thread(struct ta_conn *conn, struct ta_thread *thread)
{
	bool own = thread->inherited_conn == ta_conn_index(conn) + 1;

	if (!thread->span_pending || thread->inherited_conn == 0)
		return;
	if (!own || conn->published || conn->first_taken)
		ta_thread_publish(thread, conn);
}

static void done(struct ta_conn *conn, struct ta_thread *thread)
{
	settle_thread(conn, thread);
	conn_leave(conn);
}

/* Whether another process has published the connection and is in the middle of
 * something that only it can end. */
static bool is_foreign(const struct ta_conn *conn)
{
	return conn->owner && conn->owner != ta_runtime.proc_id &&
	       (conn->published || conn->queue_count || conn->request_open || conn->answering);
}

/* First bytes from the peer: HTTP or not?  Keeps what is too short to tell. */
static void recognise(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	uint32_t room = (uint32_t)sizeof(conn->prefix) - conn->prefix_bytes;
	uint32_t more = bytes < room ? (uint32_t)bytes : room;
	uint8_t old = conn->prefix_bytes;

	if (conn->request_ns == 0)
		conn->request_ns = ta_now_ns();
	memcpy(conn->prefix + old, data, more);
	conn->prefix_bytes = (uint8_t)(old + more);
	int verdict = ta_runtime.http && conn->bytes_out == 0
			      ? ta_http1_recognise(conn->prefix, conn->prefix_bytes)
			      : -1;

	if (verdict == 0 && conn->prefix_bytes < sizeof(conn->prefix))
		return;
	if (verdict <= 0) {
		conn->mode = TA_CONN_OPAQUE;
		ta_conn_publish(conn, thread);
		return;
	}
	conn->mode = TA_CONN_HTTP;
	ta_conn_own(conn, thread);
	ta_http_start(conn);
	ta_http_read(conn, thread, conn->prefix, old);
	ta_http_read(conn, thread, data, bytes);
}

static void take_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	conn->bytes_in += bytes;
	if (conn->mode == TA_CONN_NEW)
		recognise(conn, thread, data, bytes);
	else if (conn->mode == TA_CONN_HTTP)
		ta_http_read(conn, thread, data, bytes);
}

/* The server speaks first: no HTTP. */
static void take_write(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		       uint64_t bytes)
{
	conn->bytes_out += bytes;
	if (conn->mode == TA_CONN_NEW) {
		conn->mode = TA_CONN_OPAQUE;
		ta_conn_publish(conn, thread);
	} else if (conn->mode == TA_CONN_HTTP) {
		ta_http_wrote(conn, thread, data, bytes);
	}
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

static void transfer(uint64_t word, take_fn *take, const struct iovec *iov, int iov_count,
		     uint64_t bytes)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread);

	if (conn == NULL)
		return;
	if (!is_foreign(conn))
		for_each_piece(conn, thread, take, iov, iov_count, bytes);
	done(conn, thread);
}

void ta_conn_read(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	transfer(word, take_read, iov, iov_count, bytes);
}

void ta_conn_wrote(uint64_t word, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	transfer(word, take_write, iov, iov_count, bytes);
}

static void take_read_unseen(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			     uint64_t bytes)
{
	(void)data;
	conn->bytes_in += bytes;
	if (conn->mode == TA_CONN_NEW) {
		conn->mode = TA_CONN_OPAQUE;
		ta_conn_publish(conn, thread);
	} else if (conn->mode == TA_CONN_HTTP) {
		ta_http_read_unseen(conn, thread, bytes);
	}
}

static void take_write_unseen(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			      uint64_t bytes)
{
	if (conn->mode != TA_CONN_HTTP) {
		take_write(conn, thread, data, bytes);
		return;
	}
	conn->bytes_out += bytes;
	ta_http_wrote_unseen(conn, thread, bytes);
}

void ta_conn_read_unseen(uint64_t word, uint64_t bytes)
{
	struct iovec all = { .iov_base = NULL, .iov_len = bytes };

	transfer(word, take_read_unseen, &all, 1, bytes);
}

void ta_conn_wrote_unseen(uint64_t word, uint64_t bytes)
{
	struct iovec all = { .iov_base = NULL, .iov_len = bytes };

	transfer(word, take_write_unseen, &all, 1, bytes);
}

void ta_conn_failed(uint64_t word, int error, const struct iovec *iov, int iov_count)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread);

	if (conn == NULL)
		return;
	conn->error = error;
	if (conn->mode == TA_CONN_HTTP && !is_foreign(conn))
		for_each_piece(conn, thread, ta_http_tried, iov, iov_count, UINT64_MAX);
	done(conn, thread);
}

void ta_conn_shut(uint64_t word)
{
	struct ta_thread *thread;
	struct ta_conn *conn = begin(word, &thread);

	if (conn == NULL)
		return;
	if (conn->mode == TA_CONN_HTTP && !is_foreign(conn))
		ta_http_shut(conn, thread);
	done(conn, thread);
}
