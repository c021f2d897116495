/* SPDX-License-Identifier: MIT */
/*
 * keep_traces.c - a table of trace ids of a fixed size: the oldest gives way.
 *
 * A ring in order of arrival, and chains by hash.  Ids come from callers, so the hash has a
 * secret: nobody can make a chain long.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/keep_internal.h"

#include <stdlib.h>
#include <sys/random.h>

#define PLACES TA_KEEP_REMEMBERED
#define NOTHING UINT16_MAX

_Static_assert((PLACES & (PLACES - 1)) == 0 && PLACES < NOTHING, "chains are uint16_t");

struct place {
	uint64_t hi, lo;
	uint16_t next; /* of its chain */
};

struct ta_traces {
	uint64_t secret;
	uint32_t count; /* places in use */
	uint32_t oldest; /* the one that is used next */
	uint16_t chains[PLACES];
	struct place places[PLACES];
};

struct ta_traces *ta_traces_new(void)
{
	struct ta_traces *traces = malloc(sizeof(*traces));

	if (!traces)
		return NULL;
	traces->count = traces->oldest = 0;
	for (uint32_t i = 0; i < PLACES; i++)
		traces->chains[i] = NOTHING;
	if (getrandom(&traces->secret, sizeof(traces->secret), GRND_NONBLOCK) < 0)
		traces->secret = (uint64_t)(uintptr_t)traces;
	return traces;
}

void ta_traces_free(struct ta_traces *traces)
{
	free(traces);
}

static uint32_t chain_of(const struct ta_traces *traces, uint64_t hi, uint64_t lo)
{
	uint64_t mixed = (lo ^ traces->secret) * 0x9e3779b97f4a7c15ull;

	mixed = (mixed ^ mixed >> 32 ^ hi) * 0xd6e8feb86659fd93ull;
	mixed ^= mixed >> 32;
	return (uint32_t)(mixed % PLACES);
}

bool ta_traces_have(const struct ta_traces *traces, uint64_t hi, uint64_t lo)
{
	uint16_t at = traces->chains[chain_of(traces, hi, lo)];

	while (at != NOTHING && (traces->places[at].lo != lo || traces->places[at].hi != hi))
		at = traces->places[at].next;
	return at != NOTHING;
}

static void unlink_place(struct ta_traces *traces, uint16_t index)
{
	const struct place *place = &traces->places[index];
	uint16_t *at = &traces->chains[chain_of(traces, place->hi, place->lo)];

	while (*at != index)
		at = &traces->places[*at].next;
	*at = place->next;
}

void ta_traces_put(struct ta_traces *traces, uint64_t hi, uint64_t lo)
{
	uint16_t index = (uint16_t)traces->oldest, *chain;

	if (ta_traces_have(traces, hi, lo))
		return;
	if (traces->count == PLACES)
		unlink_place(traces, index);
	else
		traces->count++;
	chain = &traces->chains[chain_of(traces, hi, lo)];
	traces->places[index] = (struct place){ hi, lo, *chain };
	*chain = index;
	traces->oldest = (traces->oldest + 1) % PLACES;
}
