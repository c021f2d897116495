/* SPDX-License-Identifier: MIT */
/*
 * memcached_answer.c - walks answers of memcached's text protocol.
 *
 * A line's first word tells how the answer goes on, whatever was asked: VALUE has data and is
 * followed by more, VA has data, STAT and its like are followed by more, all others end it.
 *
 * Runs: anywhere; pure.
 */
#include "runtime/protocol/memcached.h"

#include <string.h>

enum state { LINE, DATA, DATA_CR, DATA_END };

static inline bool is(const struct ta_memcached_name *name, const char *text, size_t bytes)
{
	return name->len == bytes && memcmp(name->text, text, bytes) == 0;
}

static bool goes_on(const struct ta_memcached_name *name)
{
	return is(name, "VALUE", 5) || is(name, "STAT", 4) || is(name, "ITEM", 4) ||
	       is(name, "PREFIX", 6) || is(name, "mg", 2) ||
	       (name->len > 4 && memcmp(name->text, "key=", 4) == 0);
}

static void name_word(struct ta_memcached_answer *answer, const struct ta_memcached_words *words)
{
	struct ta_memcached_name *name = &answer->last;

	name->len = (uint8_t)(words->len < TA_MEMCACHED_FIRST_MAX ? words->len
								  : TA_MEMCACHED_FIRST_MAX);
	memcpy(name->text, words->text, name->len);
	answer->number = UINT64_MAX;
	if (!answer->inside) {
		answer->first = *name;
		answer->opaque = answer->key = 0;
	}
	answer->inside = true;
}

/* VALUE key flags length; VA length flags; what a meta answer gives back. */
static void argument_word(struct ta_memcached_answer *answer,
			  const struct ta_memcached_words *words)
{
	uint32_t number = words->index - 1;
	bool meta = answer->last.len == 2;

	if ((number == 3 && is(&answer->last, "VALUE", 5)) ||
	    (number == 1 && is(&answer->last, "VA", 2))) {
		if (!ta_memcached_number(words->text, words->len, &answer->number))
			answer->number = UINT64_MAX;
	} else if (meta && words->text[0] == 'O') {
		answer->opaque = ta_memcached_hash(TA_MEMCACHED_HASH_SEED, words->text, words->len);
	} else if (meta && words->text[0] == 'k') {
		answer->key = ta_memcached_hash(TA_MEMCACHED_HASH_SEED, words->text, words->len);
	}
}

static enum ta_command_event complete(struct ta_dialogue *dialogue)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	answer->state = LINE;
	answer->inside = false;
	return ta_memcached_assign_text(dialogue);
}

static enum ta_command_event line_ends(struct ta_dialogue *dialogue, uint32_t words)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	if (words == 0)
		return TA_COMMAND_BROKEN;
	if (is(&answer->last, "VALUE", 5) || is(&answer->last, "VA", 2)) {
		answer->left = answer->number;
		answer->state = answer->left ? DATA : DATA_CR;
		return answer->number == UINT64_MAX ? TA_COMMAND_BROKEN : TA_COMMAND_MORE;
	}
	return goes_on(&answer->last) ? TA_COMMAND_MORE : complete(dialogue);
}

static const char *line_bytes(struct ta_dialogue *dialogue, const char *at, const char *end,
			      enum ta_command_event *ret_event)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;
	enum ta_memcached_piece piece;
	uint32_t before = answer->words.index;

	at = ta_memcached_cut(&answer->words, at, end, &piece);
	if (piece == TA_MEMCACHED_NO_TEXT)
		*ret_event = TA_COMMAND_BROKEN;
	else if (piece == TA_MEMCACHED_LINE_END)
		*ret_event = line_ends(dialogue, before);
	else if (piece == TA_MEMCACHED_WORD && answer->words.index == 1)
		name_word(answer, &answer->words);
	else if (piece == TA_MEMCACHED_WORD)
		argument_word(answer, &answer->words);
	return at;
}

static const char *data_bytes(struct ta_memcached_answer *answer, const char *at, const char *end)
{
	uint64_t bytes = (uint64_t)(end - at);

	if (bytes >= answer->left) {
		bytes = answer->left;
		answer->state = DATA_CR;
	}
	answer->left -= bytes;
	return at + bytes;
}

static const char *data_end(struct ta_dialogue *dialogue, const char *at,
			    enum ta_command_event *ret_event)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	if (*at != (answer->state == DATA_CR ? '\r' : '\n'))
		*ret_event = TA_COMMAND_BROKEN;
	else if (answer->state == DATA_CR)
		answer->state = DATA_END;
	else if (goes_on(&answer->last))
		answer->state = LINE;
	else
		*ret_event = complete(dialogue);
	return at + 1;
}

const char *ta_memcached_text_answer(struct ta_dialogue *dialogue, const char *at, const char *end,
				     enum ta_command_event *ret_event)
{
	struct ta_memcached_answer *answer = &ta_memcached_of(dialogue)->answer;

	do {
		if (answer->state == LINE)
			at = line_bytes(dialogue, at, end, ret_event);
		else if (answer->state == DATA)
			at = data_bytes(answer, at, end);
		else
			at = data_end(dialogue, at, ret_event);
	} while (at < end && *ret_event == TA_COMMAND_MORE && answer->inside);
	return at;
}
