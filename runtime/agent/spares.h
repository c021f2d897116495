/* SPDX-License-Identifier: MIT */
/*
 * spares.h - memory of spans and traces that are gone, for those that come.
 *
 * Spans are freed by the batch, in the order in which they ended, and as many are begun: what
 * malloc() does with that (merging and splitting of neighbours, and memory that was
 * not touched for long) costs more than the rest of their bookkeeping.  The piece that was given back
 * last is taken first: it is still in the processor's cache.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_SPARES_H
#define TA_AGENT_SPARES_H

#include <stddef.h>

#define TA_SPARE_STEP 64u  /* sizes are rounded up to a multiple of it */
#define TA_SPARE_SIZES 20u /* larger ones come from malloc() and go back to it */
#define TA_SPARE_BYTES_MAX (1u << 20) /* in all: the rest goes back to malloc() */

struct ta_spares {
	void *first[TA_SPARE_SIZES]; /* of a size; each begins with the next */
	size_t bytes;
};

/* What so many bytes are rounded up to: all of it may be used. */
static inline size_t ta_spares_room(size_t bytes)
{
	return (bytes + TA_SPARE_STEP - 1) / TA_SPARE_STEP * TA_SPARE_STEP;
}

/* Not cleared; NULL without memory.  bytes: more than 0, and the same when it is given back. */
void *ta_spares_take(struct ta_spares *spares, size_t bytes);
void ta_spares_give(struct ta_spares *spares, void *memory, size_t bytes);
void ta_spares_fini(struct ta_spares *spares);

#endif
