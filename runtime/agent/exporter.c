/* SPDX-License-Identifier: MIT */
/*
 * exporter.c - the thread that encodes spans and events and hands them to where they go.
 *
 * Runs: agent.  encode(), append(), collect() and close_all() on the exporter's thread (or
 * on the caller's, when there is none), the rest on the worker's.
 */
#include "runtime/agent/exporter.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/agent/priority.h"
#include "runtime/agent/watch.h"
#include "runtime/export/metrics.h"

void ta_exporter_init(struct ta_exporter *exporter)
{
	pthread_condattr_t monotonic;

	*exporter = (struct ta_exporter){ .fd = -1 };
	ta_stacks_init(&exporter->stacks, NULL);
	pthread_mutex_init(&exporter->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&exporter->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void ta_exporter_fini(struct ta_exporter *exporter)
{
	ta_exporter_stop(exporter);
	for (int i = 0; i < TA_OUTPUTS; i++)
		ta_file_free(exporter->files[i]);
	if (exporter->delivery)
		ta_delivery_free(exporter->delivery);
	ta_encode_fini(&exporter->encode);
	ta_stacks_fini(&exporter->stacks);
	ta_buf_fini(&exporter->names);
	pthread_cond_destroy(&exporter->changed);
	pthread_mutex_destroy(&exporter->mutex);
}

/* The line of the file; NULL when there is nothing for it in the batch. */
static struct ta_buf *line_of(struct ta_exporter *exporter)
{
	struct ta_messages *messages = &exporter->encode.routes[TA_ROUTE_FILE].messages;

	return messages->count ? &messages->items[0].body : NULL;
}

static int encode(struct ta_exporter *exporter)
{
	struct ta_file *file = exporter->files[exporter->output];

	if (exporter->output == TA_OUTPUT_EVENTS)
		ta_names_find(exporter);
	int error = ta_encode_batch(&exporter->encode, &exporter->batch);

	exporter->delivered = false;
	exporter->place = (struct ta_file_place){ 0 };
	if (!error && file && line_of(exporter))
		error = ta_file_place(file, &exporter->place);
	return error == -ENOENT ? 0 : error; /* the first append makes the file */
}

static int write_fd(int fd, struct ta_buf *line)
{
	size_t done = 0;

	ta_buf_putc(line, '\n');
	while (done < line->bytes) {
		ssize_t part = write(fd, line->data + done, line->bytes - done);

		if (part < 0 && errno != EINTR)
			return -errno;
		done += part > 0 ? (size_t)part : 0;
	}
	return 0;
}

/* Which queue the messages of a route wait in. */
static enum ta_queue queue_of(const struct ta_exporter *exporter, int route)
{
	if (route == TA_ROUTE_OTLP)
		return exporter->output == TA_OUTPUT_EVENTS ? TA_QUEUE_OTLP_LOGS :
							      TA_QUEUE_OTLP_TRACES;
	return route == TA_ROUTE_SENTRY ? TA_QUEUE_SENTRY : TA_QUEUE_ENVELOPES;
}

static void put_route(struct ta_exporter *exporter, int number)
{
	struct ta_route *route = &exporter->encode.routes[number];
	enum ta_queue queue = queue_of(exporter, number);
	struct ta_message_head left_out = { .spans = route->left_out_spans,
					    .transactions = route->left_out,
					    .category = TA_CATEGORY_TRANSACTION };

	if (route->left_out)
		ta_delivery_dropped(exporter->delivery, queue, TA_DROP_SAMPLED, &left_out);
	if (route->messages.count)
		ta_delivery_put(exporter->delivery, queue, exporter->number, &route->messages);
}

/* Whatever becomes of the file afterwards: no destination waits for another. */
static void deliver(struct ta_exporter *exporter)
{
	if (exporter->batch.part == TA_BATCH_FILE)
		return;
	for (int i = TA_ROUTE_FILE + 1; exporter->delivery && i < TA_ROUTES; i++)
		if (exporter->encode.routes[i].spans)
			put_route(exporter, i);
	exporter->delivered = exporter->delivery || exporter->encode.metrics;
}

static int append(struct ta_exporter *exporter)
{
	struct ta_buf *line = line_of(exporter);
	struct ta_file *file = exporter->files[exporter->output];
	size_t bytes = line ? line->bytes + 1 : 0; /* with its end */
	int error;

	deliver(exporter);
	if (!line || (exporter->fd < 0 && !file))
		return 0;
	error = exporter->fd >= 0 ? write_fd(exporter->fd, line) :
				    ta_file_append(file, line->data, line->bytes);
	if (!error)
		atomic_fetch_add_explicit(&exporter->file_bytes, bytes, memory_order_relaxed);
	return error;
}

/* Between two batches: a commit is of everything that was put. */
static void collect(struct ta_exporter *exporter)
{
	struct ta_messages messages = { 0 };

	ta_metrics_collect(exporter->encode.metrics, ta_unix_now_ns(), &messages);
	if (messages.count) {
		exporter->number++;
		ta_delivery_put(exporter->delivery, TA_QUEUE_OTLP_METRICS, exporter->number,
				&messages);
		ta_delivery_commit(exporter->delivery, exporter->number);
	}
	ta_messages_fini(&messages);
}

static bool is_turn(enum ta_export_step step)
{
	return step == TA_EXPORT_ENCODE || step == TA_EXPORT_APPEND;
}

static void take_turn(struct ta_exporter *exporter, enum ta_export_step step)
{
	exporter->error = step == TA_EXPORT_ENCODE ? encode(exporter) : append(exporter);
}

/* Closes without the lock: that is what takes long. */
static void close_all(struct ta_exporter *exporter)
{
	int fds[TA_EXPORT_CLOSING];
	uint32_t count = exporter->closing_count;

	memcpy(fds, exporter->closing, count * sizeof(fds[0]));
	exporter->closing_count = 0;
	pthread_mutex_unlock(&exporter->mutex);
	while (count > 0)
		close(fds[--count]);
	pthread_mutex_lock(&exporter->mutex);
}

static void one_turn(struct ta_exporter *exporter)
{
	enum ta_export_step step = exporter->step;

	pthread_mutex_unlock(&exporter->mutex);
	take_turn(exporter, step);
	pthread_mutex_lock(&exporter->mutex);
	exporter->step = step + 1;
	/* Whoever wakes wants the lock: not while it is held. */
	pthread_mutex_unlock(&exporter->mutex);
	pthread_cond_broadcast(&exporter->changed);
	ta_watch_poke(exporter->watch);
	pthread_mutex_lock(&exporter->mutex);
}

static void collect_now(struct ta_exporter *exporter)
{
	exporter->collect = false;
	pthread_mutex_unlock(&exporter->mutex);
	collect(exporter);
	pthread_mutex_lock(&exporter->mutex);
}

static void *run(void *argument)
{
	struct ta_exporter *exporter = argument;

	ta_priority_background();
	pthread_mutex_lock(&exporter->mutex);
	for (;;) {
		if (is_turn(exporter->step))
			one_turn(exporter);
		else if (exporter->collect && exporter->step == TA_EXPORT_IDLE)
			collect_now(exporter);
		else if (exporter->closing_count > 0)
			close_all(exporter);
		else if (exporter->stop)
			break;
		else
			pthread_cond_wait(&exporter->changed, &exporter->mutex);
	}
	pthread_mutex_unlock(&exporter->mutex);
	return NULL;
}

int ta_exporter_start(struct ta_exporter *exporter, struct ta_watch *watch)
{
	sigset_t all, before;

	exporter->watch = watch;
	exporter->stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&exporter->thread, NULL, run, exporter);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	exporter->running = error == 0;
	return -error;
}

void ta_exporter_stop(struct ta_exporter *exporter)
{
	if (!exporter->running)
		return;
	pthread_mutex_lock(&exporter->mutex);
	exporter->stop = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->mutex);
	pthread_join(exporter->thread, NULL);
	exporter->running = false;
}

static void set_step(struct ta_exporter *exporter, enum ta_export_step step)
{
	if (!exporter->running && is_turn(step)) {
		take_turn(exporter, step);
		step++;
	}
	pthread_mutex_lock(&exporter->mutex);
	exporter->step = step;
	pthread_mutex_unlock(&exporter->mutex);
	pthread_cond_broadcast(&exporter->changed);
}

void ta_exporter_encode(struct ta_exporter *exporter, enum ta_output output)
{
	exporter->output = output;
	set_step(exporter, TA_EXPORT_ENCODE);
}

void ta_exporter_append(struct ta_exporter *exporter)
{
	set_step(exporter, TA_EXPORT_APPEND);
}

void ta_exporter_commit(struct ta_exporter *exporter)
{
	if (exporter->delivery)
		ta_delivery_commit(exporter->delivery, exporter->number);
}

void ta_exporter_collect(struct ta_exporter *exporter)
{
	if (!exporter->encode.metrics || !exporter->delivery || !exporter->running)
		return;
	pthread_mutex_lock(&exporter->mutex);
	exporter->collect = true;
	pthread_cond_broadcast(&exporter->changed);
	pthread_mutex_unlock(&exporter->mutex);
}

void ta_exporter_reset(struct ta_exporter *exporter)
{
	ta_encode_clear(&exporter->encode);
	set_step(exporter, TA_EXPORT_IDLE);
}

static struct timespec from_now(uint64_t ns)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	ns += (uint64_t)at.tv_nsec;
	at.tv_sec += (time_t)(ns / 1000000000u);
	at.tv_nsec = (long)(ns % 1000000000u);
	return at;
}

enum ta_export_step ta_exporter_step(struct ta_exporter *exporter, uint64_t patience_ns)
{
	struct timespec until = from_now(patience_ns);

	pthread_mutex_lock(&exporter->mutex);
	while (patience_ns && is_turn(exporter->step))
		if (pthread_cond_timedwait(&exporter->changed, &exporter->mutex, &until) != 0)
			break;
	enum ta_export_step step = exporter->step;

	pthread_mutex_unlock(&exporter->mutex);
	return step;
}

void ta_exporter_close(struct ta_exporter *exporter, int fd)
{
	bool taken = false;

	if (fd < 0)
		return;
	pthread_mutex_lock(&exporter->mutex);
	if (exporter->running && exporter->closing_count < TA_EXPORT_CLOSING) {
		exporter->closing[exporter->closing_count++] = fd;
		pthread_cond_broadcast(&exporter->changed);
		taken = true;
	}
	pthread_mutex_unlock(&exporter->mutex);
	if (!taken)
		close(fd);
}
