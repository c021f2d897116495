/* SPDX-License-Identifier: MIT */
/*
 * command.h - protocols of commands and answers: Redis, PostgreSQL, MySQL, memcached.
 *
 * A struct ta_dialogue follows one connection from either end: it is fed the bytes that
 * go to the server with request(), those that come from it with answer(), each in order
 * and in any pieces, and says behind which byte a command is complete and behind which
 * one the oldest command that is not answered is answered.  Both directions are one
 * state, because answers are framed by what was asked.
 *
 * Pure: no I/O, no globals, no allocation, at most 512 bytes of stack.  Whatever has to be
 * kept between two pieces lies in the dialogue.  Hostile input can make it say
 * TA_COMMAND_BROKEN, nothing else; a text that does not fit is cut.
 */
#ifndef TA_PROTOCOL_COMMAND_H
#define TA_PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What spans call it is in db.system.name (runtime/export); the numbers are wire format. */
enum ta_protocol_id {
	TA_PROTOCOL_NONE,
	TA_PROTOCOL_REDIS,
	TA_PROTOCOL_POSTGRESQL,
	TA_PROTOCOL_MYSQL,
	TA_PROTOCOL_MARIADB, /* MySQL's protocol, by a server that says so */
	TA_PROTOCOL_MEMCACHED,
	TA_PROTOCOL_HTTP2,
};

enum ta_command_event {
	TA_COMMAND_MORE,    /* all bytes taken, nothing to tell */
	TA_COMMAND_STARTED, /* request(): the first byte of a command was seen, not consumed by this */
	TA_COMMAND_READY,   /* request(): a command is complete; dialogue->command holds its facts */
	TA_COMMAND_ANSWERED, /* answer(): the oldest command is answered; dialogue->result */
	TA_COMMAND_TUNNEL,  /* either: from here on it is something else (TLS, replication) */
	TA_COMMAND_BROKEN,  /* not this protocol, or it cannot be followed; stays so */
};

enum ta_command_flags {
	TA_COMMAND_SILENT = 1, /* it is never answered (noreply, COM_STMT_CLOSE, Terminate) */
	TA_COMMAND_SETUP = 2,  /* log in, SELECT 0, SET NAMES: counts for framing, makes no span */
	TA_COMMAND_STREAM = 4, /* answers without end (SUBSCRIBE, MONITOR, COPY both): ends at once */
	TA_COMMAND_TEXT_CUT = 8,
};

#define TA_COMMAND_OPERATION_MAX 32
#define TA_COMMAND_TARGET_MAX 96
#define TA_COMMAND_SPACE_MAX 64
#define TA_COMMAND_TEXT_MAX 1024
#define TA_COMMAND_STATUS_MAX 32

/* One command.  Nothing secret is in it: literals of a query text are `?`, and so are the
 * arguments of a Redis command behind its key. */
struct ta_command {
	uint16_t flags; /* enum ta_command_flags */
	uint16_t text_len;
	uint8_t operation_len, target_len, space_len;
	uint32_t batch; /* several in one (a memcached get of 3 keys is one command: 0) */
	char operation[TA_COMMAND_OPERATION_MAX]; /* GET, SELECT: upper case */
	char target[TA_COMMAND_TARGET_MAX];	  /* the one table it is about, else nothing */
	char space[TA_COMMAND_SPACE_MAX];	  /* database it works in, as far as it was said */
	char text[TA_COMMAND_TEXT_MAX];
};

/* How it went. */
struct ta_command_result {
	bool failed;
	uint8_t status_len;
	char status[TA_COMMAND_STATUS_MAX]; /* SQLSTATE, WRONGTYPE, SERVER_ERROR, 1146 */
};

#define TA_DIALOGUE_STATE_BYTES 14336u

struct ta_protocol;

struct ta_dialogue {
	const struct ta_protocol *protocol;
	struct ta_command command;
	struct ta_command_result result;
	uint32_t outstanding; /* commands that are complete and not answered; kept by the parser */
	_Alignas(16) char state[TA_DIALOGUE_STATE_BYTES]; /* the protocol's own */
};

struct ta_protocol {
	uint8_t id; /* enum ta_protocol_id */
	bool server_first; /* the server's greeting opens it (MySQL) */

	/* Whether the first bytes (of who speaks first) are this protocol: 1 yes, 0 not yet
	 * known, -1 no.  At most the first 64 bytes are shown. */
	int (*recognise)(const void *data, size_t bytes);

	/* Makes the state ready.  The rest of the dialogue is zero. */
	void (*init)(struct ta_dialogue *dialogue);

	/* Take bytes until something is to be told or all are taken; return how many were
	 * taken.  Called again with the rest until TA_COMMAND_MORE.  Told events may take 0
	 * bytes; TUNNEL and BROKEN are told again at every call. */
	size_t (*request)(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			  enum ta_command_event *ret_event);
	size_t (*answer)(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			 enum ta_command_event *ret_event);
};

extern const struct ta_protocol ta_protocol_redis, ta_protocol_postgresql, ta_protocol_mysql,
	ta_protocol_memcached;

#endif
