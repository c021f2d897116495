/* SPDX-License-Identifier: MIT */
/*
 * conn_hold.h - the state word of a connection, and holding one that nobody else holds.
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_CONN_HOLD_H
#define TA_CORE_CONN_HOLD_H

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/core/thread.h"

#define TA_CONN_BUSY 1u
#define TA_CONN_CLOSING 2u
#define TA_CONN_LIVE 4u
#define TA_CONN_TORN 8u

/* Without a division: an index that is out of range (there is none) gets entry 0,
 * whose generation tells that it is another connection. */
static inline struct ta_conn *ta_conn_at(uint32_t index)
{
	return &ta_arena.conns[index < ta_arena.conn_pool.size ? index : 0];
}

/* NULL: that connection is over. */
static inline struct ta_conn *ta_conn_find(uint32_t index, uint32_t generation)
{
	struct ta_conn *conn = ta_conn_at(index);
	uint64_t state = atomic_load_explicit(&conn->state, memory_order_acquire);

	return (uint32_t)(state >> 32) == generation && (state & TA_CONN_LIVE) ? conn : NULL;
}

/* Of a word of kind TA_FD_CONN. */
static inline bool ta_conn_is_client(uint64_t word)
{
	return ta_conn_at(ta_fd_index(word))->side == TA_SIDE_CLIENT;
}

/* As ta_conn_hold(). */
static inline struct ta_conn *ta_conn_take(uint64_t word)
{
	struct ta_conn *conn = ta_conn_at(ta_fd_index(word));
	uint64_t state = atomic_load_explicit(&conn->state, memory_order_relaxed);

	if (__builtin_expect(state == ((uint64_t)(uint32_t)word << 32 | TA_CONN_LIVE), 1) &&
	    ta_swap64(&conn->state, state, state | TA_CONN_BUSY))
		return conn;
	return ta_conn_hold(word);
}

/* As ta_conn_attend(), of one that is held. */
static inline void ta_conn_attend_held(struct ta_thread *thread, struct ta_conn *conn)
{
	thread->visits++;
	if (ta_is_alone())
		atomic_store_explicit(&conn->attendant, thread->index + 1, memory_order_relaxed);
	else
		atomic_store(&conn->attendant, thread->index + 1);
	if (atomic_load_explicit(&conn->parked, memory_order_relaxed))
		ta_conn_review(conn);
}

/* As ta_conn_release().  BUSY is ours and therefore set.  A subtraction is one instruction;
 * x86 makes a loop of a fetch_and whose result is used. */
static inline void ta_conn_let_go(struct ta_conn *conn)
{
	uint64_t state = ta_add64(&conn->state, -(uint64_t)TA_CONN_BUSY);

	if (__builtin_expect(state & TA_CONN_CLOSING, 0))
		ta_conn_release_closing(conn, (uint32_t)(state >> 32));
}

#endif
