/* SPDX-License-Identifier: MIT */
/*
 * status_queue.c - one destination for a reader, and numbers in words.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <inttypes.h>
#include <string.h>

#define LABEL_COLUMNS 14u

void ta_cli_status_bytes(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(out, 32, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* "3 s", "5 min", "2 h 10 min", "4 d 3 h"; the two may be in either order. */
void ta_cli_status_age(uint64_t then_ns, uint64_t now_ns, char out[32])
{
	uint64_t s = (now_ns > then_ns ? now_ns - then_ns : then_ns - now_ns) / 1000000000;

	if (s < 120)
		snprintf(out, 32, "%" PRIu64 " s", s);
	else if (s < 7200)
		snprintf(out, 32, "%" PRIu64 " min", s / 60);
	else if (s < 172800)
		snprintf(out, 32, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		snprintf(out, 32, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

void ta_cli_status_label(const struct show_screen *screen, const char *label)
{
	fputs("  ", screen->out);
	if (!label[0]) {
		ta_show_pad(screen, LABEL_COLUMNS);
		return;
	}
	ta_show_style(screen, "2");
	unsigned int used = ta_show_text(screen, label, LABEL_COLUMNS - 1);

	ta_show_style(screen, NULL);
	ta_show_pad(screen, LABEL_COLUMNS - used);
}

void ta_cli_status_error(const struct show_screen *screen, const struct status_view *view,
			 const struct ta_status_text *error)
{
	uint64_t time_ns = ta_count_get(&error->time_ns);
	char text[TA_STATUS_TEXT], age[32];

	ta_status_get(error, text);
	if (!text[0])
		return;
	ta_cli_status_label(screen, "");
	ta_show_style(screen, "31;1");
	fputs("! ", screen->out);
	ta_show_style(screen, NULL);
	ta_show_text(screen, text, UINT32_MAX);
	ta_cli_status_age(time_ns, view->now_ns, age);
	if (time_ns)
		fprintf(screen->out, " (%s ago)", age);
	fputc('\n', screen->out);
}

static uint64_t sum(const ta_count counts[TA_THINGS])
{
	uint64_t all = 0;

	for (int i = 0; i < TA_THINGS; i++)
		all += ta_count_get(&counts[i]);
	return all;
}

/* "12 spans, 3 events"; "nothing" */
static void put_things(const struct show_screen *screen, const ta_count counts[TA_THINGS])
{
	static const char *const names[TA_THINGS] = { "span", "event", "point" };
	bool any = false;

	for (int i = 0; i < TA_THINGS; i++) {
		uint64_t value = ta_count_get(&counts[i]);

		if (!value)
			continue;
		fprintf(screen->out, "%s%" PRIu64 " %s%s", any ? ", " : "", value, names[i],
			value == 1 ? "" : "s");
		any = true;
	}
	if (!any)
		fputs("nothing", screen->out);
}

static void put_waiting(const struct show_screen *screen, const struct status_view *view,
			const struct ta_status_queue *queue)
{
	uint64_t next_ns = ta_count_get(&queue->next_try_ns);
	uint64_t oldest_ns = ta_count_get(&queue->oldest_ns);
	uint64_t messages = ta_count_get(&queue->waiting_messages);
	const ta_count things[TA_THINGS] = { ta_count_get(&queue->waiting_spans),
					     ta_count_get(&queue->waiting_events),
					     ta_count_get(&queue->waiting_points) };
	char bytes[32], age[32];

	if (!messages)
		return;
	ta_cli_status_bytes(ta_count_get(&queue->waiting_bytes), bytes);
	ta_cli_status_label(screen, "");
	ta_show_style(screen, "33");
	fputs("waiting: ", screen->out);
	ta_show_style(screen, NULL);
	if (sum(things)) {
		put_things(screen, things);
		fputs(" in ", screen->out);
	}
	fprintf(screen->out, "%" PRIu64 " message%s, %s", messages, messages == 1 ? "" : "s", bytes);
	ta_cli_status_age(oldest_ns, view->now_ns, age);
	if (oldest_ns)
		fprintf(screen->out, ", for up to %s", age);
	ta_cli_status_age(next_ns, view->now_ns, age);
	if (next_ns > view->now_ns)
		fprintf(screen->out, "; next try in %s", age);
	if (ta_count_get(&queue->in_memory))
		fputs("; in memory only: the spool's disk cannot be used", screen->out);
	fputc('\n', screen->out);
}

static void put_dropped(const struct show_screen *screen, const struct ta_status_queue *queue)
{
	for (int i = 0; i < TA_DROPS; i++) {
		if (!sum(queue->dropped[i]))
			continue;
		ta_cli_status_label(screen, "");
		/* Left out because somebody asked for that: no loss. */
		ta_show_style(screen, i == TA_DROP_SAMPLED ? "2" : "31;1");
		fprintf(screen->out, "%s: ", i == TA_DROP_SAMPLED ? "left out" : "dropped");
		ta_show_style(screen, NULL);
		put_things(screen, queue->dropped[i]);
		fprintf(screen->out, ", %s\n", ta_drop_name((enum ta_drop)i));
	}
}

void ta_cli_status_queue(const struct show_screen *screen, const struct status_view *view,
			 const struct ta_status_queue *queue, const char *name)
{
	uint64_t sent_ns = ta_count_get(&queue->last_sent_ns);
	char shown[TA_STATUS_TEXT], age[32];

	if (!ta_count_get(&queue->wanted) && !sum(queue->taken))
		return;
	ta_status_get(&queue->shown, shown);
	ta_cli_status_label(screen, name);
	ta_show_text(screen, shown, UINT32_MAX);
	fputs("  sent ", screen->out);
	put_things(screen, queue->sent);
	ta_cli_status_age(sent_ns, view->now_ns, age);
	if (sent_ns)
		fprintf(screen->out, ", last %s ago", age);
	fputc('\n', screen->out);
	put_waiting(screen, view, queue);
	put_dropped(screen, queue);
	ta_cli_status_error(screen, view, &queue->error);
}
