/* SPDX-License-Identifier: MIT */
/*
 * sql.c - reads the tokens of SQL texts as PostgreSQL and MySQL do; see sql.h.
 *
 * A state machine over bytes, with loops of its own for words, strings and comments.  What the
 * server would read in another way than we do must not happen: a string that we believe to be
 * over, and that is not, would be shown.  So every rule of the servers' scanners that moves the
 * end of a string is followed, and where two readings are possible the text ends (LOST).
 * Comments are in sql_comment.c, what PostgreSQL begins with a dollar is in sql_dollar.c.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_scan.h"

#include <string.h>

#define BYTES_MAX (256u * 1024u) /* the rest of a longer statement says nothing new */
#define NAME_BYTES_MAX 64u	 /* both servers' limit */

const uint8_t ta_sql_kinds[256] = {
	[0 ... 32] = TA_SQL_SPACE,	[127] = TA_SQL_SPACE,	       ['0' ... '9'] = TA_SQL_DIGIT,
	['A' ... 'Z'] = TA_SQL_LETTER,	['a' ... 'z'] = TA_SQL_LETTER, ['_'] = TA_SQL_LETTER,
	[128 ... 255] = TA_SQL_LETTER, ['$'] = TA_SQL_DOLLAR_SIGN,
};

void ta_sql_scan_lose(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = TA_SQL_LOST;
	ta_sql_full(sql, command);
}

/* ---- literals ---- */

void ta_sql_scan_literal(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_word_mark(sql, command, '?');
	ta_sql_literal(sql, command);
	sql->continues = 0;
}

enum string_kind { PLAIN, ESCAPED, BITS };

static void string_begins(struct ta_sql *sql, struct ta_command *command, uint8_t quote,
			  enum string_kind kind)
{
	ta_sql_scan_literal(sql, command);
	if (sql->executable) {
		ta_sql_scan_lose(sql, command);
		return;
	}
	sql->state = TA_SQL_IN_STRING;
	sql->quote = quote;
	sql->last = 0;
	sql->escapes = kind == ESCAPED || (kind == PLAIN && (sql->mode & TA_SQL_BACKSLASH));
	sql->doubt = kind != ESCAPED && (kind == BITS || (sql->mode & TA_SQL_DOUBT) ||
					 (ta_sql_is_mysql(sql) && sql->statements));
}

/* In some character sets a backslash may be the second half of a character. */
static void backslash(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->escapes && sql->last >= 0x80)
		ta_sql_scan_lose(sql, command);
	else
		sql->state = TA_SQL_STRING_ESCAPE;
}

static const char *string_bytes(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end)
{
	uint8_t last = sql->last;

	for (; at < end; at++) {
		uint8_t byte = (uint8_t)*at;

		if (byte == sql->quote) {
			sql->state = TA_SQL_STRING_QUOTE;
			return at + 1;
		}
		if (byte == '\\' && (sql->escapes || sql->doubt)) {
			sql->last = last;
			backslash(sql, command);
			return at + 1;
		}
		last = byte;
	}
	sql->last = last;
	return at;
}

static const char *string_escape(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (sql->doubt && (uint8_t)*at == sql->quote) {
		ta_sql_scan_lose(sql, command);
		return at;
	}
	sql->state = TA_SQL_IN_STRING;
	sql->last = (uint8_t)*at;
	return at + 1;
}

static const char *string_quote(struct ta_sql *sql, const char *at)
{
	sql->last = 0;
	if ((uint8_t)*at == sql->quote) {
		sql->state = TA_SQL_IN_STRING;
		return at + 1;
	}
	sql->state = TA_SQL_BETWEEN;
	sql->continues = !ta_sql_is_mysql(sql);
	return at;
}

static const char *number_bytes(struct ta_sql *sql, const char *at, const char *end)
{
	uint8_t last = sql->last;

	for (; at < end; last = (uint8_t)*at++) {
		bool sign = (*at == '+' || *at == '-') && (last == 'e' || last == 'E');

		if (!ta_sql_in_word((uint8_t)*at) && *at != '.' && !sign) {
			sql->state = TA_SQL_BETWEEN;
			break;
		}
	}
	sql->last = last;
	return at;
}

/* ---- words ---- */

static void word_begins(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_word_begin(sql, command);
	ta_sql_token_begin(sql, command);
	sql->state = TA_SQL_IN_WORD;
	sql->continues = 0;
}

static void word_grows(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable)
{
	size_t room = sql->word_len < NAME_BYTES_MAX ? NAME_BYTES_MAX - sql->word_len : 0;

	ta_sql_word_bytes(sql, command, data, bytes, readable);
	ta_sql_token_word(sql, command, data, bytes < room ? bytes : room, readable);
}

void ta_sql_scan_word(struct ta_sql *sql, struct ta_command *command, const char *data,
		      size_t bytes)
{
	word_begins(sql, command);
	word_grows(sql, command, data, bytes, bytes);
}

/* E'..', X'..', B'..', N'..': the letter is part of the literal. */
static bool is_prefix(const struct ta_sql *sql)
{
	return sql->word_len == 1 && strchr("BNXE", (int)sql->key) &&
	       (sql->key != 'E' || !ta_sql_is_mysql(sql));
}

static enum string_kind kind_of_prefix(uint64_t key)
{
	return key == 'E' ? ESCAPED : key == 'N' ? PLAIN : BITS;
}

static void word_ends(struct ta_sql *sql, struct ta_command *command, char next)
{
	sql->state = TA_SQL_BETWEEN;
	if (next == '\'' && is_prefix(sql)) {
		ta_sql_token_undo(sql, command);
		string_begins(sql, command, '\'', kind_of_prefix(sql->key));
		return;
	}
	if (sql->word_len > NAME_BYTES_MAX) {
		ta_sql_token_undo(sql, command);
		ta_sql_literal(sql, command);
	}
	ta_sql_word_end(sql, command);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Per byte of eight, the highest bit: it is `byte`. */
static uint64_t are(uint64_t low, uint8_t byte)
{
	return ~((low ^ TA_SQL_EACH(byte)) + TA_SQL_EACH(0x7f));
}

static uint64_t are_between(uint64_t low, uint8_t first, uint8_t last)
{
	return (low + TA_SQL_EACH(0x80u - first)) & ~(low + TA_SQL_EACH(0x7fu - last));
}

/* The first of eight bytes that is in no word; 8 when all are. */
static unsigned int end_in8(const char *at)
{
	uint64_t bytes, low, in;

	memcpy(&bytes, at, sizeof(bytes));
	low = bytes & TA_SQL_EACH(0x7f);
	in = bytes | are_between(low | TA_SQL_EACH(0x20), 'a', 'z') | are_between(low, '0', '9') |
	     are(low, '_') | are(low, '$');
	in = ~in & TA_SQL_EACH(0x80);
	return in ? (unsigned int)__builtin_ctzll(in) / 8 : 8;
}

static const char *skip_eights(const char *at, const char *end)
{
	while (end - at >= 8) {
		unsigned int bytes = end_in8(at);

		at += bytes;
		if (bytes < 8)
			break;
	}
	return at;
}
#else
static const char *skip_eights(const char *at, const char *end)
{
	(void)end;
	return at;
}
#endif

static const char *word_bytes(struct ta_sql *sql, struct ta_command *command, const char *at,
			      const char *end)
{
	const char *from = at;

	at = skip_eights(at, end);
	while (at < end && ta_sql_in_word((uint8_t)*at))
		at++;
	word_grows(sql, command, from, (size_t)(at - from), (size_t)(end - from));
	if (at == end)
		return at;
	word_ends(sql, command, *at);
	return at + (sql->state != TA_SQL_BETWEEN && sql->state != TA_SQL_LOST);
}

/* ---- names in quotes ---- */

static void name_begins(struct ta_sql *sql, struct ta_command *command, char quote)
{
	ta_sql_name_begin(sql, command);
	ta_sql_token_begin(sql, command);
	ta_sql_token_bytes(sql, command, &quote, 1);
	sql->state = TA_SQL_IN_NAME;
	sql->quote = (uint8_t)quote;
	sql->plain = true;
	sql->word_len = 0;
	sql->last = 0;
	sql->continues = 0;
	if (sql->executable)
		ta_sql_scan_lose(sql, command);
}

static bool may_show(uint8_t byte)
{
	return ta_sql_in_word(byte) || byte == '-' || byte == '.';
}

/* The part of a name that may be shown; behind that it is not plain any more. */
static const char *plain_bytes(struct ta_sql *sql, struct ta_command *command, const char *at,
			       const char *end)
{
	const char *from = at;

	for (; at < end && sql->plain && (uint8_t)*at != sql->quote; at++) {
		sql->plain = may_show((uint8_t)*at) && ++sql->word_len <= NAME_BYTES_MAX;
		if (!sql->plain)
			break;
	}
	ta_sql_name_bytes(sql, command, from, (size_t)(at - from));
	ta_sql_token_bytes(sql, command, from, (size_t)(at - from));
	return at;
}

static const char *name_bytes(struct ta_sql *sql, struct ta_command *command, const char *at,
			      const char *end)
{
	const char *from = at;

	at = plain_bytes(sql, command, at, end);
	at = at < end ? memchr(at, sql->quote, (size_t)(end - at)) : NULL;
	if (at == NULL)
		at = end;
	if (at > from)
		sql->last = (uint8_t)at[-1];
	if (at == end)
		return at;
	if (ta_sql_is_mysql(sql) && sql->last >= 0x80) { /* it may be the second half of a character */
		ta_sql_token_undo(sql, command);
		ta_sql_scan_lose(sql, command);
	} else {
		sql->state = TA_SQL_NAME_QUOTE;
	}
	return at + 1;
}

static void name_ends(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = TA_SQL_BETWEEN;
	ta_sql_name_end(sql);
	if (sql->plain) {
		ta_sql_token_bytes(sql, command, (const char *)&sql->quote, 1);
		return;
	}
	ta_sql_token_undo(sql, command);
	ta_sql_literal(sql, command);
}

static const char *name_quote(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if ((uint8_t)*at != sql->quote) {
		name_ends(sql, command);
		return at;
	}
	sql->plain = false;
	sql->state = TA_SQL_IN_NAME;
	sql->last = 0;
	return at + 1;
}

/* ---- marks ---- */

void ta_sql_scan_mark(struct ta_sql *sql, struct ta_command *command, char byte)
{
	sql->continues = 0;
	if (byte == ')' && sql->depth)
		sql->depth--;
	ta_sql_word_mark(sql, command, byte);
	ta_sql_mark(sql, command, byte);
	if (byte == '(')
		sql->depth++;
	if (byte == ';')
		sql->statements = sql->verb != 0;
}

/* ---- between tokens ---- */

static void quote_begins(struct ta_sql *sql, struct ta_command *command, char byte)
{
	if (byte != '\'' && !(ta_sql_is_mysql(sql) && byte == '"')) {
		name_begins(sql, command, byte);
	} else if (sql->continues == 2) {
		sql->state = TA_SQL_IN_STRING; /* 'a' NEWLINE 'b' is one, with the first one's rules */
		sql->last = 0;
		sql->gap = false;
	} else {
		string_begins(sql, command, (uint8_t)byte, PLAIN);
	}
}

static void mark_begins(struct ta_sql *sql, struct ta_command *command, char byte)
{
	if (byte == '/') {
		sql->state = TA_SQL_SLASH;
	} else if (byte == '-') {
		sql->state = TA_SQL_MINUS;
	} else if (byte == '#' && ta_sql_is_mysql(sql)) {
		sql->state = TA_SQL_LINE_COMMENT;
		sql->gap = true;
	} else if (byte == '$' && ta_sql_is_mysql(sql)) {
		ta_sql_scan_lose(sql, command); /* what it quotes there depends on the version */
	} else if (byte == '$') {
		sql->state = TA_SQL_DOLLAR;
	} else if (byte == '*' && sql->executable) {
		sql->state = TA_SQL_STAR;
	} else if (byte == '?') {
		ta_sql_scan_literal(sql, command);
	} else {
		ta_sql_scan_mark(sql, command, byte);
	}
}

static const char *between(struct ta_sql *sql, struct ta_command *command, const char *at,
			   const char *end)
{
	uint8_t kind = ta_sql_kinds[(uint8_t)*at];

	if (kind == TA_SQL_SPACE) {
		sql->gap = true;
		if (sql->continues && (*at == '\n' || *at == '\r'))
			sql->continues = 2;
	} else if (kind == TA_SQL_LETTER) {
		word_begins(sql, command);
		return word_bytes(sql, command, at, end);
	} else if (kind == TA_SQL_DIGIT) {
		ta_sql_scan_literal(sql, command);
		sql->state = TA_SQL_IN_NUMBER;
		sql->last = 0;
	} else if (*at == '\'' || *at == '"' || (*at == '`' && ta_sql_is_mysql(sql))) {
		quote_begins(sql, command, *at);
	} else {
		mark_begins(sql, command, *at);
	}
	return at + 1;
}

/* Takes at least one byte, or goes to another state. */
static const char *step(struct ta_sql *sql, struct ta_command *command, const char *at,
			const char *end)
{
	switch (sql->state) {
	case TA_SQL_IN_WORD:
		return word_bytes(sql, command, at, end);
	case TA_SQL_IN_NUMBER:
		return number_bytes(sql, at, end);
	case TA_SQL_IN_STRING:
		return string_bytes(sql, command, at, end);
	case TA_SQL_STRING_ESCAPE:
		return string_escape(sql, command, at);
	case TA_SQL_STRING_QUOTE:
		return string_quote(sql, at);
	case TA_SQL_IN_NAME:
		return name_bytes(sql, command, at, end);
	case TA_SQL_NAME_QUOTE:
		return name_quote(sql, command, at);
	case TA_SQL_PARAM:
	case TA_SQL_DOLLAR:
	case TA_SQL_TAG:
	case TA_SQL_DOLLAR_BODY:
		return ta_sql_scan_dollar(sql, command, at, end);
	case TA_SQL_LOST:
		return end;
	default:
		return ta_sql_scan_comment(sql, command, at, end);
	}
}

void ta_sql_begin(struct ta_sql *sql, struct ta_command *command, unsigned int mode)
{
	memset(sql, 0, offsetof(struct ta_sql, name));
	sql->mode = (uint8_t)mode;
	command->operation_len = command->target_len = 0;
	command->text_len = 0;
	command->flags &= (uint16_t)~TA_COMMAND_TEXT_CUT;
}

void ta_sql_feed(struct ta_sql *sql, struct ta_command *command, const char *data, size_t bytes)
{
	const char *end = data + bytes;

	if (sql->state == TA_SQL_LOST)
		return;
	if (bytes > BYTES_MAX - sql->bytes)
		end = data + (BYTES_MAX - sql->bytes);
	sql->bytes += (uint32_t)(end - data);
	while (data < end) {
		if (sql->state != TA_SQL_BETWEEN)
			data = step(sql, command, data, end);
		else
			data = between(sql, command, data, end);
	}
	if (sql->bytes == BYTES_MAX)
		ta_sql_full(sql, command);
}

void ta_sql_end(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->state == TA_SQL_IN_WORD) {
		word_ends(sql, command, '\0');
	} else if (sql->state == TA_SQL_IN_NAME || sql->state == TA_SQL_TAG) { /* never closed */
		sql->plain = false;
		if (sql->state == TA_SQL_IN_NAME)
			name_ends(sql, command);
	} else if (sql->state == TA_SQL_NAME_QUOTE) {
		name_ends(sql, command);
	} else if (sql->state == TA_SQL_PARAM) {
		ta_sql_scan_param_end(sql, command);
	}
	ta_sql_words_end(sql, command);
	sql->state = TA_SQL_LOST;
}
