/* SPDX-License-Identifier: MIT */
/*
 * metrics_json.h - the parts of an ExportMetricsServiceRequest as JSON.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_METRICS_JSON_H
#define TA_EXPORT_METRICS_JSON_H

#include "runtime/export/metrics_write.h"

void ta_metric_json_open_service(struct ta_metric_writer *writer, const struct ta_service *service);
void ta_metric_json_close_service(struct ta_metric_writer *writer);
void ta_metric_json_open_metric(struct ta_metric_writer *writer, const struct ta_metric *metric);
void ta_metric_json_close_metric(struct ta_metric_writer *writer);
void ta_metric_json_point(struct ta_metric_writer *writer, const struct ta_metric_point *point);

#endif
