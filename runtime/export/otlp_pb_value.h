/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb_value.h - attributes and values as OTLP protobuf has them: KeyValue, AnyValue.
 *
 * Value for value what otlp_value.h writes as JSON.  The value of an AnyValue is always
 * written, also an empty text and 0: it is a member of a oneof.
 *
 * Shared by the encoders of spans, logs and metrics.  Runs: agent, any thread.
 */
#ifndef TA_EXPORT_OTLP_PB_VALUE_H
#define TA_EXPORT_OTLP_PB_VALUE_H

#include "runtime/export/enrich.h"
#include "runtime/export/pb.h"

/* Fields of common.proto. */
enum { TA_PB_KEY = 1, TA_PB_VALUE = 2 }; /* KeyValue */
enum {
	TA_PB_STRING = 1,
	TA_PB_BOOL = 2,
	TA_PB_INT = 3,
	TA_PB_DOUBLE = 4,
	TA_PB_ARRAY = 5,  /* { values = 1 }: AnyValues */
	TA_PB_KVLIST = 6, /* { values = 1 }: KeyValues */
	TA_PB_BYTES = 7,
}; /* AnyValue */
#define TA_PB_VALUES 1u

/* A KeyValue as a field. */
void ta_otlp_pb_attr(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attr);

/* The value of an attribute as an AnyValue in a field. */
void ta_otlp_pb_value(struct ta_buf *buf, unsigned int field, const struct ta_out_attr *attr);

/* A JSON value as an AnyValue in a field; what is not JSON becomes a string. */
void ta_otlp_pb_json(struct ta_buf *buf, unsigned int field, const char *text, size_t bytes);

/* A KeyValue with a text, or with a number if text is NULL. */
void ta_otlp_pb_pair(struct ta_buf *buf, unsigned int field, const char *key, const char *text,
		     int64_t number);

#endif
