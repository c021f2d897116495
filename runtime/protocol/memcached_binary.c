/* SPDX-License-Identifier: MIT */
/*
 * memcached_binary.c - memcached's binary protocol: packets of a header of 24 bytes, extras, key
 * and value.
 *
 * Quiet opcodes that change something are told as silent; should one fail, its answer is passed
 * over.  Quiet gets are commands that wait: a later answer, at last NOOP's, shows that they
 * found nothing.  Answers are matched by opcode and opaque, and by the key where they name it,
 * because clients that ask for that do not care about the opaque.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

enum state { HEADER, BODY };

#define HEADER_BYTES 24u
#define BODY_BYTES_MAX (UINT32_C(1) << 30)

enum flags { QUIET_GET = 1, QUIET = 2, KEY = 4, ANSWERS_KEY = 8, SETUP = 16, ROWS = 32 };

#define STATS 0x10

static const struct opcode {
	char name[16];
	uint8_t flags;
} opcodes[] = {
	[0x00] = { "get", KEY },
	[0x01] = { "set", KEY },
	[0x02] = { "add", KEY },
	[0x03] = { "replace", KEY },
	[0x04] = { "delete", KEY },
	[0x05] = { "incr", KEY },
	[0x06] = { "decr", KEY },
	[0x07] = { "quit", 0 },
	[0x08] = { "flush_all", 0 },
	[0x09] = { "get", KEY | QUIET_GET },
	[0x0a] = { "noop", 0 },
	[0x0b] = { "version", 0 },
	[0x0c] = { "get", KEY | ANSWERS_KEY },
	[0x0d] = { "get", KEY | QUIET_GET | ANSWERS_KEY },
	[0x0e] = { "append", KEY },
	[0x0f] = { "prepend", KEY },
	[STATS] = { "stats", ROWS },
	[0x11] = { "set", KEY | QUIET },
	[0x12] = { "add", KEY | QUIET },
	[0x13] = { "replace", KEY | QUIET },
	[0x14] = { "delete", KEY | QUIET },
	[0x15] = { "incr", KEY | QUIET },
	[0x16] = { "decr", KEY | QUIET },
	[0x17] = { "quit", QUIET },
	[0x18] = { "flush_all", QUIET },
	[0x19] = { "append", KEY | QUIET },
	[0x1a] = { "prepend", KEY | QUIET },
	[0x1b] = { "verbosity", 0 },
	[0x1c] = { "touch", KEY },
	[0x1d] = { "gat", KEY },
	[0x1e] = { "gat", KEY | QUIET_GET },
	[0x20] = { "sasl_list_mechs", SETUP },
	[0x21] = { "sasl_auth", SETUP },
	[0x22] = { "sasl_step", SETUP },
	[0x23] = { "gat", KEY | ANSWERS_KEY },
	[0x24] = { "gat", KEY | QUIET_GET | ANSWERS_KEY },
};

static const struct opcode other = { "_OTHER", 0 };

static const struct opcode *opcode_of(uint8_t number)
{
	if (number >= sizeof(opcodes) / sizeof(*opcodes) || opcodes[number].name[0] == '\0')
		return &other;
	return &opcodes[number];
}

bool ta_memcached_is_quiet_get(uint8_t opcode)
{
	return opcode_of(opcode)->flags & QUIET_GET;
}

bool ta_memcached_names_key(uint8_t opcode)
{
	return opcode_of(opcode)->flags & ANSWERS_KEY;
}

static uint32_t body_bytes(const unsigned char *header)
{
	return (uint32_t)header[8] << 24 | (uint32_t)header[9] << 16 | (uint32_t)header[10] << 8 |
	       header[11];
}

static uint16_t key_bytes(const unsigned char *header)
{
	return (uint16_t)(header[2] << 8 | header[3]);
}

static uint32_t opaque_hash(const unsigned char *header)
{
	return ta_memcached_hash(TA_MEMCACHED_HASH_SEED, (const char *)header + 12, 4);
}

/* Gathers a header; false when it is none. */
static bool header_bytes(unsigned char *header, uint8_t *got, uint8_t magic, const char **at,
			 const char *end)
{
	size_t bytes = HEADER_BYTES - *got;

	if (*got == 0 && (unsigned char)**at != magic)
		return false;
	if (bytes > (size_t)(end - *at))
		bytes = (size_t)(end - *at);
	memcpy(header + *got, *at, bytes);
	*got = (uint8_t)(*got + bytes);
	*at += bytes;
	return *got < HEADER_BYTES || (key_bytes(header) + header[4] <= body_bytes(header) &&
				       body_bytes(header) <= BODY_BYTES_MAX);
}

/* ---- what lies behind the header ---- */

struct body {
	uint64_t *left;
	uint16_t *key_left;
	uint8_t *extras_left;
	struct ta_memcached_words *words; /* where the key is gathered */
};

static void body_begins(const struct body *body, const unsigned char *header)
{
	*body->left = body_bytes(header);
	*body->key_left = key_bytes(header);
	*body->extras_left = header[4];
	body->words->len = 0;
}

static void keep_key(struct ta_memcached_words *words, const char *at, size_t bytes)
{
	size_t room = (size_t)TA_MEMCACHED_WORD_MAX - words->len;

	if (bytes > room)
		bytes = room;
	memcpy(words->word + words->len, at, bytes);
	words->len = (uint16_t)(words->len + bytes);
}

/* Extras, then the key, then the rest. */
static const char *body_piece(const struct body *body, const char *at, const char *end)
{
	uint64_t bytes = *body->extras_left ? *body->extras_left
			 : *body->key_left  ? *body->key_left
					    : *body->left;

	if (bytes > (uint64_t)(end - at))
		bytes = (uint64_t)(end - at);
	if (*body->extras_left) {
		*body->extras_left = (uint8_t)(*body->extras_left - bytes);
	} else if (*body->key_left) {
		keep_key(body->words, at, (size_t)bytes);
		*body->key_left = (uint16_t)(*body->key_left - bytes);
	}
	*body->left -= bytes;
	return at + bytes;
}

/* ---- requests ---- */

static void put_command(struct ta_dialogue *dialogue, const struct opcode *opcode)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;
	uint32_t rest = body_bytes(request->header) - key_bytes(request->header);

	ta_memcached_begin(dialogue, opcode->name, strnlen(opcode->name, sizeof(opcode->name)));
	if (opcode->flags & KEY)
		ta_memcached_put_key(&dialogue->command, request->words.word, request->words.len);
	else if (key_bytes(request->header))
		ta_memcached_put(&dialogue->command, " ?", 2);
	if (rest)
		ta_memcached_put(&dialogue->command, " ?", 2);
	if (opcode->flags & SETUP)
		dialogue->command.flags |= TA_COMMAND_SETUP;
}

static enum ta_command_event request_ends(struct ta_dialogue *dialogue)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;
	const struct opcode *opcode = opcode_of(request->header[1]);

	put_command(dialogue, opcode);
	request->state = HEADER;
	request->got = 0;
	request->kind = request->header[1];
	request->nature = opcode->flags & QUIET	      ? TA_RESP_MUTE
			  : opcode->flags & QUIET_GET ? TA_RESP_CHANCE
						      : TA_RESP_DUE;
	request->fact = opaque_hash(request->header);
	if (opcode->flags & QUIET_GET && opcode->flags & ANSWERS_KEY)
		request->fact =
			ta_memcached_hash(request->fact, request->words.word, request->words.len);
	return ta_memcached_end(dialogue, request->nature != TA_RESP_MUTE);
}

const char *ta_memcached_binary_request(struct ta_dialogue *dialogue, const char *at,
					const char *end, enum ta_command_event *ret_event)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;
	struct body body = { &request->left, &request->key_left, &request->extras_left,
			     &request->words };

	if (at < end && request->state == HEADER && request->got == 0 && !request->started) {
		request->started = true;
		*ret_event = TA_COMMAND_STARTED;
	}
	while (at < end && *ret_event == TA_COMMAND_MORE) {
		if (request->state == HEADER) {
			if (!header_bytes(request->header, &request->got, 0x80, &at, end)) {
				*ret_event = TA_COMMAND_BROKEN;
				break;
			}
			if (request->got < HEADER_BYTES)
				break;
			request->state = BODY;
			body_begins(&body, request->header);
		} else {
			at = body_piece(&body, at, end);
		}
		if (request->left == 0) {
			request->started = false;
			*ret_event = request_ends(dialogue);
		}
	}
	return at;
}

/* ---- answers ---- */

/* Statistics are a packet each; the last one is empty, or an error. */
static bool goes_on(const struct ta_memcached_answer *answer)
{
	return answer->header[1] == STATS && body_bytes(answer->header) != 0 &&
	       answer->header[6] == 0 && answer->header[7] == 0;
}

static enum ta_command_event answer_ends(struct ta_dialogue *dialogue)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	answer->state = HEADER;
	answer->got = 0;
	answer->opaque = opaque_hash(answer->header);
	answer->key = ta_memcached_hash(answer->opaque, answer->words.word, answer->words.len);
	if (goes_on(answer) || opcode_of(answer->header[1])->flags & QUIET)
		return TA_COMMAND_MORE;
	return ta_memcached_assign_binary(dialogue);
}

const char *ta_memcached_binary_answer(struct ta_dialogue *dialogue, const char *at,
				       const char *end, enum ta_command_event *ret_event)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;
	struct body body = { &answer->left, &answer->key_left, &answer->extras_left,
			     &answer->words };

	if (answer->state == HEADER) {
		if (!header_bytes(answer->header, &answer->got, 0x81, &at, end)) {
			*ret_event = TA_COMMAND_BROKEN;
			return at;
		}
		if (answer->got < HEADER_BYTES)
			return at;
		answer->state = BODY;
		body_begins(&body, answer->header);
	} else {
		at = body_piece(&body, at, end);
	}
	if (answer->left == 0)
		*ret_event = answer_ends(dialogue);
	return at;
}
