/* SPDX-License-Identifier: MIT */
/*
 * test_cause.c - what an event loop was woken up by, and when that says whose work it does:
 * every condition of core/cause.h, alone, from a state in which all others hold.
 */
#include "runtime/core/cause.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "runtime/core/alone.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/fd.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define REQUEST "GET /r HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define LONG "POST /r HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define MS 1000000ull

static struct ta_thread *thread;

/* ---- connections ---- */

struct ends {
	int fd, peer;
};

static struct ends accepted(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	ta_conn_accepted(pair[0], NULL, 0, 0);
	return (struct ends){ pair[0], pair[1] };
}

static void hang_up(struct ends ends)
{
	ta_fd_forget(ends.fd);
	close(ends.fd);
	close(ends.peer);
	core_skip();
}

static struct ta_conn *conn_of(int fd)
{
	return &ta_arena.conns[ta_fd_index(ta_fd_get(fd))];
}

static void reads(int fd, const char *text)
{
	struct iovec all = { (char *)(uintptr_t)text, strlen(text) };

	ta_conn_read(ta_fd_get(fd), &all, 1, all.iov_len);
}

static void writes(int fd, const char *text)
{
	struct iovec all = { (char *)(uintptr_t)text, strlen(text) };

	ta_conn_wrote(ta_fd_get(fd), &all, 1, all.iov_len);
}

static struct ta_owner owner_of(int fd)
{
	uint64_t word = ta_fd_get(fd);

	return (struct ta_owner){
		.kind = TA_OWNER_REQUEST,
		.index = ta_fd_index(word),
		.generation = (uint32_t)word,
		.span_id = ta_conn_context(ta_fd_index(word), (uint32_t)word, 0)->span_id
	};
}

/* ---- a loop ---- */

/* It has waited for up to so long, and not looked at a clock since it last waited. */
static void woken(int timeout_ms, int count, int fd)
{
	ta_cause_woken(thread, timeout_ms, count, (uint64_t)(uint32_t)fd);
}

/* Span id of the request that all is done for; 0: not known. */
static uint64_t told(void)
{
	struct ta_owner owner = { .span_id = 0 };

	if (!ta_cause_owner(thread, &owner))
		return 0;
	return owner.span_id ? owner.span_id : UINT64_MAX;
}

/* More of a request with a body. */
static void brings(int fd)
{
	reads(fd, "x");
}

static void nobody_parked(void)
{
	atomic_store(&ta_runtime.parked, 0);
}

/* All is as it has to be: woken up for a second by one event, which has brought a request. */
static struct ends asked(const char *text)
{
	struct ends ends = accepted();

	thread->watched = true;
	woken(1000, 0, 0);
	woken(1000, 1, ends.fd);
	reads(ends.fd, text);
	nobody_parked();
	return ends;
}

/* That is so, and it is not if only this is different. */
#define check_unless(text, what)                                                                   \
	do {                                                                                       \
		struct ends asker = asked(text);                                                   \
                                                                                                   \
		check_same(told(), owner_of(asker.fd).span_id);                                    \
		what;                                                                              \
		check_same(told(), 0);                                                             \
		hang_up(asker);                                                                    \
	} while (0)

static void one_event(void)
{
	struct ends asker = asked(LONG);
	struct ta_owner owner, right = owner_of(asker.fd);

	check(ta_cause_owner(thread, &owner), "not known");
	check(right.span_id && ta_owner_same(&owner, &right), "somebody else's");
	hang_up(asker);
}

static void watched_from_then_on(void)
{
	struct ends asker = asked(LONG);

	thread->watched = false;
	check_same(told(), 0);
	check(thread->watched, "not watched");
	check_same(told(), owner_of(asker.fd).span_id);
	hang_up(asker);
}

/* ---- waking up ---- */

static void other_events(void)
{
	check_unless(LONG, (woken(1000, 2, asker.fd), brings(asker.fd)));
	check_unless(LONG, (woken(1000, 0, asker.fd), brings(asker.fd)));
	check_unless(LONG, (woken(0, 1, asker.fd), brings(asker.fd))); /* this has joined */
}

static void nothing_has_joined(void)
{
	struct ends asker = asked(LONG);

	woken(0, 0, 0);
	check_same(told(), owner_of(asker.fd).span_id);
	hang_up(asker);
}

static void the_first_wait(void)
{
	struct ends asker = accepted();

	thread->watched = true;
	thread->cause.returned_ns = 0;
	woken(-1, 1, asker.fd);
	reads(asker.fd, REQUEST);
	nobody_parked();
	check_same(told(), 0); /* when it looked at its clock is not known */
	hang_up(asker);
}

/* The event's data is no descriptor of a connection. */
static void other_data(void)
{
	int pair[2];

	if (pipe(pair) != 0)
		abort();
	check_unless(LONG, (woken(1000, 1, pair[0]), brings(asker.fd)));
	check_unless(LONG, (woken(1000, 1, -1), brings(asker.fd)));
	close(pair[0]);
	close(pair[1]);
}

/* ---- timers ---- */

static void timers(void)
{
	struct ends asker = asked(LONG);

	woken(-1, 1, asker.fd); /* for ever: there is none */
	brings(asker.fd);
	check_same(thread->cause.until_ns, UINT64_MAX);
	check_same(told(), owner_of(asker.fd).span_id);
	hang_up(asker);
}

static void timers_that_are_due(void)
{
	check_unless(LONG, thread->cause.until_ns = ta_now_ns());
	/* So short a time says nothing, loops round up. */
	check_unless(LONG, (woken(2, 1, asker.fd), brings(asker.fd)));
	check_same(thread->cause.until_ns, 0);
}

/* The timeout was reckoned from when it last looked, not from when it began to wait. */
static void reckoned_from_the_last_look(void)
{
	struct ends asker = asked(LONG);
	uint64_t looked_ns = ta_now_ns() - 500 * MS;

	thread->cause.returned_ns = looked_ns;
	woken(1000, 1, asker.fd);
	check_same(thread->cause.until_ns, looked_ns + 998 * MS);
	check(thread->cause.returned_ns > looked_ns, "it has looked again");
	hang_up(asker);
}

/* ---- the bytes ---- */

static void bytes_of_another(void)
{
	struct ends other = accepted();

	check_unless(LONG, (reads(other.fd, REQUEST), nobody_parked()));
	check_unless(LONG, (writes(other.fd, ANSWER), nobody_parked()));
	hang_up(other);
}

/* It has been there before, and brings nothing now. */
static void no_bytes(void)
{
	check_unless(LONG, woken(1000, 1, asker.fd));
}

static void gone(void)
{
	struct ends asker = asked(LONG);
	uint64_t word = thread->cause.word;

	check_same(word, ta_fd_get(asker.fd));
	hang_up(asker);
	check_same(told(), 0);
	asker = accepted(); /* the next one has the place of the first, and its number */
	thread->cause.word = word;
	thread->moved = word;
	thread->cause.bytes = UINT64_MAX;
	check_same(told(), 0);
	hang_up(asker);
}

static void beyond_the_pool(void)
{
	check_unless(LONG, thread->cause.word = thread->moved =
				   ta_fd_word(TA_FD_CONN, ta_arena.conn_pool.size,
					      (uint32_t)ta_fd_get(asker.fd)));
}

/* ---- for whom they are ---- */

static void not_one_request(void)
{
	check_unless(REQUEST, reads(asker.fd, REQUEST));
	check_unless(REQUEST, reads(asker.fd, "GET /half HT"));
	check_unless(REQUEST, conn_of(asker.fd)->tunnel = true);
	check_unless(REQUEST, conn_of(asker.fd)->skipped = 1);
	check_unless(REQUEST, conn_of(asker.fd)->mode = TA_CONN_LOST);
}

static void answered(void)
{
	check_unless(REQUEST, (writes(asker.fd, ANSWER), nobody_parked()));
}

/* HTTP/2: the only stream that is open. */
static void streams(void)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const char get[] = "\0\0\6\1\5\0\0\0\1\x82\x84\x86\x41\1a",
			  next[] = "\0\0\6\1\5\0\0\0\3\x82\x84\x86\x41\1a";
	struct ends asker = accepted();
	struct iovec begin = { (char *)(uintptr_t)hello, sizeof(hello) - 1 };
	struct iovec one = { (char *)(uintptr_t)get, sizeof(get) - 1 },
		     two = { (char *)(uintptr_t)next, sizeof(next) - 1 };

	thread->watched = true;
	ta_conn_read(ta_fd_get(asker.fd), &begin, 1, begin.iov_len);
	check_same(conn_of(asker.fd)->mode, TA_CONN_HTTP2);
	woken(1000, 0, 0);
	woken(1000, 1, asker.fd);
	nobody_parked();
	check_same(told(), 0);
	ta_conn_read(ta_fd_get(asker.fd), &one, 1, one.iov_len);
	nobody_parked();
	check(told() != 0, "one stream");
	ta_conn_read(ta_fd_get(asker.fd), &two, 1, two.iov_len);
	nobody_parked();
	check_same(told(), 0);
	hang_up(asker);
}

/* A server's answer was read on a connection of ours, for a request on another one. */
static struct ends answer_for(struct ends asker)
{
	struct ends upstream = accepted();
	struct ta_conn *conn = conn_of(upstream.fd);

	conn->side = TA_SIDE_CLIENT;
	woken(1000, 1, upstream.fd);
	thread->moved = ta_fd_get(upstream.fd);
	conn->bytes_in++;
	conn->touched = owner_of(asker.fd);
	conn->touched_many = false;
	return upstream;
}

static uint64_t told_of_touched(struct ends upstream, bool many, struct ta_owner touched)
{
	struct ta_conn *conn = conn_of(upstream.fd);

	conn->touched_many = many;
	conn->touched = touched;
	return told();
}

/* The same on the connection whose place is the first: one that is out of range is taken for it. */
static struct ends asked_first(void)
{
	struct ends ends = asked(REQUEST), first;

	if (conn_of(ends.fd) == ta_arena.conns)
		return ends;
	first = asked_first();
	hang_up(ends);
	return first;
}

static void answers(void)
{
	struct ends asker = asked_first(), upstream = answer_for(asker);
	struct ta_owner right = owner_of(asker.fd), other = right;

	check_same(told_of_touched(upstream, false, right), right.span_id);
	check_same(told_of_touched(upstream, true, right), 0);
	other.kind = TA_OWNER_UNIT;
	check_same(told_of_touched(upstream, false, other), 0);
	other = right;
	other.generation = UINT32_MAX; /* several units */
	check_same(told_of_touched(upstream, false, other), 0);
	other = right;
	other.span_id = 0;
	check_same(told_of_touched(upstream, false, other), 0);
	other = right;
	other.index = ta_arena.conn_pool.size;
	check_same(told_of_touched(upstream, false, other), 0);
	other = right;
	other.generation++;
	check_same(told_of_touched(upstream, false, other), 0);
	check_same(told_of_touched(upstream, false, right), right.span_id);
	reads(asker.fd, REQUEST); /* two: it may be for the second */
	thread->moved = ta_fd_get(upstream.fd);
	nobody_parked();
	check_same(told_of_touched(upstream, false, right), 0);
	hang_up(asker);
	check_same(told_of_touched(upstream, false, right), 0);
	conn_of(upstream.fd)->side = TA_SIDE_SERVER;
	hang_up(upstream);
}

/* ---- the others ---- */

static void others_could_go_on(void)
{
	struct ends asker = asked(LONG);

	atomic_store(&ta_runtime.parked, 1);
	check_same(told(), 0);
	atomic_store(&conn_of(asker.fd)->parked, 1); /* that one is itself */
	check_same(told(), owner_of(asker.fd).span_id);
	atomic_store(&ta_runtime.parked, 2);
	check_same(told(), 0);
	atomic_store(&conn_of(asker.fd)->parked, 0);
	nobody_parked();
	check_same(told(), owner_of(asker.fd).span_id);
	hang_up(asker);
}

static void another_thread(void)
{
	struct ends asker = asked(LONG);

	atomic_store(&ta_runtime.threaded, true);
	check_same(told(), 0);
	check(!thread->watched, "watched for nothing");
	atomic_store(&ta_runtime.threaded, false);
	hang_up(asker);
}

/* ---- several at a time ---- */

static uint32_t fans_out(void)
{
	return atomic_exchange(&ta_runtime.segment->fans_out, 0);
}

/* As many are expected by what a thread does that has nobody watching it; in a loop or not. */
static void expects(const struct ta_owner *owner, int change, bool in_loop)
{
	thread->looped = in_loop;
	thread->watched = false;
	ta_cause_expects(thread, owner, change);
	thread->looped = true;
}

static void several_answers(void)
{
	struct ends asker = asked(LONG);
	struct ta_owner owner = owner_of(asker.fd);

	expects(&owner, 1, true);
	check_same(fans_out(), 0); /* one */
	expects(&owner, 1, false);
	check_same(fans_out(), 0); /* not by a loop */
	expects(&owner, -1, true);
	check_same(fans_out(), 0);
	expects(&owner, 1, true);
	check_same(fans_out(), 1);
	expects(&owner, -1, true);
	expects(&owner, -1, true);
	expects(&owner, -1, true); /* one too many */
	check_same(conn_of(asker.fd)->asking_open, 0);
	expects(&owner, 1, true);
	check_same(fans_out(), 0);
	hang_up(asker);
}

static void of_one_request(void)
{
	struct ends asker = asked(LONG);
	struct ta_owner first = owner_of(asker.fd), second = first, nobody = first, left = first;

	second.span_id++;
	nobody.kind = TA_OWNER_UNIT;
	left.generation++;
	expects(&first, 1, true);
	expects(&nobody, 1, true);
	expects(&left, 1, true);
	check_same(fans_out(), 0);
	check_same(conn_of(asker.fd)->asking_open, 1);
	expects(&second, -1, true); /* an answer to another request of it, that comes late */
	check_same(conn_of(asker.fd)->asking_span, first.span_id);
	check_same(conn_of(asker.fd)->asking_open, 1);
	expects(&second, 1, true);
	check_same(fans_out(), 0);
	check_same(conn_of(asker.fd)->asking_open, 1);
	expects(&second, 1, true);
	check_same(fans_out(), 1);
	hang_up(asker);
}

/* Whoever they are for: what is asked for nobody that is known counts, too. */
static void more_answers_than_requests(void)
{
	struct ta_owner nobody = { .kind = TA_OWNER_NOBODY };
	int32_t before = atomic_exchange(&ta_runtime.unanswered, 2);

	thread->watched = true;
	ta_cause_expects(thread, &nobody, -1); /* asked before it was watched */
	ta_cause_expects(thread, &nobody, 1);
	ta_cause_expects(thread, &nobody, 1);
	check_same(fans_out(), 0);
	ta_cause_expects(thread, &nobody, -1);
	ta_cause_expects(thread, &nobody, 1);
	check_same(fans_out(), 0);
	ta_cause_expects(thread, &nobody, 1);
	check_same(fans_out(), 1);
	for (int i = 0; i < 3; i++)
		ta_cause_expects(thread, &nobody, -1);
	check_same(thread->cause.asked, 0);
	atomic_store(&ta_runtime.unanswered, before);
}

/* An answer may have let somebody else's call go, which had no room; a request cannot. */
static void room_for_others(void)
{
	struct ends asker = asked_first(), upstream = answer_for(asker);
	int32_t before = atomic_exchange(&ta_runtime.unanswered, 2);
	struct ta_owner owner = owner_of(asker.fd);

	check_same(told_of_touched(upstream, false, owner), owner.span_id);
	atomic_store(&ta_runtime.segment->fans_out, 1);
	check_same(told_of_touched(upstream, false, owner), 0);
	atomic_store(&ta_runtime.unanswered, 1);
	check_same(told_of_touched(upstream, false, owner), owner.span_id);
	atomic_store(&ta_runtime.unanswered, before);
	conn_of(upstream.fd)->side = TA_SIDE_SERVER;
	hang_up(upstream);
	hang_up(asker);
	asker = asked(LONG);
	before = atomic_exchange(&ta_runtime.unanswered, 2);
	check_same(told(), owner_of(asker.fd).span_id);
	atomic_store(&ta_runtime.unanswered, before);
	fans_out();
	hang_up(asker);
}

int main(void)
{
	core_start();
	if (!TA_KNOWS_ALONE)
		check_skip("it is not known here whether there is another thread");
	ta_runtime.http = true;
	thread = ta_thread_self();
	check_group("one event", one_event);
	check_group("watched from then on", watched_from_then_on);
	check_group("other events", other_events);
	check_group("nothing has joined", nothing_has_joined);
	check_group("the first wait", the_first_wait);
	check_group("other data", other_data);
	check_group("timers", timers);
	check_group("timers that are due", timers_that_are_due);
	check_group("reckoned from the last look", reckoned_from_the_last_look);
	check_group("bytes of another", bytes_of_another);
	check_group("no bytes", no_bytes);
	check_group("gone", gone);
	check_group("beyond the pool", beyond_the_pool);
	check_group("not one request", not_one_request);
	check_group("answered", answered);
	check_group("streams", streams);
	check_group("answers", answers);
	check_group("others could go on", others_could_go_on);
	check_group("another thread", another_thread);
	check_group("several answers", several_answers);
	check_group("of one request", of_one_request);
	check_group("more answers than requests", more_answers_than_requests);
	check_group("room for others", room_for_others);
	return check_status();
}
