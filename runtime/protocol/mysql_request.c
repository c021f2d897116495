/* SPDX-License-Identifier: MIT */
/*
 * mysql_request.c - walks the packets that go to a MySQL server: one that logs in, more of them
 * until that is settled, then commands, and files for LOAD DATA LOCAL.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

/* Whether the next packet is the first of something that is told. */
static bool tells(const struct ta_mysql *mysql)
{
	return !mysql->request.continued && !mysql->infile && mysql->phase != TA_MYSQL_AUTH;
}

/* Commands are numbered from 0 on. */
static bool head_ends(struct ta_mysql *mysql)
{
	struct ta_mysql_request *request = &mysql->request;

	request->head_len = 0;
	request->inside = true;
	request->left = request->length = ta_mysql_number(request->head, 3);
	if (!tells(mysql))
		return true;
	if (mysql->phase != TA_MYSQL_COMMANDS) {
		ta_mysql_login_begin(mysql, false);
		return true;
	}
	ta_mysql_command_begin(mysql);
	return request->head[3] == 0 && request->length > 0;
}

static const char *head_bytes(struct ta_mysql *mysql, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_mysql_request *request = &mysql->request;
	size_t wanted = 4u - request->head_len;
	size_t bytes = (size_t)(end - at) < wanted ? (size_t)(end - at) : wanted;

	if (bytes == 4)
		memcpy(request->head, at, 4); /* mostly: without a call */
	else
		memcpy(request->head + request->head_len, at, bytes);
	request->head_len = (uint8_t)(request->head_len + bytes);
	if (bytes == wanted && !head_ends(mysql))
		*ret_event = TA_COMMAND_BROKEN;
	return at + bytes;
}

static enum ta_command_event packet_ends(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_request *request = &mysql->request;

	request->inside = false;
	if (mysql->infile) {
		mysql->infile = request->length > 0;
		return TA_COMMAND_MORE;
	}
	request->continued = request->length == TA_MYSQL_PACKET_MAX;
	if (request->continued || mysql->phase == TA_MYSQL_AUTH)
		return TA_COMMAND_MORE;
	return mysql->phase == TA_MYSQL_COMMANDS ? ta_mysql_command_end(dialogue) :
						   ta_mysql_login_end(dialogue);
}

static const char *body_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_request *request = &mysql->request;
	size_t bytes = (size_t)(end - at);

	if (bytes > request->left)
		bytes = request->left;
	request->left -= (uint32_t)bytes;
	if (mysql->infile || mysql->phase == TA_MYSQL_AUTH)
		;
	else if (mysql->phase == TA_MYSQL_COMMANDS)
		ta_mysql_command_bytes(dialogue, at, bytes);
	else
		ta_mysql_login_bytes(dialogue, at, bytes);
	if (request->left == 0)
		*ret_event = packet_ends(dialogue);
	return at + bytes;
}

static const char *walk(struct ta_dialogue *dialogue, const char *at, const char *end,
			enum ta_command_event *ret_event)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_request *request = &mysql->request;

	while (*ret_event == TA_COMMAND_MORE) {
		if (request->inside && (at < end || request->left == 0)) {
			at = body_bytes(dialogue, at, end, ret_event);
		} else if (at == end) {
			break;
		} else if (request->head_len == 0 && !request->begun && tells(mysql)) {
			request->begun = true;
			*ret_event = TA_COMMAND_STARTED;
		} else {
			at = head_bytes(mysql, at, end, ret_event);
		}
	}
	return at;
}

size_t ta_mysql_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			enum ta_command_event *ret_event)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	const char *first = data, *at;

	*ret_event = mysql->broken ? TA_COMMAND_BROKEN :
		     mysql->tunnel ? TA_COMMAND_TUNNEL :
				     TA_COMMAND_MORE;
	at = walk(dialogue, first, first + bytes, ret_event);
	if (*ret_event == TA_COMMAND_BROKEN)
		mysql->broken = true;
	else if (*ret_event == TA_COMMAND_TUNNEL)
		mysql->tunnel = true;
	return (size_t)(at - first);
}
