/* SPDX-License-Identifier: MIT */
/*
 * pgsql_answer.c - walks what comes from a PostgreSQL server: messages of a type and a length,
 * of which only an error's SQLSTATE and one setting are read.
 *
 * A message that answers several commands gives up its last byte only with the last of them.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/pgsql.h"

#include <string.h>

#define MESSAGE_BYTES_MAX 0x3fffffffu
#define SQLSTATE_BYTES 5

static const bool is_type[256] = {
	['D'] = true, ['C'] = true, ['T'] = true, ['Z'] = true, ['1'] = true, ['2'] = true,
	['E'] = true, ['N'] = true, ['S'] = true, ['s'] = true, ['I'] = true, ['3'] = true,
	['A'] = true, ['n'] = true, ['t'] = true, ['G'] = true, ['H'] = true, ['W'] = true,
	['d'] = true, ['c'] = true, ['R'] = true, ['K'] = true, ['V'] = true, ['v'] = true,
};

static bool head_ends(struct ta_pgsql_answer *answer)
{
	uint32_t length = ta_pgsql_big_endian(answer->head + 1);

	answer->head_len = 0;
	answer->inside = true;
	answer->left = length - 4;
	answer->field = 0;
	answer->setting_len = 0;
	if (answer->head[0] == 'E' && !answer->got_status)
		answer->status_len = 0;
	return length >= 4 && length <= MESSAGE_BYTES_MAX &&
	       (answer->head[0] != 'Z' || length == 5);
}

static const char *head_bytes(struct ta_pgsql_answer *answer, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	size_t wanted = 5u - answer->head_len;
	size_t bytes = (size_t)(end - at) < wanted ? (size_t)(end - at) : wanted;

	if (answer->head_len == 0 && !is_type[(uint8_t)*at]) {
		*ret_event = TA_COMMAND_BROKEN;
		return at;
	}
	if (bytes == 5)
		memcpy(answer->head, at, 5); /* mostly: without a call */
	else
		memcpy(answer->head + answer->head_len, at, bytes);
	answer->head_len = (uint8_t)(answer->head_len + bytes);
	if (bytes == wanted && !head_ends(answer))
		*ret_event = TA_COMMAND_BROKEN;
	return at + bytes;
}

static bool is_of_status(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z');
}

/* Fields of an error: a code and a string each.  The first error is the one that is told. */
static void error_bytes(struct ta_pgsql_answer *answer, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (answer->field == 0)
			answer->field = (uint8_t)data[i];
		else if (data[i] == '\0')
			answer->field = 0;
		else if (answer->field == 'C' && !answer->got_status &&
			 answer->status_len < SQLSTATE_BYTES && is_of_status(data[i]))
			answer->status[answer->status_len++] = data[i];
	}
}

static void setting_bytes(struct ta_pgsql_answer *answer, const char *data, size_t bytes)
{
	size_t room = sizeof(answer->setting) - answer->setting_len;

	if (bytes > room)
		bytes = room;
	memcpy(answer->setting + answer->setting_len, data, bytes);
	answer->setting_len = (uint8_t)(answer->setting_len + bytes);
}

static void setting_ends(struct ta_pgsql *pgsql)
{
	static const char name[] = "standard_conforming_strings";
	const char *setting = pgsql->answer.setting;

	if (pgsql->answer.setting_len > sizeof(name) &&
	    memcmp(setting, name, sizeof(name)) == 0)
		pgsql->backslash = memcmp(setting + sizeof(name), "on", 2) != 0;
}

static const char *body_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_pgsql_answer *answer = &ta_pgsql_of(dialogue)->answer;
	size_t bytes = (size_t)(end - at);
	uint8_t type = answer->head[0];
	bool again;

	if (bytes > answer->left)
		bytes = answer->left;
	if (type == 'E')
		error_bytes(answer, at, bytes);
	else if (type == 'S')
		setting_bytes(answer, at, bytes);
	answer->left -= (uint32_t)bytes;
	if (answer->left)
		return at + bytes;
	if (type == 'S')
		setting_ends(ta_pgsql_of(dialogue));
	*ret_event = ta_pgsql_settle(dialogue, type, &again);
	answer->inside = again;
	answer->left = again;
	return at + bytes - again;
}

/* The answer to a request for TLS, or for GSSAPI, is one byte; an old server's is an error. */
static const char *tls_byte(struct ta_dialogue *dialogue, const char *at,
			    enum ta_command_event *ret_event)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);

	if (*at != 'N' && *at != 'S' && *at != 'G') {
		*ret_event = TA_COMMAND_BROKEN;
		return at;
	}
	ta_pgsql_pop(pgsql);
	dialogue->outstanding--;
	dialogue->result.failed = false;
	dialogue->result.status_len = 0;
	pgsql->tunnel = *at != 'N';
	*ret_event = pgsql->tunnel ? TA_COMMAND_TUNNEL : TA_COMMAND_ANSWERED;
	return at + 1;
}

static bool awaits_tls(struct ta_pgsql *pgsql)
{
	const uint16_t *item = ta_pgsql_oldest(pgsql);

	return item && *item == TA_PGSQL_TLS;
}

size_t ta_pgsql_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event)
{
	struct ta_pgsql *pgsql = ta_pgsql_of(dialogue);
	struct ta_pgsql_answer *answer = &pgsql->answer;
	const char *first = data, *at = first, *end = at + bytes;

	*ret_event = pgsql->broken ? TA_COMMAND_BROKEN :
		     pgsql->tunnel ? TA_COMMAND_TUNNEL :
				     TA_COMMAND_MORE;
	while (*ret_event == TA_COMMAND_MORE) {
		if (answer->inside && (at < end || answer->left == 0))
			at = body_bytes(dialogue, at, end, ret_event);
		else if (at == end)
			break;
		else if (answer->head_len == 0 && *at != 'E' && awaits_tls(pgsql))
			at = tls_byte(dialogue, at, ret_event);
		else
			at = head_bytes(answer, at, end, ret_event);
	}
	if (*ret_event == TA_COMMAND_BROKEN)
		pgsql->broken = true;
	return (size_t)(at - first);
}
