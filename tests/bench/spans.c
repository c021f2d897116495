/* SPDX-License-Identifier: MIT */
/*
 * spans.c - a host that records spans like real ones, at a given rate.
 *
 *     bench_spans RUN_DIR KEY RATE SECONDS [NAME=NUMBER]...
 *
 * Makes a segment in RUN_DIR for the agent of KEY (hexadecimal) and writes RATE spans a
 * second into it: traces of one HTTP request with none to four API spans below it, with
 * what a server says about a request (ten to twelve attributes on export) and attrs=N
 * attributes of the program's (4).  A full lane is left for another one; when all are full
 * the record is lost, and counted as the library counts it.
 *
 *     lanes=N        lanes to write to (8)
 *     attrs=N        attributes of an API span (4)
 *     text=N         bytes of their values (16)
 *     open=N         traces that are kept open, the oldest ends when there are more (0)
 *     every=N        one event for so many spans; 0: none (0)
 *     event_bytes=N  of its message (60)
 *     most=N         spans of a trace, at most (5)
 *     bare=1         nothing but starts and ends
 *     stay=N         seconds without a word before the end (0)
 *
 * Prints one line of JSON: what was written and lost.  "known" are spans whose start
 * is in a lane: all that the agent can know of.  Waits 0.5 s for the agent to find it.
 */
#include <linux/futex.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/support_segment.h"

#define BURST_NS 200000
#define RECORD_MAX 12000u
#define LANES_MAX 64u
#define TRACE_SPANS 5u

struct settings {
	uint64_t lanes, attrs, text, open, every, event_bytes, stay, most, bare;
};

struct tally {
	uint64_t spans, known, ended, records, lost, events, events_known, bytes;
};

struct trace {
	uint64_t hi, lo, spans[TRACE_SPANS];
	uint32_t count;
};

struct writer {
	struct host host;
	struct host_thread threads[LANES_MAX];
	uint32_t at; /* the lane that is written to */
	struct settings settings;
	struct tally tally;
	struct trace *open; /* a ring of settings.open */
	uint64_t opened, random;
	_Alignas(8) char record[RECORD_MAX];
	uint32_t bytes;
};

static uint64_t draw(struct writer *writer)
{
	uint64_t random = writer->random;

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	return writer->random = random;
}

/* ---- records ---- */

static void *begin(struct writer *writer, enum ta_record_kind kind, size_t bytes)
{
	memset(writer->record, 0, bytes);
	((struct ta_record *)(void *)writer->record)->kind = (uint8_t)kind;
	writer->bytes = (uint32_t)bytes;
	return writer->record;
}

static void add(struct writer *writer, uint8_t key, enum ta_attr_type type, const void *value,
		size_t bytes)
{
	struct ta_attr attr = { .key = key, .type = (uint8_t)type, .bytes = (uint16_t)bytes };
	size_t room = sizeof(attr) + ((bytes + 3) & ~(size_t)3);

	if (writer->bytes + room + 8 > RECORD_MAX)
		return;
	memset(writer->record + writer->bytes, 0, room);
	memcpy(writer->record + writer->bytes, &attr, sizeof(attr));
	memcpy(writer->record + writer->bytes + sizeof(attr), value, bytes);
	writer->bytes += (uint32_t)room;
}

static void add_int(struct writer *writer, uint8_t key, int64_t value)
{
	add(writer, key, TA_ATTR_INT, &value, sizeof(value));
}

static void add_text(struct writer *writer, uint8_t key, const char *text)
{
	add(writer, key, TA_ATTR_STRING, text, strlen(text));
}

static void add_peer(struct writer *writer, uint8_t key, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(0xc0a80100u | (port & 63));
	add(writer, key, TA_ATTR_BYTES, &address, sizeof(address));
}

/* The name's length, the name, the value. */
static void add_named(struct writer *writer, uint64_t index)
{
	char value[1200];
	int name = snprintf(value, sizeof(value), "%cshop.attribute.%llu", 0,
			    (unsigned long long)index);
	size_t text = writer->settings.text < 1000 ? writer->settings.text : 1000;

	value[0] = (char)(name - 1);
	memset(value + name, 'a' + (int)(index % 26), text);
	if (text)
		value[name] = (char)('0' + draw(writer) % 10);
	add(writer, TA_ATTR_NAMED, TA_ATTR_STRING, value, (size_t)name + text);
}

/* As the host library does: wake when the ring is past half and the agent sleeps. */
static void wake(struct writer *writer)
{
	_Atomic uint32_t *waiting = &writer->host.segment->agent_waiting;

	if (ta_ring_past_half(&writer->threads[writer->at].ring) && atomic_load(waiting) == 1) {
		atomic_store(waiting, 0);
		syscall(SYS_futex, waiting, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
}

/* False: no lane had room. */
static bool put(struct writer *writer)
{
	uint32_t bytes = (writer->bytes + 7) & ~7u;

	memset(writer->record + writer->bytes, 0, bytes - writer->bytes);
	writer->tally.records++;
	writer->tally.bytes += bytes;
	for (uint64_t i = 0; i < writer->settings.lanes; i++) {
		if (host_put(&writer->threads[writer->at], writer->record, bytes)) {
			wake(writer);
			return true;
		}
		writer->at = (writer->at + 1) % (uint32_t)writer->settings.lanes;
	}
	writer->tally.lost++;
	atomic_fetch_add(&writer->host.segment->lost[TA_LOSS_LANE_FULL], 1);
	return false;
}

/* ---- spans ---- */

static struct ta_record_span_start *begin_start(struct writer *writer, const struct trace *trace,
						uint32_t index, enum ta_span_type type)
{
	struct ta_record_span_start *start =
		begin(writer, TA_RECORD_SPAN_START, sizeof(*start));

	start->trace_hi = trace->hi;
	start->trace_lo = trace->lo;
	start->span_id = trace->spans[index];
	start->parent_id = index ? trace->spans[0] : 0;
	start->start_ns = host_now_ns();
	start->type = (uint8_t)type;
	return start;
}

static void put_start(struct writer *writer)
{
	writer->tally.spans++;
	writer->tally.known += put(writer);
}

static void start_request(struct writer *writer, const struct trace *trace)
{
	static const char *const targets[] = { "/cart/1234/items", "/orders?page=3&size=20",
					       "/static/app.js", "/users/8731/profile" };
	uint64_t random = draw(writer);

	begin_start(writer, trace, 0, writer->settings.bare ? TA_SPAN_API : TA_SPAN_HTTP_SERVER);
	if (writer->settings.bare) {
		put_start(writer);
		return;
	}
	add_text(writer, TA_ATTR_HTTP_METHOD, "GET");
	add_text(writer, TA_ATTR_HTTP_TARGET, targets[random % 4]);
	add_int(writer, TA_ATTR_HTTP_VERSION_MINOR, 1);
	add_text(writer, TA_ATTR_HTTP_HOST, "shop.example.org:8080");
	add_text(writer, TA_ATTR_USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0");
	add_peer(writer, TA_ATTR_PEER, (uint16_t)(32768 + random % 20000));
	put_start(writer);
}

static void start_work(struct writer *writer, const struct trace *trace, uint32_t index)
{
	begin_start(writer, trace, index, TA_SPAN_API);
	if (writer->settings.bare) {
		put_start(writer);
		return;
	}
	add_text(writer, TA_ATTR_NAME, "SELECT orders");
	add_text(writer, TA_ATTR_OP, "db.query");
	for (uint64_t i = 0; i < writer->settings.attrs; i++)
		add_named(writer, i);
	put_start(writer);
}

static void end_span(struct writer *writer, const struct trace *trace, uint32_t index)
{
	struct ta_record_span_end *end = begin(writer, TA_RECORD_SPAN_END, sizeof(*end));

	end->span_id = trace->spans[index];
	end->end_ns = host_now_ns();
	if (index == 0 && !writer->settings.bare) {
		add_int(writer, TA_ATTR_HTTP_STATUS, draw(writer) % 50 ? 200 : 500);
		add_int(writer, TA_ATTR_RESPONSE_BODY_SIZE, (int64_t)(draw(writer) % 50000));
	}
	writer->tally.ended += put(writer);
}

static void put_event(struct writer *writer, const struct trace *trace)
{
	char message[8192];
	struct ta_record_event *event = begin(writer, TA_RECORD_EVENT, sizeof(*event));
	size_t bytes = writer->settings.event_bytes < sizeof(message) ?
			       writer->settings.event_bytes : sizeof(message) - 1;

	event->id_hi = draw(writer);
	event->id_lo = draw(writer);
	event->time_ns = host_now_ns();
	event->trace_hi = trace->hi;
	event->trace_lo = trace->lo;
	event->span_id = trace->spans[0];
	event->type = TA_CAPTURE_MESSAGE;
	event->level = TA_LEVEL_ERROR;
	memset(message, 'm', bytes);
	message[bytes] = '\0';
	add_text(writer, TA_ATTR_EVENT_MESSAGE, message);
	writer->tally.events++;
	writer->tally.events_known += put(writer);
}

static void finish(struct writer *writer, const struct trace *trace)
{
	for (uint32_t i = trace->count; i-- > 0;)
		end_span(writer, trace, i);
}

/* One trace from its start; its end comes now, or when too many are open. */
static uint32_t put_trace(struct writer *writer)
{
	struct trace trace = { .hi = draw(writer), .lo = draw(writer) };
	uint64_t every = writer->settings.every;

	trace.count = 1 + (uint32_t)(draw(writer) % writer->settings.most);
	for (uint32_t i = 0; i < trace.count; i++)
		trace.spans[i] = draw(writer);
	start_request(writer, &trace);
	for (uint32_t i = 1; i < trace.count; i++)
		start_work(writer, &trace, i);
	if (every && writer->tally.spans / every > (writer->tally.spans - trace.count) / every)
		put_event(writer, &trace);
	if (writer->settings.open == 0) {
		finish(writer, &trace);
		return trace.count;
	}
	struct trace *slot = &writer->open[writer->opened++ % writer->settings.open];

	if (slot->count)
		finish(writer, slot);
	*slot = trace;
	return trace.count;
}

/* A writer that was kept off the processor for long goes on at its rate. */
static void write_all(struct writer *writer, uint64_t rate, uint64_t seconds)
{
	uint64_t start = host_now_ns(), total = rate * seconds;
	uint64_t end = start + seconds * 1000000000u;
	struct timespec nap = { .tv_nsec = BURST_NS };

	for (uint64_t done = 0; done < total && host_now_ns() < end;) {
		uint64_t due = (uint64_t)((double)(host_now_ns() - start) * 1e-9 * (double)rate);

		if (due > done + rate / 20 + 50)
			due = done + rate / 20 + 50;
		while (done < due && done < total)
			done += put_trace(writer);
		nanosleep(&nap, NULL);
	}
	for (uint64_t i = 0; i < writer->settings.open; i++)
		if (writer->open[i].count)
			finish(writer, &writer->open[i]);
}

/* ---- */

static bool set(struct settings *settings, const char *word)
{
	const struct { const char *name; uint64_t *value; } known[] = {
		{ "lanes=", &settings->lanes }, { "attrs=", &settings->attrs },
		{ "text=", &settings->text },	{ "open=", &settings->open },
		{ "every=", &settings->every }, { "event_bytes=", &settings->event_bytes },
		{ "stay=", &settings->stay },   { "most=", &settings->most },
		{ "bare=", &settings->bare },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(word, known[i].name, strlen(known[i].name)) == 0) {
			*known[i].value = strtoull(word + strlen(known[i].name), NULL, 10);
			return true;
		}
	return false;
}

static void print(const struct tally *tally, uint64_t ns)
{
	printf("{\"spans\": %llu, \"known\": %llu, \"ended\": %llu, \"records\": %llu, "
	       "\"lost\": %llu, \"events\": %llu, \"events_known\": %llu, \"bytes\": %llu, "
	       "\"seconds\": %.3f}\n",
	       (unsigned long long)tally->spans, (unsigned long long)tally->known,
	       (unsigned long long)tally->ended, (unsigned long long)tally->records,
	       (unsigned long long)tally->lost, (unsigned long long)tally->events,
	       (unsigned long long)tally->events_known, (unsigned long long)tally->bytes,
	       (double)ns * 1e-9);
}

int main(int argc, char **argv)
{
	static struct writer writer;
	struct settings *settings = &writer.settings;

	*settings = (struct settings){
		.lanes = 8, .attrs = 4, .text = 16, .event_bytes = 60, .most = TRACE_SPANS
	};
	for (int i = 5; i < argc; i++)
		if (!set(settings, argv[i]))
			argc = 0;
	if (argc < 5 || settings->lanes < 1 || settings->lanes > LANES_MAX ||
	    settings->most < 1 || settings->most > TRACE_SPANS)
		return fprintf(stderr, "usage: bench_spans RUN_DIR KEY RATE SECONDS [NAME=NUMBER]...\n"), 2;
	snprintf(writer.host.dir, sizeof(writer.host.dir), "%s", argv[1]);
	writer.host.key = (uint32_t)strtoul(argv[2], NULL, 16);
	writer.random = host_now_ns() * 2654435761u | 1;
	writer.open = calloc(settings->open + 1, sizeof(writer.open[0]));
	if (!writer.open)
		return 1;
	uint32_t self = (uint32_t)getpid();

	host_segment(&writer.host, self, (uint32_t)settings->lanes);
	for (uint32_t i = 0; i < settings->lanes; i++)
		host_thread(&writer.host, &writer.threads[i], i, writer.host.proc_id, 0, self, self);
	usleep(500000);
	uint64_t start = host_now_ns();

	write_all(&writer, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	uint64_t ns = host_now_ns() - start;

	sleep((unsigned int)settings->stay);
	print(&writer.tally, ns);
	return 0;
}
