/* SPDX-License-Identifier: MIT */
/*
 * memcached.h - what the files of the memcached parser share.
 *
 * memcached.c begins a dialogue and tells text from binary; memcached_recognise.c claims it;
 * memcached_words.c cuts lines into words; memcached_text.c reads command lines and
 * memcached_answer.c their answers; memcached_binary.c does both for the binary protocol;
 * memcached_assign.c says which command an answer belongs to.
 */
#ifndef TA_PROTOCOL_MEMCACHED_H
#define TA_PROTOCOL_MEMCACHED_H

#include "runtime/protocol/command.h"
#include "runtime/protocol/resp_queue.h"

/* What a command of the text protocol can be answered with.  In the binary protocol the kind
 * of a queued command is its opcode. */
enum ta_memcached_kind {
	TA_MEMCACHED_UNKNOWN, /* an error; anything else is not understood */
	TA_MEMCACHED_LINE,
	TA_MEMCACHED_GET,
	TA_MEMCACHED_LINES, /* stats, dumps */
	TA_MEMCACHED_MG,
	TA_MEMCACHED_MS,
	TA_MEMCACHED_MD,
	TA_MEMCACHED_MA,
	TA_MEMCACHED_ME,
	TA_MEMCACHED_MN,
	TA_MEMCACHED_WATCH, /* a tunnel */
};

#define TA_MEMCACHED_KEY_MAX 250
#define TA_MEMCACHED_WORD_MAX 252 /* what is longer is told as this long and is no key */

enum ta_memcached_piece {
	TA_MEMCACHED_PIECE, /* the bytes are used up */
	TA_MEMCACHED_WORD,  /* words->text and len; its number is words->index - 1 */
	TA_MEMCACHED_LINE_END,
	TA_MEMCACHED_NO_TEXT, /* a control character */
};

struct ta_memcached_words {
	const char *text; /* of the last word: until the next call, or its bytes, are gone */
	uint32_t index;	  /* words of the line so far */
	uint16_t len;
	bool in_word, carriage;
	char word[TA_MEMCACHED_WORD_MAX];
};

struct ta_memcached_request {
	uint64_t left; /* bytes of data to come */
	uint32_t fact;
	uint32_t key; /* hash: what `k` makes a meta answer give back */
	uint8_t state;
	uint8_t kind, nature;
	uint8_t command; /* row of the table of commands */
	bool noreply;	 /* the last word was that */
	bool malformed;
	bool started; /* binary: STARTED was told */
	bool early;   /* an error came while its data was still on its way */
	uint8_t got;  /* bytes of the header */
	unsigned char header[24];
	uint16_t key_left;
	uint8_t extras_left;
	struct ta_memcached_words words;
};

#define TA_MEMCACHED_FIRST_MAX 16

/* The name of an answer's line: its first word, as far as it matters. */
struct ta_memcached_name {
	uint8_t len;
	char text[TA_MEMCACHED_FIRST_MAX];
};

struct ta_memcached_answer {
	uint64_t left;
	uint64_t number;		      /* the length that a line announces */
	struct ta_memcached_name first, last; /* lines of the answer */
	uint32_t opaque, key;		      /* hashes; 0: none */
	uint32_t passed;		      /* commands passed over that are still to be told */
	uint8_t state;
	uint8_t got;
	bool inside; /* not the first line of the answer */
	bool told;   /* with passed: the command behind them is to be told as well */
	unsigned char header[24];
	uint16_t key_left;
	uint8_t extras_left;
	struct ta_command_result result;
	struct ta_memcached_words words;
};

struct ta_memcached {
	bool broken, tunnel, binary, known; /* known: binary is */
	struct ta_memcached_request request;
	struct ta_memcached_answer answer;
	struct ta_resp_queue queue;
};

_Static_assert(sizeof(struct ta_memcached) <= TA_DIALOGUE_STATE_BYTES, "it lies in a dialogue");

static inline struct ta_memcached *ta_memcached_of(struct ta_dialogue *dialogue)
{
	return (struct ta_memcached *)(void *)dialogue->state;
}

#define TA_MEMCACHED_HASH_SEED 2166136261u

/* Never 0. */
static inline uint32_t ta_memcached_hash(uint32_t seed, const char *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		seed = (seed ^ (unsigned char)data[i]) * 16777619u;
	return seed ? seed : 1;
}

/* memcached_recognise.c */
int ta_memcached_recognise(const void *data, size_t bytes);

/* memcached_words.c */
const char *ta_memcached_cut(struct ta_memcached_words *words, const char *at, const char *end,
			     enum ta_memcached_piece *ret_piece);
bool ta_memcached_number(const char *word, size_t bytes, uint64_t *ret_number);

/* memcached.c: a command begins; its texts; its end, READY or BROKEN. */
void ta_memcached_begin(struct ta_dialogue *dialogue, const char *operation, size_t bytes);
void ta_memcached_put(struct ta_command *command, const char *data, size_t bytes);
void ta_memcached_put_key(struct ta_command *command, const char *key, size_t bytes);
enum ta_command_event ta_memcached_end(struct ta_dialogue *dialogue, bool queued);

/* Whether the text protocol's data of a command are still to come. */
bool ta_memcached_awaits_data(const struct ta_memcached_request *request);

/* The walks: up to an event or the end of the bytes. */
const char *ta_memcached_text_request(struct ta_dialogue *dialogue, const char *at, const char *end,
				      enum ta_command_event *ret_event);
const char *ta_memcached_text_answer(struct ta_dialogue *dialogue, const char *at, const char *end,
				     enum ta_command_event *ret_event);
const char *ta_memcached_binary_request(struct ta_dialogue *dialogue, const char *at,
					const char *end, enum ta_command_event *ret_event);
const char *ta_memcached_binary_answer(struct ta_dialogue *dialogue, const char *at,
				       const char *end, enum ta_command_event *ret_event);

/* memcached_assign.c: an answer is complete.  MORE, ANSWERED or BROKEN; told() goes on telling
 * of those that were passed over. */
enum ta_command_event ta_memcached_assign_text(struct ta_dialogue *dialogue);
enum ta_command_event ta_memcached_assign_binary(struct ta_dialogue *dialogue);
enum ta_command_event ta_memcached_tell(struct ta_dialogue *dialogue);
bool ta_memcached_tunnels(struct ta_memcached *memcached);

/* memcached_binary.c: an opcode whose silence means something, and one whose answers name
 * their key. */
bool ta_memcached_is_quiet_get(uint8_t opcode);
bool ta_memcached_names_key(uint8_t opcode);

#endif
