/* SPDX-License-Identifier: MIT */
/*
 * otlp_value.h - attributes and values as OTLP JSON has them: KeyValue, AnyValue.
 *
 * Shared by the encoders of spans and of logs.  Runs: agent, one thread.
 */
#ifndef TA_EXPORT_OTLP_VALUE_H
#define TA_EXPORT_OTLP_VALUE_H

#include "runtime/export/buf.h"
#include "runtime/export/enrich.h"

#define TA_OTLP_SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
#define TA_PUT(buf, literal) ta_buf_put(buf, literal, sizeof(literal) - 1)

/* Values within one another; what is deeper becomes the text of its JSON. */
#define TA_OTLP_DEPTH_MAX 16u

/* A JSON value as an AnyValue with its braces: objects become kvlistValue, arrays
 * arrayValue, numbers that are 64-bit integers intValue, others doubleValue, null the
 * empty value.  What is not JSON becomes a stringValue. */
void ta_otlp_put_json(struct ta_buf *buf, const char *text, size_t bytes);

/* The value of an attribute as an AnyValue with its braces. */
void ta_otlp_put_value(struct ta_buf *buf, const struct ta_out_attr *attr);

/* A row of KeyValues, at most TA_OUT_ATTRS_MAX of them.  Nothing is written when there
 * is none. */
struct ta_otlp_row {
	struct ta_buf *buf;
	size_t first; /* where the first comma stands, and at the end '[' */
	uint32_t count, dropped;
};

void ta_otlp_row_begin(struct ta_otlp_row *row, struct ta_buf *buf);
void ta_otlp_row_put(struct ta_otlp_row *row, const struct ta_out_attr *attr);
/* The same for a value that the caller writes next, as an AnyValue with its braces, and
 * closes by ta_otlp_row_close(); false when the row is full. */
bool ta_otlp_row_open(struct ta_otlp_row *row, const char *name);
void ta_otlp_row_close(struct ta_otlp_row *row);
/* dropped: what the caller left out himself. */
void ta_otlp_row_end(struct ta_otlp_row *row, uint32_t dropped);

#endif
