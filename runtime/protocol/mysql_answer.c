/* SPDX-License-Identifier: MIT */
/*
 * mysql_answer.c - walks the packets of a MySQL server.  Of each the beginning is kept; what is
 * longer than a packet can be goes on in the next one and is one all the same.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

#define PEEK_OF_ANSWERS 32u /* enough of OK, ERR and EOF; a greeting needs more */

static void head_ends(struct ta_mysql *mysql)
{
	struct ta_mysql_answer *answer = &mysql->answer;
	uint32_t length = ta_mysql_number(answer->head, 3);

	answer->head_len = 0;
	answer->inside = true;
	answer->left = length;
	if (!answer->continued) {
		answer->peek_len = 0;
		answer->peek_max = mysql->phase == TA_MYSQL_GREETING ? TA_MYSQL_PEEK :
								       PEEK_OF_ANSWERS;
		answer->length = length;
	}
	answer->continued = length == TA_MYSQL_PACKET_MAX;
}

static const char *head_bytes(struct ta_mysql *mysql, const char *at, const char *end)
{
	struct ta_mysql_answer *answer = &mysql->answer;
	size_t wanted = 4u - answer->head_len;
	size_t bytes = (size_t)(end - at) < wanted ? (size_t)(end - at) : wanted;

	if (bytes == 4)
		memcpy(answer->head, at, 4); /* mostly: without a call */
	else
		memcpy(answer->head + answer->head_len, at, bytes);
	answer->head_len = (uint8_t)(answer->head_len + bytes);
	if (bytes == wanted)
		head_ends(mysql);
	return at + bytes;
}

static void peek(struct ta_mysql_answer *answer, const char *data, size_t bytes)
{
	size_t room = (size_t)(answer->peek_max - answer->peek_len);

	if (bytes > room)
		bytes = room;
	memcpy(answer->peek + answer->peek_len, data, bytes);
	answer->peek_len = (uint8_t)(answer->peek_len + bytes);
}

static const char *body_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_answer *answer = &mysql->answer;
	size_t bytes = (size_t)(end - at);

	if (bytes > answer->left)
		bytes = answer->left;
	answer->left -= (uint32_t)bytes;
	peek(answer, at, bytes);
	if (answer->left)
		return at + bytes;
	answer->inside = false;
	if (!answer->continued)
		*ret_event = ta_mysql_packet(dialogue);
	return at + bytes;
}

size_t ta_mysql_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_answer *answer = &mysql->answer;
	const char *first = data, *at = first, *end = at + bytes;

	*ret_event = mysql->broken ? TA_COMMAND_BROKEN :
		     mysql->tunnel ? TA_COMMAND_TUNNEL :
				     TA_COMMAND_MORE;
	while (*ret_event == TA_COMMAND_MORE) {
		if (answer->inside && (at < end || answer->left == 0))
			at = body_bytes(dialogue, at, end, ret_event);
		else if (at == end)
			break;
		else
			at = head_bytes(mysql, at, end);
	}
	if (*ret_event == TA_COMMAND_BROKEN)
		mysql->broken = true;
	return (size_t)(at - first);
}
