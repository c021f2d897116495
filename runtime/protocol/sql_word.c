/* SPDX-License-Identifier: MIT */
/*
 * sql_word.c - what the words of a statement say: its operation, and the table it is about.
 *
 * A table is told when there is exactly one.  Where a word may be a table or something else
 * (FROM in EXTRACT, UPDATE in FOR UPDATE), it is none; behind several the target stays empty.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_part.h"

#include <string.h>

#define W TA_SQL_WORD

enum wanted { NOTHING, NAME, NAMED, PART }; /* PART: behind a point */

#define NAME_TOO_LONG 255
#define DEPTH_MAX 31u
#define WORD_SHOWN_MAX 64u

static char upper(char byte)
{
	return byte >= 'a' && byte <= 'z' ? (char)(byte - 32) : byte;
}

static uint32_t bit(const struct ta_sql *sql)
{
	return sql->depth < DEPTH_MAX ? 1u << sql->depth : 0;
}

static bool long_word(const struct ta_sql *sql, uint64_t key, uint32_t bytes)
{
	return sql->key == key && sql->word_len == bytes;
}

/* ---- the table ---- */

static void want(struct ta_sql *sql, bool call_like)
{
	sql->wanted = NAME;
	sql->name_len = 0;
	sql->call_like = call_like;
	sql->listing = call_like || sql->verb == W('D', 'R', 'O', 'P') ||
		       sql->verb == W('T', 'R', 'U', 'N', 'C', 'A', 'T', 'E') ||
		       sql->key == W('U', 'P', 'D', 'A', 'T', 'E');
}

/* The first table's name grows where it will stay. */
static char *name_of(struct ta_sql *sql, struct ta_command *command)
{
	return command->target_len == 0 ? command->target : sql->name;
}

static void append_name(struct ta_sql *sql, struct ta_command *command, const char *data,
			size_t bytes)
{
	if (sql->name_len == NAME_TOO_LONG || bytes > sizeof(sql->name) - sql->name_len) {
		sql->name_len = NAME_TOO_LONG;
		return;
	}
	memcpy(name_of(sql, command) + sql->name_len, data, bytes);
	sql->name_len = (uint8_t)(sql->name_len + bytes);
}

static void not_one(struct ta_sql *sql, struct ta_command *command)
{
	sql->several = true;
	command->target_len = 0;
}

/* A name is complete. */
static void take_table(struct ta_sql *sql, struct ta_command *command)
{
	sql->wanted = NOTHING;
	if (sql->listing)
		sql->lists |= bit(sql);
	if (sql->several)
		return;
	if (sql->name_len == NAME_TOO_LONG || sql->depth >= DEPTH_MAX) {
		not_one(sql, command);
	} else if (command->target_len == 0) {
		command->target_len = sql->name_len;
	} else if (command->target_len != sql->name_len ||
		   memcmp(command->target, sql->name, sql->name_len) != 0) {
		not_one(sql, command);
	}
}

static bool is_modifier(const struct ta_sql *sql)
{
	switch (sql->key) {
	case W('O', 'N', 'L', 'Y'):
	case W('I', 'F'):
	case W('N', 'O', 'T'):
	case W('E', 'X', 'I', 'S', 'T', 'S'):
	case W('T', 'A', 'B', 'L', 'E'):
	case W('I', 'G', 'N', 'O', 'R', 'E'):
	case W('Q', 'U', 'I', 'C', 'K'):
	case W('D', 'E', 'L', 'A', 'Y', 'E', 'D'):
	case W('L', 'A', 'T', 'E', 'R', 'A', 'L'):
		return sql->word_len <= 8;
	default:
		return long_word(sql, W('L', 'O', 'W', '_', 'P', 'R', 'I', 'O'), 12) ||
		       long_word(sql, W('H', 'I', 'G', 'H', '_', 'P', 'R', 'I'), 13);
	}
}

static bool is_no_table(uint64_t key)
{
	switch (key) {
	case W('S', 'E', 'L', 'E', 'C', 'T'):
	case W('V', 'A', 'L', 'U', 'E', 'S'):
	case W('S', 'E', 'T'):
	case W('W', 'I', 'T', 'H'):
	case W('W', 'H', 'E', 'R', 'E'):
	case W('O', 'N'):
	case W('F', 'R', 'O', 'M'):
	case W('O', 'F'):
	case W('D', 'U', 'A', 'L'):
	case W('S', 'T', 'D', 'I', 'N'):
	case W('S', 'T', 'D', 'O', 'U', 'T'):
	case W('O', 'U', 'T', 'F', 'I', 'L', 'E'):
	case W('D', 'U', 'M', 'P', 'F', 'I', 'L', 'E'):
		return true;
	default:
		return false;
	}
}

/* A word where a table is awaited; false when it is a keyword. */
static bool takes_word(struct ta_sql *sql)
{
	if (sql->wanted == NAME && is_modifier(sql)) {
		sql->name_len = 0;
		return true;
	}
	if (sql->wanted == NAME && is_no_table(sql->key)) {
		sql->wanted = NOTHING;
		return false;
	}
	sql->wanted = NAMED;
	if (sql->word_len > WORD_SHOWN_MAX)
		sql->name_len = NAME_TOO_LONG;
	return true;
}

/* ---- keywords ---- */

static bool reads(const struct ta_sql *sql)
{
	switch (sql->verb) {
	case W('S', 'E', 'L', 'E', 'C', 'T'):
	case W('I', 'N', 'S', 'E', 'R', 'T'):
	case W('R', 'E', 'P', 'L', 'A', 'C', 'E'):
	case W('U', 'P', 'D', 'A', 'T', 'E'):
	case W('D', 'E', 'L', 'E', 'T', 'E'):
	case W('M', 'E', 'R', 'G', 'E'):
	case W('W', 'I', 'T', 'H'):
	case W('E', 'X', 'P', 'L', 'A', 'I', 'N'):
	case W('C', 'R', 'E', 'A', 'T', 'E'):
	case W('D', 'E', 'C', 'L', 'A', 'R', 'E'):
	case W('L', 'O', 'A', 'D'):
		return true;
	case W('C', 'O', 'P', 'Y'):
		return sql->depth > 0;
	default:
		return false;
	}
}

static bool defines(const struct ta_sql *sql)
{
	switch (sql->verb) {
	case W('C', 'R', 'E', 'A', 'T', 'E'):
	case W('D', 'R', 'O', 'P'):
	case W('A', 'L', 'T', 'E', 'R'):
	case W('L', 'O', 'C', 'K'):
	case W('T', 'A', 'B', 'L', 'E'):
		return true;
	default:
		return false;
	}
}

static bool updates(const struct ta_sql *sql)
{
	switch (sql->previous) {
	case W('F', 'O', 'R'):
	case W('K', 'E', 'Y'):
	case W('D', 'O'):
	case W('O', 'N'):
	case W('T', 'H', 'E', 'N'):
		return false;
	default:
		return reads(sql) && sql->verb != W('C', 'R', 'E', 'A', 'T', 'E');
	}
}

/* EXTRACT(YEAR FROM x), IS DISTINCT FROM x: no tables. */
static bool lists_tables(const struct ta_sql *sql)
{
	return reads(sql) && sql->previous != W('D', 'I', 'S', 'T', 'I', 'N', 'C', 'T') &&
	       (sql->depth == 0 || (sql->selects & bit(sql)) ||
		sql->previous == W('D', 'E', 'L', 'E', 'T', 'E'));
}

static void keyword(struct ta_sql *sql)
{
	switch (sql->key) {
	case W('F', 'R', 'O', 'M'):
		if (lists_tables(sql))
			want(sql, true);
		break;
	case W('J', 'O', 'I', 'N'):
		if (reads(sql))
			want(sql, true);
		break;
	case W('U', 'S', 'I', 'N', 'G'):
		if (sql->verb == W('D', 'E', 'L', 'E', 'T', 'E') ||
		    sql->verb == W('M', 'E', 'R', 'G', 'E'))
			want(sql, true);
		break;
	case W('I', 'N', 'T', 'O'):
		if (reads(sql))
			want(sql, false);
		break;
	case W('U', 'P', 'D', 'A', 'T', 'E'):
		if (updates(sql))
			want(sql, false);
		break;
	case W('T', 'A', 'B', 'L', 'E'):
		if (defines(sql))
			want(sql, false);
		break;
	case W('T', 'R', 'U', 'N', 'C', 'A', 'T', 'E'):
	case W('C', 'O', 'P', 'Y'):
		if (sql->verb == sql->key && sql->previous == 0)
			want(sql, false);
		break;
	case W('S', 'E', 'L', 'E', 'C', 'T'):
		sql->selects |= bit(sql);
		sql->lists &= ~bit(sql);
		break;
	case W('V', 'A', 'L', 'U', 'E', 'S'):
	case W('V', 'A', 'L', 'U', 'E'):
		sql->values = sql->muted ? sql->values : TA_SQL_VALUES;
		sql->lists &= ~bit(sql);
		break;
	case W('N', 'A', 'M', 'E', 'S'):
		sql->names_set |= sql->verb == W('S', 'E', 'T') && sql->previous == sql->verb &&
				  !sql->statements;
		break;
	case W('W', 'H', 'E', 'R', 'E'):
	case W('G', 'R', 'O', 'U', 'P'):
	case W('O', 'R', 'D', 'E', 'R'):
	case W('H', 'A', 'V', 'I', 'N', 'G'):
	case W('L', 'I', 'M', 'I', 'T'):
	case W('S', 'E', 'T'):
	case W('U', 'N', 'I', 'O', 'N'):
	case W('W', 'I', 'N', 'D', 'O', 'W'):
	case W('F', 'O', 'R'):
	case W('O', 'F', 'F', 'S', 'E', 'T'):
		sql->lists &= ~bit(sql);
		break;
	default:
		break;
	}
}

static void long_keyword(struct ta_sql *sql)
{
	if (long_word(sql, W('R', 'E', 'T', 'U', 'R', 'N', 'I', 'N'), 9))
		sql->lists &= ~bit(sql);
	else if (long_word(sql, W('S', 'T', 'R', 'A', 'I', 'G', 'H', 'T'), 13) && reads(sql))
		want(sql, true);
}

/* ---- the operation ---- */

static bool is_main_verb(uint64_t key)
{
	return key == W('S', 'E', 'L', 'E', 'C', 'T') || key == W('I', 'N', 'S', 'E', 'R', 'T') ||
	       key == W('U', 'P', 'D', 'A', 'T', 'E') || key == W('D', 'E', 'L', 'E', 'T', 'E') ||
	       key == W('M', 'E', 'R', 'G', 'E') || key == W('R', 'E', 'P', 'L', 'A', 'C', 'E');
}

static void main_verb(struct ta_sql *sql, struct ta_command *command)
{
	command->operation_len = 0;
	for (uint64_t key = sql->key; key; key >>= 8)
		command->operation[command->operation_len++] = (char)key;
	sql->verb = sql->key;
}

/* What is not spelled like a keyword is not told. */
static void operation_end(struct ta_sql *sql, struct ta_command *command)
{
	sql->operating = false;
	sql->verb = sql->word_len <= 8 ? sql->key : 1;
	if (sql->word_len > TA_COMMAND_OPERATION_MAX)
		command->operation_len = 0;
	for (uint8_t i = 0; i < command->operation_len; i++) {
		char byte = command->operation[i];

		if ((byte < 'A' || byte > 'Z') && byte != '_')
			command->operation_len = 0;
	}
}

/* ---- tokens ---- */

void ta_sql_word_begin(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->wanted == NAMED)
		take_table(sql, command);
	sql->key = 0;
	sql->word_len = 0;
	sql->operating = sql->verb == 0;
}

/* Eight letters at once. */
static uint64_t upper8(uint64_t letters)
{
	uint64_t low = letters & TA_SQL_EACH(0x7f);
	uint64_t small = (low + TA_SQL_EACH(0x80 - 'a')) & ~(low + TA_SQL_EACH(0x7f - 'z')) & ~letters & TA_SQL_EACH(0x80);

	return letters - (small >> 2);
}

/* The key of a word whose first piece this is; 8 bytes can be read. */
static uint64_t key8(const char *data, size_t bytes)
{
	uint64_t letters;

	memcpy(&letters, data, sizeof(letters));
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	letters = __builtin_bswap64(letters);
#endif
	if (bytes < 8)
		letters &= (UINT64_C(1) << (8 * bytes)) - 1;
	return upper8(letters);
}

static void operation_bytes(struct ta_command *command, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes && command->operation_len < TA_COMMAND_OPERATION_MAX; i++)
		command->operation[command->operation_len++] = upper(data[i]);
}

void ta_sql_word_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable)
{
	if (sql->word_len == 0 && readable >= 8)
		sql->key = key8(data, bytes);
	else
		for (size_t i = 0; i < bytes && sql->word_len + i < 8; i++)
			sql->key |= (uint64_t)(uint8_t)upper(data[i]) << (8 * (sql->word_len + i));
	if (sql->operating)
		operation_bytes(command, data, bytes);
	if (sql->wanted && !sql->statements)
		append_name(sql, command, data, bytes);
	sql->word_len += (uint32_t)bytes;
	if (sql->word_len > UINT16_MAX)
		sql->word_len = UINT16_MAX;
}

void ta_sql_word_end(struct ta_sql *sql, struct ta_command *command)
{
	uint64_t previous = sql->word_len <= 8 ? sql->key : 1;

	if (sql->operating)
		operation_end(sql, command);
	else if (sql->verb == W('W', 'I', 'T', 'H') && sql->depth == 0 && !sql->statements &&
		 sql->word_len <= 8 && is_main_verb(sql->key))
		main_verb(sql, command);
	if (sql->statements) {
		sql->wanted = NOTHING;
		if (previous == W('V', 'A', 'L', 'U', 'E', 'S') && !sql->muted)
			sql->values = TA_SQL_VALUES;
	} else if (!sql->wanted || !takes_word(sql)) {
		if (sql->word_len <= 8)
			keyword(sql);
		else
			long_keyword(sql);
	}
	sql->previous = previous;
}

void ta_sql_name_begin(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->wanted == NAMED)
		take_table(sql, command);
}

void ta_sql_name_bytes(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes)
{
	if (sql->wanted)
		append_name(sql, command, data, bytes);
}

void ta_sql_name_end(struct ta_sql *sql)
{
	if (sql->wanted)
		sql->wanted = NAMED;
	if (!sql->plain)
		sql->name_len = NAME_TOO_LONG;
	sql->previous = 1;
}

static void brackets(struct ta_sql *sql, char mark)
{
	uint32_t inside = sql->depth + 1 < DEPTH_MAX ? ~0u << (sql->depth + 1) : 0;

	sql->lists &= ~inside;
	sql->selects &= ~inside;
	if (mark == ')' && sql->wanted)
		sql->wanted = NOTHING;
}

/* For brackets of both kinds the depth is that outside of them. */
void ta_sql_word_mark(struct ta_sql *sql, struct ta_command *command, char mark)
{
	if (sql->wanted == NAMED && mark == '.') {
		append_name(sql, command, ".", 1);
		sql->wanted = PART;
		return;
	}
	if (sql->wanted == NAMED && mark == '(' && sql->call_like)
		sql->wanted = NOTHING;
	if (sql->wanted == NAMED)
		take_table(sql, command);
	if (mark == '(' || mark == ')')
		brackets(sql, mark);
	else if (mark == ',' && (sql->lists & bit(sql)) && !sql->statements)
		want(sql, true);
	else
		sql->wanted = NOTHING;
	if (mark != '(' || sql->wanted != NAME)
		sql->previous = sql->verb ? 1 : 0;
}

void ta_sql_words_end(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->wanted == NAMED)
		take_table(sql, command);
	sql->wanted = NOTHING;
}
