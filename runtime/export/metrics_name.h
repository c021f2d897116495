/* SPDX-License-Identifier: MIT */
/*
 * metrics_name.h - OpenTelemetry's names as Prometheus has them ("Prometheus and
 * OpenMetrics Compatibility"): dots become underscores, units are words in the name,
 * counters end in _total.
 *
 * Runs: agent, any thread.  No lock.
 */
#ifndef TA_EXPORT_METRICS_NAME_H
#define TA_EXPORT_METRICS_NAME_H

#include "runtime/export/metrics_internal.h"

#define TA_FAMILY_MAX 128u /* bytes of a family's name; ours are shorter */

/* Name without _total, and the word of its unit: "seconds", "bytes" or "". */
struct ta_family {
	char name[TA_FAMILY_MAX];
	const char *unit;
};

void ta_family_of(const struct ta_metric *metric, struct ta_family *ret_family);

/* A name of any bytes as a label's: letters, digits and single underscores, no digit in
 * front. */
void ta_put_label_name(struct ta_buf *buf, const char *name, size_t bytes);

/* name="value", behind a comma unless it is the first: '{' or nothing stands there. */
void ta_put_label(struct ta_buf *buf, const char *name, const char *value, size_t bytes);
/* An attribute as a label. */
void ta_put_label_attr(struct ta_buf *buf, const struct ta_out_attr *attr);
/* A value of a label without its quotes: escaped, valid UTF-8. */
void ta_put_label_text(struct ta_buf *buf, const char *value, size_t bytes);
/* The value of an attribute the same way. */
void ta_put_label_value(struct ta_buf *buf, const struct ta_out_attr *attr);

/* All attributes of a resource but those that job and instance are made of, as labels.
 * Names that become the same are one label with their values joined by ';'. */
void ta_put_target_labels(struct ta_buf *buf, const struct ta_service *service);

#endif
