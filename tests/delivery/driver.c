/* SPDX-License-Identifier: MIT */
/*
 * driver.c - a delivery that is told what to do, line by line; linked with a clock that can
 * be moved.  tests/delivery/run is who tells.
 *
 *   driver SPOOL_DIR [NAME=VALUE]...      settings, as in the environment; besides:
 *                                         bytes=N age=MS memory=N key=N of the delivery
 *
 *   put QUEUE COUNT ID BYTES [CATEGORY]   messages ID, ID+1 ..., a put each, committed
 *   hold QUEUE COUNT ID BYTES [CATEGORY]  the same without a commit
 *   drop QUEUE COUNT                      so many errors were left out by sampling
 *   commit | undo | start | stop MS | flush MS | advance MS | status | idle | serve | quit
 *
 * Each line is answered by one line of JSON; what the delivery says comes as lines
 * {"say": ...} in between.  A message's spans, events or points are 3.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery.h"

#define THINGS 3

static _Atomic uint64_t ahead_ns;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static struct ta_targets targets;
static struct ta_status_page *status;
static struct ta_delivery *delivery;
static uint64_t number;

/* Stands in for runtime/agent/clock.c. */
uint64_t ta_agent_now_ns(void)
{
	return ta_host_now_ns() + atomic_load(&ahead_ns);
}

/* ---- output ---- */

static void put_line(struct ta_buf *line)
{
	ta_buf_putc(line, '\n');
	pthread_mutex_lock(&output);
	fwrite(line->data, 1, line->bytes, stdout);
	fflush(stdout);
	pthread_mutex_unlock(&output);
	ta_buf_fini(line);
}

static void say(void *user, const char *sentence)
{
	struct ta_buf line = { 0 };

	(void)user;
	ta_buf_puts(&line, "{\"say\":");
	ta_buf_put_json(&line, sentence, strlen(sentence));
	ta_buf_putc(&line, '}');
	put_line(&line);
}

static void put_number(struct ta_buf *line, const char *name, uint64_t value)
{
	ta_buf_put_json(line, name, strlen(name));
	ta_buf_putc(line, ':');
	ta_buf_put_i64(line, (int64_t)value);
	ta_buf_putc(line, ',');
}

static void answer(const char *name, uint64_t value)
{
	struct ta_buf line = { 0 };

	ta_buf_putc(&line, '{');
	put_number(&line, name, value);
	line.bytes--;
	ta_buf_putc(&line, '}');
	put_line(&line);
}

static uint64_t sum(ta_count counts[TA_THINGS])
{
	uint64_t all = 0;

	for (int i = 0; i < TA_THINGS; i++)
		all += ta_count_get(&counts[i]);
	return all;
}

static void put_text(struct ta_buf *line, const char *name, const struct ta_status_text *text)
{
	char words[TA_STATUS_TEXT];

	ta_status_get(text, words);
	ta_buf_put_json(line, name, strlen(name));
	ta_buf_putc(line, ':');
	ta_buf_put_json(line, words, strlen(words));
}

static void put_queue(struct ta_buf *line, struct ta_status_queue *queue)
{
	put_number(line, "taken", sum(queue->taken));
	put_number(line, "sent", sum(queue->sent));
	put_number(line, "adopted", sum(queue->adopted));
	put_number(line, "waiting_messages", ta_count_get(&queue->waiting_messages));
	put_number(line, "waiting",
		   ta_count_get(&queue->waiting_spans) + ta_count_get(&queue->waiting_events) +
			   ta_count_get(&queue->waiting_points));
	put_number(line, "requests", ta_count_get(&queue->requests));
	put_number(line, "retries", ta_count_get(&queue->retries));
	put_number(line, "in_flight", ta_count_get(&queue->in_flight));
	put_number(line, "next_try_ns", ta_count_get(&queue->next_try_ns));
	put_number(line, "in_memory", ta_count_get(&queue->in_memory));
	for (int why = 0; why < TA_DROPS; why++)
		put_number(line, ta_drop_name((enum ta_drop)why), sum(queue->dropped[why]));
	put_text(line, "error", &queue->error);
}

static void put_status(void)
{
	struct ta_buf line = { 0 };

	ta_buf_putc(&line, '{');
	for (int i = 0; i < TA_QUEUES; i++) {
		const char *name = ta_queue_name((enum ta_queue)i);

		ta_buf_puts(&line, i ? "," : "");
		ta_buf_put_json(&line, name, strlen(name));
		ta_buf_puts(&line, ":{");
		put_queue(&line, &status->queues[i]);
		ta_buf_putc(&line, '}');
	}
	ta_buf_putc(&line, '}');
	put_line(&line);
}

/* ---- messages ---- */

static void fill(struct ta_buf *body, unsigned long bytes)
{
	while (body->bytes < bytes && !body->failed) {
		char piece[4096];
		size_t left = bytes - body->bytes;

		memset(piece, 'x', sizeof(piece));
		ta_buf_put(body, piece, left < sizeof(piece) ? left : sizeof(piece));
	}
}

/* {"id":7,"pad":"xxx"}; what is no JSON says its id the same way. */
static void make_plain(struct ta_buf *body, unsigned long id, unsigned long bytes)
{
	ta_buf_puts(body, "{\"id\":");
	ta_buf_put_u64(body, id);
	ta_buf_puts(body, ",\"pad\":\"");
	fill(body, bytes);
	ta_buf_puts(body, "\"}");
}

static void make_envelope(struct ta_buf *body, unsigned long id, unsigned long bytes,
			  enum ta_category category)
{
	struct ta_buf payload = { 0 };
	char header[128];

	make_plain(&payload, id, bytes);
	snprintf(header, sizeof(header),
		 "{\"event_id\":\"%032lx\"}\n{\"type\":\"%s\",\"length\":%zu}\n", id,
		 category == TA_CATEGORY_TRANSACTION ? "transaction" : "event", payload.bytes);
	ta_buf_puts(body, header);
	ta_buf_put(body, payload.data, payload.bytes);
	ta_buf_putc(body, '\n');
	ta_buf_fini(&payload);
}

static uint64_t unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + atomic_load(&ahead_ns);
}

static void make(struct ta_message *message, enum ta_queue queue, unsigned long id,
		 unsigned long bytes, enum ta_category category)
{
	bool envelope = queue == TA_QUEUE_SENTRY || queue == TA_QUEUE_ENVELOPES;
	bool spans = queue == TA_QUEUE_OTLP_TRACES || category == TA_CATEGORY_TRANSACTION;

	if (envelope)
		make_envelope(&message->body, id, bytes, category);
	else
		make_plain(&message->body, id, bytes);
	message->head.bytes = (uint32_t)message->body.bytes;
	message->head.format =
		envelope ? TA_FORMAT_ENVELOPE : (uint8_t)targets.targets[queue].format;
	message->head.category = (uint8_t)category;
	message->head.spans = spans ? THINGS : 0;
	message->head.transactions = category == TA_CATEGORY_TRANSACTION;
	message->head.points = queue == TA_QUEUE_OTLP_METRICS ? THINGS : 0;
	message->head.events = spans || queue == TA_QUEUE_OTLP_METRICS ? 0 : THINGS;
	message->head.time_ns = unix_ns();
}

static enum ta_queue queue_of(const char *name)
{
	for (int i = 0; i < TA_QUEUES; i++)
		if (strcmp(name, ta_queue_name((enum ta_queue)i)) == 0)
			return (enum ta_queue)i;
	fprintf(stderr, "driver: no queue %s\n", name);
	exit(2);
}

/* What was never encoded. */
static void leave_out(const char *arguments)
{
	struct ta_message_head head = { .category = TA_CATEGORY_ERROR };
	char name[32];

	if (sscanf(arguments, "%31s %u", name, &head.events) != 2)
		exit(2);
	ta_delivery_dropped(delivery, queue_of(name), TA_DROP_SAMPLED, &head);
	answer("drop", head.events);
}

static void put(const char *arguments, bool commit)
{
	unsigned long count, id, bytes;
	char name[32], category[32] = "";

	if (sscanf(arguments, "%31s %lu %lu %lu %31s", name, &count, &id, &bytes, category) < 4)
		exit(2);
	enum ta_queue queue = queue_of(name);
	enum ta_category kind = strcmp(category, "transaction") == 0 ? TA_CATEGORY_TRANSACTION
				: strcmp(category, "error") == 0     ? TA_CATEGORY_ERROR
								     : TA_CATEGORY_NONE;

	for (unsigned long i = 0; i < count; i++) {
		struct ta_messages messages = { 0 };
		struct ta_message *message = ta_messages_add(&messages);

		if (message)
			make(message, queue, id + i, bytes, kind);
		ta_delivery_put(delivery, queue, ++number, &messages);
		if (commit)
			ta_delivery_commit(delivery, number);
		ta_messages_fini(&messages);
	}
	answer("put", count);
}

/* ---- commands ---- */

static void render(void *user, bool openmetrics, struct ta_buf *out)
{
	(void)user;
	ta_buf_puts(out, openmetrics ? "up 1\n# EOF\n" : "up 1\n");
}

static void run(char *line)
{
	char *space = strchr(line, ' ');
	const char *rest = space ? space + 1 : "";
	uint64_t ms = strtoull(rest, NULL, 10);

	if (space)
		*space = '\0';
	if (strcmp(line, "put") == 0 || strcmp(line, "hold") == 0) {
		put(rest, line[0] == 'p');
	} else if (strcmp(line, "drop") == 0) {
		leave_out(rest);
	} else if (strcmp(line, "commit") == 0) {
		ta_delivery_commit(delivery, number);
		answer("commit", number);
	} else if (strcmp(line, "undo") == 0) {
		ta_delivery_undo(delivery, number);
		answer("undo", number);
	} else if (strcmp(line, "start") == 0) {
		answer("start", (uint64_t)ta_delivery_start(delivery));
	} else if (strcmp(line, "stop") == 0) {
		ta_delivery_stop(delivery, ms * 1000000u);
		answer("stop", 0);
	} else if (strcmp(line, "flush") == 0) {
		answer("flush", ta_delivery_flush(delivery, ms * 1000000u));
	} else if (strcmp(line, "advance") == 0) {
		atomic_fetch_add(&ahead_ns, ms * 1000000u);
		answer("advance", ms);
	} else if (strcmp(line, "idle") == 0) {
		answer("idle", ta_delivery_idle(delivery));
	} else if (strcmp(line, "serve") == 0) {
		answer("serve", (uint64_t)(int64_t)ta_delivery_serve(delivery, render, NULL));
	} else if (strcmp(line, "status") == 0) {
		put_status();
	} else {
		fprintf(stderr, "driver: no command %s\n", line);
		exit(2);
	}
}

/* ---- settings ---- */

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
	size_t bytes = strlen(name);

	for (int i = 2; i < argc; i++)
		if (strncmp(argv[i], name, bytes) == 0 && argv[i][bytes] == '=')
			return strtoull(argv[i] + bytes + 1, NULL, 10);
	return otherwise;
}

static void load(char **settings)
{
	static struct ta_config config;

	ta_config_load(&config, settings, NULL, NULL);
	if (ta_targets_load(&targets, &config, "/", say, NULL) != 0)
		exit(2);
}

int main(int argc, char **argv)
{
	static char line[4096];

	if (argc < 2)
		return 2;
	load(argv + 2);
	status = ta_status_new(-1, 1);
	const struct ta_delivery_options options = {
		.targets = &targets,
		.spool_dir = argv[1],
		.key = (uint32_t)option(argc, argv, "key", 1),
		.spool_bytes = option(argc, argv, "bytes", 64 << 20),
		.spool_age_ms = option(argc, argv, "age", 86400000),
		.memory_bytes = option(argc, argv, "memory", 16 << 20),
		.status = status,
		.say = say,
	};

	delivery = status ? ta_delivery_new(&options) : NULL;
	if (!delivery)
		return 3;
	number = ta_delivery_last(delivery);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		run(line);
	}
	ta_delivery_free(delivery);
	ta_targets_fini(&targets);
	ta_status_free(status);
	return 0;
}
