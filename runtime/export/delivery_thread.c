/* SPDX-License-Identifier: MIT */
/*
 * delivery_thread.c - the delivery's thread: rounds of sending, and what it waits for.
 *
 * While nothing waits and nothing is under way it sleeps until it is woken.  While something
 * does, it looks at least once a second, because the agent's clock may be moved.
 *
 * Runs: agent; start() and stop() on the worker's thread, the rest on its own.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

#define LOOK_AT_LEAST_NS TA_SECOND_NS
#define SHORT_MS 100
#define FDS_MAX (1 + TA_SCRAPE_FDS)

/* ---- what one round does ---- */

static void hurry(struct ta_delivery *delivery)
{
	for (int i = 0; i < TA_QUEUES; i++)
		ta_retry_hurry(&delivery->channels[i].retry);
	ta_sentry_report_hurry(delivery, true);
	delivery->look_ns = 0;
}

/* What the callers want; false: it is to stop. */
static bool take_orders(struct ta_delivery *delivery)
{
	uint64_t woken;

	while (read(delivery->wake_fd, &woken, sizeof(woken)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&delivery->mutex);
	if (delivery->hurry)
		hurry(delivery);
	delivery->hurry = false;
	bool stop = delivery->stop;

	pthread_mutex_unlock(&delivery->mutex);
	return !stop;
}

static void look(struct ta_delivery *delivery, uint64_t now_ns)
{
	if (now_ns < delivery->look_ns)
		return;
	delivery->look_ns = now_ns + TA_LOOK_NS;
	for (int i = 0; i < TA_QUEUES; i++) {
		struct ta_channel *channel = &delivery->channels[i];

		if (!ta_channel_wanted(channel))
			continue;
		pthread_mutex_lock(&channel->accounts);
		ta_spool_look(channel->spool, ta_delivery_unix_ns());
		pthread_mutex_unlock(&channel->accounts);
	}
}

static bool send_all(struct ta_delivery *delivery, uint64_t now_ns)
{
	bool more = false;

	for (int i = 0; i < TA_QUEUES; i++) {
		struct ta_channel *channel = &delivery->channels[i];

		if (!ta_channel_wanted(channel))
			continue;
		more |= i == TA_QUEUE_ENVELOPES ? ta_channel_write(channel, now_ns)
						: ta_channel_send(channel, now_ns);
	}
	return more;
}

/* Moves requests on; true when some have ended, so that others can begin. */
static bool perform(struct ta_delivery *delivery)
{
	bool ended = false;
	CURLMsg *message;
	int running, left;

	if (!delivery->multi)
		return false;
	delivery->curl->multi_perform(delivery->multi, &running);
	while ((message = delivery->curl->multi_read(delivery->multi, &left))) {
		struct ta_request *request = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		delivery->curl->easy_get(message->easy_handle, CURLINFO_PRIVATE, &request);
		ta_request_end(request);
		ta_request_finish(request, code);
		ended = true;
	}
	return ended;
}

/* ---- waiting ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When a queue wants a round although nothing happens; UINT64_MAX: never. */
static uint64_t channel_due(const struct ta_channel *channel, uint64_t waiting, uint64_t now_ns)
{
	if (waiting == 0 && atomic_load(&channel->in_flight) == 0)
		return UINT64_MAX;
	uint64_t due = now_ns + LOOK_AT_LEAST_NS;

	return ta_retry_backs_off(&channel->retry) && atomic_load(&channel->in_flight) == 0
		       ? sooner(due, channel->retry.next_ns)
		       : due;
}

/* One that is due and still there could not go: its queue backs off, or is busy. */
static uint64_t report_due(struct ta_delivery *delivery, uint64_t now_ns)
{
	pthread_mutex_lock(&delivery->report_mutex);
	uint64_t due = delivery->report_ns;

	pthread_mutex_unlock(&delivery->report_mutex);
	if (!due)
		return UINT64_MAX;
	return due > now_ns ? sooner(due, now_ns + LOOK_AT_LEAST_NS) : now_ns + LOOK_AT_LEAST_NS;
}

static void publish_next_try(struct ta_channel *channel, uint64_t now_ns)
{
	uint64_t next_ns = channel->retry.next_ns;

	ta_count_set(&channel->status->next_try_ns,
		     next_ns > now_ns ? ta_delivery_unix_ns() + (next_ns - now_ns) : 0);
}

/* Puts the numbers into the status, and tells who waits for quiet. */
static uint64_t publish(struct ta_delivery *delivery, uint64_t now_ns)
{
	uint64_t due = report_due(delivery, now_ns);

	for (int i = 0; i < TA_QUEUES; i++) {
		struct ta_channel *channel = &delivery->channels[i];

		if (!ta_channel_wanted(channel))
			continue;
		uint64_t waiting = ta_channel_publish(channel);

		due = sooner(due, channel_due(channel, waiting, now_ns));
		if (waiting == 0 && atomic_load(&channel->in_flight) == 0)
			ta_channel_trim(channel);
		publish_next_try(channel, now_ns);
		ta_channel_say_drops(channel, now_ns);
	}
	pthread_mutex_lock(&delivery->mutex);
	if (delivery->waiters > 0)
		pthread_cond_broadcast(&delivery->changed);
	else if (delivery->report_at_once)
		ta_sentry_report_hurry(delivery, false);
	if (delivery->stop)
		due = sooner(due, delivery->stop_ns);
	pthread_mutex_unlock(&delivery->mutex);
	return due;
}

/* Rounded up: a round that comes a little early would only wait again. */
static int patience_ms(uint64_t due_ns, uint64_t now_ns)
{
	if (due_ns == UINT64_MAX)
		return -1;
	return due_ns > now_ns ? (int)((due_ns - now_ns + 999999) / 1000000) : 0;
}

static bool wait_with_curl(struct ta_delivery *delivery, struct pollfd *fds, unsigned int count,
			   int ms)
{
	struct curl_waitfd theirs[FDS_MAX];

	for (unsigned int i = 0; i < count; i++) {
		short events = (short)((fds[i].events & POLLIN ? CURL_WAIT_POLLIN : 0) |
				       (fds[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0));

		theirs[i] = (struct curl_waitfd){ .fd = fds[i].fd, .events = events };
	}
	return delivery->curl->multi_poll(delivery->multi, theirs, count, ms < 0 ? INT_MAX : ms,
					  NULL) == CURLM_OK;
}

/* Without libcurl's connections, or when it has no memory to wait: then not for long. */
static void wait_plainly(const struct ta_delivery *delivery, struct pollfd *fds, unsigned int count,
			 int ms)
{
	poll(fds, count, delivery->multi && (ms < 0 || ms > SHORT_MS) ? SHORT_MS : ms);
}

static void wait_round(struct ta_delivery *delivery, uint64_t due_ns)
{
	struct pollfd fds[FDS_MAX] = { { .fd = delivery->wake_fd, .events = POLLIN } };
	uint64_t now_ns = ta_agent_now_ns();
	unsigned int count = 1;

	if (delivery->scrape)
		count += ta_scrape_fds(delivery->scrape, fds + 1, now_ns, &due_ns);
	int ms = patience_ms(due_ns, now_ns);

	if (!delivery->multi || !wait_with_curl(delivery, fds, count, ms))
		wait_plainly(delivery, fds, count, ms);
	if (delivery->scrape)
		ta_scrape_turn(delivery->scrape, ta_agent_now_ns());
}

/* ---- the thread ---- */

static bool under_way(const struct ta_delivery *delivery)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (atomic_load(&delivery->channels[i].in_flight) > 0)
			return true;
	return false;
}

static bool goes_on(struct ta_delivery *delivery, bool stop, uint64_t now_ns)
{
	return !stop || (under_way(delivery) && now_ns < delivery->stop_ns);
}

/* What is not answered by now will be sent again. */
static void give_back(struct ta_channel *channel)
{
	for (unsigned int i = 0; i < TA_IN_FLIGHT; i++) {
		struct ta_request *request = &channel->requests[i];

		if (request->busy) {
			ta_request_end(request);
			ta_request_back(request);
		}
		ta_request_fini(request);
	}
	if (ta_channel_wanted(channel))
		ta_channel_publish(channel);
}

static void end(struct ta_delivery *delivery)
{
	for (int i = 0; i < TA_QUEUES; i++)
		give_back(&delivery->channels[i]);
	if (delivery->multi)
		delivery->curl->multi_free(delivery->multi);
	delivery->multi = NULL;
}

static void *run(void *argument)
{
	struct ta_delivery *delivery = argument;
	uint64_t now_ns = ta_agent_now_ns();
	bool stop = !take_orders(delivery);

	while (goes_on(delivery, stop, now_ns)) {
		bool more = false;

		if (!stop) {
			look(delivery, now_ns);
			more = send_all(delivery, now_ns);
		}
		more |= perform(delivery);
		uint64_t due_ns = publish(delivery, now_ns);

		wait_round(delivery, more ? 0 : due_ns);
		now_ns = ta_agent_now_ns();
		stop = !take_orders(delivery);
	}
	end(delivery);
	return NULL;
}

int ta_delivery_start(struct ta_delivery *delivery)
{
	sigset_t all, before;

	delivery->stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&delivery->thread, NULL, run, delivery);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	delivery->running = error == 0;
	return -error;
}

void ta_delivery_stop(struct ta_delivery *delivery, uint64_t patience_ns)
{
	if (!delivery->running)
		return;
	pthread_mutex_lock(&delivery->mutex);
	delivery->stop = true;
	delivery->stop_ns = ta_agent_now_ns() + patience_ns;
	pthread_mutex_unlock(&delivery->mutex);
	ta_delivery_wake(delivery);
	pthread_join(delivery->thread, NULL);
	delivery->running = false;
}
