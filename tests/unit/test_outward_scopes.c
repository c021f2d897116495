/* SPDX-License-Identifier: MIT */
/*
 * test_outward_scopes.c - a call's scopes are those of the request that it is for, whatever else the
 * thread is at work on when it goes out; and nobody's where that is not known.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/core/client.h"
#include "runtime/core/fd.h"
#include "runtime/core/now.h"
#include "runtime/core/outward.h"
#include "runtime/core/runtime.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

static struct ta_thread *thread;

struct end {
	int pair[2];
	uint64_t word;
};

static void told(void (*tell)(uint64_t, const struct iovec *, int, uint64_t), const struct end *end,
		 const char *text)
{
	struct iovec piece = { (void *)(uintptr_t)text, strlen(text) };

	tell(end->word, &piece, 1, piece.iov_len);
}

static void make(struct end *end)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, end->pair) != 0)
		abort();
}

static void forget(const struct end *end)
{
	ta_fd_forget(end->pair[0]);
	close(end->pair[0]);
	close(end->pair[1]);
}

/* A request with a tag of its own. */
static struct ta_versions asked(struct end *end, const char *tag)
{
	make(end);
	ta_conn_accepted(end->pair[0], NULL, 0, 0);
	end->word = ta_fd_get(end->pair[0]);
	told(ta_conn_read, end, "GET / HTTP/1.1\r\n\r\n");
	tagalong_set_tag("request", tag);
	return ta_versions_at(thread, thread->stack->depth);
}

static void opened(struct end *end)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(80),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	make(end);
	ta_client_connect(thread, end->pair[0], (struct sockaddr *)&address, sizeof(address),
			  0, EINPROGRESS);
	end->word = ta_fd_get(end->pair[0]);
}

static const struct ta_record_span_start *started(uint8_t type)
{
	const struct ta_record_span_start *found = NULL;

	core_take();
	for (const struct ta_record *record = NULL; (record = core_next(record));)
		if (record->kind == TA_RECORD_SPAN_START &&
		    ((const struct ta_record_span_start *)(const void *)record)->type == type)
			found = (const void *)record;
	return found;
}

static void check_call(uint64_t parent, const struct ta_versions *scopes)
{
	const struct ta_record_span_start *call = started(TA_SPAN_HTTP_CLIENT);

	if (!check(call, "no call"))
		return;
	check_same(call->parent_id, parent);
	check_same(call->isolation, scopes->isolation);
	check_same(call->current, scopes->current);
}

/* The first request on it goes out while the thread is in another one already. */
static void of_who_opened(void)
{
	struct end first, second, out;
	struct ta_versions of_first = asked(&first, "first"), of_second;
	uint64_t parent = ta_context_active(thread)->span_id;

	opened(&out);
	of_second = asked(&second, "second");
	check(of_first.isolation != of_second.isolation, "one scope for both");
	core_skip();
	told(ta_conn_wrote, &out, "GET /out HTTP/1.1\r\nHost: there\r\n\r\n");
	check_call(parent, &of_first);
	forget(&first);
	forget(&second);
	forget(&out);
	core_skip();
}

static void answer_and_go_on(void *end)
{
	told(ta_conn_wrote, end, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	told(ta_conn_read, end, "GET / HTTP/1.1\r\n\r\n");
	tagalong_set_tag("request", "next");
}

/* Another thread answers, and reads the next one, before all of what is asked is written. */
static void of_who_was_answered(void)
{
	struct end request, out;
	struct ta_versions scopes = asked(&request, "first");
	uint64_t parent = ta_context_active(thread)->span_id;

	opened(&out);
	told(ta_conn_wrote, &out, "GET /out HTTP/1.1\r\n");
	core_in_thread(answer_and_go_on, &request);
	core_skip();
	told(ta_conn_wrote, &out, "Host: there\r\n\r\n");
	check_call(parent, &scopes);
	forget(&request);
	forget(&out);
	core_skip();
}

/* A guess: the thread has slept in the middle of a request. */
static void of_nobody(void)
{
	struct end request, out;
	struct ta_versions scopes = ta_versions_at(thread, 0), of_request = asked(&request, "perhaps");
	const struct ta_record_span_start *call;

	thread->doubt = true;
	opened(&out);
	core_skip();
	told(ta_conn_wrote, &out, "GET /out HTTP/1.1\r\nHost: there\r\n\r\n");
	call = started(TA_SPAN_HTTP_CLIENT);
	if (check(call, "no call")) {
		check(call->isolation != of_request.isolation, "a guess's");
		check_same(call->isolation, scopes.isolation);
	}
	thread->doubt = false;
	ta_unit_leave(thread);
	forget(&request);
	forget(&out);
	core_skip();
}

/* What it began with is somebody's, and it has waited for work since. */
static void work_of_nobody(void *isolation)
{
	struct ta_owner nobody = { .kind = TA_OWNER_NOBODY };
	struct ta_thread *own = ta_thread_self();

	((uint64_t *)isolation)[0] = ta_outward_scopes(own, &nobody).isolation;
	own->idled = true;
	((uint64_t *)isolation)[1] = ta_outward_scopes(own, &nobody).isolation;
}

static void of_a_thread_born_at_work(void)
{
	struct end request;
	struct ta_versions scopes = asked(&request, "who started it");
	uint64_t isolation[2] = { 0, 1 };

	core_in_thread(work_of_nobody, isolation);
	check_same(isolation[0], scopes.isolation);
	check_same(isolation[1], 0);
	forget(&request);
	core_skip();
}

/* The program's word comes first. */
static void of_a_block(void)
{
	struct end request, out;
	struct ta_versions scopes = asked(&request, "of all");
	tagalong_span_t block;

	opened(&out);
	block = tagalong_span_begin("block", NULL);
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "part", "of the block");
	check(scopes.current != ta_versions_at(thread, thread->stack->depth).current, "no scope of its own");
	scopes = ta_versions_at(thread, thread->stack->depth);
	core_skip();
	told(ta_conn_wrote, &out, "GET /out HTTP/1.1\r\nHost: there\r\n\r\n");
	check_same(tagalong_span_end(), 0);
	check_call(block.id, &scopes);
	forget(&request);
	forget(&out);
	core_skip();
}

int main(void)
{
	core_start();
	thread = ta_thread_self();
	ta_runtime.http = ta_runtime.outward = true;
	check_group("of who opened", of_who_opened);
	check_group("of who was answered", of_who_was_answered);
	check_group("of nobody", of_nobody);
	check_group("of a thread born at work", of_a_thread_born_at_work);
	check_group("of a block", of_a_block);
	return check_status();
}
