/* SPDX-License-Identifier: MIT */
/*
 * delivery.c - the delivery as its callers see it: opening, putting, waiting.
 *
 * Runs: agent; the worker's and the exporter's thread.  The thread itself is in
 * delivery_thread.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

/* The agent's clock may run ahead of the kernel's (clock.h): dates go along. */
uint64_t ta_delivery_unix_ns(void)
{
	uint64_t host_ns = ta_host_now_ns(), agent_ns = ta_agent_now_ns();
	uint64_t ahead_ns = agent_ns > host_ns ? agent_ns - host_ns : 0;

	return ta_unix_now_ns() + ahead_ns;
}

void ta_delivery_wake(struct ta_delivery *delivery)
{
	uint64_t one = 1;

	while (write(delivery->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* xorshift64: for jitter. */
uint64_t ta_delivery_random(struct ta_delivery *delivery)
{
	uint64_t random = delivery->random;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return delivery->random = random;
}

static void seed(struct ta_delivery *delivery)
{
	if (getrandom(&delivery->random, sizeof(delivery->random), GRND_NONBLOCK) < 0)
		delivery->random = ta_host_now_ns();
	delivery->random |= 1;
}

/* ---- opening ---- */

static void say_no_directory(struct ta_channel *channel, int error)
{
	char sentence[TA_SENTENCE];

	snprintf(sentence, sizeof(sentence),
		 "what waits cannot be kept in %s: %s; it stays in memory, so less can wait and a "
		 "restart loses it: make room there, or set TAGALONG_SPOOL_DIR",
		 channel->delivery->options.spool_dir, strerror(-error));
	ta_channel_fails(channel, sentence);
}

static unsigned int wanted_queues(const struct ta_targets *targets)
{
	unsigned int count = 0;

	for (int i = 0; i < TA_QUEUES; i++)
		count += targets->targets[i].wanted;
	return count;
}

/* The bound on memory is one for all queues, so each has its share. */
static int open_spool(struct ta_channel *channel, enum ta_queue queue, unsigned int queues)
{
	const struct ta_delivery_options *options = &channel->delivery->options;
	struct ta_spool_options spool = {
		.dir = options->spool_dir,
		.name = ta_queue_name(queue),
		.identity = channel->target->identity,
		.key = options->key,
		.max_bytes = options->spool_bytes,
		.max_age_ms = options->spool_age_ms,
		.max_spans = options->targets->max_queue,
		.max_memory_bytes = options->memory_bytes / queues,
		.dropped = ta_channel_dropped,
		.adopted = ta_channel_adopted,
		.user = channel,
	};
	int error = 0;

	channel->spool = ta_spool_open(&spool, &error);
	if (!channel->spool)
		return -ENOMEM;
	channel->opened_last = ta_spool_last(channel->spool);
	ta_channel_publish(channel);
	if (error)
		say_no_directory(channel, error);
	return 0;
}

static int open_channel(struct ta_delivery *delivery, enum ta_queue queue, unsigned int queues)
{
	struct ta_channel *channel = &delivery->channels[queue];
	const struct ta_target *target = &delivery->options.targets->targets[queue];

	channel->delivery = delivery;
	channel->status = &delivery->options.status->queues[queue];
	channel->in_flight_max = queue == TA_QUEUE_OTLP_METRICS ? 1 : TA_IN_FLIGHT;
	pthread_mutex_init(&channel->accounts, NULL);
	for (unsigned int i = 0; i < TA_IN_FLIGHT; i++)
		channel->requests[i].channel = channel;
	if (!target->wanted)
		return 0;
	channel->target = target;
	ta_count_set(&channel->status->wanted, 1);
	ta_status_set(&channel->status->shown, target->shown ? target->shown : "",
		      ta_delivery_unix_ns());
	return open_spool(channel, queue, queues);
}

static int open_channels(struct ta_delivery *delivery)
{
	unsigned int queues = wanted_queues(delivery->options.targets);
	int error = 0;

	for (int i = 0; i < TA_QUEUES; i++) {
		int result = open_channel(delivery, (enum ta_queue)i, queues);

		error = error ? error : result;
	}
	return error;
}

static void init_locks(struct ta_delivery *delivery)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&delivery->mutex, NULL);
	pthread_mutex_init(&delivery->report_mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&delivery->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

struct ta_delivery *ta_delivery_new(const struct ta_delivery_options *options)
{
	if (!wanted_queues(options->targets) && !options->targets->prometheus_host)
		return NULL;
	struct ta_delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	delivery->options = *options;
	init_locks(delivery);
	seed(delivery);
	delivery->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (open_channels(delivery) == 0 && delivery->wake_fd >= 0)
		return delivery;
	ta_delivery_free(delivery);
	return NULL;
}

static void close_channel(struct ta_channel *channel)
{
	for (unsigned int i = 0; i < TA_IN_FLIGHT; i++)
		ta_request_fini(&channel->requests[i]);
	if (channel->spool)
		ta_spool_close(channel->spool);
	pthread_mutex_destroy(&channel->accounts);
}

void ta_delivery_free(struct ta_delivery *delivery)
{
	if (!delivery)
		return;
	ta_delivery_stop(delivery, 0);
	for (int i = 0; i < TA_QUEUES; i++)
		close_channel(&delivery->channels[i]);
	ta_scrape_free(delivery->scrape);
	ta_buf_fini(&delivery->scratch);
	if (delivery->wake_fd >= 0)
		close(delivery->wake_fd);
	pthread_cond_destroy(&delivery->changed);
	pthread_mutex_destroy(&delivery->report_mutex);
	pthread_mutex_destroy(&delivery->mutex);
	free(delivery);
}

int ta_delivery_serve(struct ta_delivery *delivery,
		      void (*render)(void *user, bool openmetrics, struct ta_buf *out), void *user)
{
	const struct ta_targets *targets = delivery->options.targets;

	return ta_scrape_new(targets->prometheus_host, targets->prometheus_port, render, user,
			     &delivery->scrape);
}

/* ---- putting ---- */

uint64_t ta_delivery_last(struct ta_delivery *delivery)
{
	uint64_t last = 0;

	for (int i = 0; i < TA_QUEUES; i++) {
		struct ta_channel *channel = &delivery->channels[i];
		uint64_t number = ta_channel_wanted(channel) ? ta_spool_last(channel->spool) : 0;

		last = number > last ? number : last;
	}
	return last;
}

void ta_delivery_put(struct ta_delivery *delivery, enum ta_queue queue, uint64_t number,
		     struct ta_messages *messages)
{
	struct ta_channel *channel = &delivery->channels[queue];

	if (!ta_channel_wanted(channel) || messages->count == 0) {
		ta_messages_clear(messages);
		return;
	}
	pthread_mutex_lock(&channel->accounts);
	for (uint32_t i = 0; i < messages->count; i++)
		ta_count_taken(channel, &messages->items[i].head);
	ta_spool_put(channel->spool, number, messages);
	ta_channel_publish(channel);
	pthread_mutex_unlock(&channel->accounts);
}

void ta_delivery_commit(struct ta_delivery *delivery, uint64_t number)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (ta_channel_wanted(&delivery->channels[i]))
			ta_spool_commit(delivery->channels[i].spool, number);
	ta_delivery_wake(delivery);
}

/* What is undone will be put again, and counted then. */
void ta_delivery_undo(struct ta_delivery *delivery, uint64_t number)
{
	for (int i = 0; i < TA_QUEUES; i++) {
		struct ta_channel *channel = &delivery->channels[i];

		if (!ta_channel_wanted(channel))
			continue;
		pthread_mutex_lock(&channel->accounts);
		ta_channel_undo(channel, number);
		ta_channel_publish(channel);
		pthread_mutex_unlock(&channel->accounts);
	}
}

void ta_delivery_dropped(struct ta_delivery *delivery, enum ta_queue queue, enum ta_drop why,
			 const struct ta_message_head *what)
{
	struct ta_channel *channel = &delivery->channels[queue];

	if (!ta_channel_wanted(channel))
		return;
	pthread_mutex_lock(&channel->accounts);
	ta_count_taken(channel, what);
	ta_channel_dropped(channel, why, what);
	pthread_mutex_unlock(&channel->accounts);
}

/* ---- waiting ---- */

/* What is under way waits in the spool, too, until it is answered. */
static bool channel_idle(struct ta_channel *channel)
{
	struct ta_spool_size size;

	ta_spool_size(channel->spool, &size);
	return size.messages == 0 && atomic_load(&channel->in_flight) == 0;
}

bool ta_delivery_idle(struct ta_delivery *delivery)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (ta_channel_wanted(&delivery->channels[i]) &&
		    !channel_idle(&delivery->channels[i]))
			return false;
	return !ta_sentry_report_due(delivery, ta_agent_now_ns());
}

static struct timespec after(uint64_t ns)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(ns / TA_SECOND_NS);
	at.tv_nsec += (long)(ns % TA_SECOND_NS);
	if (at.tv_nsec >= (long)TA_SECOND_NS) {
		at.tv_nsec -= (long)TA_SECOND_NS;
		at.tv_sec++;
	}
	return at;
}

bool ta_delivery_flush(struct ta_delivery *delivery, uint64_t patience_ns)
{
	struct timespec until = after(patience_ns);
	bool idle;

	if (!delivery->running)
		return ta_delivery_idle(delivery);
	pthread_mutex_lock(&delivery->mutex);
	delivery->hurry = true;
	delivery->waiters++;
	ta_delivery_wake(delivery);
	do
		idle = !delivery->hurry && ta_delivery_idle(delivery);
	while (!idle && pthread_cond_timedwait(&delivery->changed, &delivery->mutex, &until) == 0);
	delivery->waiters--;
	pthread_mutex_unlock(&delivery->mutex);
	return idle;
}
