/* SPDX-License-Identifier: MIT */
/*
 * resp.h - what the files of the Redis parser share.
 *
 * resp.c recognises and begins; resp_request.c walks commands and resp_command.c says what they
 * mean and what of them may be shown (resp_name.c is the table); resp_answer.c walks values of
 * RESP2 and RESP3 and resp_assign.c says which command a complete value answers.
 */
#ifndef TA_PROTOCOL_RESP_H
#define TA_PROTOCOL_RESP_H

#include "runtime/protocol/command.h"
#include "runtime/protocol/resp_queue.h"

/* What a command is to the parser. */
enum ta_resp_meaning {
	TA_RESP_PLAIN,
	TA_RESP_SELECT,
	TA_RESP_HELLO,
	TA_RESP_RESET,
	TA_RESP_MONITOR,
	TA_RESP_CLIENT, /* REPLY is the one that matters */
	TA_RESP_MULTI,
	TA_RESP_EXEC,	  /* and DISCARD */
	TA_RESP_SYNC,	  /* replication: a tunnel */
	TA_RESP_CHANNELS, /* the six that subscribe and unsubscribe: in this order */
	TA_RESP_PATTERNS,
	TA_RESP_SHARDS,
	TA_RESP_NO_CHANNELS,
	TA_RESP_NO_PATTERNS,
	TA_RESP_NO_SHARDS,
};

enum ta_resp_name_flags {
	TA_RESP_CONTAINER = 1, /* the first argument is a subcommand */
	TA_RESP_SETS_UP = 2,
};

struct ta_resp_name {
	char text[24];
	uint8_t key;	 /* the argument that is the first key; 0: none that is shown */
	uint8_t meaning; /* enum ta_resp_meaning */
	uint8_t flags;	 /* enum ta_resp_name_flags */
};

/* What is known of a command, by its name in capitals, padded with zeros.  Never NULL. */
const struct ta_resp_name *ta_resp_name_find(const char name[static 24]);

/* The rows of the table, for its test. */
const struct ta_resp_name *ta_resp_names(size_t *ret_count);

enum ta_resp_reply { TA_RESP_REPLIES, TA_RESP_SKIPS_NEXT, TA_RESP_REPLIES_NOT };

enum ta_resp_aim { /* what becomes of the bytes of an argument */
		   TA_RESP_TO_NOTHING,
		   TA_RESP_TO_NAME,
		   TA_RESP_TO_SUBCOMMAND,
		   TA_RESP_TO_TEXT,
		   TA_RESP_TO_WORD,
};

#define TA_RESP_WORD_MAX 16

struct ta_resp_request {
	const struct ta_resp_name *name;
	uint64_t number; /* of a line that is being read */
	uint64_t left;	 /* bytes of the argument */
	uint32_t args_left;
	uint32_t arg;	 /* number of the next or present argument; 0 is the name */
	uint32_t queued; /* since MULTI */
	uint32_t inline_bytes;
	uint16_t mark; /* where the present argument's text begins */
	uint8_t state;
	uint8_t digits;
	uint8_t aim;
	uint8_t reply;
	uint8_t word_len; /* TA_RESP_WORD_MAX + 1: did not fit */
	char quote;	  /* the quotation mark that an inline argument is in */
	bool multi;
	bool escaped;
	char word[TA_RESP_WORD_MAX];
};

#define TA_RESP_LINE_MAX 40
#define TA_RESP_DEPTH_MAX 16

struct ta_resp_answer {
	uint64_t left;			   /* bytes of the blob */
	uint64_t pending;		   /* values to come, in what has a length */
	uint64_t outer[TA_RESP_DEPTH_MAX]; /* pending around each aggregate without a length */
	int64_t count;			   /* third element, where it is a number */
	uint8_t depth;
	uint8_t state;
	uint8_t type; /* of the value that is being read */
	uint8_t top;  /* type of the whole; 0: not there yet */
	uint8_t seen; /* elements of the whole, as far as they matter */
	uint8_t line_len, text_len;
	char last;		     /* byte of the line */
	char line[TA_RESP_LINE_MAX]; /* beginning of a line that comes in pieces */
	char text[TA_RESP_LINE_MAX]; /* beginning of the whole, or of its first element */
};

struct ta_resp {
	struct ta_resp_request request;
	struct ta_resp_answer answer;
	uint32_t channels, patterns, shards; /* subscriptions */
	uint32_t confirms; /* how often the oldest command that subscribes is still confirmed; 0:
			      it was not yet */
	uint32_t selects;  /* SELECTs that are not answered */
	bool broken;
	bool tunnel; /* of the requests; that of the answers is queued */
	bool resp3;
	bool monitoring;
	uint8_t space_len;
	char space[TA_RESP_WORD_MAX];
	struct ta_resp_queue queue;
};

_Static_assert(sizeof(struct ta_resp) <= TA_DIALOGUE_STATE_BYTES, "it lies in a dialogue");

static inline struct ta_resp *ta_resp_of(struct ta_dialogue *dialogue)
{
	return (struct ta_resp *)(void *)dialogue->state;
}

/* resp_request.c, resp_answer.c: the two directions, as in struct ta_protocol. */
size_t ta_resp_request(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		       enum ta_command_event *ret_event);
size_t ta_resp_answer(struct ta_dialogue *dialogue, const void *data, size_t bytes,
		      enum ta_command_event *ret_event);

/* resp_command.c: a command begins, its arguments one by one, its end.  The end is READY or
 * BROKEN. */
void ta_resp_command_begin(struct ta_dialogue *dialogue);
void ta_resp_arg_begin(struct ta_dialogue *dialogue);
void ta_resp_arg_bytes(struct ta_dialogue *dialogue, const char *data, size_t bytes);
void ta_resp_arg_end(struct ta_dialogue *dialogue);
enum ta_command_event ta_resp_command_end(struct ta_dialogue *dialogue);

/* resp_assign.c: a value is complete.  ANSWERED, BROKEN, or MORE for what answers nothing that
 * is told. */
enum ta_command_event ta_resp_assign(struct ta_dialogue *dialogue);

/* Whether the answers from here on are a tunnel. */
bool ta_resp_tunnels(struct ta_resp *resp);

#endif
