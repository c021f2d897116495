/* SPDX-License-Identifier: MIT */
/*
 * memcached_text.c - reads command lines of memcached's text protocol, and passes over data.
 *
 * Shown are the command and its first key.  A line that announces data and is not well formed
 * breaks the dialogue: some servers take the data that follow for commands, others do not.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

enum state { IDLE, LINE, DATA, DATA_CR, DATA_END };

enum flags {
	NOREPLY = 1,	 /* takes it as its last word */
	STORES = 2,	 /* the fifth word is the length of the data that follow */
	META_STORES = 4, /* the third one is */
	META = 8,	 /* has flags */
	SILENT = 16,
};

static const struct command {
	char name[16];
	uint8_t len;
	uint8_t kind;
	uint8_t key; /* number of the word that is the first key */
	uint8_t flags;
} commands[] = {
	{ "get", 3, TA_MEMCACHED_GET, 1, 0 },
	{ "set", 3, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "gets", 4, TA_MEMCACHED_GET, 1, 0 },
	{ "mg", 2, TA_MEMCACHED_MG, 1, META },
	{ "ms", 2, TA_MEMCACHED_MS, 1, META | META_STORES },
	{ "md", 2, TA_MEMCACHED_MD, 1, META },
	{ "ma", 2, TA_MEMCACHED_MA, 1, META },
	{ "mn", 2, TA_MEMCACHED_MN, 0, 0 },
	{ "me", 2, TA_MEMCACHED_ME, 1, 0 },
	{ "delete", 6, TA_MEMCACHED_LINE, 1, NOREPLY },
	{ "incr", 4, TA_MEMCACHED_LINE, 1, NOREPLY },
	{ "decr", 4, TA_MEMCACHED_LINE, 1, NOREPLY },
	{ "touch", 5, TA_MEMCACHED_LINE, 1, NOREPLY },
	{ "gat", 3, TA_MEMCACHED_GET, 2, 0 },
	{ "gats", 4, TA_MEMCACHED_GET, 2, 0 },
	{ "add", 3, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "replace", 7, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "append", 6, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "prepend", 7, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "cas", 3, TA_MEMCACHED_LINE, 1, NOREPLY | STORES },
	{ "stats", 5, TA_MEMCACHED_LINES, 0, 0 },
	{ "version", 7, TA_MEMCACHED_LINE, 0, 0 },
	{ "flush_all", 9, TA_MEMCACHED_LINE, 0, NOREPLY },
	{ "verbosity", 9, TA_MEMCACHED_LINE, 0, NOREPLY },
	{ "quit", 4, TA_MEMCACHED_LINE, 0, SILENT },
	{ "shutdown", 8, TA_MEMCACHED_LINE, 0, SILENT },
	{ "cache_memlimit", 14, TA_MEMCACHED_LINE, 0, NOREPLY },
	{ "slabs", 5, TA_MEMCACHED_LINE, 0, NOREPLY },
	{ "lru", 3, TA_MEMCACHED_LINE, 0, 0 },
	{ "lru_crawler", 11, TA_MEMCACHED_LINES, 0, 0 },
	{ "watch", 5, TA_MEMCACHED_WATCH, 0, 0 },
	{ "", 0, TA_MEMCACHED_UNKNOWN, 0, 0 }, /* anything else */
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* ---- words ---- */

static void name_word(struct ta_dialogue *dialogue, const struct ta_memcached_words *words)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;
	uint8_t number = 0;

	while (number < COMMANDS - 1 &&
	       (commands[number].len != words->len || commands[number].name[0] != words->text[0] ||
		memcmp(commands[number].name, words->text, words->len) != 0))
		number++;
	const struct command *command = &commands[number];

	request->command = number;
	request->kind = command->kind;
	request->nature = TA_RESP_DUE;
	request->fact = 0;
	request->left = 0;
	request->noreply = false;
	request->malformed = false;
	/* Nothing is known of its arguments, and nothing is shown. */
	ta_memcached_begin(dialogue, command->len ? command->name : "_OTHER",
			   command->len ? command->len : 6);
	if (command->flags & SILENT)
		request->nature = TA_RESP_MUTE;
}

/* O and its token are given back with the answer; else the key is, if k asks for it. */
static void meta_word(struct ta_memcached_request *request, const struct ta_memcached_words *words)
{
	if (words->len == 1 && words->text[0] == 'q')
		request->nature = request->kind == TA_MEMCACHED_MG ? TA_RESP_CHANCE : TA_RESP_MUTE;
	else if (words->text[0] == 'O')
		request->fact = ta_memcached_hash(TA_MEMCACHED_HASH_SEED, words->text, words->len);
	else if (words->len == 1 && words->text[0] == 'k' && request->fact == 0)
		request->fact = request->key;
}

static void length_word(struct ta_memcached_request *request,
			const struct ta_memcached_words *words)
{
	if (!ta_memcached_number(words->text, words->len, &request->left))
		request->malformed = true;
}

static void argument_word(struct ta_dialogue *dialogue, const struct ta_memcached_words *words)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;
	const struct command *command = &commands[request->command];
	uint32_t number = words->index - 1;

	if (number == command->key) {
		ta_memcached_put_key(&dialogue->command, words->text, words->len);
		request->malformed |= words->len > TA_MEMCACHED_KEY_MAX;
		if (command->flags & META)
			request->key =
				ta_memcached_hash(ta_memcached_hash(TA_MEMCACHED_HASH_SEED, "k", 1),
						  words->text, words->len);
	} else {
		ta_memcached_put(&dialogue->command, " ?", 2);
	}
	if ((number == 4 && command->flags & STORES) ||
	    (number == 2 && command->flags & META_STORES))
		length_word(request, words);
	else if (number >= 2 && command->flags & META)
		meta_word(request, words);
	request->noreply = words->len == 7 && memcmp(words->text, "noreply", 7) == 0;
}

/* ---- lines ---- */

/* Whether data follow; a length that is missing is as bad as one that is no number. */
static bool stores(const struct ta_memcached_request *request, uint32_t words)
{
	uint8_t flags = commands[request->command].flags;

	return (flags & STORES && words >= 5) || (flags & META_STORES && words >= 3);
}

static enum ta_command_event line_ends(struct ta_dialogue *dialogue, uint32_t words)
{
	struct ta_memcached *memcached = ta_memcached_of(dialogue);
	struct ta_memcached_request *request = &memcached->request;
	const struct command *command = &commands[request->command];

	request->state = IDLE;
	if (words == 0) { /* the server answers an empty line */
		ta_memcached_begin(dialogue, "_OTHER", 6);
		request->kind = TA_MEMCACHED_UNKNOWN;
		request->nature = TA_RESP_DUE;
		request->fact = 0;
		return ta_memcached_end(dialogue, true);
	}
	if (command->flags & NOREPLY && request->noreply)
		request->nature = TA_RESP_MUTE;
	if (command->flags & (STORES | META_STORES)) {
		if (request->malformed || !stores(request, words))
			return TA_COMMAND_BROKEN;
		request->state = request->left ? DATA : DATA_CR;
		return TA_COMMAND_MORE;
	}
	if (command->kind == TA_MEMCACHED_WATCH) {
		dialogue->command.flags |= TA_COMMAND_STREAM;
		memcached->tunnel = true;
	}
	return ta_memcached_end(dialogue, true);
}

static const char *line_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_memcached_words *words = &ta_memcached_of(dialogue)->request.words;
	enum ta_memcached_piece piece;
	uint32_t before = words->index;

	at = ta_memcached_cut(words, at, end, &piece);
	if (piece == TA_MEMCACHED_NO_TEXT)
		*ret_event = TA_COMMAND_BROKEN;
	else if (piece == TA_MEMCACHED_LINE_END)
		*ret_event = line_ends(dialogue, before);
	else if (piece == TA_MEMCACHED_WORD && words->index == 1)
		name_word(dialogue, words);
	else if (piece == TA_MEMCACHED_WORD)
		argument_word(dialogue, words);
	return at;
}

/* ---- data ---- */

bool ta_memcached_awaits_data(const struct ta_memcached_request *request)
{
	return request->state >= DATA;
}

static const char *data_bytes(struct ta_memcached_request *request, const char *at, const char *end)
{
	uint64_t bytes = (uint64_t)(end - at);

	if (bytes >= request->left) {
		bytes = request->left;
		request->state = DATA_CR;
	}
	request->left -= bytes;
	return at + bytes;
}

static const char *data_end(struct ta_dialogue *dialogue, const char *at,
			    enum ta_command_event *ret_event)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;

	if (*at != (request->state == DATA_CR ? '\r' : '\n')) {
		*ret_event = TA_COMMAND_BROKEN;
	} else if (request->state == DATA_CR) {
		request->state = DATA_END;
	} else {
		request->state = IDLE;
		*ret_event = ta_memcached_end(dialogue, true);
	}
	return at + 1;
}

const char *ta_memcached_text_request(struct ta_dialogue *dialogue, const char *at, const char *end,
				      enum ta_command_event *ret_event)
{
	struct ta_memcached_request *request = &ta_memcached_of(dialogue)->request;

	if (at < end && request->state == IDLE) {
		request->state = LINE;
		*ret_event = TA_COMMAND_STARTED;
	}
	while (at < end && *ret_event == TA_COMMAND_MORE) {
		if (request->state == LINE)
			at = line_bytes(dialogue, at, end, ret_event);
		else if (request->state == DATA)
			at = data_bytes(request, at, end);
		else
			at = data_end(dialogue, at, ret_event);
	}
	return at;
}
