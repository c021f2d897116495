/* SPDX-License-Identifier: MIT */
/*
 * mysql_login.c - reads the packet with which a client of MySQL logs in: what both sides can,
 * and the database.  User and password pass by.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

#define FIXED_BYTES 32u /* capabilities, sizes, filler */

enum part { CAPABILITIES, FIXED, USER, AUTH_LENGTH, AUTH_NUMBER, AUTH, AUTH_STRING, DATABASE, DONE };

void ta_mysql_login_begin(struct ta_mysql *mysql, bool change_user)
{
	struct ta_mysql_request *request = &mysql->request;

	if (mysql->phase == TA_MYSQL_GREETING) {
		mysql->server = UINT32_MAX; /* the client says only what both can */
		mysql->phase = TA_MYSQL_LOGIN;
	}
	request->part = change_user ? USER : CAPABILITIES;
	request->number = 0;
	request->at = 0;
	mysql->pending_len = 0;
}

static void capabilities_end(struct ta_mysql *mysql)
{
	mysql->capabilities = (uint32_t)mysql->request.number & mysql->server;
	mysql->request.part = FIXED;
	mysql->request.skip = FIXED_BYTES - 4;
}

static uint8_t auth_part(const struct ta_mysql *mysql)
{
	if (mysql->phase == TA_MYSQL_LOGIN && mysql->capabilities & TA_MYSQL_LENENC_AUTH)
		return AUTH_LENGTH;
	return mysql->capabilities & TA_MYSQL_SECURE ? AUTH_LENGTH : AUTH_STRING;
}

/* COM_CHANGE_USER always has a database, which may be empty. */
static void auth_ends(struct ta_mysql *mysql)
{
	bool has = mysql->phase == TA_MYSQL_COMMANDS || mysql->capabilities & TA_MYSQL_WITH_DB;

	mysql->request.part = has ? DATABASE : DONE;
}

static void skip_auth(struct ta_mysql *mysql, uint64_t bytes)
{
	mysql->request.part = AUTH;
	mysql->request.skip = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	if (bytes == 0)
		auth_ends(mysql);
}

static void auth_length(struct ta_mysql *mysql, uint8_t byte)
{
	struct ta_mysql_request *request = &mysql->request;
	bool lenenc = mysql->phase == TA_MYSQL_LOGIN &&
		      mysql->capabilities & TA_MYSQL_LENENC_AUTH;

	request->digits = lenenc ? ta_mysql_lenenc_rest(byte) : 0;
	request->number = 0;
	request->at = 0;
	if (request->digits)
		request->part = AUTH_NUMBER;
	else
		skip_auth(mysql, byte);
}

static bool number_byte(struct ta_mysql_request *request, uint8_t byte, uint8_t bytes)
{
	request->number |= (uint64_t)byte << (8 * request->at);
	return ++request->at == bytes;
}

static void database_byte(struct ta_mysql *mysql, char byte)
{
	if (byte == '\0')
		mysql->request.part = DONE;
	else if (mysql->pending_len < TA_COMMAND_SPACE_MAX)
		mysql->pending[mysql->pending_len++] = ta_sql_printable(byte);
}

static void login_byte(struct ta_mysql *mysql, uint8_t byte)
{
	struct ta_mysql_request *request = &mysql->request;

	switch (request->part) {
	case CAPABILITIES:
		if (number_byte(request, byte, 4))
			capabilities_end(mysql);
		break;
	case FIXED:
		request->part = --request->skip ? FIXED : USER;
		break;
	case USER:
		request->part = byte ? USER : auth_part(mysql);
		break;
	case AUTH_LENGTH:
		auth_length(mysql, byte);
		break;
	case AUTH_NUMBER:
		if (number_byte(request, byte, request->digits))
			skip_auth(mysql, request->number);
		break;
	case AUTH:
		if (--request->skip == 0)
			auth_ends(mysql);
		break;
	case AUTH_STRING:
		if (byte == 0)
			auth_ends(mysql);
		break;
	case DATABASE:
		database_byte(mysql, (char)byte);
		break;
	default:
		break;
	}
}

void ta_mysql_login_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	for (size_t i = 0; i < bytes && mysql->request.part != DONE; i++)
		login_byte(mysql, (uint8_t)data[i]);
}

enum ta_command_event ta_mysql_login_end(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_command *command = &dialogue->command;
	bool asks_tls = mysql->request.part == USER && mysql->request.length == FIXED_BYTES;

	if (asks_tls && mysql->capabilities & TA_MYSQL_TLS)
		return TA_COMMAND_TUNNEL;
	if (mysql->request.part < USER || !(mysql->capabilities & TA_MYSQL_PROTOCOL_41))
		return TA_COMMAND_BROKEN;
	mysql->phase = TA_MYSQL_AUTH;
	memcpy(command->space, mysql->pending, mysql->pending_len);
	command->space_len = mysql->pending_len;
	command->flags = TA_COMMAND_SETUP;
	command->text_len = command->operation_len = command->target_len = 0;
	return ta_mysql_ready(dialogue, (struct ta_mysql_item){ .kind = TA_MYSQL_LOGS_IN });
}
