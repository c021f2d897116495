/* SPDX-License-Identifier: MIT */
/*
 * otlp_log.h - what OTLP says of a captured event: decided once, for JSON and protobuf
 * alike.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_OTLP_LOG_H
#define TA_EXPORT_OTLP_LOG_H

#include "runtime/export/otlp_value.h"
#include "runtime/export/sink.h"

/* A LogRecord but for its attributes and ids; what is 0 or NULL is left out. */
struct ta_otlp_log {
	uint64_t time_ns; /* Unix: when it was captured, and when it was observed */
	unsigned int severity;
	const char *severity_text, *event_name;
	/* The message; of an error without one "TYPE: MESSAGE".  Pieces in a row. */
	bool has_body;
	struct ta_json_slice body[3];
};

struct ta_otlp_log ta_otlp_log_of(const struct ta_batch *batch, const struct ta_event *event,
				  const struct ta_event_data *data);

/* Where attributes go.  Lists are within the attributes, and within one another. */
struct ta_otlp_writer {
	const struct ta_otlp_writer_class *class;
};

struct ta_otlp_writer_class {
	/* A KeyValue: of the record, or of the list at hand. */
	void (*attr)(struct ta_otlp_writer *writer, const struct ta_out_attr *attr);
	/* An element of the array at hand. */
	void (*element)(struct ta_otlp_writer *writer, const struct ta_out_attr *attr);
	/* Begins a list, TA_OTLP_ARRAY or TA_OTLP_KVLIST: under a name, or as an element of
	 * the array at hand (NULL).  False when it has no place; then it is not closed. */
	bool (*open)(struct ta_otlp_writer *writer, const char *name, enum ta_otlp_kind kind);
	void (*close)(struct ta_otlp_writer *writer);
};

/* All attributes of a record, in order.  whole: stacks also with all that is known of them,
 * for a reader of ours (tagalong.stack). */
void ta_otlp_log_attributes(struct ta_otlp_writer *writer, const struct ta_event *event,
			    const struct ta_event_data *data, bool whole);

/* Lists within one another that ta_otlp_log_attributes() opens. */
#define TA_OTLP_LOG_DEPTH_MAX 2u

#endif
