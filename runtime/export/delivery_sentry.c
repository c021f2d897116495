/* SPDX-License-Identifier: MIT */
/*
 * delivery_sentry.c - what an envelope gets on its way to Sentry: when it was sent, and what
 * was dropped since the last one.
 *
 * A report that goes along with a request that gets no answer is added back to what is
 * reported next, so that nothing is reported twice or forgotten.
 *
 * Runs: agent; the delivery thread, but the report's counts are locked.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

/* RFC 3339, UTC, milliseconds. */
static void put_time(struct ta_buf *out, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / TA_SECOND_NS);
	char text[48], whole[32];
	struct tm date;

	if (!gmtime_r(&seconds, &date))
		date = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &date);
	snprintf(text, sizeof(text), "%s.%03uZ", whole,
		 (unsigned int)(unix_ns % TA_SECOND_NS / 1000000u));
	ta_buf_puts(out, text);
}

void ta_sentry_put_sent(struct ta_buf *out, const struct ta_buf *envelope)
{
	const char *data = envelope->data;
	size_t bytes = envelope->bytes;

	if (bytes >= 2 && data[0] == '{' && data[1] == '"') {
		ta_buf_puts(out, "{\"sent_at\":\"");
		put_time(out, ta_delivery_unix_ns());
		ta_buf_puts(out, "\",");
		data++;
		bytes--;
	}
	ta_buf_put(out, data, bytes);
}

/* Takes what is to be reported out of the common counts, and remembers it. */
static bool take_report(struct ta_request *request)
{
	struct ta_delivery *delivery = request->channel->delivery;

	pthread_mutex_lock(&delivery->report_mutex);
	request->has_report = ta_sentry_report_any(&delivery->report);
	if (request->has_report) {
		request->report = delivery->report;
		delivery->report = (struct ta_sentry_report){ 0 };
		delivery->report_ns = 0;
	}
	pthread_mutex_unlock(&delivery->report_mutex);
	return request->has_report;
}

void ta_sentry_report_back(struct ta_request *request)
{
	struct ta_delivery *delivery = request->channel->delivery;
	struct ta_sentry_report *report = &delivery->report;

	pthread_mutex_lock(&delivery->report_mutex);
	for (int why = 0; why <= TA_DROPS; why++)
		for (int category = 0; category < TA_CATEGORIES; category++)
			report->counts[why][category] += request->report.counts[why][category];
	delivery->report_ns = ta_agent_now_ns() + TA_REPORT_NS;
	pthread_mutex_unlock(&delivery->report_mutex);
	request->has_report = false;
}

static bool may_report(const struct ta_delivery *delivery)
{
	return !ta_sentry_limited(&delivery->limits, TA_CATEGORY_INTERNAL, ta_agent_now_ns());
}

int ta_sentry_dress(struct ta_request *request, struct ta_buf *out)
{
	struct ta_sentry_report copy;

	ta_sentry_put_sent(out, &request->body);
	if (request->has_ticket && may_report(request->channel->delivery) && take_report(request)) {
		if (out->bytes > 0 && out->data[out->bytes - 1] != '\n')
			ta_buf_putc(out, '\n');
		copy = request->report;
		ta_sentry_report_put(&copy, ta_delivery_unix_ns(), out);
	}
	return out->failed ? -ENOMEM : 0;
}

void ta_sentry_report_hurry(struct ta_delivery *delivery, bool at_once)
{
	pthread_mutex_lock(&delivery->report_mutex);
	delivery->report_at_once = at_once;
	if (at_once && delivery->report_ns)
		delivery->report_ns = ta_agent_now_ns();
	pthread_mutex_unlock(&delivery->report_mutex);
}

bool ta_sentry_report_due(struct ta_delivery *delivery, uint64_t now_ns)
{
	pthread_mutex_lock(&delivery->report_mutex);
	bool due = delivery->report_ns && delivery->report_ns <= now_ns;

	pthread_mutex_unlock(&delivery->report_mutex);
	return due;
}

static void postpone(struct ta_delivery *delivery)
{
	pthread_mutex_lock(&delivery->report_mutex);
	delivery->report_ns = ta_agent_now_ns() + TA_REPORT_NS;
	pthread_mutex_unlock(&delivery->report_mutex);
}

int ta_sentry_report_take(struct ta_request *request)
{
	struct ta_delivery *delivery = request->channel->delivery;
	struct ta_message message = { 0 };
	struct ta_sentry_report copy;

	if (!may_report(delivery)) {
		postpone(delivery);
		return -EAGAIN;
	}
	if (!take_report(request))
		return -ENOENT;
	copy = request->report;
	ta_sentry_report_message(&copy, &delivery->options.targets->dsn, ta_delivery_unix_ns(),
				 &message);
	ta_buf_fini(&request->body);
	request->body = message.body;
	request->ticket.head = message.head;
	return request->body.failed ? -ENOMEM : 0;
}
