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

/* What a JSON value becomes, in JSON and in protobuf alike. */
enum ta_otlp_kind {
	TA_OTLP_EMPTY,
	TA_OTLP_BOOL,	/* number */
	TA_OTLP_INT,	/* number */
	TA_OTLP_DOUBLE, /* real; infinite when no double can hold it */
	TA_OTLP_STRING, /* text, with escapes */
	TA_OTLP_TEXT,	/* text as it stands: too deep, too long a number, no JSON */
	TA_OTLP_ARRAY,
	TA_OTLP_KVLIST,
};

struct ta_otlp_value {
	enum ta_otlp_kind kind;
	int64_t number;
	double real;
	struct ta_json_slice text;
};

/* text: anything; the space around a value does not belong to it. */
void ta_otlp_value_read(const char *text, size_t bytes, struct ta_otlp_value *ret_value);
/* A member of a value that was read, at that depth (1 and more). */
void ta_otlp_value_member(struct ta_json_slice member, unsigned int depth,
			  struct ta_otlp_value *ret_value);

/* The inside of a JSON string without its escapes; in memory, which is the caller's to
 * free, if there are any.  False when out of memory. */
bool ta_otlp_unescape(struct ta_json_slice inside, struct ta_json_slice *ret_plain,
		      char **ret_memory);

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
