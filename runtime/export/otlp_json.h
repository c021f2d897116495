/* SPDX-License-Identifier: MIT */
/*
 * otlp_json.h - batches as OTLP JSON: one TracesData or LogsData object, no newline.
 *
 * Encoding rules: OpenTelemetry protocol specification, "JSON Protobuf
 * Encoding": lowerCamelCase, hex ids, enums as integers, 64-bit integers as
 * decimal strings, unset members left out.  Pure.
 */
#ifndef TA_EXPORT_OTLP_JSON_H
#define TA_EXPORT_OTLP_JSON_H

#include "runtime/agent/model.h"
#include "runtime/export/buf.h"

struct ta_enrich; /* runtime/export/enrich.h */

/* Appends the spans of the batch to buf.  Returns 0 or -ENOMEM. */
int ta_otlp_json_encode(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf);

/* Appends the events of the batch to buf: {"resourceLogs":[...]}, which is also an
 * ExportLogsServiceRequest.  Returns 0 or -ENOMEM. */
int ta_otlp_json_logs(const struct ta_batch *batch, struct ta_enrich *enrich, struct ta_buf *buf);

#endif
