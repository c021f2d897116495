/* SPDX-License-Identifier: MIT */
/*
 * level.h - levels in words and as OpenTelemetry's severities.
 */
#ifndef TA_EXPORT_LEVEL_H
#define TA_EXPORT_LEVEL_H

#include <stddef.h>
#include <stdint.h>

/* "warning"; NULL for TA_LEVEL_NONE and for what is no level. */
const char *ta_level_name(unsigned int level);

/* enum ta_level of a word, other SDKs' words included; TA_LEVEL_NONE if it is none. */
uint8_t ta_level_of(const char *word, size_t bytes);

/* OTLP SeverityNumber; 0 for TA_LEVEL_NONE. */
unsigned int ta_level_severity(unsigned int level);

#endif
