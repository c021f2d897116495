/* SPDX-License-Identifier: MIT */
/*
 * sql_scan.h - what the files of the scanner of SQL texts share; see sql.c.
 */
#ifndef TA_PROTOCOL_SQL_SCAN_H
#define TA_PROTOCOL_SQL_SCAN_H

#include "runtime/protocol/sql_part.h"

/* struct ta_sql.state */
enum ta_sql_state {
	TA_SQL_BETWEEN,
	TA_SQL_IN_WORD,
	TA_SQL_IN_NUMBER,
	TA_SQL_PARAM, /* $1 */
	TA_SQL_IN_STRING,
	TA_SQL_STRING_ESCAPE,
	TA_SQL_STRING_QUOTE, /* the end, or the first of two */
	TA_SQL_IN_NAME,
	TA_SQL_NAME_QUOTE,
	TA_SQL_LINE_COMMENT,
	TA_SQL_BLOCK_BEGIN,
	TA_SQL_BLOCK_M, /* MariaDB's executable comments */
	TA_SQL_BLOCK,
	TA_SQL_VERSION, /* of executable comments */
	TA_SQL_STAR,    /* in executable comments */
	TA_SQL_SLASH,
	TA_SQL_MINUS,
	TA_SQL_MINUS_MINUS, /* MySQL: a comment only with white space behind it */
	TA_SQL_DOLLAR,
	TA_SQL_TAG,
	TA_SQL_DOLLAR_BODY,
	TA_SQL_LOST,
};

enum { TA_SQL_SPACE = 1, TA_SQL_LETTER = 2, TA_SQL_DIGIT = 4, TA_SQL_DOLLAR_SIGN = 8 };

/* By byte.  Control characters are white space; what is not ASCII is part of words. */
extern const uint8_t ta_sql_kinds[256];

static inline bool ta_sql_is_mysql(const struct ta_sql *sql)
{
	return sql->mode & TA_SQL_MYSQL;
}

static inline bool ta_sql_in_word(uint8_t byte)
{
	return ta_sql_kinds[byte] & (TA_SQL_LETTER | TA_SQL_DIGIT | TA_SQL_DOLLAR_SIGN);
}

/* sql.c: the text ends here, since what follows may be read in two ways. */
void ta_sql_scan_lose(struct ta_sql *sql, struct ta_command *command);
void ta_sql_scan_literal(struct ta_sql *sql, struct ta_command *command);
void ta_sql_scan_mark(struct ta_sql *sql, struct ta_command *command, char byte);
/* A word begins with these bytes, and goes on. */
void ta_sql_scan_word(struct ta_sql *sql, struct ta_command *command, const char *data,
		      size_t bytes);

/* Steps in their states: each takes at least one byte, or goes to another state.
 * sql_comment.c: comments, and the marks that they begin and end with. */
const char *ta_sql_scan_comment(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end);
/* sql_dollar.c */
const char *ta_sql_scan_dollar(struct ta_sql *sql, struct ta_command *command, const char *at,
			       const char *end);
void ta_sql_scan_param_end(struct ta_sql *sql, struct ta_command *command);

#endif
