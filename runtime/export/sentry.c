/* SPDX-License-Identifier: MIT */
/*
 * sentry.c - the sink for Sentry: what is the same in every envelope, sampling, and the
 * order of things.
 *
 * Sampling is consistent: of traces by their ids, as head sampling is, so that a smaller
 * share is always a part of a larger one; of events by theirs.  Logs are never sampled.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/export/sentry_internal.h"
#include "runtime/wire/sampler.h"

#define PUT TA_SENTRY_PUT

static struct ta_sentry *of(struct ta_sink *sink)
{
	return (struct ta_sentry *)(void *)sink;
}

static void sentry_begin(struct ta_sink *sink, const struct ta_batch *batch)
{
	struct ta_sentry *sentry = of(sink);

	sentry->batch = batch;
	sentry->failed = false;
	sentry->process.process = NULL;
	ta_buf_clear(&sentry->process.contexts);
	ta_buf_clear(&sentry->logs);
	sentry->log_count = 0;
	sentry->log_time_ns = 0;
	sentry->left_out = (struct ta_message_head){ .format = TA_FORMAT_ENVELOPE,
						     .category = TA_CATEGORY_TRANSACTION };
	sentry->left_out_events = (struct ta_message_head){ .format = TA_FORMAT_ENVELOPE,
							    .category = TA_CATEGORY_ERROR };
	ta_messages_clear(&sentry->done);
	ta_sentry_traces_reset(sentry);
}

static void sentry_span(struct ta_sink *sink, const struct ta_span *span,
			const struct ta_out_span *out)
{
	ta_sentry_traces_add(of(sink), span, out);
}

static void sentry_trace_end(struct ta_sink *sink)
{
	ta_sentry_traces_end(of(sink));
}

static void sentry_event(struct ta_sink *sink, const struct ta_event *event,
			 const struct ta_event_data *data)
{
	struct ta_sentry *sentry = of(sink);

	if (event->record->type == TA_CAPTURE_LOG)
		ta_sentry_log(sentry, event, data);
	else if (ta_sentry_takes(event->record->id_lo, sentry->error_threshold))
		ta_sentry_event(sentry, event, data);
	else
		sentry->left_out_events.events++;
}

/* Only now: a batch for which there was no memory comes again. */
static void tell_left_out(const struct ta_sentry *sentry)
{
	if (!sentry->dropped)
		return;
	if (sentry->left_out.spans)
		sentry->dropped(sentry->user, TA_DROP_SAMPLED, &sentry->left_out);
	if (sentry->left_out_events.events)
		sentry->dropped(sentry->user, TA_DROP_SAMPLED, &sentry->left_out_events);
}

/* The messages' bodies go over to the caller. */
static void hand_over(struct ta_sentry *sentry, struct ta_messages *messages)
{
	for (uint32_t i = 0; i < sentry->done.count; i++) {
		struct ta_message *message = ta_messages_add(messages);

		if (!message) {
			sentry->failed = true;
			return;
		}
		*message = sentry->done.items[i];
		sentry->done.items[i].body = (struct ta_buf){ 0 };
	}
}

static int sentry_end(struct ta_sink *sink, struct ta_messages *messages)
{
	struct ta_sentry *sentry = of(sink);

	ta_sentry_traces_end(sentry); /* nothing, where every trace was ended */
	ta_sentry_logs_close(sentry);
	sentry->failed |= sentry->done.failed;
	if (!sentry->failed)
		hand_over(sentry, messages);
	if (!sentry->failed)
		tell_left_out(sentry);
	ta_messages_clear(&sentry->done);
	return sentry->failed ? -ENOMEM : 0;
}

static void sentry_free(struct ta_sink *sink)
{
	struct ta_sentry *sentry = of(sink);

	ta_sentry_traces_free(sentry->traces);
	ta_messages_fini(&sentry->done);
	ta_buf_fini(&sentry->address);
	ta_buf_fini(&sentry->standing);
	ta_buf_fini(&sentry->contexts);
	ta_buf_fini(&sentry->process.contexts);
	ta_buf_fini(&sentry->payload);
	ta_buf_fini(&sentry->extras);
	ta_buf_fini(&sentry->logs);
	free(sentry);
}

static const struct ta_sink_class sentry_class = {
	.name = "sentry",
	.begin = sentry_begin,
	.span = sentry_span,
	.trace_end = sentry_trace_end,
	.event = sentry_event,
	.end = sentry_end,
	.free = sentry_free,
};

static void put_option(struct ta_buf *buf, const char *name, const char *value)
{
	if (value && value[0])
		ta_sentry_member(buf, name, value, strlen(value), TA_SENTRY_TAG_MAX);
}

/* A share from 0 to 1; anything else is 1. */
static double share_of(double share)
{
	return share >= 0 && share <= 1 ? share : 1;
}

static void prepare(struct ta_sentry *sentry, const struct ta_sentry_options *options)
{
	double head = share_of(options->trace_share), own = share_of(options->traces_sample_rate);

	sentry->options = *options;
	sentry->share = own < head ? own : head;
	sentry->threshold = ta_sampler_threshold(own);
	snprintf(sentry->share_text, sizeof(sentry->share_text), "%.9g", sentry->share);
	sentry->share_threshold = ta_sampler_threshold(sentry->share);
	sentry->error_threshold = ta_sampler_threshold(share_of(options->sample_rate));
	if (gethostname(sentry->server_name, sizeof(sentry->server_name) - 1) != 0)
		sentry->server_name[0] = '\0';
	ta_sentry_put_dsn(&sentry->address, options->dsn);
	PUT(&sentry->standing, "\"sdk\":" TA_SENTRY_SDK);
	ta_sentry_make_contexts(&sentry->contexts, sentry->server_name);
}

struct ta_sink *ta_sentry_sink(struct ta_enrich *enrich, const struct ta_sentry_options *options,
			       void (*dropped)(void *user, enum ta_drop why,
					       const struct ta_message_head *what),
			       void *user)
{
	struct ta_sentry *sentry = calloc(1, sizeof(*sentry));

	if (!sentry)
		return NULL;
	sentry->sink.class = &sentry_class;
	sentry->enrich = enrich;
	sentry->dropped = dropped;
	sentry->user = user;
	sentry->traces = ta_sentry_traces_new();
	prepare(sentry, options);
	put_option(&sentry->standing, "platform", "native");
	put_option(&sentry->standing, "release", options->release);
	put_option(&sentry->standing, "environment", options->environment);
	put_option(&sentry->standing, "server_name", sentry->server_name);
	if (sentry->traces && !sentry->address.failed && !sentry->standing.failed &&
	    !sentry->contexts.failed)
		return &sentry->sink;
	sentry_free(&sentry->sink);
	return NULL;
}
