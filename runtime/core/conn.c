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
#include <time.h>

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/clear.h"
#include "runtime/core/client.h"
#include "runtime/core/command.h"
#include "runtime/core/conn_hold.h"
#include "runtime/core/fd.h"
#include "runtime/core/http2.h"
#include "runtime/core/listener.h"
#include "runtime/core/now.h"
#include "runtime/core/process_span.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/sys.h"

#define BUSY TA_CONN_BUSY
#define CLOSING TA_CONN_CLOSING
#define LIVE TA_CONN_LIVE
#define TORN TA_CONN_TORN
#define SPINS 2000
#define TURNS 16	   /* of other threads, before one sleeps */
#define NAP_NS 100000	   /* then, for one that has lost its processor while it held it, */
#define WAIT_NS 50000000u  /* this long at most: what is given up is given up for good */

static struct ta_conn *conn_of(uint64_t word)
{
	return ta_conn_at(ta_fd_index(word));
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
	return ta_swap64(&conn->state, state, state | BUSY);
}

/* False: it is gone, or still somebody else's. */
static bool spin_for(struct ta_conn *conn, uint32_t generation, bool *ret_gone)
{
	for (int spin = 0; spin < SPINS; spin++) {
		if (try_busy(conn, generation, 0, ret_gone))
			return true;
		if (*ret_gone)
			return false;
		relax();
	}
	return false;
}

static bool is_torn(const struct ta_conn *conn)
{
	return atomic_load_explicit(&conn->state, memory_order_relaxed) & TORN;
}

/* Somebody else runs meanwhile.  A sandboxed process may not ask for that. */
static void stand_back(int turn)
{
	struct timespec nap = { .tv_nsec = NAP_NS };

	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return;
	if (turn < TURNS)
		ta_sys(SYS_sched_yield);
	else
		ta_sys(SYS_nanosleep, &nap, 0);
}

/* Nobody waits for one that somebody has given up: it may be held for ever, in a child
 * that was forked meanwhile. */
struct ta_conn *ta_conn_hold(uint64_t word)
{
	struct ta_conn *conn = conn_of(word);
	uint64_t deadline = 0;
	bool gone;

	for (int turn = 0;; turn++) {
		if (spin_for(conn, (uint32_t)word, &gone))
			return conn;
		if (gone)
			return NULL;
		uint64_t now = ta_now_ns();

		deadline = deadline ? deadline : now + WAIT_NS;
		if (now >= deadline || is_torn(conn))
			break;
		stand_back(turn);
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

	if (atomic_exchange(&conn->parked, 0))
		atomic_fetch_sub(&ta_runtime.parked, 1);
	bool mine = conn->owner == 0 || conn->owner == ta_runtime.proc_id;
	struct ta_thread *thread = mine ? ta_thread_self() : NULL;

	if (conn->side == TA_SIDE_CLIENT) {
		ta_client_finish(conn, thread);
		recycle(conn, generation);
		return;
	}
	/* Above TLS nothing may ever have come, but the handshake was there. */
	bool silent = (conn->tls || conn->tls_suspected) && conn->mode == TA_CONN_NEW && conn->bytes_in;
	bool named = atomic_load_explicit(&conn->referenced, memory_order_relaxed);

	if (thread && (named || silent) && !conn->published && !conn->first_taken)
		ta_conn_publish(conn, thread);
	ta_streams_finish(conn, thread);
	ta_http_finish(conn, thread);
	ta_command_finish(conn, thread);
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

void ta_conn_release_closing(struct ta_conn *conn, uint32_t generation)
{
	finish_if_closing(conn, generation);
}

void ta_conn_release(struct ta_conn *conn)
{
	ta_conn_let_go(conn);
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

	ta_clear((char *)conn + from, to - from);
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

	ta_process_serves();
	reset(conn, thread);
	set_addresses(conn, peer, peer_bytes, listen_word);
	atomic_store_explicit(&conn->state, (uint64_t)generation << 32 | LIVE,
			      memory_order_release);
	ta_fd_bind(fd, ta_fd_word(TA_FD_CONN, (uint32_t)index, generation));
	ta_context_enter_conn(thread, (uint32_t)index, generation);
}

struct ta_conn *ta_conn_new(struct ta_thread *thread, int fd)
{
	int index = ta_pool_take(&ta_arena.conn_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_CONN_POOL);
		return NULL;
	}
	struct ta_conn *conn = &ta_arena.conns[index];
	uint32_t generation = (uint32_t)(atomic_load(&conn->state) >> 32);

	reset(conn, thread);
	ta_context_drop(&conn->context);
	memset(&conn->context, 0, sizeof(conn->context));
	atomic_store_explicit(&conn->state, (uint64_t)generation << 32 | LIVE | BUSY,
			      memory_order_release);
	ta_fd_bind(fd, ta_fd_word(TA_FD_CONN, (uint32_t)index, generation));
	return conn;
}

uint64_t ta_conn_word_of(const struct ta_conn *conn)
{
	return ta_fd_word(TA_FD_CONN, ta_conn_index(conn),
			  (uint32_t)(atomic_load(&conn->state) >> 32));
}

/* ---- bound by the program ---- */

/* Its own word goes before what was recognised of a connection that it opened. */
static bool may_be_bound(const struct ta_conn *conn)
{
	return conn->bound || conn->side == TA_SIDE_CLIENT;
}

int ta_conn_bind(struct ta_thread *thread, int fd)
{
	uint64_t word = ta_fd_get(fd);
	int index;

	if ((unsigned int)fd >= ta_fd_count)
		return -EBADF;
	if (word && ta_fd_kind(word) != TA_FD_SOCKET && ta_fd_kind(word) != TA_FD_HOP &&
	    !(ta_fd_kind(word) == TA_FD_CONN && may_be_bound(conn_of(word))))
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

/* ---- publishing ---- */

void ta_conn_own(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->owner == ta_runtime.proc_id)
		return;
	if (conn->acceptor != ta_runtime.proc_id &&
	    !atomic_load_explicit(&conn->referenced, memory_order_relaxed))
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

