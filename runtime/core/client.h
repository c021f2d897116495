/* SPDX-License-Identifier: MIT */
/*
 * client.h - connections that the program opens.
 *
 * A connection is followed from connect() on.  Its opening is a span.  What is written to
 * it first says what it speaks: HTTP requests and commands are exchanges (exchange.h).  Of
 * a protocol that is not known, a *turn* is a span: from the first byte that is written to
 * the first that comes back.
 *
 * Runs: any host thread, inside the guard; conn held.
 */
#ifndef TA_CORE_CLIENT_H
#define TA_CORE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "runtime/core/conn.h"

struct ta_emit;

/* ---- opening (hooks/connect.c); they hold the connection themselves ---- */

/* connect(fd, addr), begun at start_ns, has answered: 0 or errno.  addr was read by the
 * kernel. */
void ta_client_connect(struct ta_thread *thread, int fd, const struct sockaddr *addr,
		       socklen_t bytes, uint64_t start_ns, int error);
/* What became of one that was not waited for: 0 or errno. */
void ta_client_opened(struct ta_thread *thread, uint64_t word, int fd, int error);
/* A read has found no more bytes, or an error: the thread goes where the answers that are
 * missing belong. */
void ta_client_ended(uint64_t word);
/* fd stands for a connection of this side. */
bool ta_client_is(uint64_t word);

/* ---- bytes ---- */

void ta_client_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		     uint64_t bytes);
void ta_client_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		    uint64_t bytes);
void ta_client_unseen(struct ta_conn *conn, struct ta_thread *thread, bool written,
		      uint64_t bytes);
void ta_client_failed(struct ta_conn *conn, struct ta_thread *thread, int error);
/* Around a transfer: before its first byte; behind a read, the thread goes where it
 * belongs. */
void ta_client_touch(struct ta_conn *conn, struct ta_thread *thread);
void ta_client_return(struct ta_conn *conn, struct ta_thread *thread);
/* Bytes were missed: nothing more is followed. */
void ta_client_lost(struct ta_conn *conn, struct ta_thread *thread);
/* The last fd is gone.  thread: NULL when the spans are another process's to end. */
void ta_client_finish(struct ta_conn *conn, struct ta_thread *thread);

/* ---- HTTP/1 (client_http.c) ---- */

void ta_client_http_start(struct ta_conn *conn);
/* A request's head is out: the exchange is open.  False: there is no room for it. */
bool ta_client_http_sent(struct ta_conn *conn, struct ta_thread *thread,
			 const struct ta_http1_head *head);
void ta_client_http_wrote(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			  uint64_t bytes);
void ta_client_http_read(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes);
void ta_client_http_unseen(struct ta_conn *conn, struct ta_thread *thread, bool written,
			    uint64_t bytes);

#endif
