/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb.h - OTLP as binary protobuf: sinks whose messages are ExportTraceServiceRequests
 * or ExportLogsServiceRequests.  (One sink takes spans, the other events.)
 *
 * opentelemetry-proto 1.x, trace.proto, logs.proto; field for field what otlp_json.c and
 * otlp_json_logs.c write as JSON.  Canonical encoding: shortest varints, fields in order.
 *
 * The JSON sinks make the same requests as JSON, for http/json.
 *
 * Runs: agent, the exporter's thread.  No allocation but the buffers', in the steady state.
 */
#ifndef TA_EXPORT_OTLP_PB_H
#define TA_EXPORT_OTLP_PB_H

#include "runtime/export/sink.h"

/* format: TA_FORMAT_PROTOBUF or TA_FORMAT_JSON.  enrich makes the resources; it is borrowed
 * and must be the one of the walk.  A limit that is 0 is none.  NULL when out of memory.
 * Free by class->free().
 *
 * end() gives all messages of the batch or, out of memory, none.  A message's time is the
 * end of its youngest span. */
struct ta_sink *ta_otlp_traces_sink(struct ta_enrich *enrich, enum ta_format format, bool gzip,
				    struct ta_message_limits limits);
struct ta_sink *ta_otlp_logs_sink(struct ta_enrich *enrich, enum ta_format format, bool gzip,
				  struct ta_message_limits limits);

/* What a receiver says in an answer's body, protobuf or JSON (by content type): how much it
 * rejected (of Export*PartialSuccess) and its words (of that, or of google.rpc.Status),
 * made printable, cut and terminated.  Hostile input: bounded, never fails; false when it
 * is neither. */
struct ta_otlp_answer {
	uint64_t rejected;
	char message[256];
};
bool ta_otlp_answer(const char *body, size_t bytes, bool json, bool is_error,
		    struct ta_otlp_answer *ret_answer);

#endif
