/* SPDX-License-Identifier: MIT */
/*
 * memcached.c - memcached: the text protocol with its meta commands, and the binary one.
 *
 * The first byte of the first command says which; a connection keeps to it.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

/* ---- what is said of a command ---- */

void ta_memcached_put(struct ta_command *command, const char *data, size_t bytes)
{
	size_t room = TA_COMMAND_TEXT_MAX - command->text_len;

	if (bytes > room) {
		bytes = room;
		command->flags |= TA_COMMAND_TEXT_CUT;
	}
	memcpy(command->text + command->text_len, data, bytes);
	command->text_len = (uint16_t)(command->text_len + bytes);
}

void ta_memcached_put_key(struct ta_command *command, const char *key, size_t bytes)
{
	bool fit = bytes > 0 && bytes <= TA_MEMCACHED_KEY_MAX && ta_resp_printable(key, bytes);

	ta_memcached_put(command, " ", 1);
	ta_memcached_put(command, fit ? key : "?", fit ? bytes : 1);
}

void ta_memcached_begin(struct ta_dialogue *dialogue, const char *operation, size_t bytes)
{
	struct ta_command *command = &dialogue->command;

	command->flags = 0;
	command->text_len = 0;
	command->target_len = command->space_len = 0;
	command->batch = 0;
	memcpy(command->operation, operation, bytes);
	command->operation_len = (uint8_t)bytes;
	ta_memcached_put(command, operation, bytes);
}

enum ta_command_event ta_memcached_end(struct ta_dialogue *dialogue, bool queued)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	struct ta_memcached_request *request = &memcached->request;

	if (request->early) {
		request->early = false;
		request->nature = TA_RESP_MUTE;
		queued = false;
	}
	if (queued &&
	    !ta_resp_queue_put(&memcached->queue, request->nature, request->kind, request->fact))
		return TA_COMMAND_BROKEN;
	if (dialogue->command.flags & TA_COMMAND_STREAM)
		return TA_COMMAND_READY;
	if (request->nature == TA_RESP_MUTE)
		dialogue->command.flags |= TA_COMMAND_SILENT;
	else if (++dialogue->outstanding == UINT32_MAX)
		return TA_COMMAND_BROKEN;
	return TA_COMMAND_READY;
}

/* ---- the protocol ---- */

static void init(struct ta_dialogue *dialogue)
{
	/* The runs behind it are written before they are read. */
	memset(dialogue->state, 0, offsetof(struct ta_memcached, queue.run));
}

static size_t request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		      enum ta_command_event *ret_event)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	const char *at = data;

	*ret_event = memcached->broken	 ? TA_COMMAND_BROKEN
		     : memcached->tunnel ? TA_COMMAND_TUNNEL
					 : TA_COMMAND_MORE;
	if (*ret_event != TA_COMMAND_MORE)
		return 0;
	if (!memcached->known && bytes) {
		memcached->known = true;
		memcached->binary = *at == '\x80';
	}
	at = memcached->binary ? ta_memcached_binary_request(dialogue, at, at + bytes, ret_event)
			       : ta_memcached_text_request(dialogue, at, at + bytes, ret_event);
	if (*ret_event == TA_COMMAND_BROKEN)
		memcached->broken = true;
	return (size_t)(at - (const char *)data);
}

/* One answer can end several commands.  Its last byte is taken with the last of them, so that
 * whoever has bytes left goes on asking. */
static bool has_more_to_tell(const struct ta_memcached_answer *answer)
{
	return answer->passed || answer->told;
}

static size_t tell_held(struct ta_dialogue *dialogue, enum ta_command_event *ret_event)
{
	*ret_event = ta_memcached_tell(dialogue);
	return has_more_to_tell(&ta_memcached_of(dialogue)->answer) ? 0 : 1;
}

static const char *walk_answers(struct ta_dialogue *dialogue, const char *at, const char *end,
				enum ta_command_event *ret_event)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);

	while (at < end && *ret_event == TA_COMMAND_MORE) {
		if (memcached->tunnel && ta_memcached_tunnels(memcached))
			*ret_event = TA_COMMAND_TUNNEL;
		else if (!memcached->known)
			*ret_event = TA_COMMAND_BROKEN;
		else if (memcached->binary)
			at = ta_memcached_binary_answer(dialogue, at, end, ret_event);
		else
			at = ta_memcached_text_answer(dialogue, at, end, ret_event);
	}
	return at;
}

static size_t answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		     enum ta_command_event *ret_event)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	const char *at = data;

	*ret_event = memcached->broken ? TA_COMMAND_BROKEN : TA_COMMAND_MORE;
	if (memcached->broken || bytes == 0)
		return 0;
	if (has_more_to_tell(&memcached->answer))
		return tell_held(dialogue, ret_event);
	at = walk_answers(dialogue, at, at + bytes, ret_event);
	if (*ret_event == TA_COMMAND_BROKEN)
		memcached->broken = true;
	if (has_more_to_tell(&memcached->answer))
		at--;
	return (size_t)(at - (const char *)data);
}

const struct ta_protocol ta_protocol_memcached = {
	.id = TA_PROTOCOL_MEMCACHED,
	.recognise = ta_memcached_recognise,
	.init = init,
	.request = request,
	.answer = answer,
};
