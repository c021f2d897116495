/* SPDX-License-Identifier: MIT */
/*
 * level.c - levels in words and as OpenTelemetry's severities.  Pure.
 */
#include "runtime/export/level.h"

#include <string.h>

#include "runtime/wire/record.h"

static const char *const names[] = { NULL,	"trace",   "debug", "info",
				     "warning", "error", "fatal" };

const char *ta_level_name(unsigned int level)
{
	return level < sizeof(names) / sizeof(names[0]) ? names[level] : NULL;
}

uint8_t ta_level_of(const char *word, size_t bytes)
{
	static const struct {
		const char *word;
		uint8_t level;
	} others[] = { { "warn", TA_LEVEL_WARNING },
		       { "log", TA_LEVEL_INFO },
		       { "critical", TA_LEVEL_FATAL } };

	for (uint8_t i = TA_LEVEL_TRACE; i <= TA_LEVEL_FATAL; i++)
		if (strlen(names[i]) == bytes && memcmp(names[i], word, bytes) == 0)
			return i;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i].word) == bytes && memcmp(others[i].word, word, bytes) == 0)
			return others[i].level;
	return TA_LEVEL_NONE;
}

unsigned int ta_level_severity(unsigned int level)
{
	return level >= TA_LEVEL_TRACE && level <= TA_LEVEL_FATAL ? 1 + 4 * (level - TA_LEVEL_TRACE) :
								    0;
}
