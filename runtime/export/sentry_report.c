/* SPDX-License-Identifier: MIT */
/*
 * sentry_report.c - client reports: what was dropped, in Sentry's words.
 *
 * Several causes of ours are one reason of Sentry's.  A report about reports is never made.
 * However large the counts are, an item stays below Sentry's 4 KiB.
 *
 * Runs: agent, wherever the owner calls it.
 */
#include <string.h>

#include "runtime/export/sentry_internal.h"

#define PUT TA_SENTRY_PUT

static const char *const reasons[TA_DROPS + 1] = {
	[TA_DROP_SAMPLED] = "sample_rate",
	[TA_DROP_SPOOL_FULL] = "queue_overflow",
	[TA_DROP_SPOOL_AGE] = "cache_overflow",
	[TA_DROP_SPOOL_DAMAGED] = "internal_sdk_error",
	[TA_DROP_TOO_LARGE] = "send_error",
	[TA_DROP_REFUSED] = "send_error",
	[TA_DROP_PARTIAL] = "send_error",
	[TA_DROP_RATE_LIMITED] = "ratelimit_backoff",
	[TA_DROP_NO_MEMORY] = "buffer_overflow",
	[TA_DROPS] = "network_error",
};

static const char *const categories[TA_CATEGORIES] = {
	[TA_CATEGORY_ERROR] = "error",
	[TA_CATEGORY_TRANSACTION] = "transaction",
	[TA_CATEGORY_SPAN] = "span",
	[TA_CATEGORY_LOG_ITEM] = "log_item",
};

void ta_sentry_report_add(struct ta_sentry_report *report, unsigned int why,
			  const struct ta_message_head *what)
{
	uint64_t *counts;

	if (why > TA_DROPS)
		return;
	counts = report->counts[why];
	switch (what->category) {
	case TA_CATEGORY_TRANSACTION:
		counts[TA_CATEGORY_TRANSACTION] += what->transactions;
		counts[TA_CATEGORY_SPAN] += what->spans;
		break;
	case TA_CATEGORY_SPAN:
		counts[TA_CATEGORY_SPAN] += what->spans;
		break;
	case TA_CATEGORY_ERROR:
	case TA_CATEGORY_LOG_ITEM:
		counts[what->category] += what->events;
		break;
	default:
		break;
	}
}

bool ta_sentry_report_any(const struct ta_sentry_report *report)
{
	for (unsigned int why = 0; why <= TA_DROPS; why++)
		for (unsigned int category = 0; category < TA_CATEGORIES; category++)
			if (report->counts[why][category])
				return true;
	return false;
}

/* All of a reason and category, when this is its first cause; else 0. */
static uint64_t count_of(const struct ta_sentry_report *report, unsigned int why,
			 unsigned int category)
{
	uint64_t count = 0;

	for (unsigned int other = 0; other <= TA_DROPS; other++) {
		if (strcmp(reasons[other], reasons[why]) != 0)
			continue;
		if (other < why)
			return 0;
		count += report->counts[other][category];
	}
	return count;
}

static void put_discarded(const struct ta_sentry_report *report, struct ta_buf *buf)
{
	for (unsigned int why = 0; why <= TA_DROPS; why++)
		for (unsigned int category = 0; category < TA_CATEGORIES; category++) {
			uint64_t count =
				categories[category] ? count_of(report, why, category) : 0;

			if (!count)
				continue;
			ta_sentry_comma(buf);
			PUT(buf, "{\"reason\":\"");
			ta_buf_puts(buf, reasons[why]);
			PUT(buf, "\",\"category\":\"");
			ta_buf_puts(buf, categories[category]);
			PUT(buf, "\",\"quantity\":");
			ta_buf_put_u64(buf, count);
			ta_buf_putc(buf, '}');
		}
}

void ta_sentry_report_put(struct ta_sentry_report *report, uint64_t time_ns, struct ta_buf *buf)
{
	struct ta_buf payload = { 0 };

	PUT(&payload, "{\"timestamp\":");
	ta_sentry_time(&payload, time_ns);
	PUT(&payload, ",\"discarded_events\":[");
	put_discarded(report, &payload);
	PUT(&payload, "]}");
	if (payload.failed) {
		buf->failed = true;
		ta_buf_fini(&payload);
		return; /* the counts stay for the next one */
	}
	PUT(buf, "{\"type\":\"client_report\",\"length\":");
	ta_buf_put_u64(buf, payload.bytes);
	PUT(buf, "}\n");
	ta_buf_put(buf, payload.data, payload.bytes);
	ta_buf_putc(buf, '\n');
	ta_buf_fini(&payload);
	if (!buf->failed)
		*report = (struct ta_sentry_report){ 0 };
}

void ta_sentry_report_message(struct ta_sentry_report *report, const struct ta_dsn *dsn,
			      uint64_t time_ns, struct ta_message *message)
{
	struct ta_buf *buf = &message->body;

	message->head = (struct ta_message_head){ .format = TA_FORMAT_ENVELOPE,
						  .category = TA_CATEGORY_INTERNAL,
						  .time_ns = time_ns };
	PUT(buf, "{\"sdk\":" TA_SENTRY_SDK);
	ta_sentry_put_dsn(buf, dsn);
	PUT(buf, "}\n");
	ta_sentry_report_put(report, time_ns, buf);
	message->head.bytes = (uint32_t)buf->bytes;
}
