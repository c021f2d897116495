/* SPDX-License-Identifier: MIT */
/*
 * mysql_command.c - what the commands to a MySQL server are.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/mysql.h"

#include <string.h>

enum code {
	QUIT = 0x01,
	INIT_DB = 0x02,
	QUERY = 0x03,
	CHANGE_USER = 0x11,
	STMT_PREPARE = 0x16,
	STMT_EXECUTE = 0x17,
	STMT_CLOSE = 0x19,
	STMT_FETCH = 0x1c,
	BULK_EXECUTE = 0xfa,
};

#define LAST_STATEMENT UINT32_MAX /* MariaDB: the one that was prepared last */
#define SETS_UP TA_COMMAND_SETUP
#define UNHEARD (TA_COMMAND_SETUP | TA_COMMAND_SILENT)

struct form {
	char operation[12];
	uint8_t kind; /* enum ta_mysql_kind; NO_ANSWER: see flags */
	uint8_t flags;
	bool known, tunnels;
};

static const struct form forms[] = {
	[QUIT] = { "", TA_MYSQL_NO_ANSWER, UNHEARD, true, false },
	[INIT_DB] = { "USE", TA_MYSQL_ONE, SETS_UP, true, false },
	[QUERY] = { "", TA_MYSQL_RESULT, 0, true, false },
	[0x04] = { "FIELD_LIST", TA_MYSQL_ROWS, 0, true, false },
	[0x05] = { "CREATE", TA_MYSQL_ONE, 0, true, false },
	[0x06] = { "DROP", TA_MYSQL_ONE, 0, true, false },
	[0x07] = { "REFRESH", TA_MYSQL_ONE, 0, true, false },
	[0x08] = { "SHUTDOWN", TA_MYSQL_ONE, 0, true, false },
	[0x09] = { "STATISTICS", TA_MYSQL_TEXT, 0, true, false },
	[0x0a] = { "PROCESSLIST", TA_MYSQL_RESULT, 0, true, false },
	[0x0c] = { "KILL", TA_MYSQL_ONE, 0, true, false },
	[0x0d] = { "DEBUG", TA_MYSQL_ONE, 0, true, false },
	[0x0e] = { "PING", TA_MYSQL_ONE, 0, true, false },
	[CHANGE_USER] = { "", TA_MYSQL_LOGS_IN, SETS_UP, true, false },
	[0x12] = { "", TA_MYSQL_NO_ANSWER, 0, true, true }, /* the binary log */
	[0x13] = { "", TA_MYSQL_NO_ANSWER, 0, true, true },
	[0x15] = { "", TA_MYSQL_ONE, SETS_UP, true, false }, /* a replica registers */
	[STMT_PREPARE] = { "", TA_MYSQL_PREPARED, SETS_UP, true, false },
	[STMT_EXECUTE] = { "", TA_MYSQL_RESULT, 0, true, false },
	[0x18] = { "", TA_MYSQL_NO_ANSWER, UNHEARD, true, false }, /* long data */
	[STMT_CLOSE] = { "", TA_MYSQL_NO_ANSWER, UNHEARD, true, false },
	[0x1a] = { "", TA_MYSQL_ONE, SETS_UP, true, false }, /* a statement's reset */
	[0x1b] = { "", TA_MYSQL_ONE, SETS_UP, true, false }, /* an option */
	[STMT_FETCH] = { "FETCH", TA_MYSQL_ROWS, 0, true, false },
	[0x1e] = { "", TA_MYSQL_NO_ANSWER, 0, true, true },
	[0x1f] = { "", TA_MYSQL_ONE, SETS_UP, true, false }, /* the connection's reset */
	[0x20] = { "", TA_MYSQL_NO_ANSWER, 0, true, true },
	[0x21] = { "", TA_MYSQL_NO_ANSWER, 0, true, true },
	[BULK_EXECUTE] = { "", TA_MYSQL_RESULT, 0, true, false },
};

static const struct form *form_of(uint8_t code)
{
	return code < sizeof(forms) / sizeof(*forms) && forms[code].known ? &forms[code] : NULL;
}

static bool has_text(uint8_t code)
{
	return code == QUERY || code == STMT_PREPARE;
}

static bool has_statement(uint8_t code)
{
	return code == STMT_EXECUTE || code == BULK_EXECUTE || code == STMT_FETCH ||
	       code == STMT_CLOSE;
}

void ta_mysql_command_begin(struct ta_mysql *mysql)
{
	mysql->request.coded = false;
	mysql->request.at = 0;
}

/* The program may have changed how strings are read without the server having told so. */
static unsigned int sql_mode(const struct ta_dialogue *dialogue, const struct ta_mysql *mysql)
{
	return (unsigned int)TA_SQL_MYSQL | (mysql->no_backslash ? 0u : TA_SQL_BACKSLASH) |
	       (dialogue->outstanding ? TA_SQL_DOUBT : 0u);
}

static void code_byte(struct ta_dialogue *dialogue, uint8_t code)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	mysql->request.command = code;
	mysql->request.coded = true;
	mysql->request.statement = 0;
	if (has_text(code))
		ta_sql_begin(&mysql->sql, &dialogue->command, sql_mode(dialogue, mysql));
	if (code == QUERY)
		ta_mysql_attributes_begin(mysql);
	else if (code == CHANGE_USER)
		ta_mysql_login_begin(mysql, true);
	else if (code == INIT_DB)
		mysql->pending_len = 0;
}

static void space_bytes(struct ta_mysql *mysql, const char *data, size_t bytes)
{
	size_t room = sizeof(mysql->pending) - mysql->pending_len;

	if (bytes > room)
		bytes = room;
	for (size_t i = 0; i < bytes; i++)
		mysql->pending[mysql->pending_len++] = ta_sql_printable(data[i]);
}

static void statement_bytes(struct ta_mysql_request *request, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes && request->at < 4; i++, request->at++)
		request->statement |= (uint32_t)(uint8_t)data[i] << (8 * request->at);
}

void ta_mysql_command_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	bool text = true;

	if (!mysql->request.coded && bytes) {
		code_byte(dialogue, (uint8_t)*data);
		data++, bytes--;
	}
	if (mysql->request.command == QUERY) {
		size_t used = ta_mysql_attributes(mysql, data, bytes, &text);

		data += used;
		bytes -= used;
	}
	if (has_text(mysql->request.command) && text)
		ta_sql_feed(&mysql->sql, &dialogue->command, data, bytes);
	else if (mysql->request.command == CHANGE_USER)
		ta_mysql_login_bytes(dialogue, data, bytes);
	else if (mysql->request.command == INIT_DB)
		space_bytes(mysql, data, bytes);
	else if (has_statement(mysql->request.command))
		statement_bytes(&mysql->request, data, bytes);
}

/* ---- the end ---- */

enum ta_command_event ta_mysql_ready(struct ta_dialogue *dialogue, struct ta_mysql_item item)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	mysql->request.begun = false;
	dialogue->command.batch = 0;
	if (item.kind == TA_MYSQL_NO_ANSWER)
		return TA_COMMAND_READY;
	if (mysql->items == TA_MYSQL_ITEMS)
		return TA_COMMAND_BROKEN;
	mysql->item[(mysql->first + mysql->items++) % TA_MYSQL_ITEMS] = item;
	dialogue->outstanding++;
	return TA_COMMAND_READY;
}

static void without_text(struct ta_command *command, const char *operation)
{
	command->text_len = 0;
	command->target_len = 0;
	command->flags = 0;
	command->operation_len = (uint8_t)strlen(operation);
	memcpy(command->operation, operation, command->operation_len);
}

/* USE name: the name as it stands in the text, without its quotes. */
static bool uses(struct ta_mysql *mysql, const struct ta_command *command)
{
	const char *at = command->text + 4, *end = command->text + command->text_len;

	if (command->operation_len != 3 || memcmp(command->operation, "USE", 3) != 0 ||
	    command->text_len < 5 || command->flags & TA_COMMAND_TEXT_CUT || *at == '?')
		return false;
	at += *at == '`';
	mysql->pending_len = 0;
	while (at < end && *at != '`' && *at != ' ' && *at != ';' &&
	       mysql->pending_len < TA_COMMAND_SPACE_MAX)
		mysql->pending[mysql->pending_len++] = *at++;
	return true;
}

static void text_ends(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);

	ta_sql_end(&mysql->sql, &dialogue->command);
	dialogue->command.flags &= TA_COMMAND_TEXT_CUT;
	if (mysql->sql.names_set)
		dialogue->command.flags |= TA_COMMAND_SETUP;
}

/* Ids start at 1 and keys beyond them; a statement without an id has a key of its own. */
static uint64_t key_of(uint32_t statement)
{
	return (uint64_t)statement + 1;
}

static uint32_t prepare(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	uint64_t key = (UINT64_C(1) << 40) + mysql->pending_key++;

	text_ends(dialogue);
	mysql->last_prepared = ta_sql_store_put(&mysql->store, key, &dialogue->command, false);
	without_text(&dialogue->command, "");
	return mysql->last_prepared;
}

static uint32_t serial_of(const struct ta_mysql *mysql)
{
	uint32_t statement = mysql->request.statement;

	return statement == LAST_STATEMENT ? mysql->last_prepared :
					     ta_sql_store_find(&mysql->store, key_of(statement));
}

static void executes(struct ta_dialogue *dialogue, uint8_t code)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	struct ta_command *command = &dialogue->command;

	ta_sql_store_get(&mysql->store, serial_of(mysql), command);
	if (code != STMT_FETCH)
		return;
	command->text_len = 0;
	command->flags = 0;
	command->operation_len = (uint8_t)strlen(forms[code].operation);
	memcpy(command->operation, forms[code].operation, command->operation_len);
}

/* The facts of the command. */
static void describe(struct ta_dialogue *dialogue, const struct form *form,
		     struct ta_mysql_item *item)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	uint8_t code = mysql->request.command;

	if (code == QUERY) {
		text_ends(dialogue);
		item->moves = uses(mysql, &dialogue->command);
	} else if (code == STMT_PREPARE) {
		item->serial = prepare(dialogue);
	} else if (code == STMT_EXECUTE || code == BULK_EXECUTE || code == STMT_FETCH) {
		executes(dialogue, code);
	} else {
		without_text(&dialogue->command, form->operation);
	}
	if (code == STMT_CLOSE)
		ta_sql_store_drop(&mysql->store, serial_of(mysql));
	item->moves |= code == INIT_DB || code == CHANGE_USER;
	dialogue->command.flags |= form->flags;
}

enum ta_command_event ta_mysql_command_end(struct ta_dialogue *dialogue)
{
	struct ta_mysql *mysql = ta_mysql_of(dialogue);
	const struct form *form = form_of(mysql->request.command);
	struct ta_mysql_item item = { 0 };

	if (form == NULL)
		return TA_COMMAND_BROKEN;
	if (form->tunnels)
		return TA_COMMAND_TUNNEL;
	item.kind = form->kind;
	describe(dialogue, form, &item);
	if (mysql->request.command == CHANGE_USER)
		mysql->phase = TA_MYSQL_AUTH;
	return ta_mysql_ready(dialogue, item);
}
