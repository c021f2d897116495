/* SPDX-License-Identifier: MIT */
/*
 * client_crumb.h - breadcrumbs of HTTP requests that the program sends: what it asked for,
 * and the status that came back.
 *
 * The connection keeps the text of one request, from its head until its answer's: of
 * several that are sent before the first is answered, the first one's only.  Other streams
 * of HTTP/2 leave theirs when they are asked for, without a status.  The
 * breadcrumb goes to the isolation scope of the request that asked; to none where it is a
 * guess which one that is.
 *
 * Runs: any host thread, inside the guard; conn held.
 */
#ifndef TA_CORE_CLIENT_CRUMB_H
#define TA_CORE_CLIENT_CRUMB_H

#include <stdint.h>

#include "runtime/core/conn.h"

struct ta_thread;

/* The head of a request has been written. */
void ta_client_crumb_asked(struct ta_conn *conn, struct ta_thread *thread,
			   struct ta_request *request, const struct ta_http1_head *head);
/* The head of its answer has been read. */
void ta_client_crumb_answered(struct ta_conn *conn, const struct ta_request *request,
			      uint16_t status);
/* Behind a read, when the thread is where it belongs: leaves what has been answered. */
void ta_client_crumb_leave(struct ta_conn *conn, struct ta_thread *thread);
/* A stream ends without an answer. */
void ta_client_crumb_reset(struct ta_conn *conn, struct ta_thread *thread,
			   const struct ta_request *request);
/* The connection ends: what has not been answered has failed. */
void ta_client_crumb_failed(struct ta_conn *conn, struct ta_thread *thread);
/* The connection is followed no more: no answer will be known. */
void ta_client_crumb_forget(struct ta_conn *conn);

#endif
