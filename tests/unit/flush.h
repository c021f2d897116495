/* SPDX-License-Identifier: MIT */
/*
 * flush.h - a worker without segments: its events are made by hand, the clock of its
 * timers is ours (runtime/agent/clock.h).
 *
 * For the tests of what goes out, when, and where.  A fixture is zero but for `more`.
 */
#ifndef TA_TESTS_UNIT_FLUSH_H
#define TA_TESTS_UNIT_FLUSH_H

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/worker.h"
#include "tests/unit/check.h"
#include "tests/unit/support_segment.h"

#define FLUSH_UNUSED __attribute__((unused))
#define SEGMENT 9
#define SECOND 1000000000ull
#define RESTED (SECOND / 10) /* long enough after a full buffer for the next one */

static uint64_t ahead_ns;

uint64_t ta_agent_now_ns(void)
{
	return ta_host_now_ns() + ahead_ns;
}

struct fixture {
	struct host host; /* only its directory */
	struct ta_worker *worker;
	char file[600], log[600], max_spans[64], log_path[512];
	const char *more[8]; /* settings, before init() */
	char *envp[13];
	int dir_fd;
	uint64_t span, passed;
};

FLUSH_UNUSED static void start(struct fixture *f)
{
	struct ta_agent_options options = { .key = f->host.key, .envp = f->envp, .cwd = "/" };

	f->worker = calloc(1, sizeof(*f->worker));
	check_same(ta_worker_init(f->worker, &options, f->dir_fd), 0);
	check_same(ta_worker_resume(f->worker, NULL), 0);
}

FLUSH_UNUSED static void stop(struct fixture *f)
{
	ta_journal_write(&f->worker->journal);
	ta_worker_fini(f->worker);
	free(f->worker);
}

FLUSH_UNUSED static void init(struct fixture *f, unsigned int max_spans)
{
	struct ta_event_attach attach = { .segment_id = SEGMENT, .proc_id = 77, .lane_count = 4 };

	ahead_ns = 0;
	host_dir(&f->host, 0xf1);
	snprintf(f->log_path, sizeof(f->log_path), "%s/agent.log", f->host.dir);
	snprintf(f->file, sizeof(f->file), "TAGALONG_FILE=%s", f->host.out);
	snprintf(f->log, sizeof(f->log), "TAGALONG_LOG=%s", f->log_path);
	snprintf(f->max_spans, sizeof(f->max_spans), "TAGALONG_MAX_SPANS=%u", max_spans);
	f->envp[0] = f->file;
	f->envp[1] = f->log;
	f->envp[2] = f->max_spans;
	f->envp[3] = (char *)"TAGALONG_LOG_LEVEL=debug";
	for (int i = 0; i < 8; i++)
		f->envp[4 + i] = (char *)f->more[i];
	f->dir_fd = open(f->host.dir, O_RDONLY | O_DIRECTORY);
	start(f);
	ta_worker_event(f->worker, TA_EVENT_ATTACH, &attach, sizeof(attach));
}

FLUSH_UNUSED static void fini(struct fixture *f)
{
	stop(f);
	close(f->dir_fd);
	host_remove_dir(&f->host);
}

FLUSH_UNUSED static void records(struct fixture *f, const void *record, size_t bytes)
{
	char both[sizeof(struct ta_event_records) + 4096];
	struct ta_event_records head = {
		.lane = { .segment_id = SEGMENT, .lane = 1, .tid = 3, .proc_id = 77 }
	};

	memcpy(both, &head, sizeof(head));
	memcpy(both + sizeof(head), record, bytes);
	((struct ta_record *)(void *)(both + sizeof(head)))->units = (uint16_t)(bytes / 8);
	ta_worker_event(f->worker, TA_EVENT_RECORDS, both, sizeof(head) + bytes);
}

/* A trace of so many spans, complete (after two more passes). */
FLUSH_UNUSED static void trace(struct fixture *f, unsigned int spans)
{
	uint64_t root = f->span + 1;

	for (unsigned int i = 0; i < spans; i++) {
		struct ta_record_span_start record = { .head.kind = TA_RECORD_SPAN_START,
						       .trace_lo = root,
						       .span_id = ++f->span,
						       .parent_id = i ? root : 0,
						       .start_ns = f->span,
						       .type = TA_SPAN_API };

		records(f, &record, sizeof(record));
	}
	for (uint64_t span = f->span; span >= root; span--) {
		struct ta_record_span_end record = { .head.kind = TA_RECORD_SPAN_END,
						     .span_id = span,
						     .end_ns = f->span + 1 };

		records(f, &record, sizeof(record));
	}
}

FLUSH_UNUSED static void event(struct fixture *f, uint64_t id, uint64_t time_ns)
{
	struct ta_record_event record = { .head.kind = TA_RECORD_EVENT,
					  .id_hi = 1,
					  .id_lo = id,
					  .time_ns = time_ns,
					  .type = TA_CAPTURE_MESSAGE };

	records(f, &record, sizeof(record));
}

FLUSH_UNUSED static void passes(struct fixture *f)
{
	for (int i = 0; i < 2; i++)
		ta_worker_event(f->worker, TA_EVENT_PASS, NULL, 0);
}

/* What a round does about output. */
FLUSH_UNUSED static void round_at(struct fixture *f, uint64_t ns)
{
	ahead_ns = ns;
	f->worker->now_ns = ta_agent_now_ns();
	ta_flush_step(f->worker);
	ta_flush_look(f->worker);
	ta_flush_step(f->worker);
}

FLUSH_UNUSED static const char *text_of(const char *path)
{
	static char text[1u << 20];
	int fd = open(path, O_RDONLY);
	ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[bytes > 0 ? bytes : 0] = '\0';
	return text;
}

/* All "flush ..." lines of the log, joined by "; ". */
FLUSH_UNUSED static const char *flushes(const struct fixture *f)
{
	static char joined[65536];
	size_t used = 0;

	joined[0] = '\0';
	for (const char *at = text_of(f->log_path); (at = strstr(at, "]: flush ")) != NULL;) {
		size_t length = strcspn(at += 9, "\n");

		if (used + length + 3 < sizeof(joined))
			used += (size_t)sprintf(joined + used, "%s%.*s", used ? "; " : "",
						(int)length, at);
	}
	return joined;
}

FLUSH_UNUSED static int lines_of(const char *path)
{
	int count = 0;

	for (const char *at = text_of(path); (at = strchr(at, '\n')) != NULL; at++)
		count++;
	return count;
}

FLUSH_UNUSED static const char *events_path(const struct fixture *f)
{
	static char path[600];

	ta_output_beside(f->host.out, path, sizeof(path));
	return path;
}

#endif
