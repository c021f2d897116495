/* SPDX-License-Identifier: MIT */
/*
 * mysql_result.c - what a packet of a MySQL server is in the answer to the oldest command, and
 * which one is the last: OK, ERR, result sets of both kinds, prepared statements.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

#define PROGRESS 0xffffu /* MariaDB reports how far it is as such an error */

enum stage { FIRST, COLUMNS, COLUMNS_END, ROWS, PASSING };

static struct ta_mysql_item *oldest(struct ta_mysql *mysql)
{
	return mysql->items ? &mysql->item[mysql->first] : NULL;
}

/* A number at an offset of the peek, which is moved behind it. */
static uint64_t lenenc(const struct ta_mysql_answer *answer, uint32_t *at)
{
	uint8_t rest;
	uint64_t number = 0;

	if (*at >= answer->peek_len)
		return 0;
	rest = ta_mysql_lenenc_rest(answer->peek[*at]);
	if (rest == 0)
		return answer->peek[(*at)++];
	for (uint32_t i = 0; i < rest && *at + 1 + i < answer->peek_len; i++)
		number |= (uint64_t)answer->peek[*at + 1 + i] << (8 * i);
	*at += 1u + rest;
	return number;
}

static uint32_t status_at(struct ta_mysql *mysql, uint32_t at)
{
	uint32_t status;

	if (at + 2 > mysql->answer.peek_len)
		return 0;
	status = ta_mysql_number(mysql->answer.peek + at, 2);
	mysql->no_backslash = status & TA_MYSQL_NO_BACKSLASH;
	return status;
}

/* Of an OK, under either head. */
static uint32_t ok_status(struct ta_mysql *mysql)
{
	uint32_t at = 1;

	lenenc(&mysql->answer, &at);
	lenenc(&mysql->answer, &at);
	return status_at(mysql, at);
}

/* ---- the answer is complete ---- */

static enum ta_command_event answered(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_command *command = &dialogue->command;
	bool moves = oldest(mysql)->moves && !dialogue->result.failed;

	mysql->items--;
	mysql->first = mysql->items ? (mysql->first + 1) % TA_MYSQL_ITEMS : 0;
	mysql->answer.stage = FIRST;
	dialogue->outstanding--;
	if (moves) {
		memcpy(command->space, mysql->pending, mysql->pending_len);
		command->space_len = mysql->pending_len;
	}
	return TA_COMMAND_ANSWERED;
}

static enum ta_command_event succeeded(struct ta_dialogue *dialogue)
{
	dialogue->result.failed = false;
	dialogue->result.status_len = 0;
	return answered(dialogue);
}

static uint8_t print(char *to, uint32_t number)
{
	char digits[10];
	uint8_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	for (uint8_t i = 0; i < count; i++)
		to[i] = digits[count - 1 - i];
	return count;
}

static enum ta_command_event failed(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_item *item = oldest(mysql);
	uint32_t number = mysql->answer.peek_len < 3 ? 0 :
						       ta_mysql_number(mysql->answer.peek + 1, 2);

	if (number == PROGRESS || item == NULL)
		return TA_COMMAND_MORE;
	if (item->kind == TA_MYSQL_LOGS_IN)
		mysql->phase = TA_MYSQL_COMMANDS;
	if (item->serial)
		ta_sql_store_drop(&mysql->store, item->serial);
	mysql->infile = false;
	dialogue->result.failed = true;
	dialogue->result.status_len = print(dialogue->result.status, number);
	return answered(dialogue);
}

/* ---- kinds of answers ---- */

/* The server wants more of the client (another method, a nonce), until it says OK. */
static enum ta_command_event login_packet(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	if (mysql->answer.peek[0] != 0)
		return TA_COMMAND_MORE;
	ok_status(mysql);
	mysql->phase = TA_MYSQL_COMMANDS;
	mysql->tunnel = mysql->capabilities & (TA_MYSQL_COMPRESS | TA_MYSQL_ZSTD);
	return succeeded(dialogue);
}

static enum ta_command_event result_ends(struct ta_dialogue *dialogue, uint32_t status)
{
	ta_mysql_of(dialogue)->answer.stage = FIRST;
	return status & TA_MYSQL_MORE_RESULTS ? TA_COMMAND_MORE : succeeded(dialogue);
}

/* How many columns, and behind that perhaps that they are not described. */
static enum ta_command_event columns_begin(struct ta_mysql *mysql)
{
	struct ta_mysql_answer *answer = &mysql->answer;
	bool eof = !(mysql->capabilities & TA_MYSQL_NO_EOF);
	uint32_t at = 0;

	answer->left_packets = lenenc(answer, &at);
	if (answer->length > at + 1 || answer->left_packets == 0)
		return TA_COMMAND_BROKEN;
	if (at < answer->peek_len && answer->peek[at] == 0)
		answer->left_packets = 0;
	answer->stage = answer->left_packets ? COLUMNS : eof ? COLUMNS_END : ROWS;
	return TA_COMMAND_MORE;
}

static enum ta_command_event result_first(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	if (mysql->answer.peek[0] == 0)
		return result_ends(dialogue, ok_status(mysql));
	if (mysql->answer.peek[0] == 0xfb) {
		mysql->infile = true;
		return TA_COMMAND_MORE;
	}
	return columns_begin(mysql);
}

static enum ta_command_event columns_end(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	uint32_t status;

	if (mysql->answer.peek[0] != 0xfe || mysql->answer.length >= 9)
		return TA_COMMAND_BROKEN;
	status = status_at(mysql, 3);
	if (status & TA_MYSQL_CURSOR) /* the rows are to be fetched */
		return result_ends(dialogue, status);
	mysql->answer.stage = ROWS;
	return TA_COMMAND_MORE;
}

/* A row may begin like the end, but is longer then. */
static enum ta_command_event row(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	bool short_eof = mysql->answer.length < 9;
	bool no_eof = mysql->capabilities & TA_MYSQL_NO_EOF;

	if (mysql->answer.peek[0] != 0xfe ||
	    (no_eof ? mysql->answer.length >= TA_MYSQL_PACKET_MAX : !short_eof))
		return TA_COMMAND_MORE;
	return result_ends(dialogue, no_eof ? ok_status(mysql) : status_at(mysql, 3));
}

static enum ta_command_event column(struct ta_mysql *mysql)
{
	if (--mysql->answer.left_packets == 0)
		mysql->answer.stage = mysql->capabilities & TA_MYSQL_NO_EOF ? ROWS : COLUMNS_END;
	return TA_COMMAND_MORE;
}

static enum ta_command_event result_packet(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	switch (mysql->answer.stage) {
	case FIRST:
		return result_first(dialogue);
	case COLUMNS:
		return column(mysql);
	case COLUMNS_END:
		return columns_end(dialogue);
	default:
		return row(dialogue);
	}
}

/* Descriptions of parameters and columns follow, each with an EOF where there still is one. */
static enum ta_command_event prepared(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_mysql_answer *answer = &mysql->answer;
	bool eof = !(mysql->capabilities & TA_MYSQL_NO_EOF);
	uint32_t columns, params;

	if (answer->peek[0] != 0 || answer->peek_len < 9)
		return TA_COMMAND_BROKEN;
	ta_sql_store_name(&mysql->store, oldest(mysql)->serial,
			  (uint64_t)ta_mysql_number(answer->peek + 1, 4) + 1);
	columns = ta_mysql_number(answer->peek + 5, 2);
	params = ta_mysql_number(answer->peek + 7, 2);
	answer->left_packets = columns + params + (eof && columns) + (eof && params);
	if (answer->peek_len > 12 && answer->peek[12] == 0)
		answer->left_packets = 0;
	answer->stage = PASSING;
	return answer->left_packets ? TA_COMMAND_MORE : succeeded(dialogue);
}

static enum ta_command_event prepared_packet(struct ta_dialogue *dialogue)
{
	struct ta_mysql_answer *answer = &ta_mysql_of(dialogue)->answer;

	if (answer->stage == FIRST)
		return prepared(dialogue);
	return --answer->left_packets ? TA_COMMAND_MORE : succeeded(dialogue);
}

/* ---- the greeting ---- */

static bool says_mariadb(const uint8_t *version, size_t bytes)
{
	return memmem(version, bytes, "MariaDB", 7);
}

/* Behind the version: thread (4), nonce (8), 0, capabilities (2), charset (1), status (2),
 * more capabilities (2). */
static enum ta_command_event greeting(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	const struct ta_mysql_answer *answer = &mysql->answer;
	const uint8_t *version = answer->peek + 1, *at;
	size_t left = answer->peek_len > 0 ? answer->peek_len - 1u : 0;
	const uint8_t *zero = memchr(version, 0, left);

	if (answer->peek[0] == 0xff && answer->peek_len)
		return TA_COMMAND_MORE; /* it does not want us: and closes */
	if (zero == NULL || answer->peek[0] != 10)
		return TA_COMMAND_BROKEN;
	at = zero + 1 + 13;
	left -= (size_t)(zero + 1 - version);
	if (left < 13 + 7)
		return TA_COMMAND_BROKEN;
	mysql->server = ta_mysql_number(at, 2) | ta_mysql_number(at + 5, 2) << 16;
	mysql->phase = TA_MYSQL_LOGIN;
	if (says_mariadb(version, (size_t)(zero - version)))
		dialogue->protocol = &ta_protocol_mariadb;
	return TA_COMMAND_MORE;
}

enum ta_command_event ta_mysql_packet(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	const struct ta_mysql_item *item = oldest(mysql);

	if (mysql->phase == TA_MYSQL_GREETING)
		return greeting(dialogue);
	if (mysql->answer.peek_len == 0) /* an empty packet is none of them, but an empty row */
		return item && mysql->answer.stage == ROWS ? TA_COMMAND_MORE : TA_COMMAND_BROKEN;
	if (mysql->answer.peek[0] == 0xff && (!item || item->kind != TA_MYSQL_TEXT))
		return failed(dialogue);
	if (item == NULL)
		return TA_COMMAND_BROKEN;
	switch (item->kind) {
	case TA_MYSQL_LOGS_IN:
		return login_packet(dialogue);
	case TA_MYSQL_ONE:
		if (mysql->answer.peek[0] == 0)
			ok_status(mysql);
		return succeeded(dialogue);
	case TA_MYSQL_TEXT:
		return succeeded(dialogue);
	case TA_MYSQL_PREPARED:
		return prepared_packet(dialogue);
	case TA_MYSQL_ROWS:
		return row(dialogue);
	default:
		return result_packet(dialogue);
	}
}
