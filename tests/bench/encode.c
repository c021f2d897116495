/* SPDX-License-Identifier: MIT */
/*
 * encode.c - what a span costs the agent between its records and a request's bytes.
 *
 *     bench_encode [ROUNDS]
 *
 * Steps take turns for ROUNDS (default 40) rounds; printed is the best round of each:
 * nanoseconds of processor time and bytes per span.  "enrich" is names and attributes
 * out of records, the others are encoding only, of spans that have been enriched.
 * Asserts nothing about time; exit status 1 when a step fails.
 */
#include <time.h>

#include "runtime/export/event_merge.h"
#include "runtime/export/otlp_pb.h"
#include "tests/unit/spans.h"

#define SPANS 64u /* with attributes of their own; ids are those of PER_BATCH different ones */
#define PER_BATCH 512u
#define NAMED_MAX 50u

static struct ta_out_span outs[SPANS];
static struct made_span spans[SPANS];
static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_process process = { .proc_id = 1,
				     .pid = 4711,
				     .parent_pid = 1,
				     .exe = "/usr/sbin/nginx",
				     .instance_id = "123e4567-e89b-42d3-a456-426614174000" };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of ten attributes six are texts of 4 to 36 bytes, three numbers, one a truth. */
static void add_attributes(struct made_span *made, unsigned int count, unsigned int seed)
{
	static const char *const texts[] = { "eu-central-1", "checkout",
					     "SELECT name FROM users WHERE id = ?", "gold",
					     "b0a2d8c8-3f0e-4c61-9a53-0e6e2a2b8f10", "db-7.example.org" };

	for (unsigned int i = 0; i < count; i++) {
		char name[40], text[64];
		int64_t number = (int64_t)(seed * 977 + i * 31) << (i % 3 * 8);
		bool truth = seed & 1;

		snprintf(name, sizeof(name), "app.some_attribute.%u", i);
		snprintf(text, sizeof(text), "%s%u", texts[i % 6], seed);
		if (i % 10 < 6)
			put_named(made, name, TA_ATTR_STRING, text, strlen(text));
		else if (i % 10 < 9)
			put_named(made, name, TA_ATTR_INT, &number, sizeof(number));
		else
			put_named(made, name, TA_ATTR_BOOL, &truth, 1);
	}
}

static void make_api_span(struct made_span *made, unsigned int attributes, unsigned int seed)
{
	span_make(made, TA_SPAN_API);
	put_text(made, TA_ATTR_NAME, "load the order");
	add_attributes(made, attributes, seed);
}

static void make_request(struct made_span *made, unsigned int seed)
{
	char target[64];

	span_make(made, TA_SPAN_HTTP_SERVER);
	snprintf(target, sizeof(target), "/shop/orders/%u?page=2", seed * 7919);
	put_text(made, TA_ATTR_HTTP_METHOD, "GET");
	put_text(made, TA_ATTR_HTTP_TARGET, target);
	put_int(made, TA_ATTR_HTTP_VERSION_MINOR, 1);
	put_text(made, TA_ATTR_HTTP_HOST, "shop.example.org:8080");
	put_text(made, TA_ATTR_USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)");
	put_ipv4(made, TA_ATTR_PEER, "10.1.2.3", (uint16_t)(40000 + seed));
	put_ipv4(made, TA_ATTR_LOCAL, "10.1.2.4", 8080);
	put_int(made, TA_ATTR_HTTP_STATUS, 200);
}

#define REQUEST 1000u /* instead of a number of attributes */

static void make_spans(unsigned int attributes)
{
	for (unsigned int i = 0; i < SPANS; i++) {
		span_drop(&spans[i]);
		if (attributes == REQUEST)
			make_request(&spans[i], i);
		else
			make_api_span(&spans[i], attributes, i);
		spans[i].span.process = &process;
		spans[i].span.parent_id = i * 0x165667b19e3779f9ull;
		spans[i].span.start_ns += i * 123457u;
		spans[i].span.end_ns += i * 234567u;
		ta_enrich_span(enrich, &spans[i].span, &outs[i]);
	}
}

/* ---- the steps ---- */

struct step {
	const char *name;
	struct ta_sink *sink; /* NULL: enrich */
	double best_ns;
	size_t bytes; /* of a batch */
};

static const struct ta_batch batch = { .wall_offset_ns = 1700000000000000000ll };

static bool run_sink(struct step *step)
{
	struct ta_messages messages = { 0 };
	bool good;

	step->sink->class->begin(step->sink, &batch);
	for (unsigned int i = 0; i < PER_BATCH; i++) {
		struct ta_span span = spans[i % SPANS].span;

		span.span_id += i * 0x9e3779b97f4a7c15ull;
		span.trace_lo += i / 8 * 0xc2b2ae3d27d4eb4full;
		step->sink->class->span(step->sink, &span, &outs[i % SPANS]);
	}
	good = step->sink->class->end(step->sink, &messages) == 0 && messages.count == 1;
	step->bytes = good ? messages.items[0].body.bytes : 0;
	ta_messages_fini(&messages);
	return good;
}

static bool run_step(struct step *step)
{
	static struct ta_out_span out;

	if (step->sink)
		return run_sink(step);
	for (unsigned int i = 0; i < PER_BATCH; i++)
		ta_enrich_span(enrich, &spans[i % SPANS].span, &out);
	return true;
}

static bool measure(struct step *steps, unsigned int count, unsigned int rounds)
{
	bool good = true;

	for (unsigned int i = 0; i < count; i++)
		steps[i].best_ns = 1e18;
	for (unsigned int round = 0; round < rounds; round++)
		for (unsigned int i = 0; i < count; i++) {
			uint64_t start = now_ns();
			double ns;

			good &= run_step(&steps[i]);
			ns = (double)(now_ns() - start) / PER_BATCH;
			if (ns < steps[i].best_ns)
				steps[i].best_ns = ns;
		}
	return good;
}

static void print_step(const char *what, const struct step *step, size_t plain_bytes)
{
	printf("%-16s %-16s %9.0f ns", what, step->name, step->best_ns);
	if (step->bytes)
		printf(" %9.0f bytes", (double)step->bytes / PER_BATCH);
	if (plain_bytes)
		printf("  (1 : %.1f)", (double)plain_bytes / (double)step->bytes);
	putchar('\n');
}

static bool spans_with(const char *what, unsigned int attributes, struct step *steps,
		       unsigned int rounds)
{
	bool good;

	make_spans(attributes);
	good = measure(steps, 5, rounds);
	for (unsigned int i = 0; i < 5; i++)
		print_step(what, &steps[i], i > 2 ? steps[i - 2].bytes : 0);
	return good;
}

/* ---- events ---- */

static struct ta_event event;
static struct ta_event_data data;

static void make_event(struct made_span *made)
{
	struct ta_record_event *record;

	span_make(made, TA_SPAN_API);
	record = span_record(made, TA_RECORD_EVENT, sizeof(*record));
	record->type = TA_CAPTURE_ERROR;
	record->level = TA_LEVEL_ERROR;
	record->id_hi = record->trace_hi = 0x1111111111111111ull;
	record->id_lo = record->trace_lo = 0x2222222222222222ull;
	record->time_ns = 500;
	put_text(made, TA_ATTR_EXCEPTION_TYPE, "LoadError");
	put_text(made, TA_ATTR_EXCEPTION_MESSAGE, "no such order");
}

static bool run_events(struct step *step)
{
	struct ta_messages messages = { 0 };
	bool good;

	step->sink->class->begin(step->sink, &batch);
	for (unsigned int i = 0; i < PER_BATCH; i++)
		step->sink->class->event(step->sink, &event, &data);
	good = step->sink->class->end(step->sink, &messages) == 0 && messages.count == 1;
	step->bytes = good ? messages.items[0].body.bytes : 0;
	ta_messages_fini(&messages);
	return good;
}

/* An error under twenty tags, two contexts, a user and ten breadcrumbs. */
static bool events(struct step *steps, unsigned int rounds)
{
	static struct ta_entry tags[20];
	static const struct ta_entry contexts[] = {
		JSON_ENTRY("order", "{\"id\":4711,\"lines\":[{\"sku\":\"a\",\"count\":2}]}"),
		JSON_ENTRY("cart", "{\"total\":12.5,\"currency\":\"EUR\",\"empty\":false}")
	};
	static const struct ta_entry user[] = { JSON_ENTRY("id", "\"u-4711\"") };
	static struct ta_crumb crumbs[10];
	struct ta_scope_data scope = { .tags = tags,
				       .tag_count = 20,
				       .contexts = contexts,
				       .context_count = 2,
				       .user = user,
				       .user_count = 1,
				       .crumbs = crumbs,
				       .crumb_count = 10 };
	struct made_span made;
	bool good = true;

	for (unsigned int i = 0; i < 20; i++)
		tags[i] = (struct ta_entry)TEXT_ENTRY("some.tag", "and its value");
	for (unsigned int i = 0; i < 10; i++)
		crumbs[i].time_ns = i + 1;
	make_event(&made);
	event = (struct ta_event){ .record = (struct ta_record_event *)(void *)made.records[1],
				   .process = &process,
				   .scope = &scope };
	good &= ta_event_merge(&event, batch.wall_offset_ns, &data) == 0;
	for (unsigned int i = 0; i < 2; i++)
		steps[i].best_ns = 1e18;
	for (unsigned int round = 0; round < rounds && good; round++)
		for (unsigned int i = 0; i < 2; i++) {
			uint64_t start = now_ns();
			double ns;

			good &= run_events(&steps[i]);
			ns = (double)(now_ns() - start) / PER_BATCH;
			if (ns < steps[i].best_ns)
				steps[i].best_ns = ns;
		}
	for (unsigned int i = 0; i < 2; i++)
		print_step("error event", &steps[i], 0);
	ta_event_data_fini(&data);
	span_drop(&made);
	return good;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 40;
	const struct ta_message_limits none = { 0 };
	bool good;

	config = plain_config();
	enrich = ta_enrich_new(&config);
	struct step steps[] = {
		{ .name = "enrich" },
		{ .name = "JSON", .sink = ta_otlp_traces_sink(enrich, TA_FORMAT_JSON, false, none) },
		{ .name = "protobuf",
		  .sink = ta_otlp_traces_sink(enrich, TA_FORMAT_PROTOBUF, false, none) },
		{ .name = "JSON, gzip", .sink = ta_otlp_traces_sink(enrich, TA_FORMAT_JSON, true, none) },
		{ .name = "protobuf, gzip",
		  .sink = ta_otlp_traces_sink(enrich, TA_FORMAT_PROTOBUF, true, none) },
	};
	struct step logs[] = {
		{ .name = "JSON", .sink = ta_otlp_logs_sink(enrich, TA_FORMAT_JSON, false, none) },
		{ .name = "protobuf",
		  .sink = ta_otlp_logs_sink(enrich, TA_FORMAT_PROTOBUF, false, none) },
	};
	good = spans_with("0 attributes", 0, steps, rounds);
	good &= spans_with("10 attributes", 10, steps, rounds);
	good &= spans_with("50 attributes", NAMED_MAX, steps, rounds);
	good &= spans_with("HTTP request", REQUEST, steps, rounds);
	good &= events(logs, rounds);
	for (unsigned int i = 0; i < 5; i++)
		if (steps[i].sink)
			steps[i].sink->class->free(steps[i].sink);
	for (unsigned int i = 0; i < 2; i++)
		logs[i].sink->class->free(logs[i].sink);
	for (unsigned int i = 0; i < SPANS; i++)
		span_drop(&spans[i]);
	ta_enrich_free(enrich);
	return good ? 0 : 1;
}
