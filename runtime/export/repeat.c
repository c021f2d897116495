/* SPDX-License-Identifier: MIT */
/*
 * repeat.c - spans that say the same but for ids and times: encoded once.
 *
 * The key of a span is what the enricher reads of it: a few numbers, the names that its
 * process has given to paths so far, and the attributes of its records, byte for byte.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/repeat.h"

#include <stdlib.h>

#include "runtime/export/enrich_internal.h"
#include "runtime/export/mix.h"

/* In front of the attributes. */
struct head {
	uint32_t names_age;
	uint8_t type, status, reason, end, orphan;
	uint8_t zero[3];
};

/* Types whose enrichment asks for nothing but records and the numbers of struct head. */
static bool is_of_records(const struct ta_span *span)
{
	switch (span->type) {
	case TA_SPAN_HTTP_SERVER:
	case TA_SPAN_HTTP_CLIENT:
	case TA_SPAN_COMMAND_SERVER:
	case TA_SPAN_COMMAND:
	case TA_SPAN_CONNECTION:
		return true;
	default:
		return false;
	}
}

static bool stands_alone(const struct ta_span *span)
{
	return !span->scope && !span->tags && !span->session_id && !span->link_span_id &&
	       !span->hint_span_id;
}

static bool is_of_attributes(const struct ta_record *record)
{
	return record->kind == TA_RECORD_SPAN_START || record->kind == TA_RECORD_SPAN_ATTRS ||
	       record->kind == TA_RECORD_SPAN_END;
}

/* How many there are stands in front: attributes could be divided between records otherwise. */
static bool put_record(struct ta_repeat_key *key, const struct ta_record *record)
{
	uint32_t bytes;
	const char *attrs = ta_record_attrs(record, &bytes);
	uint64_t count = bytes;

	if (!is_of_attributes(record) || bytes + sizeof(count) > sizeof(key->data) - key->bytes)
		return false;
	memcpy(key->data + key->bytes, &count, sizeof(count));
	if (bytes)
		memcpy(key->data + key->bytes + sizeof(count), attrs, bytes);
	key->bytes += (uint32_t)sizeof(count) + bytes;
	return true;
}

bool ta_repeat_key_of(const struct ta_enrich *enrich, const struct ta_span *span,
		      struct ta_repeat_key *ret_key)
{
	const struct head head = { .names_age = ta_path_names_age(enrich->paths),
				   .type = span->type,
				   .status = span->status,
				   .reason = span->reason,
				   .end = span->end,
				   .orphan = span->orphan };

	if (!is_of_records(span) || !stands_alone(span))
		return false;
	memcpy(ret_key->data, &head, sizeof(head));
	ret_key->bytes = sizeof(head);
	for (uint32_t i = 0; i < span->records.count; i++)
		if (!put_record(ret_key, span->records.items[i]))
			return false;
	/* Keys that fall together are compared, and cost what they cost without. */
	ret_key->print = ta_mix_bytes(1, ret_key->data, ret_key->bytes) | 1;
	return true;
}

bool ta_repeat_is_whole(const struct ta_out_span *out)
{
	return !out->trace_state[0] && !out->event_count && !out->link_count &&
	       !out->dropped_events && !out->dropped_links;
}

struct ta_repeats *ta_repeats_new(void)
{
	return calloc(1, sizeof(struct ta_repeats));
}

void ta_repeats_free(struct ta_repeats *repeats)
{
	for (uint32_t i = 0; repeats && i < TA_REPEATS; i++)
		free(repeats->places[i].memory);
	free(repeats);
}

static uint32_t place_of(const struct ta_repeat_key *key)
{
	return (uint32_t)(key->print >> 32) % TA_REPEATS;
}

const struct ta_repeat *ta_repeats_find(const struct ta_repeats *repeats,
					const struct ta_repeat_key *key)
{
	const struct ta_repeat *repeat = repeats ? &repeats->places[place_of(key)] : NULL;

	if (!repeat || !repeat->memory || repeat->print != key->print ||
	    repeat->key_bytes != key->bytes || memcmp(repeat->memory, key->data, key->bytes) != 0)
		return NULL;
	return repeat;
}

static void keep(struct ta_repeat *repeat, const struct ta_repeat_key *key, const char *front,
		 size_t front_bytes, const char *rest, size_t rest_bytes)
{
	char *memory = malloc(key->bytes + front_bytes + rest_bytes);

	if (!memory)
		return;
	free(repeat->memory);
	memcpy(memory, key->data, key->bytes);
	memcpy(memory + key->bytes, front, front_bytes);
	memcpy(memory + key->bytes + front_bytes, rest, rest_bytes);
	*repeat = (struct ta_repeat){ .print = key->print,
				      .memory = memory,
				      .key_bytes = key->bytes,
				      .front_bytes = (uint32_t)front_bytes,
				      .rest_bytes = (uint32_t)rest_bytes };
}

void ta_repeats_learn(struct ta_repeats *repeats, const struct ta_repeat_key *key, const char *front,
		      size_t front_bytes, const char *rest, size_t rest_bytes)
{
	struct ta_repeat *repeat = repeats ? &repeats->places[place_of(key)] : NULL;

	if (!repeat || front_bytes + rest_bytes > TA_REPEAT_TEXT_BYTES)
		return;
	if (repeat->missed == key->print)
		keep(repeat, key, front, front_bytes, rest, rest_bytes);
	else
		repeat->missed = key->print;
}
