/* SPDX-License-Identifier: MIT */
/*
 * show_detail.c - what there is to say about a crash: the signal in words, the stack, what
 * led to it, whose request it was.
 *
 * Breadcrumbs have their time before the event, because that is what one wants to know.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/export/signal_name.h"

#define INDENT 4u
#define CRUMBS_SHOWN 12
#define LINE_BYTES 1024

void ta_show_line(const struct show_screen *screen, const struct show_margin *margin,
		  unsigned int indent, const char *style, const char *format, ...)
{
	unsigned int used = margin->put ? margin->put(screen, margin->user) : 0;
	char text[LINE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	used += indent;
	ta_show_pad(screen, indent);
	if (style)
		ta_show_style(screen, style);
	ta_show_text(screen, text, !screen->cut ? UINT32_MAX : screen->width > used + 8 ?
				   screen->width - used : 8);
	if (style)
		ta_show_style(screen, NULL);
	fputc('\n', screen->out);
}

/* 0 when it is not there. */
static int64_t number_of(const cJSON *attributes, const char *key, bool *ret_there)
{
	const cJSON *attribute = ta_show_attribute(attributes, key);
	int64_t number = 0;

	*ret_there = attribute != NULL;
	if (attribute)
		ta_show_value(attribute, &number);
	return number;
}

/* "SEGV_MAPERR: address not mapped", or who sent it; "" when that says nothing: a process
 * that aborts sends the signal to itself. */
static void put_cause(char *out, size_t out_bytes, const struct show_event *event)
{
	bool has_number, has_code, has_sender;
	int64_t number = number_of(event->attributes, "tagalong.signal.number", &has_number);
	int64_t code = number_of(event->attributes, "tagalong.signal.code", &has_code);
	int64_t sender = number_of(event->attributes, "tagalong.signal.sender_pid", &has_sender);
	const struct ta_signal_code *words = ta_signal_code(number, code);
	int used = 0;

	out[0] = '\0';
	if (!has_number || !has_code ||
	    (has_sender && event->process && (uint64_t)sender == event->process->pid))
		return;
	if (words)
		used = snprintf(out, out_bytes, "%s: %s", words->name, words->text);
	else
		used = snprintf(out, out_bytes, "code %" PRId64, code);
	if (has_sender && used > 0 && (size_t)used < out_bytes)
		snprintf(out + used, out_bytes - (size_t)used, ", by pid %" PRId64, sender);
}

static void put_thread(char *out, size_t out_bytes, const cJSON *attributes)
{
	const char *name = ta_show_attribute_text(attributes, "thread.name");
	bool there;
	int64_t id = number_of(attributes, "thread.id", &there);

	out[0] = '\0';
	if (there)
		snprintf(out, out_bytes, name[0] ? "thread %" PRId64 " \"%s\"" : "thread %" PRId64,
			 id, name);
}

static void put_signal(const struct show_screen *screen, const struct show_event *event,
		       const struct show_margin *margin)
{
	char cause[160], thread[160];

	put_cause(cause, sizeof(cause), event);
	put_thread(thread, sizeof(thread), event->attributes);
	if (cause[0] || thread[0])
		ta_show_line(screen, margin, INDENT, NULL, "%s%s%s", cause,
			     cause[0] && thread[0] ? ", " : "", thread);
}

/* Why there is one thread only: nobody can tell whether the program had others. */
static void put_source(const struct show_screen *screen, const struct show_event *event,
		       const struct show_margin *margin)
{
	if (strcmp(ta_show_attribute_text(event->attributes, "tagalong.stack.source"), "copy") == 0)
		ta_show_line(screen, margin, INDENT, "2",
			     "of a copy: the process was gone or could not be traced, so other "
			     "threads are not known");
}

/* ---- breadcrumbs ---- */

static const cJSON *list_of(const cJSON *holder, const char *kind)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(holder, kind);

	return cJSON_GetObjectItemCaseSensitive(value, "values");
}

static void put_crumb(const struct show_screen *screen, const struct show_event *event,
		      const struct show_margin *margin, const cJSON *crumb)
{
	const cJSON *members = list_of(crumb, "kvlistValue");
	const cJSON *timestamp = ta_show_attribute(members, "timestamp");
	char *category = ta_show_copy(ta_show_attribute_text(members, "category"));
	char *message = ta_show_copy(ta_show_attribute_text(members, "message"));
	const char *type = ta_show_attribute_text(members, "type");
	char before[32] = "", signed_before[40];
	int64_t time = 0;

	if (timestamp)
		ta_show_value(timestamp, &time);
	if (timestamp && (uint64_t)time <= event->time_ns)
		ta_show_duration(screen, event->time_ns - (uint64_t)time, before, sizeof(before));
	snprintf(signed_before, sizeof(signed_before), "%s%s", before[0] ? "-" : "", before);
	ta_show_line(screen, margin, INDENT + 2, "2", "%9s  %s%s%s", signed_before,
		     category[0] ? category : type, message[0] ? "  " : "", message);
	free(category);
	free(message);
}

static void put_crumbs(const struct show_screen *screen, const struct show_event *event,
		       const struct show_margin *margin)
{
	const cJSON *attribute = ta_show_attribute(event->attributes, "tagalong.breadcrumbs");
	const cJSON *crumbs =
		list_of(cJSON_GetObjectItemCaseSensitive(attribute, "value"), "arrayValue"), *crumb;
	int left_out = cJSON_GetArraySize(crumbs) - CRUMBS_SHOWN;

	if (cJSON_GetArraySize(crumbs) <= 0)
		return;
	if (left_out > 0)
		ta_show_line(screen, margin, INDENT, NULL, "breadcrumbs (the last %d of %d)",
			     CRUMBS_SHOWN, CRUMBS_SHOWN + left_out);
	else
		ta_show_line(screen, margin, INDENT, NULL, "breadcrumbs");
	cJSON_ArrayForEach(crumb, crumbs)
		if (left_out-- <= 0)
			put_crumb(screen, event, margin, crumb);
}

/* ---- scopes ---- */

/* All attributes below a prefix on one line. */
static void put_below(const struct show_screen *screen, const struct show_event *event,
		      const struct show_margin *margin, const char *name, const char *prefix)
{
	size_t prefix_bytes = strlen(prefix), at = 0;
	const cJSON *attribute;
	char text[LINE_BYTES];
	int64_t number;

	cJSON_ArrayForEach(attribute, event->attributes) {
		const char *key = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(attribute, "key"));
		const char *value;
		int used;

		if (!key || strncmp(key, prefix, prefix_bytes) != 0)
			continue;
		value = ta_show_value(attribute, &number);
		used = snprintf(text + at, sizeof(text) - at, "  %s=%s", key + prefix_bytes,
				value[0] ? value : "...");
		at += used > 0 ? (size_t)used : 0;
		if (at >= sizeof(text))
			break;
	}
	if (at)
		ta_show_line(screen, margin, INDENT, NULL, "%-5s%s", name, text);
}

void ta_show_detail(const struct show_screen *screen, const struct show_event *event,
		    const struct show_margin *margin)
{
	if (!event->attributes)
		return;
	put_signal(screen, event, margin);
	ta_show_stack(screen, margin, ta_show_attribute_text(event->attributes, "tagalong.stack"),
		      ta_show_attribute_text(event->attributes, "exception.stacktrace"));
	put_source(screen, event, margin);
	put_crumbs(screen, event, margin);
	put_below(screen, event, margin, "tags", "tagalong.tag.");
	put_below(screen, event, margin, "user", "user.");
	put_below(screen, event, margin, "extra", "tagalong.extra.");
}
