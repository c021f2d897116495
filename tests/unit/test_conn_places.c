/* SPDX-License-Identifier: MIT */
/*
 * test_conn_places.c - a look at the requests of a connection that somebody else holds: whatever was
 * seen of its queue's size, first and count, places are in the queue that was seen.
 */
#include "runtime/core/arena.h"
#include "runtime/core/conn.h"
#include "tests/unit/check.h"

static struct ta_conn conn;
static struct ta_request lent[TA_QUEUE_LONG];

static bool is_in(const struct ta_request *place, const struct ta_request *queue, size_t count)
{
	return place >= queue && place < queue + count;
}

/* Of any size that was, or will be, and with the first of any. */
static bool stays_in(struct ta_request *seen, const struct ta_request *queue, uint32_t count)
{
	bool in = true;
	uint32_t size;

	conn.queue = seen;
	for (uint32_t first = 0; first <= TA_QUEUE_LONG; first++) {
		conn.queue_first = first;
		for (conn.queue_size = 0; conn.queue_size <= TA_QUEUE_LONG; conn.queue_size += 4)
			in &= is_in(ta_conn_place(&conn, first % 7), queue, count);
	}
	return in && ta_conn_places(&conn, &size) == queue && size == count;
}

static void places(void)
{
	check(stays_in(conn.inline_queue, conn.inline_queue, TA_REQUESTS_INLINE), "its own");
	check(stays_in(lent, lent, TA_QUEUE_LONG), "a borrowed one");
	check(stays_in(NULL, conn.inline_queue, TA_REQUESTS_INLINE), "one that is being cleared");
}

static void in_order(void)
{
	conn.queue = conn.inline_queue;
	conn.queue_first = 3;
	check(ta_conn_place(&conn, 0) == &conn.inline_queue[3], "the oldest");
	check(ta_conn_place(&conn, 1) == &conn.inline_queue[0], "the next");
}

int main(void)
{
	check_group("places", places);
	check_group("in order", in_order);
	return check_status();
}
