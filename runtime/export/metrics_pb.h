/* SPDX-License-Identifier: MIT */
/*
 * metrics_pb.h - the parts of an ExportMetricsServiceRequest as protobuf.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_METRICS_PB_H
#define TA_EXPORT_METRICS_PB_H

#include "runtime/export/metrics_write.h"

void ta_metric_pb_open_service(struct ta_metric_writer *writer, const struct ta_service *service);
void ta_metric_pb_close_service(struct ta_metric_writer *writer);
void ta_metric_pb_open_metric(struct ta_metric_writer *writer, const struct ta_metric *metric);
void ta_metric_pb_close_metric(struct ta_metric_writer *writer);
void ta_metric_pb_point(struct ta_metric_writer *writer, const struct ta_metric_point *point);

#endif
