/* SPDX-License-Identifier: MIT */
/*
 * test_events.c - captured events: waiting, order, bounds, files beside files.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/worker.h"
#include "tests/unit/check.h"

#define FAMILY 9

struct fixture {
	struct ta_procs procs;
	struct ta_scopes *scopes;
	struct ta_events events;
	struct ta_proc *proc;
};

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->scopes = ta_scopes_new();
	ta_procs_init(&f->procs);
	check_same(ta_events_init(&f->events, &f->procs, f->scopes), 0);
	f->proc = ta_procs_add(&f->procs, 77, FAMILY);
}

static void fini(struct fixture *f)
{
	ta_events_fini(&f->events);
	check_same(f->events.bytes, 0);
	check_same(f->proc->process.refs, 0);
	ta_procs_fini(&f->procs);
	ta_scopes_free(f->scopes);
}

static void put(struct fixture *f, uint64_t hi, uint64_t lo, uint8_t flags, uint32_t padding)
{
	struct ta_record_event *record = calloc(1, sizeof(*record) + padding);

	record->head.units = (uint16_t)((sizeof(*record) + padding) / 8);
	record->head.kind = TA_RECORD_EVENT;
	record->id_hi = hi;
	record->id_lo = lo;
	record->global = 1;
	record->isolation = 2;
	record->current = 3;
	record->flags = flags;
	ta_events_record(&f->events, f->proc, FAMILY, 5, record);
	free(record);
}

static uint64_t oldest_ready(const struct fixture *f)
{
	return TA_CONTAINER(f->events.ready.next, struct ta_held_event, link)->event.record->id_lo;
}

/* Its scopes may be in a lane that was read before: so for one whole pass more. */
static void waits(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 1, 0, 0);
	check(ta_events_settle(&f.events), "nothing waits");
	check_same(f.events.ready_count, 0);
	put(&f, 1, 2, 0, 0);
	check(ta_events_settle(&f.events), "the second does not wait");
	check_same(f.events.ready_count, 1);
	check_same(oldest_ready(&f), 1);
	check(!ta_events_settle(&f.events), "something still waits");
	check_same(f.events.ready_count, 2);
	fini(&f);
}

static void twice(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 1, 0, 0);
	put(&f, 1, 1, 0, 0);
	put(&f, 2, 1, 0, 0); /* another id */
	check_same(f.events.count, 2);
	check_same(f.events.counters.twice, 1);
	for (uint64_t hi = 3; hi < 1000; hi++)
		put(&f, hi, 1, 0, 0);
	check(f.events.count < 100, "%u ids with one half", f.events.count);
	fini(&f);
}

static void of_a_hub(void)
{
	struct fixture f;

	init(&f);
	put(&f, 1, 1, TA_CAPTURE_HUB, 0);
	const struct ta_held_event *held =
		TA_CONTAINER(f.events.waiting.next, struct ta_held_event, link);

	check(held->versions[0] == 0 && held->versions[1] == 0 && held->versions[2] == 3,
	      "its topmost scope is not alone");
	fini(&f);
}

static void too_many(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 1; i <= TA_EVENTS_MAX + 10; i++)
		put(&f, 1, i, 0, 0);
	ta_events_settle(&f.events);
	for (uint64_t i = 0; i < 5; i++)
		put(&f, 2, 1000000 + i, 0, 0);
	ta_events_settle(&f.events);
	check_same(f.events.ready_count, TA_EVENTS_MAX + 10);
	check_same(ta_events_surplus(&f.events, 0), 15);
	check_same(ta_events_surplus(&f.events, 3), 15);
	ta_events_drop(&f.events, 3, 15);
	check_same(f.events.count, TA_EVENTS_MAX);
	check_same(f.events.gone, 15);
	check_same(oldest_ready(&f), 1);
	ta_events_drop(&f.events, 0, 3);
	check_same(oldest_ready(&f), 19);
	check_same(ta_events_surplus(&f.events, 0), 0);
	/* Those that wait can go as well, when nothing else is left to go. */
	check_same(ta_events_surplus(&f.events, TA_EVENTS_MAX), 0);
	ta_events_drop(&f.events, f.events.ready_count, 2);
	check_same(f.events.count, f.events.ready_count + 3);
	fini(&f);
}

static void too_much(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 1; i <= 2000; i++)
		put(&f, 1, i, 0, 60000);
	check(f.events.bytes < 2 * (TA_EVENT_BYTES_MAX + 70000ull), "%llu bytes",
	      (unsigned long long)f.events.bytes);
	check_same(f.events.count + f.events.counters.refused, 2000);
	uint32_t surplus = ta_events_surplus(&f.events, 0);

	check(surplus > 0, "nothing is too much");
	ta_events_drop(&f.events, 0, surplus);
	check(f.events.bytes <= TA_EVENT_BYTES_MAX, "%llu bytes are left",
	      (unsigned long long)f.events.bytes);
	fini(&f);
}

static void check_beside(const char *path, const char *want)
{
	char got[64];

	check_same(ta_output_beside(path, got, sizeof(got)), 0);
	check_text(got, want);
}

static void files(void)
{
	char dir[] = "/tmp/tagalong-events-XXXXXX", fifo[64], small[8];

	check_beside("/nowhere/tagalong.jsonl", "/nowhere/tagalong.logs.jsonl");
	check_beside("/nowhere/a.b/trace", "/nowhere/a.b/trace.logs");
	check_beside("/nowhere/.hidden", "/nowhere/.hidden.logs");
	check_beside("/nowhere/x.1.json", "/nowhere/x.1.logs.json");
	check_beside("-", "-");
	check_beside("", "");
	check_beside("/dev/null", "/dev/null");
	check_same(ta_output_beside("/nowhere/long", small, sizeof(small)), -ENAMETOOLONG);
	if (!mkdtemp(dir))
		return;
	snprintf(fifo, sizeof(fifo), "%s/pipe", dir);
	check_same(mkfifo(fifo, 0600), 0);
	check_beside(fifo, fifo);
	unlink(fifo);
	rmdir(dir);
}

int main(void)
{
	check_group("an event waits one whole pass", waits);
	check_group("an id counts once", twice);
	check_group("of a hub only the topmost scope counts", of_a_hub);
	check_group("too many events: the oldest go", too_many);
	check_group("too large events", too_much);
	check_group("the file of events beside that of spans", files);
	return check_status();
}
