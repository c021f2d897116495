/* SPDX-License-Identifier: MIT */
/*
 * encode.h - one walk over a batch for all destinations.
 *
 * Every span is enriched once and every event merged with its scopes once, however many
 * destinations there are; for each of them tail sampling decides trace by trace.
 *
 * Runs: agent, the exporter's thread; made and freed on the worker's.
 */
#ifndef TA_EXPORT_ENCODE_H
#define TA_EXPORT_ENCODE_H

#include "runtime/export/keep.h"
#include "runtime/export/sink.h"

enum ta_route_kind { TA_ROUTE_FILE, TA_ROUTE_OTLP, TA_ROUTE_SENTRY, TA_ROUTE_ENVELOPES, TA_ROUTES };

/* One destination; sinks that are NULL take nothing. */
struct ta_route {
	struct ta_sink *spans, *events; /* may be one and the same */
	struct ta_keep *keep;		/* of spans; NULL keeps all */
	struct ta_messages messages;	/* of the last batch: of its spans, or of its events */
	uint32_t left_out, left_out_spans; /* of the last batch: traces that were not kept */
};

struct ta_encode {
	struct ta_enrich *enrich;
	struct ta_route routes[TA_ROUTES];
	struct ta_sink *metrics; /* or NULL */
	struct ta_repeat_key key; /* of the span at hand */
};

/* Fills in the messages of the routes that the batch is for.  Returns 0
 * or -ENOMEM: then nothing of the batch is to go out, and the same batch may be encoded
 * again (metrics have counted it). */
int ta_encode_batch(struct ta_encode *encode, const struct ta_batch *batch);

/* Gives back what the last batch left. */
void ta_encode_clear(struct ta_encode *encode);
/* Frees sinks, rules, metrics and the enricher. */
void ta_encode_fini(struct ta_encode *encode);

#endif
