/* SPDX-License-Identifier: MIT */
/*
 * show_filter.c - which traces a reader asked for.
 *
 * A trace is shown, as a whole, when one of its spans meets every condition.
 *
 * Pure.
 */
#include "runtime/cli/show.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

static bool name_fits(const char *pattern, const char *name)
{
	if (strpbrk(pattern, "*?["))
		return fnmatch(pattern, name, 0) == 0;
	return strstr(name, pattern) != NULL;
}

static bool span_fits(const struct show_filter *filter, const struct show_span *span)
{
	if (filter->errors && span->status != 2)
		return false;
	if (filter->kind && span->kind != filter->kind)
		return false;
	if (span->end_ns - span->start_ns < filter->min_duration_ns)
		return false;
	return !filter->name || name_fits(filter->name, span->name);
}

static bool id_fits(const struct show_filter *filter, const struct show_trace *trace)
{
	char id[33];

	snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, trace->hi, trace->lo);
	return !filter->trace || strncmp(id, filter->trace, strlen(filter->trace)) == 0;
}

bool ta_show_filter_event(const struct show_filter *filter, const struct show_trace *trace,
			  const struct show_event *event)
{
	if (filter->name || filter->kind || filter->min_duration_ns || !id_fits(filter, trace))
		return false; /* about spans */
	return !filter->errors || event->severity >= 17;
}

bool ta_show_filter_trace(const struct show_filter *filter, const struct show_trace *trace)
{
	if (!id_fits(filter, trace))
		return false;
	for (uint32_t i = 0; i < trace->count; i++)
		if (span_fits(filter, trace->spans[i]))
			return true;
	return false;
}
