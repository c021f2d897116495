/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - one request and its answer, on a connection that the program opened.
 *
 * Each HTTP request, and each write of commands, is an *exchange*: a span from its first
 * byte until the answer (HTTP: the answer's head), child of what was current then.
 *
 * Who asked is remembered with each exchange: reading the answer puts the thread back
 * there, in whatever thread that is.  A read that holds answers for several puts it
 * nowhere: what follows is nobody's for certain.
 *
 * Runs: any host thread, inside the guard; conn held.
 */
#ifndef TA_CORE_EXCHANGE_H
#define TA_CORE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/conn.h"

struct ta_emit;

/* ---- who waits ---- */

/* What owner stands for stays until it is let go of; it becomes nobody when it is over already. */
void ta_asker_hold(struct ta_owner *owner, const struct ta_owner *waits);
/* Nothing is waited for any more; the numbers in owner stay. */
void ta_asker_let_go(struct ta_thread *thread, const struct ta_owner *owner,
		     const struct ta_owner *waits);
/* The connection is in use, or over: who opened it does not matter any more. */
void ta_opener_let_go(struct ta_conn *conn, struct ta_thread *thread);

/* ---- asking ---- */

/* A request's first byte is about to be written: ids and owner of conn->next, unless it
 * has them.  False: it will not be recorded. */
bool ta_exchange_prepare(struct ta_conn *conn, struct ta_thread *thread);
/* Its head is known: whose it is where only that shows it (arrival.h). */
void ta_exchange_by_head(struct ta_conn *conn, struct ta_thread *thread,
			 const struct ta_http1_head *head);
/* The same for one whose asker is not known: a root of its own, which nobody waits for. */
bool ta_exchange_prepare_apart(struct ta_conn *conn, struct ta_thread *thread);
/* Nothing of it was written after all. */
void ta_exchange_forget(struct ta_conn *conn, struct ta_thread *thread);
/* The request is known: begins its record, with the peer's address in it; the caller adds
 * attributes and commits.  False: no record, but the exchange is in the queue; NULL in
 * *ret_request: there is no room for it. */
bool ta_exchange_open(struct ta_conn *conn, struct ta_thread *thread, struct ta_emit *emit,
		      uint8_t type, uint32_t attr_bytes, struct ta_request **ret_request);
/* Begins the record of its end; the same way. */
bool ta_exchange_end(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
		     struct ta_emit *emit, uint8_t reason, uint32_t attr_bytes);
/* Bytes of its answer have been read. */
void ta_exchange_touched(struct ta_conn *conn, const struct ta_request *request);
/* Nobody waits for it any more. */
void ta_exchange_let_go(struct ta_thread *thread, const struct ta_request *request);
/* The oldest is answered in full, or given up. */
void ta_exchange_leave(struct ta_conn *conn, struct ta_thread *thread);
/* Whatever is open fails, and the queue is empty. */
void ta_exchange_fail_all(struct ta_conn *conn, struct ta_thread *thread);

#endif
