/* SPDX-License-Identifier: MIT */
/*
 * enrich.h - from a span's raw records to its name, kind, status and attributes
 * under OpenTelemetry's semantic conventions (1.44).
 *
 * One struct ta_enrich per agent; it remembers the path segments it has seen,
 * so that names stay low in cardinality.  Not thread safe.
 */
#ifndef TA_EXPORT_ENRICH_H
#define TA_EXPORT_ENRICH_H

#include "runtime/agent/model.h"
#include "runtime/export/buf.h"
#include "runtime/wire/config.h"

struct ta_enrich;

/* An attribute under its final name.  Strings need not be terminated nor valid
 * UTF-8 (the encoder takes care); they live until the next call for a span. */
struct ta_out_attr {
	const char *name;
	uint32_t name_bytes;
	uint8_t type; /* enum ta_attr_type */
	bool plain_name; /* known to need no escape in JSON */
	int64_t number;
	double real;
	const char *text;
	uint32_t text_bytes;
};

#define TA_OUT_ATTRS_MAX 128

struct ta_out_span {
	char name[256];
	uint32_t name_bytes;
	int kind;   /* OTLP SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
	int status; /* OTLP StatusCode: 0 unset, 1 ok, 2 error */
	char status_message[256];
	char trace_state[520];
	uint32_t attr_count;
	uint32_t dropped_attrs;
	struct ta_out_attr attrs[TA_OUT_ATTRS_MAX];
};

/* config and its strings must outlive the result.  NULL when out of memory. */
struct ta_enrich *ta_enrich_new(const struct ta_config *config);
void ta_enrich_free(struct ta_enrich *enrich);

/* What was wrong with the configuration, one sentence each, for the agent's log:
 * number index, or NULL after the last. */
const char *ta_enrich_warning(const struct ta_enrich *enrich, size_t index);

void ta_enrich_span(struct ta_enrich *enrich, const struct ta_span *span, struct ta_out_span *out);

/* Resource attributes of a process as the inside of a JSON array of KeyValue.
 * process may be NULL (not known). */
void ta_enrich_resource_json(struct ta_enrich *enrich, const struct ta_process *process,
			     struct ta_buf *buf);

#endif
