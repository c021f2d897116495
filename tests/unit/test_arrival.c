/* SPDX-License-Identifier: MIT */
/*
 * test_arrival.c - requests found again by the traceparent that they came with: one rule of
 * core/arrival.h after the other.
 */
#include "runtime/core/arrival.h"

#include "runtime/core/arena.h"
#include "runtime/core/company.h"
#include "runtime/core/conn.h"
#include "runtime/core/conn_hold.h"
#include "runtime/protocol/traceparent.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define ROOM 8u /* for those that came from one caller */
#define TRACE_HI 0x0af7651916cd43ddull
#define TRACE_LO 0x8448eb211c80319cull
#define CALLER 0xb7ad6b7169203331ull
#define INDEX 5u
#define GENERATION 77u

static struct ta_context came(uint64_t trace_lo, uint64_t caller, uint64_t span_id)
{
	return (struct ta_context){
		.trace_hi = TRACE_HI, .trace_lo = trace_lo, .parent_id = caller, .span_id = span_id
	};
}

static const struct ta_conn *conn_at(uint32_t index, uint32_t generation)
{
	atomic_store(&ta_arena.conns[index].state, (uint64_t)generation << 32 | TA_CONN_LIVE);
	return &ta_arena.conns[index];
}

static void keep(const struct ta_context *context)
{
	ta_arrival_keep(conn_at(INDEX, GENERATION), context);
}

/* The head that a proxy makes of what it got. */
static struct ta_http1_head handed_on(uint64_t trace_hi, uint64_t trace_lo, uint64_t caller)
{
	struct ta_http1_head head = { .traceparent_count = 1,
				      .traceparent_len = TA_TRACEPARENT_BYTES };
	struct ta_traceparent parent = { .trace_hi = trace_hi,
					 .trace_lo = trace_lo,
					 .span_id = caller };
	char text[TA_TRACEPARENT_BYTES + 1];

	ta_traceparent_format(&parent, text);
	memcpy(head.traceparent, text, TA_TRACEPARENT_BYTES);
	return head;
}

/* Span id of the request that such a head is sent for, 0 when that is not told. */
static uint64_t found(uint64_t trace_hi, uint64_t trace_lo, uint64_t caller)
{
	struct ta_http1_head head = handed_on(trace_hi, trace_lo, caller);
	struct ta_owner owner = { .span_id = 0 };

	return ta_arrival_of(&head, &owner) ? owner.span_id : 0;
}

static void hands_on(uint32_t value)
{
	atomic_store(&ta_runtime.segment->hands_on, value);
}

/* ---- groups ---- */

/* A program that hands nothing on pays nothing; its first such head says that it does. */
static void only_where_headers_go_on(void)
{
	struct ta_context first = came(TRACE_LO, CALLER, 1), second = came(TRACE_LO, CALLER, 2);

	hands_on(0);
	keep(&first);
	check_same(atomic_load(&ta_company_count), 0);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 0);
	check_same(atomic_load(&ta_runtime.segment->hands_on), 1);
	keep(&second);
	check_same(atomic_load(&ta_company_count), 1);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 2);
	ta_arrival_drop(&second);
}

static void heads_without_a_traceparent(void)
{
	struct ta_http1_head head = handed_on(TRACE_HI, TRACE_LO, CALLER);
	struct ta_context context = came(TRACE_LO, CALLER, 1);
	struct ta_owner owner;

	hands_on(1);
	keep(&context);
	check(ta_arrival_of(&head, &owner), "not found");
	head.traceparent_count = 0;
	check(!ta_arrival_of(&head, &owner), "there is none");
	head.traceparent_count = 2;
	check(!ta_arrival_of(&head, &owner), "there are two");
	head.traceparent_count = 1;
	head.traceparent[3] = 'x';
	check(!ta_arrival_of(&head, &owner), "it is not valid");
	hands_on(0);
	check(!ta_arrival_of(&head, &owner), "it is not valid");
	check_same(atomic_load(&ta_runtime.segment->hands_on), 0);
	hands_on(1);
	ta_arrival_drop(&context);
}

static void whose_it_is(void)
{
	struct ta_http1_head head = handed_on(TRACE_HI, TRACE_LO, CALLER);
	struct ta_context context = came(TRACE_LO, CALLER, 0x1234567890abcdefull);
	struct ta_owner owner = { .kind = TA_OWNER_NOBODY };

	keep(&context);
	check(ta_arrival_of(&head, &owner), "not found");
	check_same(owner.kind, TA_OWNER_REQUEST);
	check_same(owner.index, INDEX);
	check_same(owner.generation, GENERATION);
	check_same(owner.span_id, context.span_id);
	ta_arrival_drop(&context);
}

static void until_it_is_answered(void)
{
	struct ta_context context = came(TRACE_LO, CALLER, 1), other = came(TRACE_LO, CALLER, 2);

	keep(&context);
	ta_arrival_drop(&other); /* that one is not in it */
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 1);
	check_same(atomic_load(&ta_company_count), 1);
	ta_arrival_drop(&context);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 0);
	check_same(atomic_load(&ta_company_count), 0);
	ta_arrival_drop(&context);
	check_same(atomic_load(&ta_company_count), 0);
}

static void another_traceparent(void)
{
	struct ta_context context = came(TRACE_LO, CALLER, 1);

	keep(&context);
	check_same(found(TRACE_HI + 1, TRACE_LO, CALLER), 0);
	check_same(found(TRACE_HI, TRACE_LO + 1, CALLER), 0);
	for (uint64_t caller = CALLER + 1; caller < CALLER + 20000; caller++)
		check_same(found(TRACE_HI, TRACE_LO, caller), 0);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 1);
	ta_arrival_drop(&context);
}

static void two_with_the_same(void)
{
	struct ta_context one = came(TRACE_LO, CALLER, 1), other = came(TRACE_LO, CALLER, 2);

	keep(&one);
	keep(&other);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 0);
	ta_arrival_drop(&one);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 2);
	ta_arrival_drop(&other);
}

/* Traces of one caller share a set.  Who found no room is not found, and neither is whoever
 * came with the same: there is one of them in the table, but two are open. */
static void no_room(void)
{
	struct ta_context late = came(TRACE_LO, CALLER, 100),
			  same = came(TRACE_LO + 3, CALLER, 101);

	for (uint64_t at = 1; at <= ROOM; at++) {
		struct ta_context context = came(TRACE_LO + at, CALLER, at);

		keep(&context);
	}
	keep(&late);
	check_same(atomic_load(&ta_company_count), ROOM);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 0);
	check_same(found(TRACE_HI, TRACE_LO + 3, CALLER), 3);
	keep(&same);
	check_same(found(TRACE_HI, TRACE_LO + 3, CALLER), 0);
	check_same(found(TRACE_HI, TRACE_LO + 4, CALLER), 4);
	ta_arrival_drop(&late);
	check_same(atomic_load(&ta_company_count), ROOM);
	for (uint64_t at = 1; at <= ROOM; at++) {
		struct ta_context context = came(TRACE_LO + at, CALLER, at);

		ta_arrival_drop(&context);
	}
	for (uint64_t at = 1; at <= ROOM; at++) { /* what was said of the place is forgotten */
		struct ta_context context = came(TRACE_LO + at, CALLER, at);

		keep(&context);
		check_same(found(TRACE_HI, TRACE_LO + at, CALLER), at);
	}
	for (uint64_t at = 1; at <= ROOM; at++) {
		struct ta_context context = came(TRACE_LO + at, CALLER, at);

		ta_arrival_drop(&context);
	}
	check_same(atomic_load(&ta_company_count), 0);
}

/* Callers have places of their own: hundreds of requests are told apart at a time. */
static void many_callers(void)
{
	for (uint64_t at = 1; at <= 500; at++) {
		struct ta_context context = came(TRACE_LO, CALLER + at, at);

		keep(&context);
	}
	for (uint64_t at = 1; at <= 500; at++) {
		struct ta_context context = came(TRACE_LO, CALLER + at, at);

		check_same(found(TRACE_HI, TRACE_LO, CALLER + at), at);
		ta_arrival_drop(&context);
	}
	check_same(atomic_load(&ta_company_count), 0);
}

/* As another thread leaves it in the middle of its work. */
static void half_an_entry(void)
{
	struct ta_context context = came(TRACE_LO, CALLER, 0xabcdef),
			  other = came(TRACE_LO + 1, CALLER, 2);
	struct ta_arrival *entry = ta_arena.arrivals;

	keep(&context);
	while (atomic_load(&entry->span_id) != context.span_id)
		entry++;
	atomic_store(&entry->span_id, UINT64_MAX);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), 0);
	keep(&other);
	check_same(found(TRACE_HI, TRACE_LO + 1, CALLER), 2);
	check_same(atomic_load(&entry->span_id), UINT64_MAX);
	ta_arrival_drop(&other);
	atomic_store(&entry->span_id, context.span_id);
	check_same(found(TRACE_HI, TRACE_LO, CALLER), context.span_id);
	ta_arrival_drop(&context);
}

/* ---- at the same time ---- */

#define TURNS (4000000u / CORE_SLOW)

static atomic_bool over;

/* Requests that come and go with one traceparent; each says by its connection which it is. */
static void come_and_go(void *unused)
{
	(void)unused;
	for (uint64_t at = 1; at <= TURNS; at++) {
		struct ta_context context = came(TRACE_LO, CALLER, at);

		ta_arrival_keep(&ta_arena.conns[at % 64], &context);
		ta_arrival_drop(&context);
	}
	atomic_store(&over, true);
}

static void whole_copies_only(void)
{
	struct ta_http1_head head = handed_on(TRACE_HI, TRACE_LO, CALLER);
	struct core_thread thread;
	struct ta_owner owner;
	unsigned long seen = 0;

	for (uint32_t index = 0; index < 64; index++)
		conn_at(index, index + 1);
	core_thread_start(&thread, come_and_go, NULL);
	while (!atomic_load(&over))
		if (ta_arrival_of(&head, &owner)) {
			seen++;
			check_same(owner.index, owner.span_id % 64);
			check_same(owner.generation, owner.index + 1);
		}
	core_thread_join(&thread);
	printf("# seen %lu times\n", seen);
	check_same(atomic_load(&ta_company_count), 0);
}

int main(void)
{
	core_start();
	check_group("only where headers go on", only_where_headers_go_on);
	check_group("heads without a traceparent", heads_without_a_traceparent);
	check_group("whose it is", whose_it_is);
	check_group("until it is answered", until_it_is_answered);
	check_group("another traceparent", another_traceparent);
	check_group("two with the same", two_with_the_same);
	check_group("no room", no_room);
	check_group("many callers", many_callers);
	check_group("half an entry", half_an_entry);
	check_group("whole copies only", whole_copies_only);
	return check_status();
}
