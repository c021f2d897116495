/* SPDX-License-Identifier: MIT */
/*
 * test_metrics_threads.c - spans are counted and told on one thread while Prometheus asks
 * on another.  Under the thread sanitizer it shows races; without, that no count is lost.
 */
#include "tests/unit/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define BATCHES 200u
#define TRACES 10u
#define SPANS 5u

static struct ta_sink *sink;
static struct ta_status_page page;
static atomic_bool done;
static unsigned int scrapes;
static const struct ta_batch batch = { .wall_offset_ns = 1 };

static void *ask(void *unused)
{
	struct ta_buf text = { 0 };

	(void)unused;
	do {
		ta_buf_clear(&text);
		ta_metrics_prometheus(sink, scrapes % 2, 1, &text);
		check(!text.failed && text.bytes, "a scrape");
		scrapes++;
	} while (!atomic_load(&done) || scrapes < 2);
	ta_buf_fini(&text);
	return NULL;
}

static void one_batch(unsigned int number)
{
	struct ta_process process = { .proc_id = number, .exe = "/bin/x" };
	struct ta_span span;
	char route[32];

	process.exe[5] = (char)('a' + number % 20);
	sink->class->begin(sink, &batch);
	for (unsigned int i = 0; i < TRACES; i++) {
		ta_metrics_exported(sink, i % 2);
		for (unsigned int j = 0; j < SPANS; j++) {
			snprintf(route, sizeof(route), "/%u", (number + i) % 50);
			show_request(&span, "GET", route, 200, j);
			span.process = &process;
			sink->class->span(sink, &span, &shown);
		}
		sink->class->trace_end(sink);
	}
	sink->class->end(sink, NULL);
}

static void together(void)
{
	struct ta_messages messages = { 0 };
	unsigned long long total = 0;
	pthread_t thread;

	if (!check(pthread_create(&thread, NULL, ask, NULL) == 0, "no thread"))
		return;
	for (unsigned int i = 0; i < BATCHES; i++) {
		one_batch(i);
		ta_count_add(&page.records, 1);
		if (i % 20 == 19) {
			check_same(ta_metrics_collect(sink, 4000000000000000000ull + i, &messages), 0);
			decode(&messages);
			for (uint32_t j = 0; j < points.count; j++)
				total += points.items[j].histogram ? points.items[j].count : 0;
			ta_messages_clear(&messages);
		}
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	check_same(total, (unsigned long long)BATCHES * TRACES * SPANS);
	ta_messages_fini(&messages);
}

int main(void)
{
	struct ta_metrics_options options = { .format = TA_FORMAT_PROTOBUF, .delta = true,
					      .status = &page };
	struct ta_config config = plain_config();
	struct ta_enrich *enrich = ta_enrich_new(&config);

	sink = ta_metrics_new(enrich, &options);
	if (!sink)
		return 2;
	check_group("counting while being asked", together);
	sink->class->free(sink);
	ta_enrich_free(enrich);
	free(points.items);
	return check_status();
}
