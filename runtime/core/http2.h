/* SPDX-License-Identifier: MIT */
/*
 * http2.h - connections that carry HTTP/2, from either end: each stream is a request.
 *
 * The program that is asked: a stream is a request span of its own, and the connection has
 * none.  A read that is about one stream puts the thread into it; one that is about several,
 * or on a connection that several threads move, nowhere.  What goes out says little about
 * who wrote it: answers wait for windows and for the end of a turn of the loop, or another
 * thread writes them.  So a write puts nobody anywhere, and a unit is only adopted by the
 * one stream that was written to on a connection that one thread moves, where its link says
 * the same or no other stream is open.
 *
 * The program that asks: a stream is an exchange.  Requests wait as well, so whose it is is
 * certain only on a connection that one thread moves, and while there is only one request
 * that it could be for; otherwise it is nobody's.
 *
 * Runs: any host thread, inside the guard; conn held, but where it says otherwise.
 */
#ifndef TA_CORE_HTTP2_H
#define TA_CORE_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/arena.h"
#include "runtime/core/conn.h"
#include "runtime/protocol/command.h"
#include "runtime/protocol/http2.h"

/* The request of a frame that is on the connection and in none of its streams. */
#define TA_STREAMS_NONE UINT64_MAX

/* Lies in the dialogue that the connection borrows.  Streams have places in conn->queue,
 * which are as many as are open at once and found by a bit; user[slot] is place + 1. */
struct ta_streams {
	struct ta_http2 h2;
	struct ta_context neutral; /* in no stream: no span, scopes of its own */
	uint64_t head_ns;	   /* when the head that is incomplete began */
	uint64_t taken[TA_QUEUE_LONG / 64];
	uint32_t open; /* places taken */
	uint32_t hint; /* the place that was looked for last */
	struct ta_context touched; /* by the bytes of this call: the ids of one stream */
	bool touched_any, touched_many;
	bool shared;	 /* several threads have moved its bytes */
	bool prepared;	 /* client side: conn->next is of the head that is incomplete */
	uint32_t mover;	 /* + 1, the one thread */
};

static inline struct ta_streams *ta_streams_of(const struct ta_conn *conn)
{
	/* Looked at once: who does not hold the connection (ta_conn_review) may see it taken away. */
	struct ta_dialogue *dialogue = __atomic_load_n(&conn->dialogue, __ATOMIC_RELAXED);

	return conn->mode == TA_CONN_HTTP2 && dialogue ?
		       (struct ta_streams *)(void *)dialogue->state :
		       NULL;
}

/* The connection speaks it from its first byte on.  False: no room (counted). */
bool ta_streams_start(struct ta_conn *conn);

/* The first bytes of all are the server's: a server of HTTP/2 may say its settings before it is
 * asked.  True: that is what they were, and they are taken. */
bool ta_streams_greeted(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			uint64_t bytes);

/* Behind a 101: the first bytes in one direction.  They may say that it is HTTP/2 from there
 * on, and are taken then. */
void ta_streams_tunnel(struct ta_conn *conn, struct ta_thread *thread, bool asked,
		       const char *data, uint64_t bytes);

/* Bytes towards the server, and from it. */
void ta_streams_asked(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes);
void ta_streams_answered(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes);
void ta_streams_unseen(struct ta_conn *conn, struct ta_thread *thread, bool asked,
		       uint64_t bytes);

/* Around what one call has moved. */
void ta_streams_touch(struct ta_conn *conn, struct ta_thread *thread);
/* Server side: the thread goes where it belongs; its unit to whom it belongs. */
void ta_streams_were_read(struct ta_conn *conn, struct ta_thread *thread);
void ta_streams_were_written(struct ta_conn *conn, struct ta_thread *thread);

/* Bytes were missed: nothing more is followed. */
void ta_streams_lost(struct ta_conn *conn, struct ta_thread *thread);
/* The connection is over: whatever is open ends, and what was borrowed goes back.  thread:
 * NULL when the spans are another process's to end. */
void ta_streams_finish(struct ta_conn *conn, struct ta_thread *thread);

/* The context of a stream by its span, TA_STREAMS_NONE, or 0 for none in particular; NULL:
 * it is over.  Without holding the connection. */
struct ta_context *ta_streams_context(struct ta_conn *conn, uint64_t request);
/* Streams that are open, and the span of the only one.  Without holding the connection. */
uint32_t ta_streams_open(const struct ta_conn *conn);
uint64_t ta_streams_only(struct ta_conn *conn);

/* ---- of the two files ---- */

/* A place in conn->queue, cleared; NULL: no room. */
struct ta_request *ta_streams_place(struct ta_conn *conn);
/* The request of the stream that was told of; NULL: it is not recorded. */
struct ta_request *ta_streams_request(struct ta_conn *conn);
void ta_streams_leave(struct ta_conn *conn, struct ta_request *request);
/* Bytes of it went by. */
void ta_streams_touched(struct ta_conn *conn, const struct ta_request *request);
/* The status that a call of gRPC ends with. */
int64_t ta_streams_grpc_status(const struct ta_http2_told *told);

/* What the parser tells, on the side that asks (http2_client.c). */
void ta_streams_client_event(struct ta_conn *conn, struct ta_thread *thread,
			     enum ta_http2_event event, const struct ta_http1_head *head);
/* All bytes of one call have been looked at. */
void ta_streams_client_asked(struct ta_conn *conn, struct ta_thread *thread);
/* An open stream of that side is given up. */
void ta_streams_client_fail(struct ta_conn *conn, struct ta_thread *thread,
			    struct ta_request *request);

#endif
