/* SPDX-License-Identifier: MIT */
/*
 * message.c - lists of messages, and the words of their enumerations.
 *
 * Runs: agent, any thread.
 */
#include "runtime/export/message.h"

#include <stdlib.h>

const char *ta_queue_name(enum ta_queue queue)
{
	static const char *const names[TA_QUEUES] = { "otlp-traces", "otlp-logs", "otlp-metrics",
						      "sentry", "envelopes" };

	return names[queue];
}

const char *ta_drop_name(enum ta_drop drop)
{
	static const char *const names[TA_DROPS] = { "sampled",	      "spool_full", "spool_age",
						     "spool_damaged", "too_large",  "refused",
						     "partial",	      "rate_limited", "no_memory" };

	return names[drop];
}

struct ta_message *ta_messages_add(struct ta_messages *messages)
{
	if (messages->count == messages->capacity) {
		uint32_t capacity = messages->capacity ? messages->capacity * 2 : 4;
		struct ta_message *items = realloc(messages->items, capacity * sizeof(items[0]));

		if (!items) {
			messages->failed = true;
			return NULL;
		}
		messages->items = items;
		messages->capacity = capacity;
	}
	struct ta_message *message = &messages->items[messages->count++];

	*message = (struct ta_message){ 0 };
	return message;
}

void ta_messages_clear(struct ta_messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++)
		ta_buf_fini(&messages->items[i].body);
	messages->count = 0;
	messages->failed = false;
}

void ta_messages_fini(struct ta_messages *messages)
{
	ta_messages_clear(messages);
	free(messages->items);
	*messages = (struct ta_messages){ 0 };
}
