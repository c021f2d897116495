/* SPDX-License-Identifier: MIT */
/*
 * sql_comment.c - comments in SQL texts, and the marks that they begin and end with; see sql.c.
 *
 * MySQL's executable comments are code for some servers and nothing for others.  As long as
 * nothing in one could hide its end both read the same; what could ends the text.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_scan.h"

static const char *line_comment(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end)
{
	if (sql->executable) {
		ta_sql_scan_lose(sql, command);
		return at;
	}
	for (; at < end; at++) {
		if (*at == '\n' || (*at == '\r' && !ta_sql_is_mysql(sql))) {
			sql->state = TA_SQL_BETWEEN;
			return at;
		}
	}
	return at;
}

static void block_begins(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = ta_sql_is_mysql(sql) ? TA_SQL_BLOCK_BEGIN : TA_SQL_BLOCK;
	sql->comment_depth = 1;
	sql->last = 0;
	sql->gap = true;
	sql->continues = 0;
	if (sql->executable)
		ta_sql_scan_lose(sql, command);
}

static const char *block_bytes(struct ta_sql *sql, const char *at, const char *end)
{
	uint8_t last = sql->last;

	for (; at < end && sql->comment_depth; at++) {
		uint8_t byte = (uint8_t)*at;

		if (last == '*' && byte == '/') {
			sql->comment_depth--;
			byte = 0;
		} else if (last == '/' && byte == '*' && !ta_sql_is_mysql(sql)) {
			sql->comment_depth++;
			byte = 0;
		}
		last = byte;
	}
	sql->last = last;
	if (sql->comment_depth == 0)
		sql->state = TA_SQL_BETWEEN;
	return at;
}

/* `!`: the comment is code for this server, or for another one. */
static const char *block_begin(struct ta_sql *sql, const char *at)
{
	if (*at == '!') {
		sql->state = TA_SQL_VERSION;
		sql->executable = true;
		return at + 1;
	}
	if (*at == 'M' && sql->state == TA_SQL_BLOCK_BEGIN) {
		sql->state = TA_SQL_BLOCK_M;
		return at + 1;
	}
	sql->state = TA_SQL_BLOCK;
	return at;
}

static const char *version(struct ta_sql *sql, const char *at)
{
	if (ta_sql_kinds[(uint8_t)*at] & TA_SQL_DIGIT)
		return at + 1;
	sql->state = TA_SQL_BETWEEN;
	return at;
}

/* ---- marks ---- */

static const char *star(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	sql->state = TA_SQL_BETWEEN;
	if (*at == '/') {
		sql->executable = false;
		sql->gap = true;
		return at + 1;
	}
	ta_sql_scan_mark(sql, command, '*');
	return at;
}

static const char *slash(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	sql->state = TA_SQL_BETWEEN;
	if (*at == '*') {
		block_begins(sql, command);
		return at + 1;
	}
	ta_sql_scan_mark(sql, command, '/');
	return at;
}

static const char *minus(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (*at == '-') {
		sql->state = ta_sql_is_mysql(sql) ? TA_SQL_MINUS_MINUS : TA_SQL_LINE_COMMENT;
		sql->gap |= !ta_sql_is_mysql(sql);
		return at + 1;
	}
	sql->state = TA_SQL_BETWEEN;
	ta_sql_scan_mark(sql, command, '-');
	return at;
}

static const char *minus_minus(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (ta_sql_kinds[(uint8_t)*at] & TA_SQL_SPACE) {
		sql->state = TA_SQL_LINE_COMMENT;
		sql->gap = true;
		return at;
	}
	ta_sql_scan_mark(sql, command, '-');
	if (*at == '-')
		return at + 1;
	sql->state = TA_SQL_BETWEEN;
	ta_sql_scan_mark(sql, command, '-');
	return at;
}

const char *ta_sql_scan_comment(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end)
{
	switch (sql->state) {
	case TA_SQL_LINE_COMMENT:
		return line_comment(sql, command, at, end);
	case TA_SQL_BLOCK_BEGIN:
	case TA_SQL_BLOCK_M:
		return block_begin(sql, at);
	case TA_SQL_BLOCK:
		return block_bytes(sql, at, end);
	case TA_SQL_VERSION:
		return version(sql, at);
	case TA_SQL_STAR:
		return star(sql, command, at);
	case TA_SQL_SLASH:
		return slash(sql, command, at);
	case TA_SQL_MINUS:
		return minus(sql, command, at);
	default:
		return minus_minus(sql, command, at);
	}
}
