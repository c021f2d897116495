/* SPDX-License-Identifier: MIT */
/*
 * sql_text.c - writes the text of a statement, token by token; see sql.h.
 *
 * Held back until the next token is known: white space, the comma behind a literal that stands
 * first in its brackets (a literal behind it swallows it), the comma between two rows of VALUES,
 * and a sign that may belong to a number.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_part.h"

#include <string.h>

enum run { NO_RUN, OPENED, LITERAL, COMMA };

void ta_sql_full(struct ta_sql *sql, struct ta_command *command)
{
	sql->full = true;
	command->flags |= TA_COMMAND_TEXT_CUT;
}

static void put(struct ta_sql *sql, struct ta_command *command, const char *data, size_t bytes)
{
	if (sql->full || sql->muted)
		return;
	if (bytes > (size_t)(TA_COMMAND_TEXT_MAX - command->text_len)) {
		command->text_len = sql->undo;
		ta_sql_full(sql, command);
		return;
	}
	memcpy(command->text + command->text_len, data, bytes);
	command->text_len = (uint16_t)(command->text_len + bytes);
}

static void put_byte(struct ta_sql *sql, struct ta_command *command, char byte)
{
	if (command->text_len < TA_COMMAND_TEXT_MAX && !sql->full && !sql->muted)
		command->text[command->text_len++] = byte;
	else
		put(sql, command, &byte, 1);
}

/* What was held back stands there after all. */
static void put_held(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->run == COMMA || sql->values == TA_SQL_ROW_COMMA)
		put_byte(sql, command, ',');
	if (sql->sign) {
		if (sql->sign_gap)
			put_byte(sql, command, ' ');
		put_byte(sql, command, sql->sign);
		sql->sign = '\0';
	}
	if (sql->gap && command->text_len)
		put_byte(sql, command, ' ');
	sql->gap = false;
}

void ta_sql_token_begin(struct ta_sql *sql, struct ta_command *command)
{
	sql->undo = command->text_len;
	sql->undo_run = sql->run;
	sql->undo_gap = sql->gap || (sql->sign && sql->sign_gap);
	put_held(sql, command);
	sql->run = NO_RUN;
	if (sql->values != TA_SQL_ROW)
		sql->values = TA_SQL_NO_VALUES;
	sql->operand = true;
}

void ta_sql_token_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
			size_t bytes)
{
	put(sql, command, data, bytes);
}

void ta_sql_token_word(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable)
{
	if (bytes > 16 || readable < 16 || sql->full || sql->muted ||
	    command->text_len > TA_COMMAND_TEXT_MAX - 16) {
		put(sql, command, data, bytes);
		return;
	}
	memcpy(command->text + command->text_len, data, 16); /* what is too much is overwritten */
	command->text_len = (uint16_t)(command->text_len + bytes);
}

void ta_sql_token_undo(struct ta_sql *sql, struct ta_command *command)
{
	sql->run = sql->undo_run;
	sql->gap = sql->undo_gap;
	if (!sql->full && !sql->muted)
		command->text_len = sql->undo;
}

void ta_sql_literal(struct ta_sql *sql, struct ta_command *command)
{
	bool first = sql->run == OPENED;

	if (sql->sign)
		sql->gap = sql->sign_gap;
	sql->sign = '\0';
	if (sql->run == COMMA) {
		sql->run = LITERAL;
		sql->gap = false;
		sql->operand = true;
		return;
	}
	ta_sql_token_begin(sql, command);
	put_byte(sql, command, '?');
	sql->run = first ? LITERAL : NO_RUN;
}

/* A comma or sign that waits. */
static bool holds(struct ta_sql *sql, char mark)
{
	if (mark == ',' && sql->run == LITERAL)
		sql->run = COMMA;
	else if (mark == ',' && sql->values == TA_SQL_ROW_DONE)
		sql->values = TA_SQL_ROW_COMMA;
	else if ((mark != '-' && mark != '+') || sql->operand || sql->sign)
		return false;
	else
		sql->sign = mark, sql->sign_gap = sql->gap;
	sql->gap = false;
	sql->operand = false;
	return true;
}

/* Rows behind the first are not shown. */
static bool hides(struct ta_sql *sql, char mark)
{
	if (mark == '(' && sql->values == TA_SQL_ROW_COMMA) {
		sql->values = TA_SQL_ROW;
		sql->row_depth = sql->depth;
		sql->muted = true;
	} else if (mark == ')' && sql->muted && sql->depth == sql->row_depth) {
		sql->values = TA_SQL_ROW_DONE;
		sql->muted = false;
	} else {
		return false;
	}
	sql->run = NO_RUN;
	sql->gap = false;
	sql->sign = '\0';
	sql->operand = mark == ')';
	return true;
}

/* For brackets of both kinds the depth is that outside of them. */
void ta_sql_mark(struct ta_sql *sql, struct ta_command *command, char mark)
{
	bool opens = mark == '(' && sql->values == TA_SQL_VALUES;
	bool closes = mark == ')' && sql->values == TA_SQL_ROW && sql->depth == sql->row_depth;

	if (holds(sql, mark) || hides(sql, mark))
		return;
	ta_sql_token_begin(sql, command);
	put_byte(sql, command, mark);
	sql->run = mark == '(' ? OPENED : NO_RUN;
	sql->operand = mark == ')' || mark == ']';
	if (opens)
		sql->row_depth = sql->depth;
	if (opens || closes)
		sql->values = opens ? TA_SQL_ROW : TA_SQL_ROW_DONE;
}
