/* SPDX-License-Identifier: MIT */
/*
 * sql.c - reads the tokens of SQL texts as PostgreSQL and MySQL do; see sql.h.
 *
 * A state machine over bytes, with loops of its own for words, strings and comments.  What the
 * server would read in another way than we do must not happen: a string that we believe to be
 * over, and that is not, would be shown.  So every rule of the servers' scanners that moves the
 * end of a string is here, and where two readings are possible the text ends (LOST).
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/sql_part.h"

#include <string.h>

#define BYTES_MAX (256u * 1024u) /* the rest of a longer statement says nothing new */
#define NAME_BYTES_MAX 64u	 /* both servers' limit */
#define PARAM_DIGITS_MAX 6u

enum state {
	BETWEEN,
	WORD,
	NUMBER,
	PARAM, /* $1 */
	STRING,
	STRING_ESCAPE,
	STRING_QUOTE, /* the end, or the first of two */
	NAME,
	NAME_QUOTE,
	LINE_COMMENT,
	BLOCK_BEGIN,
	BLOCK_M, /* MariaDB's executable comments */
	BLOCK,
	VERSION, /* of executable comments */
	STAR,	 /* in executable comments */
	SLASH,
	MINUS,
	MINUS_MINUS, /* MySQL: a comment only with white space behind it */
	DOLLAR,
	TAG,
	DOLLAR_BODY,
	LOST,
};

enum { SPACE = 1, LETTER = 2, DIGIT = 4, DOLLAR_SIGN = 8 };

/* By byte.  Control characters are white space; what is not ASCII is part of words. */
static const uint8_t kinds[256] = {
	[0 ... 32] = SPACE,   [127] = SPACE,	   ['0' ... '9'] = DIGIT, ['A' ... 'Z'] = LETTER,
	['_'] = LETTER,	      ['a' ... 'z'] = LETTER, [128 ... 255] = LETTER, ['$'] = DOLLAR_SIGN,
};

static bool is_mysql(const struct ta_sql *sql)
{
	return sql->mode & TA_SQL_MYSQL;
}

static bool in_word(uint8_t byte)
{
	return kinds[byte] & (LETTER | DIGIT | DOLLAR_SIGN);
}

static void lose(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = LOST;
	ta_sql_full(sql, command);
}

/* ---- literals ---- */

static void literal(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_word_mark(sql, command, '?');
	ta_sql_literal(sql, command);
	sql->continues = 0;
}

enum string_kind { PLAIN, ESCAPED, BITS };

static void string_begins(struct ta_sql *sql, struct ta_command *command, uint8_t quote,
			  enum string_kind kind)
{
	literal(sql, command);
	if (sql->executable) {
		lose(sql, command);
		return;
	}
	sql->state = STRING;
	sql->quote = quote;
	sql->last = 0;
	sql->escapes = kind == ESCAPED || (kind == PLAIN && (sql->mode & TA_SQL_BACKSLASH));
	sql->doubt = kind != ESCAPED && (kind == BITS || (sql->mode & TA_SQL_DOUBT) ||
					 (is_mysql(sql) && sql->statements));
}

/* In some character sets a backslash may be the second half of a character. */
static void backslash(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->escapes && sql->last >= 0x80)
		lose(sql, command);
	else
		sql->state = STRING_ESCAPE;
}

static const char *string_bytes(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end)
{
	uint8_t last = sql->last;

	for (; at < end; at++) {
		uint8_t byte = (uint8_t)*at;

		if (byte == sql->quote) {
			sql->state = STRING_QUOTE;
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
		lose(sql, command);
		return at;
	}
	sql->state = STRING;
	sql->last = (uint8_t)*at;
	return at + 1;
}

static const char *string_quote(struct ta_sql *sql, const char *at)
{
	sql->last = 0;
	if ((uint8_t)*at == sql->quote) {
		sql->state = STRING;
		return at + 1;
	}
	sql->state = BETWEEN;
	sql->continues = !is_mysql(sql);
	return at;
}

static const char *number_bytes(struct ta_sql *sql, const char *at, const char *end)
{
	uint8_t last = sql->last;

	for (; at < end; last = (uint8_t)*at++) {
		bool sign = (*at == '+' || *at == '-') && (last == 'e' || last == 'E');

		if (!in_word((uint8_t)*at) && *at != '.' && !sign) {
			sql->state = BETWEEN;
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
	sql->state = WORD;
	sql->continues = 0;
}

static void word_grows(struct ta_sql *sql, struct ta_command *command, const char *data,
		       size_t bytes, size_t readable)
{
	size_t room = sql->word_len < NAME_BYTES_MAX ? NAME_BYTES_MAX - sql->word_len : 0;

	ta_sql_word_bytes(sql, command, data, bytes, readable);
	ta_sql_token_word(sql, command, data, bytes < room ? bytes : room, readable);
}

/* E'..', X'..', B'..', N'..': the letter is part of the literal. */
static bool is_prefix(const struct ta_sql *sql)
{
	return sql->word_len == 1 && strchr("BNXE", (int)sql->key) &&
	       (sql->key != 'E' || !is_mysql(sql));
}

static enum string_kind kind_of_prefix(uint64_t key)
{
	return key == 'E' ? ESCAPED : key == 'N' ? PLAIN : BITS;
}

static void word_ends(struct ta_sql *sql, struct ta_command *command, char next)
{
	sql->state = BETWEEN;
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
	while (at < end && in_word((uint8_t)*at))
		at++;
	word_grows(sql, command, from, (size_t)(at - from), (size_t)(end - from));
	if (at == end)
		return at;
	word_ends(sql, command, *at);
	return at + (sql->state != BETWEEN && sql->state != LOST);
}

/* ---- names in quotes ---- */

static void name_begins(struct ta_sql *sql, struct ta_command *command, char quote)
{
	ta_sql_name_begin(sql, command);
	ta_sql_token_begin(sql, command);
	ta_sql_token_bytes(sql, command, &quote, 1);
	sql->state = NAME;
	sql->quote = (uint8_t)quote;
	sql->plain = true;
	sql->word_len = 0;
	sql->last = 0;
	sql->continues = 0;
	if (sql->executable)
		lose(sql, command);
}

static bool may_show(uint8_t byte)
{
	return in_word(byte) || byte == '-' || byte == '.';
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
	if (is_mysql(sql) && sql->last >= 0x80) { /* it may be the second half of a character */
		ta_sql_token_undo(sql, command);
		lose(sql, command);
	} else {
		sql->state = NAME_QUOTE;
	}
	return at + 1;
}

static void name_ends(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = BETWEEN;
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
	sql->state = NAME;
	sql->last = 0;
	return at + 1;
}

/* ---- comments ---- */

static const char *line_comment(struct ta_sql *sql, struct ta_command *command, const char *at,
				const char *end)
{
	if (sql->executable) {
		lose(sql, command);
		return at;
	}
	for (; at < end; at++) {
		if (*at == '\n' || (*at == '\r' && !is_mysql(sql))) {
			sql->state = BETWEEN;
			return at;
		}
	}
	return at;
}

static void block_begins(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = is_mysql(sql) ? BLOCK_BEGIN : BLOCK;
	sql->comment_depth = 1;
	sql->last = 0;
	sql->gap = true;
	sql->continues = 0;
	if (sql->executable)
		lose(sql, command);
}

static const char *block_bytes(struct ta_sql *sql, const char *at, const char *end)
{
	uint8_t last = sql->last;

	for (; at < end && sql->comment_depth; at++) {
		uint8_t byte = (uint8_t)*at;

		if (last == '*' && byte == '/') {
			sql->comment_depth--;
			byte = 0;
		} else if (last == '/' && byte == '*' && !is_mysql(sql)) {
			sql->comment_depth++;
			byte = 0;
		}
		last = byte;
	}
	sql->last = last;
	if (sql->comment_depth == 0)
		sql->state = BETWEEN;
	return at;
}

/* `!`: the comment is code for this server, or for another one.  As long as nothing in it could
 * hide its end both read the same. */
static const char *block_begin(struct ta_sql *sql, const char *at)
{
	if (*at == '!') {
		sql->state = VERSION;
		sql->executable = true;
		return at + 1;
	}
	if (*at == 'M' && sql->state == BLOCK_BEGIN) {
		sql->state = BLOCK_M;
		return at + 1;
	}
	sql->state = BLOCK;
	return at;
}

static const char *version(struct ta_sql *sql, const char *at)
{
	if (kinds[(uint8_t)*at] & DIGIT)
		return at + 1;
	sql->state = BETWEEN;
	return at;
}

/* ---- marks ---- */

static void mark(struct ta_sql *sql, struct ta_command *command, char byte)
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

static const char *star(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	sql->state = BETWEEN;
	if (*at == '/') {
		sql->executable = false;
		sql->gap = true;
		return at + 1;
	}
	mark(sql, command, '*');
	return at;
}

static const char *slash(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	sql->state = BETWEEN;
	if (*at == '*') {
		block_begins(sql, command);
		return at + 1;
	}
	mark(sql, command, '/');
	return at;
}

static const char *minus(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (*at == '-') {
		sql->state = is_mysql(sql) ? MINUS_MINUS : LINE_COMMENT;
		sql->gap |= !is_mysql(sql);
		return at + 1;
	}
	sql->state = BETWEEN;
	mark(sql, command, '-');
	return at;
}

static const char *minus_minus(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (kinds[(uint8_t)*at] & SPACE) {
		sql->state = LINE_COMMENT;
		sql->gap = true;
		return at;
	}
	mark(sql, command, '-');
	if (*at == '-')
		return at + 1;
	sql->state = BETWEEN;
	mark(sql, command, '-');
	return at;
}

/* ---- dollars of PostgreSQL ---- */

static void param_begins(struct ta_sql *sql, struct ta_command *command)
{
	ta_sql_word_mark(sql, command, '$');
	ta_sql_token_begin(sql, command);
	ta_sql_token_bytes(sql, command, "$", 1);
	sql->state = PARAM;
	sql->word_len = 0;
	sql->continues = 0;
}

static void param_ends(struct ta_sql *sql, struct ta_command *command)
{
	sql->state = BETWEEN;
	if (sql->word_len <= PARAM_DIGITS_MAX)
		return;
	ta_sql_token_undo(sql, command);
	ta_sql_literal(sql, command);
}

static const char *param_bytes(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (!(kinds[(uint8_t)*at] & DIGIT)) {
		param_ends(sql, command);
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
	literal(sql, command);
	sql->state = DOLLAR_BODY;
	sql->tag_at = 0;
}

static const char *dollar(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	uint8_t kind = kinds[(uint8_t)*at];

	sql->tag_len = 0;
	if (kind & DIGIT) {
		param_begins(sql, command);
		return at;
	}
	if (*at == '$') {
		body_begins(sql, command);
		return at + 1;
	}
	sql->state = kind & LETTER ? TAG : BETWEEN;
	if (sql->state == BETWEEN)
		mark(sql, command, '$');
	return at;
}

static const char *tag_byte(struct ta_sql *sql, struct ta_command *command, const char *at)
{
	if (*at == '$') {
		body_begins(sql, command);
		return at + 1;
	}
	if (!(kinds[(uint8_t)*at] & (LETTER | DIGIT))) { /* a word behind a lonely dollar */
		mark(sql, command, '$');
		word_begins(sql, command);
		word_grows(sql, command, sql->tag, sql->tag_len, sql->tag_len);
		return at;
	}
	if (sql->tag_len == TA_SQL_TAG_MAX)
		lose(sql, command);
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
			sql->state = BETWEEN;
			return at + 1;
		} else {
			sql->tag_at = 1;
		}
	}
	return at;
}

/* ---- between tokens ---- */

static void quote_begins(struct ta_sql *sql, struct ta_command *command, char byte)
{
	if (byte != '\'' && !(is_mysql(sql) && byte == '"')) {
		name_begins(sql, command, byte);
	} else if (sql->continues == 2) {
		sql->state = STRING; /* 'a' NEWLINE 'b' is one, with the first one's rules */
		sql->last = 0;
		sql->gap = false;
	} else {
		string_begins(sql, command, (uint8_t)byte, PLAIN);
	}
}

static void mark_begins(struct ta_sql *sql, struct ta_command *command, char byte)
{
	if (byte == '/') {
		sql->state = SLASH;
	} else if (byte == '-') {
		sql->state = MINUS;
	} else if (byte == '#' && is_mysql(sql)) {
		sql->state = LINE_COMMENT;
		sql->gap = true;
	} else if (byte == '$' && is_mysql(sql)) {
		lose(sql, command); /* what it quotes there depends on the version */
	} else if (byte == '$') {
		sql->state = DOLLAR;
	} else if (byte == '*' && sql->executable) {
		sql->state = STAR;
	} else if (byte == '?') {
		literal(sql, command);
	} else {
		mark(sql, command, byte);
	}
}

static const char *between(struct ta_sql *sql, struct ta_command *command, const char *at,
			   const char *end)
{
	uint8_t kind = kinds[(uint8_t)*at];

	if (kind == SPACE) {
		sql->gap = true;
		if (sql->continues && (*at == '\n' || *at == '\r'))
			sql->continues = 2;
	} else if (kind == LETTER) {
		word_begins(sql, command);
		return word_bytes(sql, command, at, end);
	} else if (kind == DIGIT) {
		literal(sql, command);
		sql->state = NUMBER;
		sql->last = 0;
	} else if (*at == '\'' || *at == '"' || (*at == '`' && is_mysql(sql))) {
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
	case WORD:
		return word_bytes(sql, command, at, end);
	case NUMBER:
		return number_bytes(sql, at, end);
	case PARAM:
		return param_bytes(sql, command, at);
	case STRING:
		return string_bytes(sql, command, at, end);
	case STRING_ESCAPE:
		return string_escape(sql, command, at);
	case STRING_QUOTE:
		return string_quote(sql, at);
	case NAME:
		return name_bytes(sql, command, at, end);
	case NAME_QUOTE:
		return name_quote(sql, command, at);
	case LINE_COMMENT:
		return line_comment(sql, command, at, end);
	case BLOCK_BEGIN:
	case BLOCK_M:
		return block_begin(sql, at);
	case BLOCK:
		return block_bytes(sql, at, end);
	case VERSION:
		return version(sql, at);
	case STAR:
		return star(sql, command, at);
	case SLASH:
		return slash(sql, command, at);
	case MINUS:
		return minus(sql, command, at);
	case MINUS_MINUS:
		return minus_minus(sql, command, at);
	case DOLLAR:
		return dollar(sql, command, at);
	case TAG:
		return tag_byte(sql, command, at);
	case DOLLAR_BODY:
		return body_bytes(sql, at, end);
	default:
		return end;
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

	if (sql->state == LOST)
		return;
	if (bytes > BYTES_MAX - sql->bytes)
		end = data + (BYTES_MAX - sql->bytes);
	sql->bytes += (uint32_t)(end - data);
	while (data < end) {
		if (sql->state != BETWEEN)
			data = step(sql, command, data, end);
		else
			data = between(sql, command, data, end);
	}
	if (sql->bytes == BYTES_MAX)
		ta_sql_full(sql, command);
}

void ta_sql_end(struct ta_sql *sql, struct ta_command *command)
{
	if (sql->state == WORD) {
		word_ends(sql, command, '\0');
	} else if (sql->state == NAME || sql->state == TAG) { /* never closed */
		sql->plain = false;
		if (sql->state == NAME)
			name_ends(sql, command);
	} else if (sql->state == NAME_QUOTE) {
		name_ends(sql, command);
	} else if (sql->state == PARAM) {
		param_ends(sql, command);
	}
	ta_sql_words_end(sql, command);
	sql->state = LOST;
}
