/* SPDX-License-Identifier: MIT */
/*
 * test_repeat.c - spans that are written from memory are the same, byte for byte, as those
 * that are encoded; what differs in anything but ids and times is never taken for the same.
 */
#include "runtime/export/encode.h"

#include "runtime/export/otlp_pb.h"
#include "tests/unit/enrich.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SPANS 12u
#define WALL 1700000000000000000ll

static struct made_span made[SPANS];
static struct ta_span *list[SPANS];
static struct ta_process process = { .proc_id = 7, .pid = 7 };
static enum ta_format format;
static uint32_t most;

static struct ta_sink *new_sink(void)
{
	const struct ta_message_limits limits = { most, 0 };

	return ta_otlp_traces_sink(enrich, format, false, limits);
}

/* All messages of a batch of the first count spans, one behind the other. */
static void encode(struct ta_encode *all, uint32_t count, struct ta_buf *ret)
{
	const struct ta_batch batch = { .spans = list, .count = count, .wall_offset_ns = WALL };
	const struct ta_messages *messages = &all->routes[TA_ROUTE_FILE].messages;

	ta_buf_clear(ret);
	check_same(ta_encode_batch(all, &batch), 0);
	for (uint32_t i = 0; i < messages->count; i++)
		ta_buf_put(ret, messages->items[i].body.data, messages->items[i].body.bytes);
}

/* Without a memory: a sink that has seen nothing yet. */
static void encode_new(uint32_t count, struct ta_buf *ret)
{
	struct ta_encode fresh = { .enrich = enrich };

	fresh.routes[TA_ROUTE_FILE].spans = new_sink();
	encode(&fresh, count, ret);
	fresh.enrich = NULL; /* is not its own */
	ta_encode_fini(&fresh);
}

static void set_ids(struct made_span *one, uint64_t number)
{
	one->span.trace_hi = number * 0x1234567890ABCDEFull;
	one->span.trace_lo = number + 1;
	one->span.span_id = number + 2;
	one->span.parent_id = number % 3 ? number : 0;
	one->span.start_ns = number * 999999937;
	one->span.end_ns = one->span.start_ns + number;
	one->span.flags = number % 2 ? TA_SPAN_REMOTE_PARENT : 0;
	one->span.process = &process;
	one->span.trace_index = (uint32_t)number;
}

static void make_requests(void)
{
	for (uint32_t i = 0; i < SPANS; i++) {
		request(&made[i], "GET", i % 2 ? "/a/path?x=\"1\"" : "/caf\xc3\xa9", i % 3 ? 200 : 503);
		list[i] = &made[i].span;
	}
}

static void drop_all(void)
{
	for (uint32_t i = 0; i < SPANS; i++)
		span_drop(&made[i]);
}

static bool same(const struct ta_buf *a, const struct ta_buf *b)
{
	return a->bytes == b->bytes && a->bytes > 0 && memcmp(a->data, b->data, a->bytes) == 0;
}

static uint32_t kept(const struct ta_encode *all)
{
	const struct ta_sink *sink = all->routes[TA_ROUTE_FILE].spans;
	uint32_t count = 0;

	for (uint32_t i = 0; i < SPANS; i++) {
		struct ta_repeat_key key;

		check(ta_repeat_key_of(enrich, list[i], &key), "a request has a key");
		count += sink->class->knows((struct ta_sink *)sink, &key);
	}
	return count;
}

static void rounds_of(enum ta_format as, uint32_t limit)
{
	struct ta_encode all = { .enrich = enrich };
	struct ta_buf kept_bytes = { 0 }, new_bytes = { 0 };

	format = as;
	most = limit;
	make_requests();
	all.routes[TA_ROUTE_FILE].spans = new_sink();
	for (uint64_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < SPANS; i++)
			set_ids(&made[i], 1 + round * 1000003 + i);
		encode(&all, SPANS, &kept_bytes);
		encode_new(SPANS, &new_bytes);
		check(same(&kept_bytes, &new_bytes), "round %u differs", (unsigned int)round);
	}
	check_same(kept(&all), SPANS);
	all.enrich = NULL;
	ta_encode_fini(&all);
	ta_buf_fini(&kept_bytes);
	ta_buf_fini(&new_bytes);
	drop_all();
}

static void rounds(void)
{
	static const uint32_t limits[] = { 0, 1, 2, 5, 100 };

	for (uint32_t i = 0; i < COUNT(limits); i++) {
		rounds_of(TA_FORMAT_JSON, limits[i]);
		rounds_of(TA_FORMAT_PROTOBUF, limits[i]);
	}
}

/* One request, and the same with a change: never with the same key. */
static void check_other(void (*change)(struct made_span *one))
{
	struct ta_repeat_key before, after;
	struct made_span one, other;

	request(&one, "GET", "/", 200);
	request(&other, "GET", "/", 200);
	check(ta_repeat_key_of(enrich, &one.span, &before), "has a key");
	check(ta_repeat_key_of(enrich, &other.span, &after), "has a key");
	check(before.bytes == after.bytes && memcmp(before.data, after.data, after.bytes) == 0 &&
		      before.print == after.print,
	      "the same request has the same key");
	change(&other);
	if (ta_repeat_key_of(enrich, &other.span, &after))
		check(before.bytes != after.bytes ||
			      memcmp(before.data, after.data, after.bytes) != 0,
		      "the same key for something else");
	span_drop(&one);
	span_drop(&other);
}

static void with_type(struct made_span *one)
{
	one->span.type = TA_SPAN_COMMAND_SERVER;
}
static void with_status(struct made_span *one)
{
	one->span.status = TA_STATUS_ERROR;
}
static void with_reason(struct made_span *one)
{
	one->span.reason = TA_END_CLOSED_EARLY;
}
static void with_end(struct made_span *one)
{
	one->span.end = TA_SPAN_HOST_DIED;
}
static void as_orphan(struct made_span *one)
{
	one->span.orphan = true;
}
static void with_attribute(struct made_span *one)
{
	put_text(one, TA_ATTR_USER_AGENT, "curl");
}
static void with_link(struct made_span *one)
{
	one->span.link_span_id = 5;
}
static void with_hint(struct made_span *one)
{
	one->span.hint_span_id = 5;
}
static void with_session(struct made_span *one)
{
	one->span.session_id = "s";
	one->span.session_id_bytes = 1;
}
static void with_scope(struct made_span *one)
{
	static const struct ta_scope_data data;

	one->span.scope = &data;
}
static void with_tags(struct made_span *one)
{
	static const struct ta_scope_data data;

	one->span.tags = &data;
}

static void others(void)
{
	void (*const changes[])(struct made_span *one) = { with_type, with_status,    with_reason,
							   with_end,  as_orphan,      with_attribute,
							   with_link, with_hint,      with_session,
							   with_scope, with_tags };

	for (uint32_t i = 0; i < COUNT(changes); i++)
		check_other(changes[i]);
}

/* A name that a path has had is forgotten when its place turns out to be a value. */
static void names_that_change(void)
{
	struct ta_repeat_key before, after;
	struct made_span one, other;
	char path[32];

	restart();
	request(&one, "GET", "/users/alice", 200);
	run(&one);
	check_text(out.name, "GET /users/alice");
	check(ta_repeat_key_of(enrich, &one.span, &before), "has a key");
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "/users/%c%c", 'a' + i, 'b' + i);
		request(&other, "GET", path, 200);
		ta_enrich_span(enrich, &other.span, &out);
		span_drop(&other);
	}
	check(ta_repeat_key_of(enrich, &one.span, &after), "has a key");
	check(memcmp(before.data, after.data, before.bytes) != 0, "its name is another one now");
}

/* More than there are places, in turns: each is right, whoever has the place. */
static void many(void)
{
	struct ta_repeats *repeats = ta_repeats_new();
	struct ta_repeat_key key = { .bytes = 8 };

	for (uint64_t i = 0; i < 20000; i++) {
		uint64_t number = i / 3 % 3000;
		const struct ta_repeat *found;

		memcpy(key.data, &number, 8);
		key.print = (number * 0x9E3779B97F4A7C15ull) | 1;
		found = ta_repeats_find(repeats, &key);
		check(!found || (found->front_bytes == 8 && found->rest_bytes == 8 &&
				 memcmp(ta_repeat_front(found), &number, 8) == 0 &&
				 memcmp(ta_repeat_rest(found), &number, 8) == 0),
		      "another one's");
		check(found || i % 3 < 2, "what came twice is kept");
		if (!found)
			ta_repeats_learn(repeats, &key, (char *)&number, 8, (char *)&number, 8);
	}
	ta_repeats_free(repeats);
}

int main(void)
{
	config = plain_config();
	restart();
	check_group("the same bytes from memory", rounds);
	check_group("what differs has another key", others);
	check_group("names that change", names_that_change);
	check_group("more than there are places", many);
	ta_enrich_free(enrich);
	return check_status();
}
