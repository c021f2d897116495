/* SPDX-License-Identifier: MIT */
/*
 * test_journal.c - the same state again, also after half a write.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/agent/journal.h"
#include "tests/unit/check.h"
#include "tests/unit/support_segment.h"

#define SEGMENT 9

struct fixture {
	struct host host; /* only its directory */
	int dir_fd;
	struct ta_state state;
	struct ta_journal journal;
};

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	host_dir(&f->host, 5);
	f->dir_fd = open(f->host.dir, O_RDONLY | O_DIRECTORY);
	ta_state_init(&f->state);
	ta_journal_init(&f->journal, f->dir_fd, 5);
	check_same(ta_journal_rewrite(&f->journal, &f->state), 0);
}

static void fini(struct fixture *f)
{
	ta_journal_fini(&f->journal);
	ta_state_fini(&f->state);
	close(f->dir_fd);
	host_remove_dir(&f->host);
}

static void event(struct fixture *f, uint32_t kind, const void *payload, size_t bytes)
{
	ta_journal_put(&f->journal, kind, payload, bytes, NULL, 0);
	ta_state_apply(&f->state, kind, payload, bytes);
}

static void attach(struct fixture *f)
{
	struct ta_event_attach attach = {
		.segment_id = SEGMENT, .proc_id = 77, .created_ns = 1, .pid = 42, .lane_count = 4
	};

	strcpy(attach.exe, "/bin/x");
	event(f, TA_EVENT_ATTACH, &attach, sizeof(attach));
}

struct start_event {
	struct ta_event_records head;
	struct ta_record_span_start start;
};

static void start(struct fixture *f, uint64_t trace, uint64_t span)
{
	struct start_event both = {
		.head = { .lane = { .segment_id = SEGMENT, .lane = 1, .tid = 3, .tail = span,
				    .proc_id = 77 } },
		.start = { .head = { .units = sizeof(both.start) / 8,
				     .kind = TA_RECORD_SPAN_START },
			   .trace_lo = trace,
			   .span_id = span,
			   .start_ns = span }
	};

	event(f, TA_EVENT_RECORDS, &both, sizeof(both));
}

struct end_event {
	struct ta_event_records head;
	struct ta_record_span_end end;
};

static void end(struct fixture *f, uint64_t span)
{
	struct end_event both = {
		.head = { .lane = { .segment_id = SEGMENT, .lane = 2, .tid = 3, .tail = span,
				    .proc_id = 77 } },
		.end = { .head = { .units = sizeof(both.end) / 8, .kind = TA_RECORD_SPAN_END },
			 .span_id = span,
			 .end_ns = span + 100 }
	};

	event(f, TA_EVENT_RECORDS, &both, sizeof(both));
}

struct short_event {
	struct ta_event_records head;
	union {
		struct ta_record head;
		struct ta_record_span_cancel cancel;
		struct ta_record_process_end end;
	} record;
};

static void short_record(struct fixture *f, struct short_event *both, uint32_t bytes)
{
	both->head.lane = (struct ta_event_lane){ .segment_id = SEGMENT, .lane = 3, .proc_id = 77 };
	both->record.head.units = (uint16_t)(bytes / 8);
	event(f, TA_EVENT_RECORDS, both, sizeof(both->head) + bytes);
}

static void cancel(struct fixture *f, uint64_t span)
{
	struct short_event both = { .record.cancel = { .head = { .kind = TA_RECORD_SPAN_CANCEL },
						       .span_id = span } };

	short_record(f, &both, sizeof(both.record.cancel));
}

/* The process ends with spans open. */
static void process_end(struct fixture *f)
{
	struct short_event both = { .record.end = { .head = { .kind = TA_RECORD_PROCESS_END },
						    .proc_id = 77,
						    .time_ns = 5000 } };
	struct ta_event_dead dead = { .proc_id = 77, .time_ns = 6000 };

	short_record(f, &both, sizeof(both.record.end));
	event(f, TA_EVENT_DEAD, &dead, sizeof(dead));
}

static void flush_of(struct fixture *f, uint32_t kind, uint32_t output, uint32_t count,
		     uint32_t spare)
{
	struct ta_event_flush flush = { .count = count,
					.output = output,
					.spare = spare,
					.place = { .inode = 3, .bytes = 4 } };

	event(f, kind, &flush, sizeof(flush));
}

static void flush(struct fixture *f, uint32_t kind, uint32_t groups)
{
	flush_of(f, kind, TA_OUTPUT_SPANS, groups, 0);
}

struct captured_event {
	struct ta_event_records head;
	struct ta_record_event record;
	uint64_t attrs[2];
};

static void capture(struct fixture *f, uint64_t id)
{
	struct captured_event both = {
		.head = { .lane = { .segment_id = SEGMENT, .lane = 2, .tid = 4, .tail = id,
				    .proc_id = 77 } },
		.record = { .head = { .units = (sizeof(both) - sizeof(both.head)) / 8,
				      .kind = TA_RECORD_EVENT },
			    .id_hi = 7,
			    .id_lo = id,
			    .time_ns = id,
			    .global = 1,
			    .current = 3 },
		.attrs = { id * 3, id * 5 }
	};

	event(f, TA_EVENT_RECORDS, &both, sizeof(both));
}

struct set_event {
	struct ta_event_records head;
	struct ta_record_scope_set set;
	char text[8];
};

/* A version with one more tag, on the global scope of the process, read from a lane. */
static void set_global(struct fixture *f, uint32_t lane, uint64_t version, uint64_t parent)
{
	struct set_event both = {
		.head = { .lane = { .segment_id = SEGMENT, .lane = lane, .proc_id = 77 } },
		.set = { .head = { .units = (sizeof(both.set) + sizeof(both.text)) / 8,
				   .kind = TA_RECORD_SCOPE_SET },
			 .version = version,
			 .parent = parent,
			 .key_bytes = 3,
			 .value_bytes = 5,
			 .change = TA_SCOPE_TAG,
			 .flags = TA_SCOPE_GLOBAL },
		.text = { 'k', 'e', 'y', 'v', 'a', 'l', 'u', 'e' }
	};

	event(f, TA_EVENT_RECORDS, &both, sizeof(both));
}

static void pass(struct fixture *f)
{
	event(f, TA_EVENT_PASS, NULL, 0);
}

static void collect(void *user, uint32_t kind, const void *head, size_t head_bytes,
		    const void *tail, size_t tail_bytes)
{
	struct ta_buf *buf = user;

	ta_buf_put(buf, &kind, sizeof(kind));
	ta_buf_put(buf, head, head_bytes);
	ta_buf_put(buf, tail, tail_bytes);
}

/* Two states are the same when their snapshots are. */
static void check_equal(struct ta_state *a, struct ta_state *b)
{
	struct ta_buf left = { 0 }, right = { 0 };

	ta_state_snapshot(a, collect, &left);
	ta_state_snapshot(b, collect, &right);
	check(left.bytes == right.bytes && left.bytes > 0 &&
		      memcmp(left.data, right.data, left.bytes) == 0,
	      "%zu and %zu bytes of snapshot", left.bytes, right.bytes);
	ta_buf_fini(&left);
	ta_buf_fini(&right);
}

static void check_replayed(struct fixture *f)
{
	struct ta_state again;
	struct ta_journal journal;

	ta_state_init(&again);
	ta_journal_init(&journal, f->dir_fd, 5);
	check_same(ta_journal_replay(&journal, &again), 0);
	check_equal(&f->state, &again);
	ta_journal_fini(&journal);
	ta_state_fini(&again);
}

static void some_life(struct fixture *f)
{
	attach(f);
	for (uint64_t span = 1; span <= 20; span++)
		start(f, span / 4, span);
	for (uint64_t span = 1; span <= 20; span += 1 + span % 3)
		end(f, span);
	pass(f);
	pass(f);
	end(f, 500); /* of a span that nobody knows yet */
	cancel(f, 3);
	cancel(f, 501);
}

/* Ends of passes, too. */
static int write_all(struct ta_journal *journal)
{
	journal->pressing = true;
	return ta_journal_write(journal);
}

static void replay(void)
{
	struct fixture f;

	init(&f);
	some_life(&f);
	check_same(write_all(&f.journal), 0);
	check_replayed(&f);
	flush(&f, TA_EVENT_LEAVING, 1);
	write_all(&f.journal);
	check_replayed(&f);
	flush(&f, TA_EVENT_FLUSH_BEGIN, 1);
	write_all(&f.journal);
	check_replayed(&f);
	check_same(f.state.flushing.count, 1);
	flush(&f, TA_EVENT_FLUSH_DONE, 1);
	write_all(&f.journal);
	check_replayed(&f);
	check_same(f.state.flushing.count, 0);
	check_same(f.state.buckets.leaving_count, 0);
	fini(&f);
}

/* The end of a pass waits for something that has to be on file. */
static void pass_alone(void)
{
	struct fixture f;

	init(&f);
	attach(&f);
	check_same(write_all(&f.journal), 0);
	uint64_t before = f.journal.bytes;

	pass(&f);
	check_same(ta_journal_write(&f.journal), 0);
	check_same(f.journal.bytes, before);
	start(&f, 1, 1);
	check_same(ta_journal_write(&f.journal), 0);
	check(f.journal.bytes > before, "a record is written");
	check_same(f.journal.pending.bytes, 0);
	check_replayed(&f);
	fini(&f);
}

/* At every step what a new journal holds is the same as what the old one led to. */
static void check_both(struct fixture *f)
{
	write_all(&f->journal);
	check_replayed(f);
	check_same(ta_journal_rewrite(&f->journal, &f->state), 0);
	check_replayed(f);
}

static void captured(void)
{
	struct fixture f;

	init(&f);
	attach(&f);
	for (uint64_t id = 1; id <= 4; id++)
		capture(&f, id);
	capture(&f, 2); /* twice */
	check_both(&f);
	pass(&f);
	capture(&f, 5);
	check_both(&f);
	pass(&f);
	check_both(&f);
	check_same(f.state.events.ready_count, 4);
	check_same(f.state.events.count, 5);
	flush_of(&f, TA_EVENT_FLUSH_BEGIN, TA_OUTPUT_EVENTS, 2, 0);
	check_both(&f);
	check_same(f.state.flushing.output, TA_OUTPUT_EVENTS);
	/* While two are being written, one of the others is given up. */
	flush_of(&f, TA_EVENT_DROP, TA_OUTPUT_EVENTS, 1, 2);
	check_both(&f);
	check_same(f.state.flushing.count, 2);
	check_same(f.state.events.count, 4);
	flush_of(&f, TA_EVENT_FLUSH_DONE, TA_OUTPUT_EVENTS, 2, 0);
	check_both(&f);
	check_same(f.state.flushing.count, 0);
	check_same(f.state.exported_events, 2);
	check_same(f.state.events.counters.dropped, 1);
	check_same(f.state.events.count, 2);
	pass(&f);
	check_both(&f);
	check_same(f.state.events.ready_count, 2);
	fini(&f);
}

/* The deepest version is the newest, in whatever order lanes are read. */
static void newest_global(void)
{
	struct fixture f;
	struct ta_proc *proc;

	init(&f);
	attach(&f);
	set_global(&f, 1, 13, 12); /* its parent is in a lane that comes later */
	check_both(&f);
	set_global(&f, 2, 11, 0);
	proc = ta_procs_find(&f.state.procs, 77);
	check_same(proc->global, 11);
	check_both(&f);
	set_global(&f, 3, 12, 11);
	set_global(&f, 3, 11, 0); /* again, and late */
	pass(&f);
	check_same(proc->global, 13);
	check_same(f.state.globals.count, 0);
	set_global(&f, 1, 12, 11); /* it never goes back */
	check_same(proc->global, 13);
	check_both(&f);
	fini(&f);
}

static void rewrite(void)
{
	struct fixture f;

	init(&f);
	some_life(&f);
	for (int i = 0; i < 5; i++) {
		check_same(ta_journal_rewrite(&f.journal, &f.state), 0);
		check_replayed(&f);
		start(&f, 50, 100 + (uint64_t)i);
		end(&f, 100 + (uint64_t)i);
		write_all(&f.journal);
		check_replayed(&f);
		pass(&f);
		write_all(&f.journal);
		check_replayed(&f);
	}
	fini(&f);
}

/* Cut at every byte: the replay is that of the whole events before it. */
static void cut(void)
{
	struct fixture f;
	char path[600], copy[600];
	uint64_t last = 0;

	init(&f);
	attach(&f);
	start(&f, 1, 1);
	start(&f, 1, 2);
	end(&f, 1);
	ta_journal_write(&f.journal);
	snprintf(path, sizeof(path), "%s/00000005.journal-1", f.host.dir);
	snprintf(copy, sizeof(copy), "%s/00000005.journal-2", f.host.dir);
	int fd = open(path, O_RDONLY);
	static char bytes[65536];
	ssize_t size = read(fd, bytes, sizeof(bytes));

	close(fd);
	for (ssize_t length = 64; length <= size; length++) {
		struct ta_state again;
		struct ta_journal journal;

		fd = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		check(write(fd, bytes, (size_t)length) == length, "no copy");
		close(fd);
		ta_state_init(&again);
		ta_journal_init(&journal, f.dir_fd, 5);
		check_same(ta_journal_replay(&journal, &again), 0);
		check(again.buckets.held_count >= last && again.buckets.held_count <= 2,
		      "%u spans", again.buckets.held_count);
		last = again.buckets.held_count;
		ta_state_fini(&again);
		ta_journal_fini(&journal);
	}
	check_same(last, 2);
	fini(&f);
}

static void no_room(void)
{
	struct fixture f;

	init(&f);
	attach(&f);
	ta_journal_write(&f.journal);
	close(f.journal.fd);
	f.journal.fd = open("/dev/full", O_WRONLY);
	start(&f, 1, 1);
	check_same(ta_journal_write(&f.journal), -ENOSPC);
	struct ta_state again;

	ta_state_init(&again);
	check_same(ta_journal_replay(&f.journal, &again), -ENOENT);
	ta_state_fini(&again);
	check_same(ta_journal_rewrite(&f.journal, &f.state), 0);
	check_replayed(&f);
	fini(&f);
}

static const struct ta_group *newest_group(const struct ta_state *state)
{
	return TA_CONTAINER(state->buckets.groups.prev, struct ta_group, link);
}

/* A flush counts groups: their order must survive a new journal. */
/* The lowest number that is free is the first that may not be had. */
static void no_descriptors(bool none)
{
	static struct rlimit before;
	struct rlimit limit;
	int free_fd = dup(0);

	close(free_fd);
	if (none) {
		getrlimit(RLIMIT_NOFILE, &before);
		limit = (struct rlimit){ (rlim_t)free_fd, before.rlim_max };
		setrlimit(RLIMIT_NOFILE, &limit);
	} else {
		setrlimit(RLIMIT_NOFILE, &before);
	}
}

/* One that cannot be followed up is gone: what it had is about to go out without it. */
static void no_descriptor(void)
{
	struct fixture f;
	struct ta_journal next;
	struct ta_state state;

	init(&f);
	some_life(&f);
	ta_journal_write(&f.journal);
	ta_journal_init(&next, f.dir_fd, 5);
	ta_state_init(&state);
	check_same(ta_journal_replay(&next, &state), 0);
	no_descriptors(true);
	check_same(ta_journal_rewrite(&next, &state), -EMFILE);
	no_descriptors(false);
	ta_state_fini(&state);
	ta_state_init(&state);
	check_same(ta_journal_replay(&next, &state), -ENOENT);
	check_same(ta_journal_rewrite(&next, &state), 0);
	check_same(ta_journal_replay(&next, &state), 0);
	ta_journal_fini(&next);
	ta_state_fini(&state);
	fini(&f);
}

static void order_of_completion(void)
{
	struct fixture f;
	struct ta_state again;
	struct ta_journal journal;

	init(&f);
	attach(&f);
	start(&f, 1, 1);
	start(&f, 2, 2);
	end(&f, 2); /* the later one */
	end(&f, 1);
	pass(&f);
	check_same(ta_journal_rewrite(&f.journal, &f.state), 0);
	pass(&f);
	ta_journal_write(&f.journal);
	ta_state_init(&again);
	ta_journal_init(&journal, f.dir_fd, 5);
	check_same(ta_journal_replay(&journal, &again), 0);
	check_same(again.buckets.group_count, 2);
	check_same(newest_group(&f.state)->spans[0]->span.span_id, 2);
	check_same(newest_group(&again)->spans[0]->span.span_id, 2);
	ta_journal_fini(&journal);
	ta_state_fini(&again);
	fini(&f);
}

static void ended_without_a_record(void)
{
	struct fixture f;

	init(&f);
	some_life(&f);
	process_end(&f);
	check_same(ta_journal_rewrite(&f.journal, &f.state), 0);
	check_replayed(&f);
	for (int i = 0; i < 3; i++)
		pass(&f);
	check(f.state.buckets.group_count > 0, "nothing is complete");
	check_same(ta_journal_rewrite(&f.journal, &f.state), 0);
	check_replayed(&f);
	fini(&f);
}

int main(void)
{
	check_group("a replay gives the same state", replay);
	check_group("a new journal gives the same state", rewrite);
	check_group("the end of a pass waits for something else", pass_alone);
	check_group("a journal that was cut anywhere", cut);
	check_group("the order of completion", order_of_completion);
	check_group("spans that ended with their process", ended_without_a_record);
	check_group("captured events", captured);
	check_group("the newest global scope", newest_global);
	check_group("without room there is no journal, then one again", no_room);
	check_group("without descriptors there is none, and no older one", no_descriptor);
	return check_status();
}
