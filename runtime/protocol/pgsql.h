/* SPDX-License-Identifier: MIT */
/*
 * pgsql.h - what the files of the parser of PostgreSQL's protocol (version 3) share.
 *
 * pgsql.c recognises and begins; pgsql_request.c walks what goes to the server and
 * pgsql_command.c says which commands that makes; pgsql_answer.c walks what comes from it and
 * pgsql_settle.c says whose answer that is.
 *
 * A command is a simple Query, an Execute, a FunctionCall.  What opens a connection is one that
 * sets up, and so is a Sync that nothing was executed before: Parse and Sync, say.
 */
#ifndef TA_PROTOCOL_PGSQL_H
#define TA_PROTOCOL_PGSQL_H

#include "runtime/protocol/command.h"
#include "runtime/protocol/sql.h"

/* What is to be answered, oldest first: kinds, and for the extended protocol how many Executes
 * are not answered, whether a Sync stands behind them, and whether that is a command itself. */
#define TA_PGSQL_ITEMS 1024u
#define TA_PGSQL_COUNT_MAX 0x0fffu
enum ta_pgsql_item {
	TA_PGSQL_COUNT = TA_PGSQL_COUNT_MAX,
	TA_PGSQL_TOLD = 0x1000,
	TA_PGSQL_SYNC = 0x2000,
	TA_PGSQL_EXTENDED = 0,
	TA_PGSQL_SIMPLE = 0x4000,
	TA_PGSQL_START = 0x8000, /* the startup packet */
	TA_PGSQL_TLS = 0xc000,	 /* answered by one byte */
	TA_PGSQL_KIND = 0xc000,
};

#define TA_PGSQL_PORTALS 16u /* the first is the one without a name */

struct ta_pgsql_portal {
	uint64_t key;
	uint32_t serial; /* of the statement */
};

struct ta_pgsql_request {
	uint32_t left; /* bytes of the message */
	uint64_t key;  /* of the name that is being read, and of the one before */
	uint64_t first_key;
	uint8_t head[8];
	uint8_t head_len;
	uint8_t type;
	uint8_t part;	 /* of the message: strings that are complete */
	uint8_t word_len;
	bool started;	 /* the connection */
	bool inside;	 /* a message's body is being read */
	bool begun;	 /* STARTED was told, and no command since */
	bool executed;	 /* since the last Sync */
	bool open;	 /* the newest item has no Sync yet */
	bool kind_portal;
	char word[20]; /* of the startup packet: the parameter's name */
};

struct ta_pgsql_answer {
	uint32_t left;
	uint8_t head[5];
	uint8_t head_len;
	uint8_t field; /* of an error: its code, 0 before it */
	uint8_t status_len;
	uint8_t setting_len;
	bool inside;
	bool failed;   /* the oldest simple query */
	bool skipping; /* the server reads on to the next Sync */
	bool got_status;
	char status[8];
	char setting[32];
};

struct ta_pgsql {
	bool broken, tunnel;
	bool copying; /* the server takes COPY data and nothing else */
	bool backslash; /* standard_conforming_strings is off */
	struct ta_pgsql_request request;
	struct ta_pgsql_answer answer;
	uint32_t first, items;
	struct ta_pgsql_portal portals[TA_PGSQL_PORTALS];
	uint32_t next_portal;
	struct ta_sql sql;
	uint16_t item[TA_PGSQL_ITEMS];
	struct ta_sql_store store;
};

_Static_assert(sizeof(struct ta_pgsql) <= TA_DIALOGUE_STATE_BYTES, "it lies in a dialogue");

static inline struct ta_pgsql *ta_pgsql_of(struct ta_dialogue *dialogue)
{
	return (struct ta_pgsql *)(void *)dialogue->state;
}

static inline uint32_t ta_pgsql_big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The codes in place of a version in the first packet. */
enum { TA_PGSQL_CODE_CANCEL = 80877102, TA_PGSQL_CODE_SSL, TA_PGSQL_CODE_GSS };

/* pgsql_request.c, pgsql_answer.c: the two directions, as in struct ta_protocol. */
size_t ta_pgsql_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			enum ta_command_event *ret_event);
size_t ta_pgsql_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event);

/* pgsql_command.c: the bytes of a message's body, and its end.  The end is MORE, READY or
 * BROKEN. */
bool ta_pgsql_begins(const struct ta_pgsql *pgsql, uint8_t type);
void ta_pgsql_message_begin(struct ta_dialogue *dialogue);
void ta_pgsql_message_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes);
enum ta_command_event ta_pgsql_message_end(struct ta_dialogue *dialogue);

/* pgsql_settle.c: a message of the server is complete.  For READY_FOR_QUERY *ret_again says
 * that it answers more: the message is to be ended again. */
enum ta_command_event ta_pgsql_settle(struct ta_dialogue *dialogue, uint8_t type,
				      bool *ret_again);
/* The oldest item; NULL when nothing is to be answered. */
uint16_t *ta_pgsql_oldest(struct ta_pgsql *pgsql);
void ta_pgsql_pop(struct ta_pgsql *pgsql);

#endif
