/* SPDX-License-Identifier: MIT */
/*
 * inject.c - see inject.h.
 *
 * Runs: any host thread, inside the guard.  No locks but the connection's busy bit.
 */
#include "runtime/core/inject.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/exchange.h"
#include "runtime/core/inject_stage.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"
#include "runtime/protocol/http1_step.h"
#include "runtime/protocol/traceparent.h"

#define PAGE_BYTES ((uintptr_t)4096)
#define PIECES_MAX 1024 /* the kernel takes no more (UIO_MAXIOV) */

/* ---- the header ---- */

static struct ta_injection *borrow(struct ta_conn *conn)
{
	int index = ta_pool_take(&ta_arena.injection_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_INJECT);
		return NULL;
	}
	conn->injection = &ta_arena.injections[index];
	conn->injection->bytes = conn->injection->sent = 0;
	ta_loan_begin(&conn->injection->loan);
	return conn->injection;
}

static void give(struct ta_injection *injection)
{
	ta_pool_give(&ta_arena.injection_pool, (uint32_t)(injection - ta_arena.injections));
}

void ta_inject_give_back(struct ta_conn *conn)
{
	if (conn->injection && ta_loan_take_back(&conn->injection->loan))
		give(conn->injection);
	conn->injection = NULL;
	ta_stage_give_back(conn);
}

static void put(struct ta_injection *injection, const char *text, size_t bytes)
{
	memcpy(injection->text + injection->bytes, text, bytes);
	injection->bytes += (uint32_t)bytes;
}

static void put_field(struct ta_injection *injection, const char *name, const char *value,
		      size_t bytes)
{
	size_t name_bytes = strlen(name);

	if (bytes == 0 ||
	    name_bytes + bytes + 4 > sizeof(injection->text) - injection->bytes)
		return;
	put(injection, name, name_bytes);
	put(injection, ": ", 2);
	put(injection, value, bytes);
	put(injection, "\r\n", 2);
}

/* Whose trace it is, and for which request: that of a unit is a guess, and said only where
 * guesses of its kind have proved right. */
static uint64_t find_trace(const struct ta_conn *conn, struct ta_context *ret_trace)
{
	const struct ta_owner *owner = &conn->next.owner;
	const struct ta_unit *unit =
		owner->kind == TA_OWNER_UNIT ? ta_unit_of(owner) : NULL;

	*ret_trace = conn->next.context;
	if (unit == NULL)
		return owner->kind == TA_OWNER_REQUEST ? owner->span_id : 0;
	if (unit->link.span_id == 0 || !ta_guess_is_believed((enum ta_guess)unit->guess))
		return 0;
	ret_trace->trace_hi = unit->link.trace_hi;
	ret_trace->trace_lo = unit->link.trace_lo;
	ret_trace->flags = unit->link.flags;
	return unit->link.span_id;
}

static void put_all(struct ta_injection *injection, const struct ta_http1_head *head,
		    const struct ta_context *trace)
{
	struct ta_traceparent parent = { .trace_hi = trace->trace_hi,
					 .trace_lo = trace->trace_lo,
					 .span_id = trace->span_id,
					 .flags = trace->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1 };
	const struct ta_company_copy *company = &injection->company;
	uint8_t propagators = ta_runtime.propagators;
	char value[TA_TRACEPARENT_BYTES + 1];

	if (head->traceparent_count == 0 && propagators & TA_PROPAGATOR_TRACECONTEXT) {
		ta_traceparent_format(&parent, value);
		put_field(injection, "traceparent", value, TA_TRACEPARENT_BYTES);
		if (head->tracestate_count == 0)
			put_field(injection, "tracestate", company->text,
				  company->tracestate_bytes);
	}
	if (head->baggage_count == 0)
		put_field(injection, "baggage", company->text + TA_HTTP1_TRACESTATE_MAX,
			  company->baggage_bytes);
	if (head->sentry_trace_count == 0 && propagators & TA_PROPAGATOR_SENTRY) {
		ta_sentry_trace_format(&parent, value);
		put_field(injection, "sentry-trace", value, TA_SENTRY_TRACE_BYTES);
	}
}

/* NULL: there is nothing to be put in. */
static struct ta_injection *make(struct ta_conn *conn, const struct ta_http1_head *head)
{
	struct ta_injection *injection = borrow(conn);
	struct ta_context trace;

	if (injection == NULL)
		return NULL;
	ta_company_of(find_trace(conn, &trace), &trace, &injection->company);
	put_all(injection, head, &trace);
	if (injection->bytes)
		return injection;
	conn->injection = NULL;
	give(injection);
	return NULL;
}

/* ---- to whom ---- */

static bool is_private_4(const uint8_t *at)
{
	return at[0] == 127 || at[0] == 10 || (at[0] == 172 && (at[1] & 0xf0) == 16) ||
	       (at[0] == 192 && at[1] == 168) || (at[0] == 169 && at[1] == 254);
}

static bool is_private_6(const uint8_t *at)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (memcmp(at, mapped, sizeof(mapped)) == 0)
		return is_private_4(at + 12);
	return memcmp(at, loopback, sizeof(loopback)) == 0 || (at[0] & 0xfe) == 0xfc ||
	       (at[0] == 0xfe && (at[1] & 0xc0) == 0x80);
}

/* Strangers are not told of traces unless they are meant to. */
static bool is_meant(const struct ta_conn *conn)
{
	struct sockaddr_in6 address = { 0 };

	if (ta_runtime.propagate_to_all)
		return true;
	memcpy(&address, conn->peer, conn->peer_bytes < sizeof(address) ? conn->peer_bytes :
									  sizeof(address));
	if (address.sin6_family == AF_INET)
		return is_private_4((const uint8_t *)&((const struct sockaddr_in *)(void *)&address)
					    ->sin_addr);
	return address.sin6_family != AF_INET6 || is_private_6(address.sin6_addr.s6_addr);
}

/* ---- where it goes ---- */

struct probe {
	struct ta_http1 parser;
	uint64_t at;	/* bytes looked at */
	char last[2];	/* the two bytes before */
	bool found;	/* a head ends at `at` */
};

static void remember(struct probe *probe, const char *data, size_t used)
{
	if (used == 0)
		return;
	probe->last[0] = used > 1 ? data[used - 2] : probe->last[1];
	probe->last[1] = data[used - 1];
}

/* Bytes that can be read; false: nothing more is to be found. */
static bool look(struct probe *probe, struct ta_http1_head *head, const char *data, size_t bytes)
{
	enum ta_http1_event event = TA_HTTP1_STARTED;

	while (bytes > 0 && event != TA_HTTP1_MORE) {
		size_t used = ta_http1_feed(&probe->parser, head, data, bytes, &event);

		remember(probe, data, used);
		probe->at += used;
		data += used;
		bytes -= used;
		probe->found = event == TA_HTTP1_HEAD;
		if (probe->found || event == TA_HTTP1_BROKEN || event == TA_HTTP1_TUNNEL)
			return false;
	}
	return true;
}

/* A body passes unseen. */
static uint64_t pass_body(struct probe *probe, uint64_t bytes)
{
	uint64_t left = ta_http1_body_left(&probe->parser);
	enum ta_http1_event event;

	if (left > bytes)
		left = bytes;
	if (left)
		left = ta_http1_skip(&probe->parser, left, &event);
	probe->at += left;
	return left;
}

bool ta_inject_plausible(const void *memory, uint64_t bytes)
{
	static const uintptr_t first = 4096, last = (uintptr_t)1 << 47;
	uintptr_t at = (uintptr_t)memory;

	return bytes == 0 || (at >= first && at < last && bytes <= last - at);
}

/* Nonsense is the kernel's to answer: it is asked whether it can read that page.  The call
 * does nothing, because there is no such thing to do with a mask. */
static bool is_readable(const void *memory)
{
	uintptr_t word = (uintptr_t)memory & ~(uintptr_t)7;

	return ta_sys(SYS_rt_sigprocmask, -1, word, 0, 8) == -EINVAL;
}

bool ta_inject_readable(const void *memory, uint64_t bytes)
{
	const char *at = memory, *end = at + bytes;

	if (!ta_inject_plausible(memory, bytes) ||
	    atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return false;
	for (; at < end; at = (const char *)(((uintptr_t)at & ~(PAGE_BYTES - 1)) + PAGE_BYTES))
		if (!is_readable(at))
			return false;
	return true;
}

/* One piece of the program's, a page at a time, as far as there is something to be seen. */
static bool look_at_piece(struct probe *probe, struct ta_http1_head *head,
			  const struct iovec *piece)
{
	const char *at = piece->iov_base;
	uint64_t left = piece->iov_len;

	if (!ta_inject_plausible(at, left))
		return false;
	while (left > 0) {
		uint64_t bytes = pass_body(probe, left);

		if (bytes == 0) {
			bytes = PAGE_BYTES - ((uintptr_t)at & (PAGE_BYTES - 1));
			bytes = bytes < left ? bytes : left;
			if (!is_readable(at) || !look(probe, head, at, bytes))
				return false;
		}
		at += bytes;
		left -= bytes;
	}
	return true;
}

/* The first bytes of a connection. */
static bool begins_http(const struct ta_conn *conn, const struct iovec *iov, int iov_count)
{
	char text[TA_CONN_PREFIX_MAX];
	size_t bytes = conn->prefix_bytes;

	memcpy(text, conn->prefix, bytes);
	for (int piece = 0; piece < iov_count && bytes < sizeof(text); piece++) {
		size_t part = sizeof(text) - bytes;

		part = part < iov[piece].iov_len ? part : iov[piece].iov_len;
		if (!ta_inject_readable(iov[piece].iov_base, part))
			return false;
		memcpy(text + bytes, iov[piece].iov_base, part);
		bytes += part;
	}
	return ta_http1_recognise(text, bytes) == 1;
}

static bool is_http(const struct ta_conn *conn, const struct iovec *iov, int iov_count)
{
	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return false;
	if (conn->mode == TA_CONN_HTTP)
		return !conn->tunnel;
	return conn->mode == TA_CONN_NEW && ta_runtime.http && begins_http(conn, iov, iov_count);
}

/* What earlier writes have shown of the head goes on in the scratch: its flags and counts,
 * no texts.  False: a head is not to be found. */
static bool begin_probe(struct ta_conn *conn, struct ta_http1_head *scratch, struct probe *probe)
{
	*probe = (struct probe){ .parser = conn->in };
	memset(scratch, 0, offsetof(struct ta_http1_head, method));
	if (conn->mode == TA_CONN_NEW) {
		ta_http1_init(&probe->parser, TA_HTTP1_REQUEST);
		if (!look(probe, scratch, conn->prefix, conn->prefix_bytes))
			return false;
		probe->at = 0;
	} else if (conn->head) {
		memcpy(scratch, conn->head, offsetof(struct ta_http1_head, method));
	}
	if (ta_http1_in_empty_line(&probe->parser))
		probe->last[1] = '\r';
	return true;
}

static bool wants_header(const struct ta_http1_head *head)
{
	return head->version_minor <= 1 && !(head->flags & TA_HTTP1_IS_CONNECT);
}

/* Before the empty line, which is the last line of the head. */
static bool place(const struct probe *probe, uint64_t *ret_at)
{
	uint64_t line = probe->last[0] == '\r' ? 2 : 1;

	if (!probe->found || probe->at < line)
		return false;
	*ret_at = probe->at - line;
	return true;
}

/* ---- handed on ---- */

/* Whether the traceparent in the head is the one that the request came with for which this
 * one is sent. */
static bool is_handed_on(const struct ta_conn *conn, const struct ta_http1_head *head)
{
	const struct ta_owner *owner = &conn->next.owner;
	const struct ta_context *request =
		owner->kind == TA_OWNER_REQUEST && head->traceparent_count == 1 ?
			ta_conn_context(owner->index, owner->generation, owner->span_id) :
			NULL;
	struct ta_traceparent parent;

	return request && request->parent_id &&
	       ta_traceparent_parse(head->traceparent, head->traceparent_len, &parent) &&
	       parent.span_id == request->parent_id && parent.trace_hi == request->trace_hi &&
	       parent.trace_lo == request->trace_lo;
}

/* Where it stands, if it is whole in one of the pieces; UINT64_MAX: nowhere. */
static uint64_t find_value(const struct iovec *iov, int iov_count, uint64_t head_bytes,
			   const struct ta_http1_head *head)
{
	uint64_t passed = 0;

	for (int piece = 0; piece < iov_count && passed < head_bytes; piece++) {
		uint64_t left = head_bytes - passed;
		size_t bytes = iov[piece].iov_len < left ? iov[piece].iov_len : left;
		const char *data = iov[piece].iov_base;
		const char *found = memmem(data, bytes, head->traceparent, TA_TRACEPARENT_BYTES);

		if (found)
			return passed + (uint64_t)(found - data);
		passed += iov[piece].iov_len;
	}
	return UINT64_MAX;
}

static bool plan_replacement(struct ta_conn *conn, const struct iovec *iov, int iov_count,
			     uint64_t head_bytes, const struct ta_http1_head *head,
			     struct ta_inject_plan *ret_plan)
{
	const struct ta_context *context = &conn->next.context;
	struct ta_traceparent own = { .trace_hi = context->trace_hi,
				      .trace_lo = context->trace_lo,
				      .span_id = context->span_id,
				      .flags = context->flags & TA_SPAN_NOT_SAMPLED ? 0 : 1 };
	uint64_t at = head->traceparent_len == TA_TRACEPARENT_BYTES && is_handed_on(conn, head) ?
			      find_value(iov, iov_count, head_bytes, head) :
			      UINT64_MAX;
	struct ta_injection *injection = at == UINT64_MAX ? NULL : borrow(conn);

	if (injection == NULL)
		return false;
	ta_traceparent_format(&own, injection->text);
	injection->bytes = TA_TRACEPARENT_BYTES;
	*ret_plan = (struct ta_inject_plan){ .at = at, .what = injection, .replaces = true };
	return true;
}

static bool plan(struct ta_conn *conn, struct ta_thread *thread, bool plain,
		 const struct iovec *iov, int iov_count, struct ta_inject_plan *ret_plan)
{
	struct probe probe;

	if (!begin_probe(conn, &thread->head, &probe))
		return false;
	for (int piece = 0; piece < iov_count; piece++)
		if (!look_at_piece(&probe, &thread->head, &iov[piece]))
			break;
	if (!probe.found || !wants_header(&thread->head) || !ta_exchange_prepare(conn, thread))
		return false;
	if (thread->head.traceparent_count == 1 && conn->head == NULL) /* or its text is elsewhere */
		ta_exchange_by_head(conn, thread, &thread->head);
	if (!plain && plan_replacement(conn, iov, iov_count, probe.at, &thread->head, ret_plan))
		return true;
	ret_plan->replaces = false;
	if (!place(&probe, &ret_plan->at)) {
		ta_lost(TA_LOSS_INJECT);
		return false;
	}
	ret_plan->what = make(conn, &thread->head);
	return ret_plan->what != NULL;
}

static bool may_carry(const struct ta_conn *conn, bool plain)
{
	return conn->owner == ta_runtime.proc_id && conn->tls == plain && !conn->bound &&
	       is_meant(conn);
}

bool ta_inject_plan_held(struct ta_conn *conn, struct ta_thread *thread, bool plain,
			 const struct iovec *iov, int iov_count, struct ta_inject_plan *ret_plan)
{
	return !(conn->next_ready && conn->next.injected) && may_carry(conn, plain) &&
	       is_http(conn, iov, iov_count) &&
	       plan(conn, thread, plain, iov, iov_count, ret_plan);
}

bool ta_inject_plan(uint64_t word, const struct iovec *iov, int iov_count,
		    struct ta_inject_plan *ret_plan)
{
	struct ta_thread *thread = ta_thread_self();
	bool sane = iov_count > 0 && iov_count <= PIECES_MAX &&
		    ta_inject_readable(iov, (uint64_t)iov_count * sizeof(*iov));
	struct ta_conn *conn = thread && sane ? ta_conn_hold(word) : NULL;
	bool planned = false;

	if (conn == NULL)
		return false;
	if (conn->injection) {
		*ret_plan = (struct ta_inject_plan){ .at = 0, .what = conn->injection };
		planned = ta_loan_use(&conn->injection->loan);
	} else {
		planned = ta_inject_plan_held(conn, thread, false, iov, iov_count, ret_plan);
	}
	ta_conn_release(conn);
	return planned;
}

void ta_inject_drop(struct ta_conn *conn)
{
	give(conn->injection);
	conn->injection = NULL;
}

bool ta_inject_pending(uint64_t word, struct ta_inject_plan *ret_plan)
{
	struct ta_conn *conn = ta_conn_hold(word);
	bool pending;

	if (conn == NULL)
		return false;
	pending = conn->injection && ta_loan_use(&conn->injection->loan);
	if (pending)
		*ret_plan = (struct ta_inject_plan){ .at = 0, .what = conn->injection };
	ta_conn_release(conn);
	return pending;
}

/* ---- what became of it ---- */

enum became { WENT_OUT, UNDECIDED, FAILED };

/* The call is over; keep: a part of it is out.  If the connection has ended meanwhile, or
 * nothing is to be kept, it goes back. */
static void put_down(uint64_t word, struct ta_injection *what, bool keep, enum became became)
{
	struct ta_conn *conn = ta_conn_hold(word);
	struct ta_thread *thread = ta_tls.thread;
	bool mine = conn && conn->injection == what;

	if (!keep)
		what->bytes = what->sent = 0;
	/* Where the connection could not be had in time it keeps them. */
	if ((mine && !keep) || !ta_loan_put_down(&what->loan)) {
		if (mine)
			conn->injection = NULL;
		give(what);
	}
	if (mine && became == WENT_OUT)
		conn->next.injected = true;
	if (mine && became == FAILED && thread)
		ta_exchange_forget(conn, thread);
	if (conn)
		ta_conn_release(conn);
}

uint64_t ta_inject_took(uint64_t word, const struct ta_inject_plan *plan, uint64_t bytes)
{
	struct ta_injection *what = plan->what;
	uint32_t left = what->bytes - what->sent;

	if (plan->replaces) {
		/* What is not out goes with the program's next write as it is: a valid value still, of
		 * the same trace. */
		put_down(word, what, false, UNDECIDED);
		return bytes;
	}
	if (bytes >= plan->at + left) {
		put_down(word, what, false, WENT_OUT);
		return bytes - left;
	}
	if (bytes > plan->at)
		what->sent += (uint32_t)(bytes - plan->at);
	/* It is made again when its place comes, if nothing of it is out. */
	put_down(word, what, what->sent > 0, UNDECIDED);
	return bytes < plan->at ? bytes : plan->at;
}

void ta_inject_failed(uint64_t word, const struct ta_inject_plan *plan)
{
	put_down(word, plan->what, plan->what->sent > 0,
		 plan->what->sent == 0 ? FAILED : UNDECIDED);
}
