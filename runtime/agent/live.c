/* SPDX-License-Identifier: MIT */
/*
 * live.c - counting by name what ends, and picking out what has been under way longest.
 *
 * The names are the exporters' (runtime/export/enrich.h), made by an enricher of our own:
 * theirs is another thread's.
 *
 * Runs: agent, the worker's thread.
 */
#include "runtime/agent/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/agent/worker.h"
#include "runtime/export/enrich.h"

#define LOOK_NS 10000000000ull  /* Unix: who looks says so more often */
#define WRITE_NS 240000000ull	/* not more often */
#define OPEN_MAX 100000u	/* spans that are looked at, each time */
#define SLOTS 1024u

_Static_assert(TA_LIVE_ROWS * 2 <= SLOTS, "the table has to stay sparse");

struct ta_live {
	struct ta_enrich *enrich;
	uint64_t written_ns;
	uint64_t seed;
	uint16_t slots[SLOTS]; /* row + 1 */
	const struct ta_held *oldest[TA_LIVE_OPEN]; /* while they are picked */
	struct ta_out_span out;			    /* scratch */
	struct ta_live_page page;
};

/* ---- by name ---- */

static enum ta_live_kind kind_of(const struct ta_span *span)
{
	switch (span->type) {
	case TA_SPAN_HTTP_SERVER:
	case TA_SPAN_COMMAND_SERVER:
		return TA_LIVE_REQUEST;
	case TA_SPAN_HTTP_CLIENT:
	case TA_SPAN_COMMAND:
	case TA_SPAN_TURN:
		return TA_LIVE_CALL;
	case TA_SPAN_API:
		return TA_LIVE_OWN;
	default:
		return TA_LIVE_OTHER;
	}
}

/* As much of a text as fits, without half a character at its end. */
static void copy_text(char *out, size_t size, const char *text, size_t bytes)
{
	if (bytes >= size) {
		bytes = size - 1;
		while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
			bytes--;
	}
	memcpy(out, text, bytes);
	out[bytes] = '\0';
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash ^ hash >> 29;
}

static bool is_row(const struct ta_live_row *row, enum ta_live_kind kind, const char *service,
		   const char *name)
{
	return row->kind == kind && strcmp(row->name, name) == 0 &&
	       strcmp(row->service, service) == 0;
}

static struct ta_live_row *add_row(struct ta_live *live, enum ta_live_kind kind,
				   const char *service, const char *name)
{
	struct ta_live_row *row = &live->page.rows[live->page.head.row_count++];

	*row = (struct ta_live_row){ .kind = (uint8_t)kind };
	strcpy(row->service, service);
	strcpy(row->name, name);
	return row;
}

/* What finds no place any more: one row for each kind, which are kept free for it. */
static struct ta_live_row *further_row(struct ta_live *live, enum ta_live_kind kind)
{
	static const char name[] = "(further names)";

	for (uint32_t i = TA_LIVE_ROWS - TA_LIVE_KINDS; i < live->page.head.row_count; i++)
		if (live->page.rows[i].kind == kind)
			return &live->page.rows[i];
	return add_row(live, kind, "", name);
}

static struct ta_live_row *row_of(struct ta_live *live, enum ta_live_kind kind,
				  const char *service, const char *name)
{
	uint64_t hash = hash_text(hash_text(live->seed ^ (uint64_t)kind, service), name);
	uint32_t slot = (uint32_t)(hash >> 32) % SLOTS;

	for (; live->slots[slot]; slot = (slot + 1) % SLOTS) {
		struct ta_live_row *row = &live->page.rows[live->slots[slot] - 1];

		if (is_row(row, kind, service, name))
			return row;
	}
	if (live->page.head.row_count >= TA_LIVE_ROWS - TA_LIVE_KINDS)
		return further_row(live, kind);
	live->slots[slot] = (uint16_t)(live->page.head.row_count + 1);
	return add_row(live, kind, service, name);
}

static void service_of(struct ta_live *live, const struct ta_held *held,
		       char out[TA_LIVE_SERVICE])
{
	const char *service = ta_enrich_service_name(live->enrich, &held->proc->process);

	copy_text(out, TA_LIVE_SERVICE, service, strlen(service));
}

/* Its name and how it went, in live->out. */
static void name_of(struct ta_live *live, const struct ta_held *held, char out[TA_LIVE_NAME])
{
	ta_enrich_name(live->enrich, &held->span, &live->out);
	copy_text(out, TA_LIVE_NAME, live->out.name, live->out.name_bytes);
}

static void count_ended(void *user, const struct ta_held *held)
{
	struct ta_live *live = user;
	char service[TA_LIVE_SERVICE], name[TA_LIVE_NAME];
	uint64_t ns = held->span.end_ns > held->span.start_ns ?
			      held->span.end_ns - held->span.start_ns : 0;

	service_of(live, held, service);
	name_of(live, held, name);
	struct ta_live_row *row = row_of(live, kind_of(&held->span), service, name);

	row->count++;
	row->errors += live->out.status == TA_STATUS_ERROR;
	row->sum_ns += ns;
	row->buckets[ta_live_bucket(ns)]++;
}

/* ---- what is under way ---- */

static bool is_work(const struct ta_span *span)
{
	return kind_of(span) != TA_LIVE_OTHER || span->type == TA_SPAN_CONNECT ||
	       span->type == TA_SPAN_LOOKUP;
}

/* Keeps the oldest ones, the oldest first. */
static void offer(struct ta_live *live, const struct ta_held *held)
{
	struct ta_live_head *head = &live->page.head;
	uint32_t place = head->open_count;

	head->open_all++;
	while (place > 0 && live->oldest[place - 1]->span.start_ns > held->span.start_ns)
		place--;
	if (place == TA_LIVE_OPEN)
		return;
	if (head->open_count < TA_LIVE_OPEN)
		head->open_count++;
	memmove(&live->oldest[place + 1], &live->oldest[place],
		(head->open_count - place - 1) * sizeof(live->oldest[0]));
	live->oldest[place] = held;
}

static void pick_oldest(struct ta_live *live, const struct ta_buckets *buckets)
{
	uint32_t seen = 0;

	live->page.head.open_count = live->page.head.open_all = 0;
	TA_LIST_EACH(at, &buckets->all) {
		const struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);

		TA_LIST_EACH(link, &bucket->open) {
			const struct ta_held *held = TA_CONTAINER(link, struct ta_held, link);

			if (++seen > OPEN_MAX)
				return;
			if (held->span.type != TA_SPAN_UNIT && is_work(&held->span))
				offer(live, held);
		}
	}
}

static void describe_oldest(struct ta_live *live, uint64_t now_ns, uint64_t unix_ns)
{
	for (uint32_t i = 0; i < live->page.head.open_count; i++) {
		const struct ta_held *held = live->oldest[i];
		struct ta_live_open *open = &live->page.open[i];
		uint64_t start_ns = held->span.start_ns;

		*open = (struct ta_live_open){
			.start_ns = unix_ns - (now_ns > start_ns ? now_ns - start_ns : 0),
			.trace_hi = held->span.trace_hi,
			.trace_lo = held->span.trace_lo,
			.span_id = held->span.span_id,
			.pid = held->proc->process.pid,
			.kind = (uint8_t)kind_of(&held->span),
		};
		service_of(live, held, open->service);
		name_of(live, held, open->name);
	}
}

/* ---- while somebody looks ---- */

static void begin(struct ta_worker *worker)
{
	struct ta_live *live = calloc(1, sizeof(*live));

	if (live)
		live->enrich = ta_enrich_new(&worker->config);
	if (!live || !live->enrich) {
		free(live);
		return;
	}
	live->page.head = (struct ta_live_head){
		.magic = TA_LIVE_MAGIC,
		.row_bytes = sizeof(struct ta_live_row),
		.open_bytes = sizeof(struct ta_live_open),
		.key = worker->options.key,
		.since_ns = ta_unix_now_ns(),
	};
	live->seed = worker->state.buckets.spans.seed;
	worker->live = live;
	worker->state.buckets.on_end = count_ended;
	worker->state.buckets.on_end_user = live;
}

static void stop(struct ta_worker *worker)
{
	struct ta_live *live = worker->live;

	worker->state.buckets.on_end = NULL;
	worker->live = NULL;
	ta_enrich_free(live->enrich);
	free(live);
}

/* Without room for the file it is simply not there. */
static void write_page(struct ta_worker *worker)
{
	struct ta_live *live = worker->live;
	uint64_t unix_ns = ta_unix_now_ns();

	live->written_ns = worker->now_ns;
	live->page.head.time_ns = unix_ns;
	pick_oldest(live, &worker->state.buckets);
	describe_oldest(live, worker->now_ns, unix_ns);
	ta_live_write(worker->dir_fd, &live->page);
}

static bool is_looked_at(const struct ta_worker *worker)
{
	uint64_t looked_ns = ta_count_get(&worker->status->looked_ns);

	if (!looked_ns || worker->once)
		return false;
	uint64_t now_ns = ta_unix_now_ns();

	/* The clock may have been put back. */
	return (now_ns > looked_ns ? now_ns - looked_ns : looked_ns - now_ns) < LOOK_NS;
}

void ta_live_tick(struct ta_worker *worker)
{
	bool looked_at = is_looked_at(worker);

	if (looked_at && !worker->live)
		begin(worker);
	if (!worker->live)
		return;
	if (looked_at) {
		if (worker->now_ns - worker->live->written_ns >= WRITE_NS)
			write_page(worker);
		return;
	}
	stop(worker);
	ta_live_remove(worker->dir_fd, worker->options.key);
}

/* The last numbers stay, as the status page does: until the next agent comes. */
void ta_live_fini(struct ta_worker *worker)
{
	if (!worker->live)
		return;
	write_page(worker);
	stop(worker);
}
