/* SPDX-License-Identifier: MIT */
/*
 * http2.c - streams of HTTP/2: where they are kept, and requests that the program is asked;
 * see http2.h.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/http2.h"

#include <stddef.h>
#include <string.h>

#include "runtime/core/alone.h"
#include "runtime/core/client.h"
#include "runtime/core/clock.h"
#include "runtime/core/command.h"
#include "runtime/core/company.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"

#define GRPC_CANCELLED 1
#define GRPC_INTERNAL 13
#define GRPC_UNAVAILABLE 14
#define ERROR_CANCEL 8u /* RFC 9113, 7 */

_Static_assert(sizeof(struct ta_streams) <= TA_DIALOGUE_STATE_BYTES,
	       "it lies where a dialogue does");
_Static_assert(TA_QUEUE_LONG >= TA_HTTP2_STREAMS_MAX, "each stream has a place");

/* ---- the state ---- */

bool ta_streams_start(struct ta_conn *conn)
{
	int index = ta_pool_take(&ta_arena.dialogue_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_DIALOGUE_POOL);
		return false;
	}
	conn->dialogue = &ta_arena.dialogues[index];
	conn->dialogue->protocol = NULL;
	struct ta_streams *streams = (void *)conn->dialogue->state;

	memset((char *)streams + sizeof(streams->h2), 0, sizeof(*streams) - sizeof(streams->h2));
	ta_http2_init(&streams->h2);
	streams->neutral.isolation = ta_slot_fork(&conn->context.isolation);
	streams->neutral.current = ta_slot_fork(&conn->context.current);
	conn->request_ns = 0;
	conn->mode = TA_CONN_HTTP2;
	return true;
}

/* ---- places ---- */

static bool is_taken(const struct ta_streams *streams, uint32_t place)
{
	return streams->taken[place / 64] >> (place % 64) & 1;
}

/* The first that is free; they stay as few as were ever open at once. */
static uint32_t free_place(const struct ta_streams *streams)
{
	for (uint32_t word = 0; word < TA_QUEUE_LONG / 64; word++)
		if (~streams->taken[word])
			return word * 64 + (uint32_t)__builtin_ctzll(~streams->taken[word]);
	return TA_QUEUE_LONG;
}

static bool grow(struct ta_conn *conn)
{
	int index = conn->queue == conn->inline_queue ? ta_pool_take(&ta_arena.queue_pool) : -1;

	if (index < 0)
		return false;
	struct ta_request *queue = &ta_arena.queues[(uint32_t)index * TA_QUEUE_LONG];

	memcpy(queue, conn->inline_queue, sizeof(conn->inline_queue));
	conn->queue = queue;
	conn->queue_size = TA_QUEUE_LONG;
	return true;
}

struct ta_request *ta_streams_place(struct ta_conn *conn)
{
	struct ta_streams *streams = ta_streams_of(conn);
	uint32_t place = free_place(streams);

	if (place >= TA_QUEUE_LONG || (place >= conn->queue_size && !grow(conn)))
		return NULL;
	memset(&conn->queue[place], 0, sizeof(conn->queue[place]));
	streams->taken[place / 64] |= 1ull << (place % 64);
	streams->open++;
	streams->h2.user[streams->h2.told.slot] = place + 1;
	return &conn->queue[place];
}

struct ta_request *ta_streams_request(struct ta_conn *conn)
{
	const struct ta_http2 *h2 = &ta_streams_of(conn)->h2;
	uint64_t user = h2->told.slot < TA_HTTP2_STREAMS_MAX ? h2->user[h2->told.slot] : 0;

	return user && user <= conn->queue_size ? &conn->queue[user - 1] : NULL;
}

void ta_streams_leave(struct ta_conn *conn, struct ta_request *request)
{
	struct ta_streams *streams = ta_streams_of(conn);
	uint32_t place = (uint32_t)(request - conn->queue);

	request->context.span_id = 0;
	streams->taken[place / 64] &= ~(1ull << (place % 64));
	streams->open--;
}

void ta_streams_touched(struct ta_conn *conn, const struct ta_request *request)
{
	struct ta_streams *streams = ta_streams_of(conn);
	uint64_t span_id = request ? request->context.span_id : 0;

	if (!streams->touched_any && request)
		ta_context_set_span(&streams->touched, &request->context);
	if (span_id == 0 || streams->touched.span_id != span_id)
		streams->touched_many = true;
	streams->touched_any = true;
}

void ta_streams_touch(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_streams *streams = ta_streams_of(conn);

	if (streams == NULL)
		return;
	streams->touched_any = streams->touched_many = false;
	streams->touched.span_id = 0;
	if (streams->mover == 0)
		streams->mover = thread->index + 1;
	else if (streams->mover != thread->index + 1)
		streams->shared = true;
}

/* ---- a request arrives ---- */

static void request_arrived(struct ta_conn *conn, struct ta_thread *thread,
			    const struct ta_http1_head *head)
{
	struct ta_streams *streams = ta_streams_of(conn);
	struct ta_request *request = ta_streams_place(conn);

	conn->request_count++;
	if (request == NULL) {
		ta_lost(TA_LOSS_PIPELINE);
		streams->head_ns = 0;
		ta_streams_touched(conn, NULL);
		return;
	}
	request->flags = head->flags;
	request->start_ns = streams->head_ns ? streams->head_ns : ta_now_ns();
	streams->head_ns = 0;
	ta_http_publish(conn, thread, request, head, false);
	ta_streams_touched(conn, request);
}

/* ---- and ends ---- */

int64_t ta_streams_grpc_status(const struct ta_http2_told *told)
{
	if (told->grpc_status >= 0)
		return told->grpc_status;
	return told->error == ERROR_CANCEL ? GRPC_CANCELLED : GRPC_INTERNAL;
}

static void publish_end(struct ta_conn *conn, struct ta_thread *thread,
			const struct ta_request *request, enum ta_end_reason reason, int64_t grpc)
{
	struct ta_versions scopes = ta_versions_of(&request->context);
	struct ta_emit emit;

	if (thread == NULL || !ta_emit_span_end(&emit, thread, request->context.span_id,
						ta_now_ns(), &scopes, 3 * TA_ATTR_ROOM(8)))
		return;
	((struct ta_record_span_end *)(void *)emit.record)->reason = (uint8_t)reason;
	if (request->status)
		ta_emit_int(&emit, TA_ATTR_HTTP_STATUS, request->status);
	if (request->flags & TA_HTTP2_GRPC)
		ta_emit_int(&emit, TA_ATTR_GRPC_STATUS, grpc);
	if (conn->error && reason == TA_END_CLOSED_EARLY)
		ta_emit_int(&emit, TA_ATTR_ERRNO, conn->error);
	ta_emit_commit(&emit);
}

/* The context stays for what the program does after it. */
static void end_request(struct ta_conn *conn, struct ta_thread *thread, struct ta_request *request,
			enum ta_end_reason reason, int64_t grpc)
{
	publish_end(conn, thread, request, reason, grpc);
	ta_count32(&ta_runtime.unanswered, -1);
	ta_context_drop(&conn->served);
	conn->served = request->context;
	ta_company_drop(&conn->served);
	ta_streams_leave(conn, request);
}

static void server_event(struct ta_conn *conn, struct ta_thread *thread,
			 enum ta_http2_event event, const struct ta_http1_head *head)
{
	const struct ta_http2_told *told = &ta_streams_of(conn)->h2.told;

	if (event == TA_HTTP2_REQUEST) {
		request_arrived(conn, thread, head);
		return;
	}
	struct ta_request *request = ta_streams_request(conn);

	ta_streams_touched(conn, request);
	if (request == NULL)
		return;
	if (event != TA_HTTP2_DATA)
		request->status = told->status;
	if (event == TA_HTTP2_ENDED || event == TA_HTTP2_RESET)
		end_request(conn, thread, request,
			    event == TA_HTTP2_RESET ? TA_END_CLOSED_EARLY : TA_END_NORMAL,
			    ta_streams_grpc_status(told));
}

/* ---- bytes ---- */

static void on_event(struct ta_conn *conn, struct ta_thread *thread, enum ta_http2_event event,
		     const struct ta_http1_head *head)
{
	if (event == TA_HTTP2_BROKEN)
		ta_streams_lost(conn, thread);
	else if (event != TA_HTTP2_MORE && conn->side == TA_SIDE_CLIENT)
		ta_streams_client_event(conn, thread, event, head);
	else if (event != TA_HTTP2_MORE)
		server_event(conn, thread, event, head);
	if (event == TA_HTTP2_REQUEST)
		ta_conn_return_head(conn);
}

/* A head that is not complete waits for the next call, with the time of its first byte. */
static void keep_head(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_streams *streams = ta_streams_of(conn);

	if (streams == NULL || !ta_http2_in_head(&streams->h2))
		return;
	if (streams->head_ns == 0)
		streams->head_ns = ta_now_ns();
	if (!ta_conn_keep_head(conn, &thread->head))
		ta_streams_lost(conn, thread);
}

void ta_streams_asked(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	enum ta_http2_event event = TA_HTTP2_DATA;

	for (struct ta_streams *streams; event != TA_HTTP2_MORE && (streams = ta_streams_of(conn));) {
		struct ta_http1_head *head = conn->head ? conn->head : &thread->head;
		size_t used = ta_http2_request(&streams->h2, head, data, bytes, &event);

		data += used;
		bytes -= used;
		on_event(conn, thread, event, head);
	}
	keep_head(conn, thread);
	if (conn->side == TA_SIDE_CLIENT && conn->mode == TA_CONN_HTTP2)
		ta_streams_client_asked(conn, thread);
}

void ta_streams_answered(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes)
{
	enum ta_http2_event event = TA_HTTP2_DATA;

	for (struct ta_streams *streams; event != TA_HTTP2_MORE && (streams = ta_streams_of(conn));) {
		size_t used = ta_http2_answer(&streams->h2, data, bytes, &event);

		data += used;
		bytes -= used;
		on_event(conn, thread, event, conn->head ? conn->head : &thread->head);
	}
}

void ta_streams_unseen(struct ta_conn *conn, struct ta_thread *thread, bool asked, uint64_t bytes)
{
	enum ta_http2_event event = TA_HTTP2_DATA;

	for (struct ta_streams *streams; event != TA_HTTP2_MORE && (streams = ta_streams_of(conn));) {
		bytes -= asked ? ta_http2_request_unseen(&streams->h2, bytes, &event) :
				 ta_http2_answer_unseen(&streams->h2, bytes, &event);
		on_event(conn, thread, event, conn->head ? conn->head : &thread->head);
	}
}

/* ---- servers that speak first, and h2c ---- */

/* The server's preface (RFC 9113, 3.4): SETTINGS of the connection, no acknowledgement. */
static bool is_settings(const char *data, uint64_t bytes)
{
	static const char type_and_stream[] = { 4, 0, 0, 0, 0, 0 };

	return bytes >= 9 && data[0] == 0 && data[1] == 0 && (unsigned char)data[2] % 6 == 0 &&
	       memcmp(data + 3, type_and_stream, sizeof(type_and_stream)) == 0;
}

bool ta_streams_greeted(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			uint64_t bytes)
{
	uint8_t old = conn->prefix_bytes;

	if (!ta_runtime.http || !is_settings(data, bytes) ||
	    (old && ta_http2_recognise(conn->prefix, old) < 0) || !ta_streams_start(conn))
		return false;
	ta_streams_touch(conn, thread);
	if (old)
		ta_streams_asked(conn, thread, conn->prefix, old);
	ta_streams_answered(conn, thread, data, bytes);
	return true;
}

/* The request that asked for it is stream 1: told of, and complete. */
static void take_over_first(struct ta_conn *conn, const struct ta_request *first)
{
	struct ta_streams *streams = ta_streams_of(conn);

	streams->h2.told.slot = (uint16_t)ta_http2_upgraded(&streams->h2);
	struct ta_request *request = first->context.span_id ? ta_streams_place(conn) : NULL;

	if (request)
		*request = *first;
}

static bool is_first_seen(struct ta_conn *conn, bool asked)
{
	uint8_t bit = asked ? 1 : 2;
	bool first = !(conn->tunnel_seen & bit);

	conn->tunnel_seen |= bit;
	return first;
}

void ta_streams_tunnel(struct ta_conn *conn, struct ta_thread *thread, bool asked,
		       const char *data, uint64_t bytes)
{
	struct ta_request *oldest = ta_conn_oldest(conn);
	struct ta_request first = { .status = 0 };

	if (conn->mode != TA_CONN_HTTP || !is_first_seen(conn, asked) ||
	    conn->answer_status != 101 ||
	    !(asked ? ta_http2_recognise(data, bytes) == 1 : is_settings(data, bytes)))
		return;
	if (conn->queue_count > 1 || conn->queue != conn->inline_queue || !ta_streams_start(conn))
		return;
	if (oldest)
		first = *oldest;
	first.status = 0;
	conn->queue_count = conn->queue_first = 0;
	take_over_first(conn, &first);
	ta_streams_touch(conn, thread);
	if (asked)
		ta_streams_asked(conn, thread, data, bytes);
	else
		ta_streams_answered(conn, thread, data, bytes);
}

/* ---- who works for whom ---- */

void ta_streams_were_read(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_streams *streams = ta_streams_of(conn);
	const struct ta_frame *frame = ta_context_conn_frame(thread);
	uint32_t generation = (uint32_t)ta_conn_word_of(conn);
	uint64_t request = TA_STREAMS_NONE;

	if (streams == NULL)
		return;
	/* Whoever comes by reads for the others; what it is at goes on. */
	if (streams->shared && !(frame && frame->conn == ta_conn_index(conn)))
		return;
	if (streams->touched_any && !streams->touched_many && !streams->shared)
		request = streams->touched.span_id;
	else if (!streams->touched_any && !streams->shared && frame &&
		 frame->conn == ta_conn_index(conn) &&
		 frame->conn_generation == generation && frame->request)
		return; /* frames of the connection: what it was at goes on */
	ta_context_enter_request(thread, ta_conn_index(conn), generation, request);
}

/* Whether an answer to that stream, and nothing else, shows whose the unit is.  Where several
 * threads write, one may have written what another has answered: that one's unit goes on. */
static bool may_claim(const struct ta_streams *streams, struct ta_thread *thread, uint32_t others)
{
	struct ta_owner unit = ta_unit_owner(thread);

	return !streams->touched_many && !streams->shared &&
	       (others == 0 || ta_unit_of(&unit)->link.span_id == streams->touched.span_id);
}

void ta_streams_were_written(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_streams *streams = ta_streams_of(conn);

	thread->worked = true;
	if (streams == NULL || !streams->touched_any || thread->unit == 0 ||
	    thread->loops)
		return;
	/* Those that are open beside it; it may be over itself. */
	uint32_t others = streams->open - (conn->served.span_id != streams->touched.span_id);

	if (may_claim(streams, thread, others))
		ta_unit_claim(thread, &streams->touched);
	else
		ta_unit_give_up(thread);
}

/* ---- the end ---- */

void ta_streams_finish(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_streams *streams = ta_streams_of(conn);

	if (streams == NULL)
		return;
	for (uint32_t place = 0; place < conn->queue_size; place++) {
		if (!is_taken(streams, place))
			continue;
		if (conn->side == TA_SIDE_CLIENT)
			ta_streams_client_fail(conn, thread, &conn->queue[place]);
		else
			end_request(conn, thread, &conn->queue[place], TA_END_CLOSED_EARLY,
				    GRPC_UNAVAILABLE);
	}
	ta_context_drop(&streams->neutral);
	memset(&streams->neutral, 0, sizeof(streams->neutral));
	ta_conn_return_head(conn);
	ta_conn_shrink_queue(conn);
	ta_command_give_back(conn);
}

void ta_streams_lost(struct ta_conn *conn, struct ta_thread *thread)
{
	ta_lost(TA_LOSS_HTTP_DESYNC);
	if (conn->side == TA_SIDE_CLIENT) {
		ta_client_lost(conn, thread);
		return;
	}
	ta_streams_finish(conn, thread);
	conn->mode = TA_CONN_LOST;
}

/* ---- looked at by any thread ---- */

uint32_t ta_streams_open(const struct ta_conn *conn)
{
	const struct ta_streams *streams = ta_streams_of(conn);

	return streams ? streams->open : 0;
}

uint64_t ta_streams_only(struct ta_conn *conn)
{
	const struct ta_streams *streams = ta_streams_of(conn);
	uint32_t size;
	const struct ta_request *places = ta_conn_places(conn, &size);

	for (uint32_t place = 0; streams && place < size; place++)
		if (is_taken(streams, place))
			return places[place].context.span_id;
	return 0;
}

static struct ta_context *if_asked(struct ta_context *context, uint64_t request)
{
	return context->span_id == request ? context : NULL;
}

struct ta_context *ta_streams_context(struct ta_conn *conn, uint64_t request)
{
	struct ta_streams *streams = ta_streams_of(conn);
	struct ta_context *context = NULL;
	uint32_t size, hint;
	struct ta_request *places = ta_conn_places(conn, &size);

	if (streams == NULL)
		return NULL;
	if (request == 0 || request == TA_STREAMS_NONE)
		return &streams->neutral;
	hint = __atomic_load_n(&streams->hint, __ATOMIC_RELAXED);
	if (hint < size)
		context = if_asked(&places[hint].context, request);
	for (uint32_t place = 0; !context && place < size; place++)
		if (is_taken(streams, place) && (context = if_asked(&places[place].context, request)))
			streams->hint = place;
	if (context == NULL && conn->served.span_id == request)
		context = &conn->served;
	return context;
}
