/* SPDX-License-Identifier: MIT */
/*
 * repeat.h - spans that say the same but for ids and times: encoded once.
 *
 * A server is asked the same things again and again, over connections that stay.  What
 * is written of such a span depends on the attributes that were recorded, and of little
 * else: those bytes are the key, compared in full, and what an encoder wrote for them is
 * kept and written again.  A span that depends on anything else (scopes, tags, a session,
 * events, links, a state of its trace) has no key.
 *
 * Only what came twice is kept, one for each of TA_REPEATS places: a server that is never
 * asked the same pays for the key and no more.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_REPEAT_H
#define TA_EXPORT_REPEAT_H

#include "runtime/agent/model.h"
#include "runtime/export/enrich.h"

#define TA_REPEATS 512u
#define TA_REPEAT_KEY_BYTES 1024u
#define TA_REPEAT_TEXT_BYTES 4096u

struct ta_repeat_key {
	uint64_t print; /* where it is looked for */
	uint32_t bytes;
	char data[TA_REPEAT_KEY_BYTES];
};

/* What was written: in front of the times, and behind them. */
struct ta_repeat {
	uint64_t print; /* of its key */
	uint64_t missed; /* of the last key that was looked for here in vain */
	char *memory;	/* key, front, rest; NULL: nothing is kept */
	uint32_t key_bytes, front_bytes, rest_bytes;
};

struct ta_repeats {
	struct ta_repeat places[TA_REPEATS];
};

/* False for a span that has none. */
bool ta_repeat_key_of(const struct ta_enrich *enrich, const struct ta_span *span,
		      struct ta_repeat_key *ret_key);
/* Whether it leaves out nothing that was found: of a span that has a key. */
bool ta_repeat_is_whole(const struct ta_out_span *out);

/* NULL without memory, which callers take for "nothing is kept". */
struct ta_repeats *ta_repeats_new(void);
void ta_repeats_free(struct ta_repeats *repeats);

/* What was kept for it, or NULL.  Lives until the next call of ta_repeats_learn(). */
const struct ta_repeat *ta_repeats_find(const struct ta_repeats *repeats,
					const struct ta_repeat_key *key);
/* It was written as front and rest; kept when it came twice. */
void ta_repeats_learn(struct ta_repeats *repeats, const struct ta_repeat_key *key, const char *front,
		      size_t front_bytes, const char *rest, size_t rest_bytes);

static inline const char *ta_repeat_front(const struct ta_repeat *repeat)
{
	return repeat->memory + repeat->key_bytes;
}

static inline const char *ta_repeat_rest(const struct ta_repeat *repeat)
{
	return repeat->memory + repeat->key_bytes + repeat->front_bytes;
}

#endif
