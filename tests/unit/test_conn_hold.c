/* SPDX-License-Identifier: MIT */
/*
 * test_conn_hold.c - two threads at one connection: the second waits for the first, not for ever.
 *
 * One that has lost its processor while it held the connection is waited for; one that never
 * lets go (its thread is gone, as in a forked child) costs one wait and is counted.
 */
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/wire/segment.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define LATE_NS 15000000 /* longer than all turns that are given away without sleeping */

struct held {
	int pair[2];
	uint64_t word;
	struct ta_conn *conn;
	atomic_bool waits;
	atomic_bool back;
};

static void begin(struct held *held)
{
	memset(held, 0, sizeof(*held));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, held->pair))
		abort();
	ta_conn_accepted(held->pair[0], NULL, 0, 0);
	held->word = ta_fd_get(held->pair[0]);
}

static void end(struct held *held)
{
	ta_fd_forget(held->pair[0]);
	close(held->pair[0]);
	close(held->pair[1]);
}

static void hold_too(void *argument)
{
	struct held *held = argument;

	atomic_store(&held->waits, true);
	struct ta_conn *conn = ta_conn_hold(held->word);

	atomic_store(&held->back, true);
	check(conn == held->conn, "got %p, not %p", (void *)conn, (void *)held->conn);
	if (conn)
		ta_conn_release(conn);
}

/* A holder that was away for a while: the other one gets it then, and nothing is lost. */
static void waits_for_late(void)
{
	struct timespec late = { .tv_nsec = LATE_NS };
	uint64_t before = core_lost(TA_LOSS_CONN_BUSY);
	struct core_thread other;
	struct held held;

	begin(&held);
	held.conn = ta_conn_hold(held.word);
	core_thread_start(&other, hold_too, &held);
	while (!atomic_load(&held.waits))
		sched_yield();
	nanosleep(&late, NULL);
	check(!atomic_load(&held.back), "two hold it");
	ta_conn_release(held.conn);
	core_thread_join(&other);
	check_same(core_lost(TA_LOSS_CONN_BUSY), before);
	end(&held);
}

/* It comes back empty-handed, and so does everybody after it; each is counted. */
static void gives_up(void)
{
	uint64_t before = core_lost(TA_LOSS_CONN_BUSY);
	struct held held;

	begin(&held);
	held.conn = ta_conn_hold(held.word);
	for (int times = 0; times < 1000; times++)
		check(!ta_conn_hold(held.word), "two hold it");
	check_same(core_lost(TA_LOSS_CONN_BUSY), before + 1000);
	ta_conn_release(held.conn);
	held.conn = ta_conn_hold(held.word);
	check(held.conn, "free again, and not to be had");
	ta_conn_release(held.conn);
	end(&held);
}

/* The number is another connection's by now. */
static void gone(void)
{
	uint64_t before = core_lost(TA_LOSS_CONN_BUSY);
	struct held held;

	begin(&held);
	end(&held);
	check(!ta_conn_hold(held.word), "it is gone");
	check_same(core_lost(TA_LOSS_CONN_BUSY), before);
}

int main(void)
{
	core_start();
	check_group("a holder that is late is waited for", waits_for_late);
	check_group("one that never lets go is given up, once", gives_up);
	check_group("nobody waits for what is gone", gone);
	return check_status();
}
