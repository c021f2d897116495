/* SPDX-License-Identifier: MIT */
/*
 * sql_dollar.c - what begins with a dollar in PostgreSQL: parameters ($1) and strings
 * ($tag$...$tag$); see sql.c.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_scan.h"

#include <string.h>

#define PARAM_DIGITS_MAX 6u

static void param_begins(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_word_mark(sql, command, '$');
	ta_sql_token_begin(sql, command);
	ta_sql_token_bytes(sql, command, "$", 1);
	sql->state = TA_SQL_PARAM;
	sql->word_len = 0;
	sql->continues = 0;
}

void ta_sql_scan_param_end(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = TA_SQL_BETWEEN;
	if (sql->word_len <= PARAM_DIGITS_MAX)
		return;
	ta_sql_token_undo(sql, command);
	ta_sql_literal(sql, command);
}

static const char *param_bytes(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (!(ta_sql_kinds[(uint8_t)*at] & TA_SQL_DIGIT)) {
		ta_sql_scan_param_end(sql, command);
		return at;
	}
	if (++sql->word_len <= PARAM_DIGITS_MAX)
		ta_sql_token_bytes(sql, command, at, 1);
	else
		sql->word_len = PARAM_DIGITS_MAX + 1;
	return at + 1;
}

static void body_begins(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_scan_literal(sql, command);
	sql->state = TA_SQL_DOLLAR_BODY;
	sql->tag_at = 0;
}

static const char *dollar(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	uint8_t kind = ta_sql_kinds[(uint8_t)*at];

	sql->tag_len = 0;
	if (kind & TA_SQL_DIGIT) {
		param_begins(sql, command);
		return at;
	}
	if (*at == '$') {
		body_begins(sql, command);
		return at + 1;
	}
	sql->state = kind & TA_SQL_LETTER ? TA_SQL_TAG : TA_SQL_BETWEEN;
	if (sql->state == TA_SQL_BETWEEN)
		ta_sql_scan_mark(sql, command, '$');
	return at;
}

static const char *tag_byte(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (*at == '$') {
		body_begins(sql, command);
		return at + 1;
	}
	/* Or it was a lonely dollar, and a word behind it. */
	if (!(ta_sql_kinds[(uint8_t)*at] & (TA_SQL_LETTER | TA_SQL_DIGIT))) {
		ta_sql_scan_mark(sql, command, '$');
		ta_sql_scan_word(sql, command, sql->tag, sql->tag_len);
		return at;
	}
	if (sql->tag_len == TA_SQL_TAG_MAX)
		ta_sql_scan_lose(sql, command);
	else
		sql->tag[sql->tag_len++] = *at;
	return at + 1;
}

/* Looks for $tag$; tag_at is how much of that was just seen. */
static const char *body_bytes(struct ta_sql *sql, const char *at, const char *end)
{
	for (; at < end; at++) {
		if (sql->tag_at == 0) {
			at = memchr(at, '$', (size_t)(end - at));
			if (at == NULL)
				return end;
			sql->tag_at = 1;
		} else if (sql->tag_at <= sql->tag_len && *at == sql->tag[sql->tag_at - 1]) {
			sql->tag_at++;
		} else if (*at != '$') {
			sql->tag_at = 0;
		} else if (sql->tag_at == sql->tag_len + 1) {
			sql->state = TA_SQL_BETWEEN;
			return at + 1;
		} else {
			sql->tag_at = 1;
		}
	}
	return at;
}

const char *ta_sql_scan_dollar(struct ta_sql *sql, struct ta_command *command, const char *at,
			       const char *end)
{
	switch (sql->state) {
	case TA_SQL_PARAM:
		return param_bytes(sql, command, at);
	case TA_SQL_DOLLAR:
		return dollar(sql, command, at);
	case TA_SQL_TAG:
		return tag_byte(sql, command, at);
	default:
		return body_bytes(sql, at, end);
	}
}
