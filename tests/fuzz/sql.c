/* SPDX-License-Identifier: MIT */
/*
 * sql.c - fuzzes the reader of SQL texts.
 *
 * Input: a byte of modes (enum ta_sql_mode), a byte that seeds the cutting, the statement.  Whole
 * and in pieces it must give the same; and what is shown has no quotation mark of a string.
 */
#include "runtime/protocol/sql.h"

#include <stdlib.h>
#include <string.h>

#define demand(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void tell(struct ta_command *command, unsigned int mode, const uint8_t *data, size_t bytes,
		 uint32_t seed)
{
	static struct ta_sql sql;

	memset(&sql, 0xa5, sizeof(sql));
	memset(command, 0, sizeof(*command));
	ta_sql_begin(&sql, command, mode);
	for (size_t at = 0; at < bytes;) {
		size_t piece = bytes - at;
		char *copy;

		if (seed) {
			seed = seed * 1664525u + 1013904223u;
			if (piece > (seed >> 24) % 23)
				piece = (seed >> 24) % 23;
		}
		copy = malloc(piece ? piece : 1);
		memcpy(copy, data + at, piece);
		ta_sql_feed(&sql, command, copy, piece);
		free(copy);
		at += piece;
	}
	ta_sql_end(&sql, command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct ta_command whole, pieces;
	unsigned int mode;

	if (bytes < 2)
		return 0;
	mode = data[0] & 7;
	tell(&whole, mode, data + 2, bytes - 2, 0);
	tell(&pieces, mode, data + 2, bytes - 2, data[1] * 2654435761u | 1);
	demand(whole.flags == pieces.flags);
	demand(whole.text_len == pieces.text_len && whole.text_len <= TA_COMMAND_TEXT_MAX);
	demand(memcmp(whole.text, pieces.text, whole.text_len) == 0);
	demand(whole.operation_len == pieces.operation_len);
	demand(memcmp(whole.operation, pieces.operation, whole.operation_len) == 0);
	demand(whole.target_len == pieces.target_len);
	demand(memcmp(whole.target, pieces.target, whole.target_len) == 0);
	demand(memchr(whole.text, '\'', whole.text_len) == NULL);
	if (mode & TA_SQL_MYSQL)
		demand(memchr(whole.text, '"', whole.text_len) == NULL);
	return 0;
}
