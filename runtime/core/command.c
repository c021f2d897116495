/* SPDX-License-Identifier: MIT */
/*
 * command.c - see command.h.
 *
 * Runs: any host thread, inside the guard; conn held.  No locks.
 */
#include "runtime/core/command.h"

#include <stddef.h>
#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/client.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/exchange.h"
#include "runtime/core/publish.h"
#include "runtime/core/runtime.h"
#include "runtime/core/span.h"
#include "runtime/core/thread.h"
#include "runtime/protocol/command.h"

/* ---- the state ---- */

bool ta_command_start(struct ta_conn *conn, const struct ta_protocol *protocol)
{
	int index = ta_pool_take(&ta_arena.dialogue_pool);

	if (index < 0) {
		ta_lost(TA_LOSS_DIALOGUE_POOL);
		return false;
	}
	conn->dialogue = &ta_arena.dialogues[index];
	/* The rest is the protocol's to make ready: a page that it needs not is not touched. */
	memset(conn->dialogue, 0, offsetof(struct ta_dialogue, state));
	conn->dialogue->protocol = protocol;
	protocol->init(conn->dialogue);
	conn->mode = TA_CONN_COMMANDS;
	return true;
}

void ta_command_give_back(struct ta_conn *conn)
{
	if (conn->dialogue)
		ta_pool_give(&ta_arena.dialogue_pool,
			     (uint32_t)(conn->dialogue - ta_arena.dialogues));
	conn->dialogue = NULL;
}

/* ---- records ---- */

static uint32_t room_for(const struct ta_command *command)
{
	return TA_ATTR_ROOM(command->operation_len) + TA_ATTR_ROOM(command->target_len) +
	       TA_ATTR_ROOM(command->space_len) + TA_ATTR_ROOM(command->text_len) +
	       2 * TA_ATTR_ROOM(8);
}

static void put_command(struct ta_emit *emit, const struct ta_dialogue *dialogue)
{
	const struct ta_command *command = &dialogue->command;

	ta_emit_int(emit, TA_ATTR_DB_SYSTEM, dialogue->protocol->id);
	ta_emit_string(emit, TA_ATTR_DB_OPERATION, command->operation, command->operation_len);
	ta_emit_string(emit, TA_ATTR_DB_TARGET, command->target, command->target_len);
	ta_emit_string(emit, TA_ATTR_DB_NAMESPACE, command->space, command->space_len);
	if (ta_runtime.query_text)
		ta_emit_string(emit, TA_ATTR_DB_TEXT, command->text, command->text_len);
	if (command->batch > 1)
		ta_emit_int(emit, TA_ATTR_BATCH_SIZE, command->batch);
}

/* Each answer of a batch may be the first that fails. */
static void keep_failure(struct ta_conn *conn, struct ta_request *request)
{
	const struct ta_command_result *result = &conn->dialogue->result;

	if (!result->failed || request->failed)
		return;
	request->failed = true;
	request->failure_len = result->status_len < sizeof(request->failure) ?
				       result->status_len :
				       (uint8_t)sizeof(request->failure);
	memcpy(request->failure, result->status, request->failure_len);
}

static void put_end(struct ta_emit *emit, const struct ta_request *request)
{
	if (request->failed) {
		((struct ta_record_span_end *)(void *)emit->record)->status = TA_STATUS_ERROR;
		ta_emit_string(emit, TA_ATTR_DB_STATUS, request->failure, request->failure_len);
	}
	if (request->commands_sent > 1)
		ta_emit_int(emit, TA_ATTR_BATCH_SIZE, request->commands_sent);
}

#define END_ROOM (TA_ATTR_ROOM(sizeof(((struct ta_request *)0)->failure)) + TA_ATTR_ROOM(8))

/* ---- the side that asks ---- */

static struct ta_request *newest(struct ta_conn *conn)
{
	return &conn->queue[(conn->queue_first + conn->queue_count - 1) & (conn->queue_size - 1)];
}

static void end_exchange(struct ta_conn *conn, struct ta_thread *thread,
			 struct ta_request *request)
{
	struct ta_emit emit;

	if (ta_exchange_end(conn, thread, request, &emit, TA_END_NORMAL, END_ROOM)) {
		put_end(&emit, request);
		ta_emit_commit(&emit);
	}
}

static void open_exchange(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_dialogue *dialogue = conn->dialogue;
	struct ta_request *request;
	struct ta_emit emit;

	if (dialogue->command.flags & TA_COMMAND_SETUP) {
		/* It has an answer, and no span. */
		ta_exchange_prepare(conn, thread);
		conn->next.context.span_id = 0;
	}
	if (ta_exchange_open(conn, thread, &emit, TA_SPAN_COMMAND, room_for(&dialogue->command),
			     &request)) {
		put_command(&emit, dialogue);
		ta_emit_commit(&emit);
	}
	conn->request_count++;
	if (request == NULL)
		ta_command_lost(conn, thread);
	else
		conn->batch_open = !(dialogue->command.flags & TA_COMMAND_SETUP);
}

/* Commands of one write are one exchange. */
static void client_ready(struct ta_conn *conn, struct ta_thread *thread)
{
	uint16_t flags = conn->dialogue->command.flags;
	bool joins = conn->batch_open && conn->queue_count && !newest(conn)->ended &&
		     !(flags & TA_COMMAND_SETUP);

	if (!joins)
		open_exchange(conn, thread);
	if (conn->mode != TA_CONN_COMMANDS)
		return;
	struct ta_request *request = newest(conn);

	request->commands_sent++;
	request->commands += !(flags & (TA_COMMAND_SILENT | TA_COMMAND_STREAM));
	/* What nobody answers, or without end, is over when it is sent. */
	if (flags & TA_COMMAND_STREAM || request->commands == 0)
		end_exchange(conn, thread, request);
	if (request->commands == 0 && conn->queue_count == 1) {
		ta_exchange_leave(conn, thread);
		conn->batch_open = false;
	}
}

static void client_answered(struct ta_conn *conn, struct ta_thread *thread)
{
	struct ta_request *request = ta_conn_oldest(conn);

	/* Those that nobody answers stand between the others. */
	while (request && request->commands == 0) {
		ta_exchange_leave(conn, thread);
		request = ta_conn_oldest(conn);
	}
	if (request == NULL)
		return;
	ta_exchange_touched(conn, request);
	keep_failure(conn, request);
	if (--request->commands)
		return;
	end_exchange(conn, thread, request);
	ta_exchange_leave(conn, thread);
}

/* ---- the side that is asked ---- */

static void publish(struct ta_conn *conn, struct ta_thread *thread,
		    const struct ta_request *request)
{
	const struct ta_dialogue *dialogue = conn->dialogue;
	struct ta_emit emit;
	struct ta_span_facts facts = { .context = &request->context,
				       .scopes = ta_versions_of(&request->context),
				       .start_ns = request->start_ns,
				       .type = TA_SPAN_COMMAND_SERVER };

	if (!ta_span_start_begin(&emit, thread, &facts,
				 room_for(&dialogue->command) + TA_ATTR_ROOM(conn->peer_bytes) +
					 TA_ATTR_ROOM(conn->local_bytes)))
		return;
	put_command(&emit, dialogue);
	ta_emit_bytes(&emit, TA_ATTR_PEER, conn->peer, conn->peer_bytes);
	ta_emit_bytes(&emit, TA_ATTR_LOCAL, conn->local, conn->local_bytes);
	ta_emit_commit(&emit);
}

static void publish_end(struct ta_thread *thread, const struct ta_request *request,
			enum ta_end_reason reason)
{
	struct ta_versions scopes = ta_versions_of(&request->context);
	struct ta_emit emit;

	if (thread == NULL || request->context.span_id == 0 ||
	    !ta_emit_span_end(&emit, thread, request->context.span_id, ta_now_ns(), &scopes,
			      END_ROOM))
		return;
	((struct ta_record_span_end *)(void *)emit.record)->reason = (uint8_t)reason;
	put_end(&emit, request);
	ta_emit_commit(&emit);
}

static void server_ready(struct ta_conn *conn, struct ta_thread *thread)
{
	uint16_t flags = conn->dialogue->command.flags;
	struct ta_request *request = ta_conn_queue_place(conn);

	if (request == NULL) {
		ta_lost(TA_LOSS_PIPELINE);
		ta_command_lost(conn, thread);
		return;
	}
	request->start_ns = conn->request_ns ? conn->request_ns : ta_now_ns();
	conn->request_ns = 0;
	conn->request_count++;
	ta_http_choose_ids(conn, thread, &request->context, NULL);
	conn->queue_count++;
	if (flags & TA_COMMAND_SETUP)
		request->context.span_id = 0;
	else
		publish(conn, thread, request);
	/* What nobody answers, or without end, is over when it has come. */
	if (flags & (TA_COMMAND_SILENT | TA_COMMAND_STREAM)) {
		publish_end(thread, request, TA_END_NORMAL);
		ta_conn_drop_newest(conn);
	}
}

static void end_request(struct ta_conn *conn, struct ta_thread *thread, enum ta_end_reason reason)
{
	publish_end(thread, ta_conn_oldest(conn), reason);
	ta_conn_leave_queue(conn);
	ta_conn_shrink_queue(conn);
}

static void server_answered(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->queue_count == 0)
		return;
	keep_failure(conn, ta_conn_oldest(conn));
	end_request(conn, thread, TA_END_NORMAL);
}

/* ---- bytes ---- */

static void on_asked(struct ta_conn *conn, struct ta_thread *thread, enum ta_command_event event)
{
	bool client = conn->side == TA_SIDE_CLIENT;

	if (event == TA_COMMAND_STARTED && client && !conn->batch_open)
		ta_exchange_prepare(conn, thread);
	else if (event == TA_COMMAND_STARTED && !client && conn->request_ns == 0)
		conn->request_ns = ta_now_ns();
	else if (event == TA_COMMAND_READY && client)
		client_ready(conn, thread);
	else if (event == TA_COMMAND_READY)
		server_ready(conn, thread);
	else if (event == TA_COMMAND_TUNNEL)
		ta_command_tunnel(conn, thread);
	else if (event == TA_COMMAND_BROKEN)
		ta_command_lost(conn, thread);
}

void ta_command_asked(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes)
{
	enum ta_command_event event = TA_COMMAND_STARTED;

	while (bytes > 0 && event != TA_COMMAND_MORE && conn->mode == TA_CONN_COMMANDS) {
		size_t used = conn->dialogue->protocol->request(conn->dialogue, data, bytes,
								&event);

		data += used;
		bytes -= used;
		on_asked(conn, thread, event);
	}
}

static void on_answered(struct ta_conn *conn, struct ta_thread *thread,
			enum ta_command_event event)
{
	if (event == TA_COMMAND_ANSWERED && conn->side == TA_SIDE_CLIENT)
		client_answered(conn, thread);
	else if (event == TA_COMMAND_ANSWERED)
		server_answered(conn, thread);
	else if (event == TA_COMMAND_TUNNEL)
		ta_command_tunnel(conn, thread);
	else if (event == TA_COMMAND_BROKEN)
		ta_command_lost(conn, thread);
}

void ta_command_answered(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes)
{
	enum ta_command_event event = TA_COMMAND_STARTED;

	if (conn->side == TA_SIDE_CLIENT && conn->queue_count && bytes)
		ta_exchange_touched(conn, ta_conn_oldest(conn));
	while (bytes > 0 && event != TA_COMMAND_MORE && conn->mode == TA_CONN_COMMANDS) {
		size_t used = conn->dialogue->protocol->answer(conn->dialogue, data, bytes,
							       &event);

		data += used;
		bytes -= used;
		on_answered(conn, thread, event);
	}
}

/* ---- ends ---- */

/* The client goes over to TLS: what it asks is seen above that, from the start again; after
 * a greeting, from the login on, which is sent again. */
void ta_command_tunnel(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_protocol *protocol = conn->dialogue->protocol;

	ta_command_lost(conn, thread);
	if (conn->side == TA_SIDE_SERVER)
		return;
	conn->mode = TA_CONN_NEW;
	conn->tls = true;
	conn->prefix_bytes = 0;
	if (protocol->server_first)
		ta_command_start(conn, protocol);
}

void ta_command_lost(struct ta_conn *conn, struct ta_thread *thread)
{
	const struct ta_dialogue *dialogue = conn->dialogue;

	if (dialogue && dialogue->outstanding)
		ta_lost(TA_LOSS_COMMAND_DESYNC);
	if (conn->side == TA_SIDE_CLIENT) {
		ta_client_lost(conn, thread);
		return;
	}
	ta_command_finish(conn, thread);
	conn->mode = TA_CONN_LOST;
}

void ta_command_finish(struct ta_conn *conn, struct ta_thread *thread)
{
	if (conn->mode != TA_CONN_COMMANDS)
		return;
	while (conn->queue_count)
		end_request(conn, thread, TA_END_CLOSED_EARLY);
	ta_command_give_back(conn);
}
