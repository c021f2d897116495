/* SPDX-License-Identifier: MIT */
/*
 * sql_part.h - what the files of the reader of SQL texts share; see sql.h.
 */
#ifndef TA_PROTOCOL_SQL_PART_H
#define TA_PROTOCOL_SQL_PART_H

#include "runtime/protocol/sql.h"

/* A word of at most 8 letters as a number: TA_SQL_WORD('F', 'R', 'O', 'M'). */
#define TA_SQL_WORD(...) TA_SQL_WORD8(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define TA_SQL_WORD8(a, b, c, d, e, f, g, h, ...)                                                  \
	((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |          \
	 (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)

/* A byte, eight times. */
#define TA_SQL_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* struct ta_sql.values */
enum { TA_SQL_NO_VALUES, TA_SQL_VALUES, TA_SQL_ROW, TA_SQL_ROW_DONE, TA_SQL_ROW_COMMA };

/* sql_text.c: tokens as they come.  A token that does not fit is left out, and ends the text. */
void ta_sql_literal(struct ta_sql *sql, struct ta_command *command);
void ta_sql_mark(struct ta_sql *sql, struct ta_command *command, char mark);
void ta_sql_token_begin(struct ta_sql *sql, struct ta_command *command);
void ta_sql_token_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
			size_t bytes);
/* The same for short words: from data on, `readable` bytes can be read. */
void ta_sql_token_word(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable);
void ta_sql_token_undo(struct ta_sql *sql, struct ta_command *command);
void ta_sql_full(struct ta_sql *sql, struct ta_command *command);

/* sql_word.c: what words say. */
void ta_sql_word_begin(struct ta_sql *sql, struct ta_command *command);
/* readable: bytes from data on, of which `bytes` are the word's. */
void ta_sql_word_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable);
void ta_sql_word_end(struct ta_sql *sql, struct ta_command *command);
/* A name in quotes is complete; unplain ones are no table that may be told. */
void ta_sql_name_begin(struct ta_sql *sql, struct ta_command *command);
void ta_sql_name_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes);
void ta_sql_name_end(struct ta_sql *sql);
/* Any other token: a mark, or '?' for a literal. */
void ta_sql_word_mark(struct ta_sql *sql, struct ta_command *command, char mark);
void ta_sql_words_end(struct ta_sql *sql, struct ta_command *command);

#endif
