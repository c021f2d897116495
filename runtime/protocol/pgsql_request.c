/* SPDX-License-Identifier: MIT */
/*
 * pgsql_request.c - walks what goes to a PostgreSQL server: the packet that opens a connection,
 * then messages of a type and a length.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/pgsql.h"

#include <string.h>

#define MESSAGE_BYTES_MAX 0x3fffffffu
#define START_BYTES_MAX 10000u

static const bool is_type[256] = {
	['Q'] = true, ['P'] = true, ['B'] = true, ['E'] = true, ['D'] = true, ['C'] = true,
	['H'] = true, ['S'] = true, ['X'] = true, ['F'] = true, ['d'] = true, ['c'] = true,
	['f'] = true, ['p'] = true,
};

/* The head is complete: 8 bytes of the packet that opens, else 5. */
static bool head_ends(struct ta_dialogue *dialogue)
{
	struct ta_pgsql_request *request = &ta_pgsql_of(dialogue)->request;
	uint32_t length = ta_pgsql_big_endian(request->head + request->started);
	uint32_t code = ta_pgsql_big_endian(request->head + 4);

	request->head_len = 0;
	request->inside = true;
	if (request->started) {
		request->type = request->head[0];
		request->left = length - 4;
		if (length < 4 || length > MESSAGE_BYTES_MAX)
			return false;
	} else {
		request->type = code == TA_PGSQL_CODE_SSL || code == TA_PGSQL_CODE_GSS ? 't' :
				code == TA_PGSQL_CODE_CANCEL			       ? 'k' :
											 's';
		request->left = length - 8;
		if (length < 8 || length > START_BYTES_MAX ||
		    (request->type == 's' && code >> 16 != 3))
			return false;
	}
	ta_pgsql_message_begin(dialogue);
	return true;
}

static const char *head_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_pgsql_request *request = &ta_pgsql_of(dialogue)->request;
	size_t wanted = (request->started ? 5u : 8u) - request->head_len;
	size_t bytes = (size_t)(end - at) < wanted ? (size_t)(end - at) : wanted;

	if (bytes == 5)
		memcpy(request->head + request->head_len, at, 5); /* mostly: without a call */
	else
		memcpy(request->head + request->head_len, at, bytes);
	request->head_len = (uint8_t)(request->head_len + bytes);
	if (bytes == wanted && !head_ends(dialogue))
		*ret_event = TA_COMMAND_BROKEN;
	return at + bytes;
}

/* Between two messages. */
static void looks(struct ta_pgsql *pgsql, uint8_t type, enum ta_command_event *ret_event)
{
	if (pgsql->request.started && !is_type[type]) {
		*ret_event = TA_COMMAND_BROKEN;
	} else if (!pgsql->request.begun &&
		   (!pgsql->request.started || ta_pgsql_begins(pgsql, type))) {
		pgsql->request.begun = true;
		*ret_event = TA_COMMAND_STARTED;
	}
}

static const char *body_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_pgsql_request *request = &ta_pgsql_of(dialogue)->request;
	size_t bytes = (size_t)(end - at);

	if (bytes > request->left)
		bytes = request->left;
	request->left -= (uint32_t)bytes;
	ta_pgsql_message_bytes(dialogue, at, bytes);
	if (request->left == 0) {
		request->inside = false;
		*ret_event = ta_pgsql_message_end(dialogue);
	}
	return at + bytes;
}

size_t ta_pgsql_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			enum ta_command_event *ret_event)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	struct ta_pgsql_request *request = &pgsql->request;
	const char *first = data, *at = first, *end = at + bytes;

	*ret_event = pgsql->broken ? TA_COMMAND_BROKEN :
		     pgsql->tunnel ? TA_COMMAND_TUNNEL :
				     TA_COMMAND_MORE;
	while (*ret_event == TA_COMMAND_MORE) {
		if (request->inside && (at < end || request->left == 0)) {
			at = body_bytes(dialogue, at, end, ret_event);
			continue;
		}
		if (at == end)
			break;
		if (request->head_len == 0)
			looks(pgsql, (uint8_t)*at, ret_event);
		if (*ret_event == TA_COMMAND_MORE)
			at = head_bytes(dialogue, at, end, ret_event);
	}
	if (*ret_event == TA_COMMAND_BROKEN)
		pgsql->broken = true;
	return (size_t)(at - first);
}
