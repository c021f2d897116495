/* SPDX-License-Identifier: MIT */
/*
 * conn_queue.c - requests that wait for their answers, and memory that is borrowed for them.
 *
 * Runs: the thread that holds the connection.
 */
#include <stddef.h>
#include <string.h>

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/clear.h"
#include "runtime/core/company.h"
#include "runtime/core/conn.h"
#include "runtime/core/runtime.h"

/* A place in the queue; both sizes are powers of two. */
static uint32_t wrapped(const struct ta_conn *conn, uint32_t place)
{
	return place & (conn->queue_size - 1);
}

_Static_assert((TA_REQUESTS_INLINE & (TA_REQUESTS_INLINE - 1)) == 0, "queues wrap by a mask");
_Static_assert((TA_QUEUE_LONG & (TA_QUEUE_LONG - 1)) == 0, "queues wrap by a mask");

static bool grow(struct ta_conn *conn)
{
	int index = conn->queue == conn->inline_queue ? ta_pool_take(&ta_arena.queue_pool) : -1;

	if (index < 0)
		return false;
	struct ta_request *queue = &ta_arena.queues[(uint32_t)index * TA_QUEUE_LONG];

	for (uint32_t at = 0; at < conn->queue_count; at++)
		queue[at] = conn->queue[wrapped(conn, conn->queue_first + at)];
	conn->queue = queue;
	conn->queue_size = TA_QUEUE_LONG;
	conn->queue_first = 0;
	return true;
}

struct ta_request *ta_conn_queue_place(struct ta_conn *conn)
{
	if (conn->queue_count == conn->queue_size && !grow(conn))
		return NULL;
	struct ta_request *request =
		&conn->queue[wrapped(conn, conn->queue_first + conn->queue_count)];

	ta_clear(request, sizeof(*request));
	return request;
}

/* The request is answered; its context stays for what the program does after it. */
void ta_conn_leave_queue(struct ta_conn *conn)
{
	if (conn->mode == TA_CONN_HTTP)
		ta_count32(&ta_runtime.unanswered, -1);
	ta_context_drop(&conn->served);
	conn->served = ta_conn_oldest(conn)->context;
	ta_company_drop(&conn->served);
	conn->queue_first = wrapped(conn, conn->queue_first + 1);
	conn->queue_count--;
}

void ta_conn_drop_newest(struct ta_conn *conn)
{
	conn->queue_count--;
	struct ta_context *context =
		&conn->queue[wrapped(conn, conn->queue_first + conn->queue_count)].context;

	ta_company_drop(context);
	ta_context_drop(context);
}

void ta_conn_shrink_queue(struct ta_conn *conn)
{
	if (conn->queue == conn->inline_queue || conn->queue_count)
		return;
	ta_pool_give(&ta_arena.queue_pool,
		     (uint32_t)(conn->queue - ta_arena.queues) / TA_QUEUE_LONG);
	conn->queue = conn->inline_queue;
	conn->queue_size = TA_REQUESTS_INLINE;
	conn->queue_first = 0;
}

/* ---- heads ---- */

void ta_conn_return_head(struct ta_conn *conn)
{
	if (conn->head)
		ta_pool_give(&ta_arena.head_pool, (uint32_t)(conn->head - ta_arena.heads));
	conn->head = NULL;
}

/* The head is incomplete: it moves from the thread's scratch to the connection. */
bool ta_conn_keep_head(struct ta_conn *conn, const struct ta_http1_head *scratch)
{
	if (conn->head)
		return true;
	int index = ta_pool_take(&ta_arena.head_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_HEAD_POOL);
		return false;
	}
	conn->head = &ta_arena.heads[index];
	memcpy(conn->head, scratch, offsetof(struct ta_http1_head, target) + scratch->target_len);
	return true;
}
