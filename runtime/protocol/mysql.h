/* SPDX-License-Identifier: MIT */
/*
 * mysql.h - what the files of the parser of MySQL's protocol share.  MariaDB's is the same but
 * for the greeting.
 *
 * mysql.c recognises and begins; mysql_request.c walks the packets to the server,
 * mysql_login.c reads what logs in, mysql_attributes.c finds the text behind attributes of a
 * query, mysql_command.c says what is asked; mysql_answer.c walks the packets of the server and
 * mysql_result.c says which of them is the last of an answer.
 *
 * Where the greeting was not seen (it was in the clear, and the rest is above TLS) the parser
 * may begin with the answer to it: a fresh state that is fed requests first does so.
 */
#ifndef TA_PROTOCOL_MYSQL_H
#define TA_PROTOCOL_MYSQL_H

#include "runtime/protocol/command.h"
#include "runtime/protocol/sql.h"

enum ta_mysql_capability {
	TA_MYSQL_WITH_DB = 0x8,
	TA_MYSQL_COMPRESS = 0x20,
	TA_MYSQL_PROTOCOL_41 = 0x200,
	TA_MYSQL_TLS = 0x800,
	TA_MYSQL_SECURE = 0x8000,
	TA_MYSQL_LENENC_AUTH = 0x200000,
	TA_MYSQL_NO_EOF = 0x1000000, /* DEPRECATE_EOF */
	TA_MYSQL_ZSTD = 0x4000000,
	TA_MYSQL_ATTRIBUTES = 0x8000000,
};

enum ta_mysql_status {
	TA_MYSQL_MORE_RESULTS = 0x8,
	TA_MYSQL_CURSOR = 0x40,
	TA_MYSQL_NO_BACKSLASH = 0x200,
};

#define TA_MYSQL_PACKET_MAX 0xffffffu /* such a long one is followed by another piece */

enum ta_mysql_phase {
	TA_MYSQL_GREETING, /* the server's turn */
	TA_MYSQL_LOGIN,	   /* the client's */
	TA_MYSQL_AUTH,	   /* until the server says yes or no */
	TA_MYSQL_COMMANDS,
};

/* What answers a command. */
enum ta_mysql_kind {
	TA_MYSQL_NO_ANSWER,
	TA_MYSQL_LOGS_IN,
	TA_MYSQL_ONE, /* one packet */
	TA_MYSQL_TEXT, /* one packet of anything */
	TA_MYSQL_RESULT,
	TA_MYSQL_PREPARED,
	TA_MYSQL_ROWS,
};

struct ta_mysql_item {
	uint32_t serial; /* of the statement that is being prepared */
	uint8_t kind;
	bool moves; /* to another database, when it succeeds */
};

#define TA_MYSQL_ITEMS 256u
#define TA_MYSQL_ATTRIBUTES_MAX 32u
#define TA_MYSQL_PEEK 192u

struct ta_mysql_request {
	uint64_t number; /* that is being read */
	uint32_t left;	 /* bytes of the packet */
	uint32_t length; /* of the packet */
	uint32_t skip;	 /* bytes of a field */
	uint32_t statement; /* the id */
	uint8_t head[4];
	uint8_t head_len;
	uint8_t command;
	uint8_t at;   /* bytes of the command's fixed part */
	uint8_t part; /* of what logs in, and of attributes */
	uint8_t digits;
	bool inside, begun, coded;
	bool continued; /* the packet goes on with the one before */
	bool of_name; /* what is passed over is an attribute's name */
	uint8_t attributes, attribute;
	uint8_t nulls[TA_MYSQL_ATTRIBUTES_MAX / 8];
	uint8_t types[TA_MYSQL_ATTRIBUTES_MAX];
};

struct ta_mysql_answer {
	uint64_t left_packets; /* columns, or packets that say nothing */
	uint32_t left;
	uint32_t length;
	uint8_t head[4];
	uint8_t head_len;
	uint8_t stage;
	uint8_t peek_len, peek_max;
	bool inside, continued;
	uint8_t peek[TA_MYSQL_PEEK]; /* the packet's beginning */
};

struct ta_mysql {
	bool broken, tunnel;
	bool infile; /* the client sends a file */
	bool no_backslash;
	uint8_t phase;
	uint8_t pending_len;
	uint32_t server, capabilities; /* the client's are part of the server's */
	struct ta_mysql_request request;
	struct ta_mysql_answer answer;
	uint32_t first, items;
	uint32_t last_prepared; /* serial */
	uint64_t pending_key;
	char pending[TA_COMMAND_SPACE_MAX]; /* the database that was asked for */
	struct ta_sql sql;
	struct ta_mysql_item item[TA_MYSQL_ITEMS];
	struct ta_sql_store store;
};

_Static_assert(sizeof(struct ta_mysql) <= TA_DIALOGUE_STATE_BYTES, "it lies in a dialogue");

static inline struct ta_mysql *ta_mysql_of(struct ta_dialogue *dialogue)
{
	return (struct ta_mysql *)(void *)dialogue->state;
}

static inline uint32_t ta_mysql_number(const uint8_t *at, unsigned int bytes)
{
	uint32_t number = 0;

	while (bytes--)
		number = number << 8 | at[bytes];
	return number;
}

/* The rest of a number whose first byte was read: 0, 2, 3 or 8 bytes. */
static inline uint8_t ta_mysql_lenenc_rest(uint8_t first)
{
	return first == 0xfc ? 2 : first == 0xfd ? 3 : first == 0xfe ? 8 : 0;
}

/* What mysql.c makes of a dialogue whose server says that it is MariaDB. */
extern const struct ta_protocol ta_protocol_mariadb;

/* mysql_request.c, mysql_answer.c: the two directions, as in struct ta_protocol. */
size_t ta_mysql_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
			enum ta_command_event *ret_event);
size_t ta_mysql_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event);

/* mysql_login.c: the packet that logs in, or COM_CHANGE_USER behind its first byte. */
void ta_mysql_login_begin(struct ta_mysql *mysql, bool change_user);
void ta_mysql_login_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes);
enum ta_command_event ta_mysql_login_end(struct ta_dialogue *dialogue);

/* mysql_attributes.c: what stands in front of the text of a query; how many bytes that is of
 * these.  *ret_text: the text follows. */
void ta_mysql_attributes_begin(struct ta_mysql *mysql);
size_t ta_mysql_attributes(struct ta_mysql *mysql, const char *data, size_t bytes,
			   bool *ret_text);

/* mysql_command.c: a command's bytes, and its end: READY, TUNNEL or BROKEN. */
void ta_mysql_command_begin(struct ta_mysql *mysql);
void ta_mysql_command_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes);
enum ta_command_event ta_mysql_command_end(struct ta_dialogue *dialogue);
enum ta_command_event ta_mysql_ready(struct ta_dialogue *dialogue, struct ta_mysql_item item);

/* mysql_result.c: a packet of the server is complete; answer.peek has its beginning. */
enum ta_command_event ta_mysql_packet(struct ta_dialogue *dialogue);

#endif
