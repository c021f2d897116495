/* SPDX-License-Identifier: MIT */
/*
 * sql.h - texts of SQL statements without what is secret in them.
 *
 * Fed in any pieces, it writes text, operation and target of a struct ta_command: literals are
 * `?`, lists of literals and rows of VALUES are one, comments are gone, white space is one
 * space.  It reads tokens exactly as the server does; where that depends on something that it
 * cannot know (a backslash in front of a quote while the session's mode may be another, a byte
 * that may be half a character), the text ends there (TA_COMMAND_TEXT_CUT).  Nothing that is
 * inside quotes comes out, but for identifiers that are closed, short and plain.
 *
 * sql.c reads tokens (with sql_comment.c and sql_dollar.c), sql_text.c writes the text,
 * sql_word.c knows the operation and the table, sql_store.c keeps the texts of prepared
 * statements.
 *
 * Pure: no I/O, no globals, no allocation.
 */
#ifndef TA_PROTOCOL_SQL_H
#define TA_PROTOCOL_SQL_H

#include "runtime/protocol/command.h"

enum ta_sql_mode {
	TA_SQL_MYSQL = 1,     /* else PostgreSQL */
	TA_SQL_BACKSLASH = 2, /* escapes in '..' (PostgreSQL: standard_conforming_strings off) */
	TA_SQL_DOUBT = 4,     /* whether they do is not sure: a mode may be on its way */
};

#define TA_SQL_TAG_MAX 64

struct ta_sql {
	uint64_t key;	   /* the word that is being read: its first 8 letters, upper case */
	uint64_t previous; /* the word before it */
	uint64_t verb;	   /* the word of the operation */
	uint32_t bytes;	   /* read */
	uint32_t depth, comment_depth, row_depth;
	uint32_t selects; /* a bit per depth: SELECT was seen there */
	uint32_t lists;	  /* a bit per depth: a comma is followed by another table */
	uint32_t word_len;
	uint16_t undo; /* length of the text before the present token */
	uint8_t mode;  /* enum ta_sql_mode */
	uint8_t state;
	uint8_t quote;	   /* ends the string or name */
	uint8_t last;	   /* byte before, in strings, numbers and comments */
	uint8_t continues; /* a string may go on: 1; behind a new line: 2 */
	uint8_t tag_len, tag_at;
	uint8_t run, undo_run; /* of literals */
	uint8_t values;	       /* rows */
	uint8_t wanted;	       /* the name of a table */
	uint8_t name_len;
	char sign; /* that may belong to a number */
	bool sign_gap;
	bool gap, undo_gap; /* white space since the last token */
	bool operand;	    /* the last token was a value or a name */
	bool escapes;	    /* in this string */
	bool doubt;	    /* whether they do */
	bool full;	    /* the text takes no more */
	bool muted;	    /* inside of a row that is like the first */
	bool plain;	    /* a name in quotes that may be shown, so far */
	bool executable;    /* inside of a comment of MySQL that is code */
	bool statements;    /* a semicolon was seen */
	bool several;	    /* tables, or one that may not be told */
	bool call_like;	    /* with a bracket behind it, the name is no table's */
	bool listing;	    /* and behind a comma comes another one */
	bool operating;	    /* the present word is the operation */
	bool names_set;	    /* SET NAMES */
	char name[TA_COMMAND_TARGET_MAX];
	char tag[TA_SQL_TAG_MAX];
};

/* A byte of a database's name, as it may be shown. */
static inline char ta_sql_printable(char byte)
{
	return (unsigned char)byte < ' ' || byte == 0x7f ? '?' : byte;
}

/* A statement begins: `command` has no text, operation and target any more. */
void ta_sql_begin(struct ta_sql *sql, struct ta_command *command, unsigned int mode);
void ta_sql_feed(struct ta_sql *sql, struct ta_command *command, const char *data, size_t bytes);
void ta_sql_end(struct ta_sql *sql, struct ta_command *command);

/* ---- prepared statements ---- */

#define TA_SQL_STORE_BYTES 9728u

/* Texts by key, oldest first; when there is no room the oldest goes, but never key 0. */
struct ta_sql_store {
	uint32_t used;
	uint32_t serial; /* of the newest */
	_Alignas(8) char data[TA_SQL_STORE_BYTES];
};

/* Keeps the statement of `command` under the key, instead of an older one; that one stays
 * without a key when `keep` says so.  Returns its serial number, never 0. */
uint32_t ta_sql_store_put(struct ta_sql_store *store, uint64_t key,
			  const struct ta_command *command, bool keep);
/* The serial number of who has the key; 0 nobody. */
uint32_t ta_sql_store_find(const struct ta_sql_store *store, uint64_t key);
/* Gives the statement a key; who had it is forgotten. */
void ta_sql_store_name(struct ta_sql_store *store, uint32_t serial, uint64_t key);
void ta_sql_store_drop(struct ta_sql_store *store, uint32_t serial);
/* Writes text, operation, target and flags of `command`; nothing when it is forgotten. */
void ta_sql_store_get(const struct ta_sql_store *store, uint32_t serial,
		      struct ta_command *command);

#endif
