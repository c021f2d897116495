/* SPDX-License-Identifier: MIT */
/*
 * delivery_count.c - the accounts of a queue: taken = sent + dropped + waiting, of each thing.
 *
 * Runs: agent, any of its threads.
 */
#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

static void things_of(const struct ta_message_head *head, uint64_t things[TA_THINGS])
{
	things[TA_SPANS] = head->spans;
	things[TA_EVENTS] = head->events;
	things[TA_POINTS] = head->points;
}

static void add(ta_count *counts, const uint64_t things[TA_THINGS])
{
	for (int i = 0; i < TA_THINGS; i++)
		if (things[i])
			ta_count_add(&counts[i], things[i]);
}

void ta_count_taken(struct ta_channel *channel, const struct ta_message_head *head)
{
	uint64_t things[TA_THINGS];

	things_of(head, things);
	add(channel->status->taken, things);
}

void ta_count_dropped(struct ta_channel *channel, enum ta_drop why,
		      const struct ta_message_head *head)
{
	uint64_t things[TA_THINGS];

	things_of(head, things);
	add(channel->status->dropped[why], things);
	atomic_fetch_add_explicit(&channel->drops[why], 1, memory_order_relaxed);
}

static enum ta_thing rejectable(const struct ta_channel *channel)
{
	switch (channel->target->queue) {
	case TA_QUEUE_OTLP_LOGS:
		return TA_EVENTS;
	case TA_QUEUE_OTLP_METRICS:
		return TA_POINTS;
	default:
		return TA_SPANS;
	}
}

/* A receiver may claim to have rejected more than it got. */
void ta_count_sent(struct ta_channel *channel, const struct ta_message_head *head,
		   uint64_t rejected)
{
	uint64_t things[TA_THINGS], left_out[TA_THINGS] = { 0 };
	enum ta_thing kind = rejectable(channel);

	things_of(head, things);
	left_out[kind] = rejected < things[kind] ? rejected : things[kind];
	things[kind] -= left_out[kind];
	add(channel->status->sent, things);
	add(channel->status->dropped[TA_DROP_PARTIAL], left_out);
	if (rejected)
		atomic_fetch_add_explicit(&channel->drops[TA_DROP_PARTIAL], 1,
					  memory_order_relaxed);
}

static void report(struct ta_delivery *delivery, enum ta_drop why,
		   const struct ta_message_head *head)
{
	pthread_mutex_lock(&delivery->report_mutex);
	ta_sentry_report_add(&delivery->report, why, head);
	bool first = !delivery->report_ns && ta_sentry_report_any(&delivery->report);

	if (first)
		delivery->report_ns =
			ta_agent_now_ns() + (delivery->report_at_once ? 0 : TA_REPORT_NS);
	pthread_mutex_unlock(&delivery->report_mutex);
	if (first)
		ta_delivery_wake(delivery); /* it may have nothing else to wait for */
}

/* The channel whose spool is asked for a message by this thread, at the moment. */
static _Thread_local const struct ta_channel *taking;

bool ta_channel_take(struct ta_channel *channel, struct ta_request *request)
{
	taking = channel;
	request->has_ticket = ta_spool_take(channel->spool, &request->ticket, &request->body);
	taking = NULL;
	return request->has_ticket;
}

/* What is found damaged in a directory was never told as adopted. */
void ta_channel_dropped(void *user, enum ta_drop why, const struct ta_message_head *head)
{
	struct ta_channel *channel = user;

	if (why == TA_DROP_SPOOL_DAMAGED && taking != channel)
		ta_channel_adopted(channel, head);
	ta_count_dropped(channel, why, head);
	if (channel->target->queue == TA_QUEUE_SENTRY)
		report(channel->delivery, why, head);
}

void ta_channel_adopted(void *user, const struct ta_message_head *head)
{
	struct ta_channel *channel = user;
	uint64_t things[TA_THINGS];

	things_of(head, things);
	add(channel->status->taken, things);
	add(channel->status->adopted, things);
}

uint64_t ta_channel_publish(struct ta_channel *channel)
{
	struct ta_status_queue *status = channel->status;
	struct ta_spool_size size;

	ta_spool_size(channel->spool, &size);
	ta_count_set(&status->waiting_messages, size.messages);
	ta_count_set(&status->waiting_bytes, size.bytes);
	ta_count_set(&status->waiting_spans, size.spans);
	ta_count_set(&status->waiting_events, size.events);
	ta_count_set(&status->waiting_points, size.points);
	ta_count_set(&status->oldest_ns, size.oldest_ns);
	ta_count_set(&status->in_memory, size.in_memory);
	ta_count_set(&status->in_flight, atomic_load(&channel->in_flight));
	return size.messages;
}

void ta_channel_undo(struct ta_channel *channel, uint64_t number)
{
	struct ta_spool_size before, after;
	uint64_t less[TA_THINGS] = { 0 };

	ta_spool_size(channel->spool, &before);
	ta_spool_undo(channel->spool, number);
	ta_spool_size(channel->spool, &after);
	less[TA_SPANS] = after.spans - before.spans; /* wraps, and so do the sums, back */
	less[TA_EVENTS] = after.events - before.events;
	less[TA_POINTS] = after.points - before.points;
	add(channel->status->taken, less);
	if (number <= channel->opened_last)
		add(channel->status->adopted, less);
}
