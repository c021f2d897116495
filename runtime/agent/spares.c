/* SPDX-License-Identifier: MIT */
/*
 * spares.c - memory of spans and traces that are gone, for those that come.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/spares.h"

#include <stdlib.h>

/* Address sanitizers see nothing wrong in memory that is never freed. */
#if defined(__SANITIZE_ADDRESS__)
#define BYTES_MAX 0u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BYTES_MAX 0u
#endif
#endif
#ifndef BYTES_MAX
#define BYTES_MAX TA_SPARE_BYTES_MAX
#endif

static size_t size_of(size_t bytes)
{
	return (bytes - 1) / TA_SPARE_STEP;
}

void *ta_spares_take(struct ta_spares *spares, size_t bytes)
{
	size_t size = size_of(bytes);
	void **memory = size < TA_SPARE_SIZES ? spares->first[size] : NULL;

	if (!memory)
		return malloc(ta_spares_room(bytes));
	spares->first[size] = *memory;
	spares->bytes -= ta_spares_room(bytes);
	return memory;
}

void ta_spares_give(struct ta_spares *spares, void *memory, size_t bytes)
{
	size_t size = size_of(bytes), room = ta_spares_room(bytes);

	if (size >= TA_SPARE_SIZES || spares->bytes + room > BYTES_MAX) {
		free(memory);
		return;
	}
	*(void **)memory = spares->first[size];
	spares->first[size] = memory;
	spares->bytes += room;
}

void ta_spares_fini(struct ta_spares *spares)
{
	for (size_t i = 0; i < TA_SPARE_SIZES; i++) {
		while (spares->first[i]) {
			void *memory = spares->first[i];

			spares->first[i] = *(void **)memory;
			free(memory);
		}
	}
	spares->bytes = 0;
}
