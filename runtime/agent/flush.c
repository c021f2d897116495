/* SPDX-License-Identifier: MIT */
/*
 * flush.c - complete traces out to where spans go.
 *
 * The journal says that an append begins, and where; then the append; then that
 * it is done.  An agent that died in between is found out by the next one, which
 * cuts the file back and appends again.  An append that fails leaves the groups
 * where they are; above a bound the oldest are given up, and counted.
 *
 * Runs: agent, one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/worker.h"
#include "runtime/export/otlp_json.h"

#define SPANS_PER_LINE 500u /* a line takes about a millisecond; lanes are read between two */
#define SPANS_PER_RETRY 20u /* what fits into a nearly full disk */
#define KEPT_BYTES_MAX (64u << 20)
#define DELAY_FIRST_NS 100000000ull
#define DELAY_LAST_NS 5000000000ull
#define MERGED_MAX (3 * TA_SCOPE_TAGS_MAX)

int ta_flush_init(struct ta_worker *worker, const char *path)
{
	struct ta_flush *flush = &worker->flush;

	*flush = (struct ta_flush){ .fd = -1, .last_ns = ta_agent_now_ns() };
	flush->enrich = ta_enrich_new(&worker->config);
	if (!flush->enrich)
		return -ENOMEM;
	for (size_t i = 0; ta_enrich_warning(flush->enrich, i); i++)
		ta_log_say(&worker->log, "%s", ta_enrich_warning(flush->enrich, i));
	int error = path ? 0 :
			   ta_file_default_path(&worker->config, worker->options.envp,
						worker->options.cwd ? worker->options.cwd : "/",
						flush->path, sizeof(flush->path));

	if (error)
		return error;
	if (path && strlen(path) >= sizeof(flush->path))
		return -ENAMETOOLONG;
	if (path)
		strcpy(flush->path, path);
	if (strcmp(flush->path, "-") == 0)
		flush->fd = STDOUT_FILENO;
	else if (flush->path[0])
		flush->file = ta_file_new(flush->path, worker->config.file_max_bytes,
					  (unsigned int)worker->config.file_keep);
	return flush->path[0] && !flush->file && flush->fd < 0 ? -ENOMEM : 0;
}

void ta_flush_fini(struct ta_flush *flush)
{
	if (flush->file)
		ta_file_free(flush->file);
	if (flush->enrich)
		ta_enrich_free(flush->enrich);
	ta_buf_fini(&flush->line);
}

/* A drain may write elsewhere than the agent that left the half line. */
static int cut_configured_file(const struct ta_worker *worker, const struct ta_file_place *place)
{
	char path[4096];
	int error = ta_file_default_path(&worker->config, worker->options.envp,
					 worker->options.cwd, path, sizeof(path));
	struct ta_file *file = NULL;

	if (!error && path[0])
		file = ta_file_new(path, UINT64_MAX, (unsigned int)worker->config.file_keep);
	if (!file)
		return error;
	error = ta_file_restore(file, place);
	ta_file_free(file);
	return error;
}

/* After a replay: an append that was begun and never answered is undone. */
void ta_flush_recover(struct ta_worker *worker)
{
	struct ta_event_flush event = { .groups = worker->state.flush_groups,
					.place = worker->state.flush_place };
	int error = 0;

	if (event.groups == 0)
		return;
	if (worker->flush.file && !worker->keep)
		error = ta_file_restore(worker->flush.file, &event.place);
	if (worker->once && !worker->keep && !error)
		error = cut_configured_file(worker, &event.place);
	if (error)
		ta_log_say(&worker->log, "cannot cut a half-written line off %s: %s",
			   worker->flush.path, strerror(-error));
	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &event, sizeof(event));
}

bool ta_flush_due(const struct ta_worker *worker)
{
	const struct ta_flush *flush = &worker->flush;
	const struct ta_buckets *buckets = &worker->state.buckets;

	if (buckets->group_count == 0 || worker->now_ns < flush->retry_ns)
		return false;
	return flush->soon || flush->error || buckets->group_spans >= worker->config.max_spans ||
	       worker->now_ns - flush->last_ns >= worker->config.flush_interval_ms * 1000000u;
}

static int64_t wall_offset_ns(void)
{
	struct timespec wall, monotonic;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return (int64_t)(wall.tv_sec - monotonic.tv_sec) * 1000000000 +
	       (wall.tv_nsec - monotonic.tv_nsec);
}

static void merge_tags(struct ta_worker *worker, struct ta_held *held)
{
	struct ta_tag tags[MERGED_MAX];
	uint64_t versions[3] = { held->global, held->span.isolation, held->span.current };
	uint32_t count =
		ta_scopes_merge(worker->state.scopes, held->family, versions, 3, tags, MERGED_MAX);
	struct ta_tag *copy = count ? malloc(count * sizeof(tags[0])) : NULL;

	if (copy)
		memcpy(copy, tags, count * sizeof(tags[0]));
	held->span.tags = copy;
	held->span.tag_count = copy ? count : 0;
}

static void free_tags(struct ta_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		free((void *)(uintptr_t)batch->spans[i]->tags);
		batch->spans[i]->tags = NULL;
		batch->spans[i]->tag_count = 0;
	}
	free(batch->spans);
}

/* The oldest groups up to a line's worth; at least one.  Returns how many. */
static uint32_t gather(struct ta_worker *worker, struct ta_batch *batch)
{
	struct ta_buckets *buckets = &worker->state.buckets;
	uint32_t limit = worker->flush.error ? SPANS_PER_RETRY : SPANS_PER_LINE;
	uint32_t groups = 0, spans = 0;

	TA_LIST_EACH(count_at, &buckets->groups) {
		const struct ta_group *group = TA_CONTAINER(count_at, struct ta_group, link);

		if (groups > 0 && spans + group->count > limit)
			break;
		spans += group->count;
		groups++;
	}
	*batch = (struct ta_batch){ .wall_offset_ns = wall_offset_ns() };
	batch->spans = calloc(spans + 1, sizeof(batch->spans[0]));
	if (!batch->spans)
		return 0;
	uint32_t trace = 0;

	TA_LIST_EACH(at, &buckets->groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		if (trace == groups)
			break;
		for (uint32_t i = 0; i < group->count; i++) {
			merge_tags(worker, group->spans[i]);
			group->spans[i]->span.trace_index = trace;
			batch->spans[batch->count++] = &group->spans[i]->span;
		}
		trace++;
	}
	return groups;
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

static int append(struct ta_flush *flush)
{
	if (flush->fd >= 0)
		return write_fd(flush->fd, &flush->line);
	return flush->file ? ta_file_append(flush->file, flush->line.data, flush->line.bytes) : 0;
}

static int write_groups(struct ta_worker *worker, struct ta_event_flush *event)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_batch batch;

	event->groups = gather(worker, &batch);
	if (event->groups == 0)
		return -ENOMEM;
	ta_buf_clear(&flush->line);
	int error = ta_otlp_json_encode(&batch, flush->enrich, &flush->line);

	free_tags(&batch);
	if (flush->line.failed) {
		ta_buf_fini(&flush->line);
		flush->line = (struct ta_buf){ 0 };
	}
	if (!error && flush->file)
		error = ta_file_place(flush->file, &event->place);
	if (error == -ENOENT)
		error = 0; /* the first append makes the file */
	ta_worker_event(worker, TA_EVENT_FLUSH_BEGIN, event, sizeof(*event));
	ta_journal_write(&worker->journal);
	return error ? error : append(flush);
}

static void note_failure(struct ta_worker *worker, const struct ta_event_flush *event, int error)
{
	struct ta_flush *flush = &worker->flush;

	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, event, sizeof(*event));
	flush->delay_ns = flush->error ? flush->delay_ns * 2 : DELAY_FIRST_NS;
	if (flush->delay_ns > DELAY_LAST_NS)
		flush->delay_ns = DELAY_LAST_NS;
	flush->retry_ns = worker->now_ns + flush->delay_ns;
	if (flush->error != error)
		ta_log_say(&worker->log, "cannot write %s: %s; %u spans kept, retrying",
			   flush->path, strerror(-error), worker->state.buckets.group_spans);
	flush->error = error;
}

/* Above the bound the oldest traces go. */
static void drop_surplus(struct ta_worker *worker)
{
	struct ta_buckets *buckets = &worker->state.buckets;
	struct ta_event_flush event = { 0 };
	uint64_t bytes = buckets->group_bytes;

	TA_LIST_EACH(at, &buckets->groups) {
		if (bytes <= KEPT_BYTES_MAX)
			break;
		bytes -= TA_CONTAINER(at, struct ta_group, link)->bytes;
		event.groups++;
	}
	if (event.groups > 0)
		ta_worker_event(worker, TA_EVENT_DROP, &event, sizeof(event));
}

static void note_success(struct ta_worker *worker, const struct ta_event_flush *event)
{
	struct ta_flush *flush = &worker->flush;

	ta_worker_event(worker, TA_EVENT_FLUSH_DONE, event, sizeof(*event));
	ta_journal_write(&worker->journal);
	if (flush->error)
		ta_log_say(&worker->log, "writing %s again", flush->path);
	flush->error = 0;
	flush->retry_ns = 0;
	flush->last_ns = worker->now_ns;
}

/* Writes what is complete now; lanes are drained meanwhile, and what becomes
 * complete by that has to wait for its turn. */
int ta_flush_run(struct ta_worker *worker)
{
	uint32_t left = worker->state.buckets.group_count;

	while (left > 0) {
		struct ta_event_flush event = { 0 };
		int error = write_groups(worker, &event);

		if (error) {
			note_failure(worker, &event, error);
			drop_surplus(worker);
			ta_journal_write(&worker->journal);
			return error;
		}
		note_success(worker, &event);
		left -= event.groups < left ? event.groups : left;
		if (left > 0)
			ta_drain_pass(worker);
	}
	worker->flush.soon = false;
	return 0;
}

static bool is_overdue(const struct ta_worker *worker, const struct ta_bucket *bucket)
{
	uint64_t age_ns = worker->config.max_trace_age_ms * 1000000u;

	return bucket->ended_count > worker->config.max_trace_spans ||
	       worker->now_ns > bucket->since_ns + age_ns ||
	       worker->state.buckets.held_count > TA_SPANS_HELD_MAX / 8 * 7;
}

void ta_flush_parts(struct ta_worker *worker, bool all)
{
	TA_LIST_EACH(at, &worker->state.buckets.all) {
		struct ta_bucket *bucket = TA_CONTAINER(at, struct ta_bucket, link);
		struct ta_event_trace event = { .trace_hi = bucket->trace_hi,
						.trace_lo = bucket->node.key };

		if (bucket->ended_count > 0 && (all || is_overdue(worker, bucket)))
			ta_worker_event(worker, TA_EVENT_PART, &event, sizeof(event));
	}
}
