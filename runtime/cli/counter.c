/* SPDX-License-Identifier: MIT */
/*
 * counter.c - spans and traces in a stretch of OTLP JSON lines.
 *
 * A scanner and not a parser: a file can be large and only two numbers are
 * wanted.  It follows strings and nesting, so that an attribute whose text looks
 * like a span is not one.  Starts anew at each line; a broken line costs itself.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/tally.h"

#define DEPTH_MAX 64
#define TEXT_MAX 40

struct level {
	bool is_object;
	bool has_start;
	char trace[TEXT_MAX];
};

struct ta_cli_counter {
	uint64_t spans;
	uint64_t traces;
	uint64_t *seen; /* open hash of trace ids, 0 is free */
	size_t seen_size;
	int depth; /* may exceed DEPTH_MAX; such levels are only counted */
	bool in_string;
	bool escaped;
	bool after_colon; /* the next string is a value */
	char text[TEXT_MAX]; /* the string being read, cut */
	size_t text_bytes;
	char key[TEXT_MAX];
	struct level levels[DEPTH_MAX];
};

struct ta_cli_counter *ta_cli_counter_new(void)
{
	struct ta_cli_counter *counter = calloc(1, sizeof(*counter));

	if (!counter)
		return NULL;
	counter->seen_size = 1024;
	counter->seen = calloc(counter->seen_size, sizeof(uint64_t));
	if (counter->seen)
		return counter;
	free(counter);
	return NULL;
}

/* 64 bits of an id that is random; never 0. */
static uint64_t hash(const char *id)
{
	uint64_t value = 14695981039346656037ull;

	for (; *id; id++)
		value = (value ^ (unsigned char)*id) * 1099511628211ull;
	return value ? value : 1;
}

static bool insert(uint64_t *table, size_t size, uint64_t value)
{
	size_t at = (size_t)value & (size - 1);

	while (table[at] && table[at] != value)
		at = (at + 1) & (size - 1);
	bool is_new = table[at] == 0;

	table[at] = value;
	return is_new;
}

static void grow(struct ta_cli_counter *counter)
{
	size_t size = counter->seen_size * 2;
	uint64_t *table = calloc(size, sizeof(uint64_t));

	if (!table)
		return; /* slower, and at a full table insert() is not called */
	for (size_t i = 0; i < counter->seen_size; i++)
		if (counter->seen[i])
			insert(table, size, counter->seen[i]);
	free(counter->seen);
	counter->seen = table;
	counter->seen_size = size;
}

static void count_span(struct ta_cli_counter *counter, const char *trace)
{
	counter->spans++;
	if (counter->traces * 2 >= counter->seen_size)
		grow(counter);
	if (counter->traces + 1 < counter->seen_size)
		counter->traces += insert(counter->seen, counter->seen_size, hash(trace));
}

static struct level *top(struct ta_cli_counter *counter)
{
	return counter->depth > 0 && counter->depth <= DEPTH_MAX
		       ? &counter->levels[counter->depth - 1]
		       : NULL;
}

static void open_level(struct ta_cli_counter *counter, bool is_object)
{
	counter->depth++;
	counter->after_colon = false;
	if (top(counter))
		*top(counter) = (struct level){ .is_object = is_object };
}

static void close_level(struct ta_cli_counter *counter)
{
	struct level *level = top(counter);

	if (level && level->is_object && level->has_start && level->trace[0])
		count_span(counter, level->trace);
	if (counter->depth > 0)
		counter->depth--;
	counter->after_colon = false;
}

static void end_string(struct ta_cli_counter *counter)
{
	struct level *level = top(counter);

	counter->in_string = false;
	counter->text[counter->text_bytes] = '\0';
	if (!level || !level->is_object)
		return;
	if (!counter->after_colon)
		strcpy(counter->key, counter->text);
	else if (strcmp(counter->key, "traceId") == 0)
		strcpy(level->trace, counter->text);
}

static void in_string(struct ta_cli_counter *counter, char c)
{
	if (c == '"' && !counter->escaped) {
		end_string(counter);
		return;
	}
	counter->escaped = c == '\\' && !counter->escaped;
	if (counter->text_bytes < TEXT_MAX - 1)
		counter->text[counter->text_bytes++] = c;
}

static void begin_string(struct ta_cli_counter *counter)
{
	counter->in_string = true;
	counter->escaped = false;
	counter->text_bytes = 0;
}

static void begin_value(struct ta_cli_counter *counter)
{
	struct level *level = top(counter);

	counter->after_colon = true;
	if (level && strcmp(counter->key, "startTimeUnixNano") == 0)
		level->has_start = true;
}

static void outside(struct ta_cli_counter *counter, char c)
{
	switch (c) {
	case '"':
		begin_string(counter);
		break;
	case '{':
	case '[':
		open_level(counter, c == '{');
		break;
	case '}':
	case ']':
		close_level(counter);
		break;
	case ':':
		begin_value(counter);
		break;
	case ',':
		counter->after_colon = false;
		break;
	}
}

void ta_cli_counter_feed(struct ta_cli_counter *counter, const char *data, size_t bytes)
{
	for (const char *end = data + bytes; data < end; data++) {
		if (*data == '\n') {
			counter->depth = 0;
			counter->in_string = false;
		} else if (counter->in_string) {
			in_string(counter, *data);
		} else {
			outside(counter, *data);
		}
	}
}

void ta_cli_counter_free(struct ta_cli_counter *counter, uint64_t *ret_spans,
			 uint64_t *ret_traces)
{
	*ret_spans = counter->spans;
	*ret_traces = counter->traces;
	free(counter->seen);
	free(counter);
}
