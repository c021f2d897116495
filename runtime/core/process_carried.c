/* SPDX-License-Identifier: MIT */
/*
 * process_carried.c - the entries of the environment that carry a trace.
 *
 * What is too long to be kept is not told from what the program sets itself later, and so
 * goes on as it is.
 */
#include "runtime/core/process_carried.h"

#include <stddef.h>
#include <string.h>

#include "runtime/protocol/baggage.h"

#define TRACEPARENT "TRACEPARENT="
#define TRACESTATE "TRACESTATE="
#define BAGGAGE "BAGGAGE="
#define TRACEPARENT_MAX 128

static char traceparent[sizeof(TRACEPARENT) + TRACEPARENT_MAX];
static char tracestate[sizeof(TRACESTATE) + TA_TRACESTATE_MAX];
static char baggage[sizeof(BAGGAGE) + TA_BAGGAGE_MAX];

static const struct {
	const char *prefix;
	size_t prefix_bytes;
	char *entry;
	size_t room; /* for the value, without its NUL */
} kept[] = {
	[TA_CARRIED_TRACEPARENT] = { TRACEPARENT, sizeof(TRACEPARENT) - 1, traceparent, TRACEPARENT_MAX },
	[TA_CARRIED_TRACESTATE] = { TRACESTATE, sizeof(TRACESTATE) - 1, tracestate, TA_TRACESTATE_MAX },
	[TA_CARRIED_BAGGAGE] = { BAGGAGE, sizeof(BAGGAGE) - 1, baggage, TA_BAGGAGE_MAX },
};

static bool usable[TA_CARRIED_COUNT];

static void keep(enum ta_carried which, const char *value)
{
	size_t bytes = strnlen(value, kept[which].room + 1);

	if (bytes == 0 || bytes > kept[which].room)
		return;
	memcpy(kept[which].entry, kept[which].prefix, kept[which].prefix_bytes);
	memcpy(kept[which].entry + kept[which].prefix_bytes, value, bytes + 1);
}

static const char *value_of(enum ta_carried which)
{
	return kept[which].entry[0] ? kept[which].entry + kept[which].prefix_bytes : "";
}

void ta_carried_set(const char *const values[TA_CARRIED_COUNT], bool follows)
{
	for (unsigned int which = 0; which < TA_CARRIED_COUNT; which++)
		keep((enum ta_carried)which, values[which]);
	const char *state = value_of(TA_CARRIED_TRACESTATE), *bag = value_of(TA_CARRIED_BAGGAGE);

	usable[TA_CARRIED_TRACESTATE] = follows && ta_tracestate_valid(state, strlen(state));
	usable[TA_CARRIED_BAGGAGE] = ta_baggage_valid(bag, strlen(bag));
}

bool ta_carried_names(const char *entry, enum ta_carried *ret_which)
{
	for (unsigned int which = 0; which < TA_CARRIED_COUNT; which++) {
		if (strncmp(entry, kept[which].prefix, kept[which].prefix_bytes) != 0)
			continue;
		*ret_which = (enum ta_carried)which;
		return true;
	}
	return false;
}

bool ta_carried_is(enum ta_carried which, const char *entry)
{
	return strcmp(entry, kept[which].entry) == 0;
}

char *ta_carried_entry(enum ta_carried which)
{
	return usable[which] ? kept[which].entry : NULL;
}

static const char *usable_value(enum ta_carried which, uint32_t *ret_bytes)
{
	const char *value = value_of(which);

	*ret_bytes = usable[which] ? (uint32_t)strlen(value) : 0;
	return *ret_bytes ? value : NULL;
}

const char *ta_carried_tracestate(uint32_t *ret_bytes)
{
	return usable_value(TA_CARRIED_TRACESTATE, ret_bytes);
}

const char *ta_carried_baggage(uint32_t *ret_bytes)
{
	return usable_value(TA_CARRIED_BAGGAGE, ret_bytes);
}
