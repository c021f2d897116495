/* SPDX-License-Identifier: MIT */
/*
 * test_outward.c - units of an event loop: who was guessed for one is guessed for the next, whoever
 * takes the place of the one that is left.  A request that another thread answers while it is
 * asked for: the whole request, or nobody.
 */
#include "runtime/core/outward.h"

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/core/runtime.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

static struct ta_thread *thread;

static const struct ta_context someone = { .trace_hi = 1, .trace_lo = 2, .span_id = 3 };

static uint64_t guessed(const struct ta_owner *unit)
{
	check(unit->kind == TA_OWNER_UNIT, "not in a unit");
	return ta_unit_of(unit)->link.span_id;
}

/* Others could go on as well: what it asks between its connections is for anybody of them. */
static void loop(bool others)
{
	thread->looped = true;
	atomic_store(&ta_runtime.serving, true);
	atomic_store(&ta_runtime.parked, others);
	atomic_store(&ta_runtime.segment->defers, others);
}

static void over(void)
{
	loop(false);
	thread->looped = false;
	ta_unit_leave(thread);
	core_skip();
}

static void the_next_is_guessed_as_well(void)
{
	struct ta_asking asking;
	struct ta_owner first;

	ta_unit_now(thread, &someone, TA_GUESS_LOOP);
	first = ta_unit_owner(thread);
	check_same(guessed(&first), someone.span_id);
	loop(true);
	check(ta_outward_asks(thread, NULL, &asking), "asks nobody");
	check(asking.alone, "two calls in one unit");
	check(!ta_owner_same(&asking.owner, &first), "in the same unit");
	check_same(asking.owner.index, first.index); /* in its place */
	check_same(guessed(&asking.owner), someone.span_id);
	over();
}

static void it_stays_while_nobody_else_could_go_on(void)
{
	struct ta_asking asking;
	struct ta_owner first;

	ta_unit_now(thread, &someone, TA_GUESS_LOOP);
	first = ta_unit_owner(thread);
	loop(false);
	check(ta_outward_asks(thread, NULL, &asking), "asks nobody");
	check(!asking.alone && ta_owner_same(&asking.owner, &first), "in another unit");
	over();
}

/* ---- answered by another thread ---- */

#define ASKED (2000000u / CORE_SLOW)

static struct {
	uint64_t word;
	_Atomic bool enough;
} serving;

static void moved(void (*tell)(uint64_t, const struct iovec *, int, uint64_t), const char *text)
{
	struct iovec piece = { (void *)(uintptr_t)text, strlen(text) };

	tell(serving.word, &piece, 1, piece.iov_len);
}

/* One request after the other in the same place; the parts of its trace id, and its parent, are
 * the same number. */
static void serve(void *argument)
{
	char request[160];

	(void)argument;
	for (uint64_t number = 1; !atomic_load(&serving.enough); number++) {
		snprintf(request, sizeof(request),
			 "GET / HTTP/1.1\r\ntraceparent: 00-%016llx%016llx-%016llx-01\r\n\r\n",
			 (unsigned long long)number, (unsigned long long)number,
			 (unsigned long long)number);
		moved(ta_conn_read, request);
		moved(ta_conn_wrote, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		if (number % 8 == 0)
			core_skip();
	}
}

/* What it asks is for the request that is current there, whichever that is. */
static unsigned int mixed_up(void)
{
	struct ta_asking asking;
	unsigned int asked = 0, mixed = 0;

	while (asked < ASKED) {
		ta_context_enter_conn(thread, ta_fd_index(serving.word), (uint32_t)serving.word);
		if (!ta_outward_asks(thread, NULL, &asking) ||
		    asking.owner.kind != TA_OWNER_REQUEST || asking.parent.parent_id == 0)
			continue;
		asked++;
		mixed += asking.owner.span_id != asking.parent.span_id ||
			 asking.parent.trace_hi != asking.parent.trace_lo ||
			 asking.parent.trace_lo != asking.parent.parent_id;
	}
	return mixed;
}

static void a_whole_request_or_nobody(void)
{
	struct core_thread server;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	ta_runtime.http = true;
	ta_runtime.propagate = TA_PROPAGATE_EXTRACT;
	ta_runtime.propagators = TA_PROPAGATOR_TRACECONTEXT;
	ta_conn_accepted(pair[0], NULL, 0, 0);
	serving.word = ta_fd_get(pair[0]);
	core_thread_start(&server, serve, NULL);
	check_same(mixed_up(), 0);
	atomic_store(&serving.enough, true);
	core_thread_join(&server);
	ta_fd_forget(pair[0]);
	close(pair[0]);
	close(pair[1]);
	over();
}

int main(void)
{
	core_start();
	thread = ta_thread_self();
	check_group("the next is guessed as well", the_next_is_guessed_as_well);
	check_group("it stays while nobody else could go on", it_stays_while_nobody_else_could_go_on);
	if (!CORE_REPORTS_LOOKS)
		check_group("a whole request or nobody", a_whole_request_or_nobody);
	return check_status();
}
