/* SPDX-License-Identifier: MIT */
/*
 * flush.c - complete traces out to where spans go.
 *
 * The journal says that an append begins, and where; then the append; then that
 * it is done.  An agent that died in between is found out by the next one, which
 * cuts the file back and appends again.  An append that fails leaves the groups
 * where they are; above a bound the oldest are given up, and counted.
 *
 * The exporter gets copies of the spans and processes; records and the strings of
 * tags stay where they are, because nothing in a group changes before it is dropped.
 *
 * Runs: agent, the worker's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

#define SPANS_PER_LINE 500u
#define SPANS_PER_RETRY 20u /* what fits into a nearly full disk */
#define KEPT_BYTES_MAX (64u << 20)
#define DELAY_FIRST_NS 100000000ull
#define DELAY_LAST_NS 5000000000ull
#define WAIT_NS 2000000ull /* lanes are read in between */
#define MERGED_MAX (3 * TA_SCOPE_TAGS_MAX)

/* A process as it is now: its pid may be learned, its end be seen, at any time. */
struct ta_process_copy {
	struct ta_process_copy *next;
	struct ta_process process;
};

static int open_output(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	if (strcmp(flush->path, "-") == 0)
		flush->exporter.fd = STDOUT_FILENO;
	if (flush->path[0] == '\0' || flush->exporter.fd >= 0)
		return 0;
	flush->exporter.file = ta_file_new(flush->path, worker->config.file_max_bytes,
					   (unsigned int)worker->config.file_keep);
	return flush->exporter.file ? 0 : -ENOMEM;
}

int ta_flush_init(struct ta_worker *worker, const char *path)
{
	struct ta_flush *flush = &worker->flush;

	flush->last_ns = ta_agent_now_ns();
	flush->exporter.enrich = ta_enrich_new(&worker->config);
	if (!flush->exporter.enrich)
		return -ENOMEM;
	for (size_t i = 0; ta_enrich_warning(flush->exporter.enrich, i); i++)
		ta_log_say(&worker->log, "%s", ta_enrich_warning(flush->exporter.enrich, i));
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
	return open_output(worker);
}

static void free_batch(struct ta_flush *flush)
{
	struct ta_batch *batch = &flush->exporter.batch;

	for (uint32_t i = 0; i < batch->count; i++)
		free((void *)(uintptr_t)flush->spans[i].tags);
	for (struct ta_process_copy *at = flush->processes, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	free(batch->spans);
	free(flush->spans);
	flush->spans = NULL;
	flush->processes = NULL;
	*batch = (struct ta_batch){ 0 };
}

void ta_flush_fini(struct ta_flush *flush)
{
	ta_exporter_stop(&flush->exporter);
	free_batch(flush);
	ta_exporter_fini(&flush->exporter);
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
	if (worker->flush.exporter.file && !worker->keep)
		error = ta_file_restore(worker->flush.exporter.file, &event.place);
	if (worker->once && !worker->keep && !error)
		error = cut_configured_file(worker, &event.place);
	if (error)
		ta_log_say(&worker->log, "cannot cut a half-written line off %s: %s",
			   worker->flush.path, strerror(-error));
	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &event, sizeof(event));
}

static bool is_due(const struct ta_worker *worker)
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

static void merge_tags(struct ta_worker *worker, const struct ta_held *held, struct ta_span *span)
{
	struct ta_tag tags[MERGED_MAX];
	uint64_t versions[3] = { held->global, span->isolation, span->current };
	uint32_t count =
		ta_scopes_merge(worker->state.scopes, held->family, versions, 3, tags, MERGED_MAX);
	struct ta_tag *copy = count ? malloc(count * sizeof(tags[0])) : NULL;

	if (copy)
		memcpy(copy, tags, count * sizeof(tags[0]));
	span->tags = copy;
	span->tag_count = copy ? count : 0;
}

/* NULL without memory: then the span says nothing of its process. */
static struct ta_process *copy_process(struct ta_flush *flush, struct ta_proc *proc)
{
	struct ta_process_copy *copy;

	if (proc->batch == flush->batch)
		return proc->batch_copy;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	copy->process = proc->process;
	copy->next = flush->processes;
	flush->processes = copy;
	proc->batch = flush->batch;
	proc->batch_copy = &copy->process;
	return &copy->process;
}

static void copy_group(struct ta_worker *worker, const struct ta_group *group, uint32_t trace)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_batch *batch = &flush->exporter.batch;

	for (uint32_t i = 0; i < group->count; i++) {
		struct ta_span *span = &flush->spans[batch->count];

		*span = group->spans[i]->span;
		span->process = copy_process(flush, group->spans[i]->proc);
		span->trace_index = trace;
		merge_tags(worker, group->spans[i], span);
		batch->spans[batch->count++] = span;
	}
}

/* How many of the oldest groups make a line; at least one. */
static uint32_t count_groups(const struct ta_worker *worker, uint32_t *ret_spans)
{
	const struct ta_list *groups = &worker->state.buckets.groups;
	uint32_t limit = worker->flush.error ? SPANS_PER_RETRY : SPANS_PER_LINE;
	uint32_t count = 0, spans = 0;

	for (const struct ta_list *at = groups->next; at != groups && count < worker->flush.left;
	     at = at->next) {
		uint32_t more = TA_CONTAINER(at, struct ta_group, link)->count;

		if (count > 0 && spans + more > limit)
			break;
		spans += more;
		count++;
	}
	*ret_spans = spans;
	return count;
}

/* Makes the batch.  Returns 0 or -ENOMEM. */
static int gather(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;
	struct ta_batch *batch = &flush->exporter.batch;
	uint32_t spans, trace = 0;

	flush->event = (struct ta_event_flush){ .groups = count_groups(worker, &spans) };
	flush->batch++;
	*batch = (struct ta_batch){ .wall_offset_ns = wall_offset_ns() };
	batch->spans = calloc(spans + 1, sizeof(batch->spans[0]));
	flush->spans = calloc(spans + 1, sizeof(flush->spans[0]));
	if (!batch->spans || !flush->spans) {
		free_batch(flush);
		return -ENOMEM;
	}
	TA_LIST_EACH(at, &worker->state.buckets.groups) {
		if (trace == flush->event.groups)
			break;
		copy_group(worker, TA_CONTAINER(at, struct ta_group, link), trace++);
	}
	return 0;
}

static void note_failure(struct ta_worker *worker, int error)
{
	struct ta_flush *flush = &worker->flush;

	ta_worker_event(worker, TA_EVENT_FLUSH_FAILED, &flush->event, sizeof(flush->event));
	flush->delay_ns = flush->error ? flush->delay_ns * 2 : DELAY_FIRST_NS;
	if (flush->delay_ns > DELAY_LAST_NS)
		flush->delay_ns = DELAY_LAST_NS;
	flush->retry_ns = worker->now_ns + flush->delay_ns;
	if (flush->error != error)
		ta_log_say(&worker->log, "cannot write %s: %s; %u spans kept, retrying",
			   flush->path, strerror(-error), worker->state.buckets.group_spans);
	flush->error = error;
	flush->left = 0;
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

static void note_success(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	ta_worker_event(worker, TA_EVENT_FLUSH_DONE, &flush->event, sizeof(flush->event));
	ta_journal_write(&worker->journal);
	if (flush->error)
		ta_log_say(&worker->log, "writing %s again", flush->path);
	flush->error = 0;
	flush->retry_ns = 0;
	flush->last_ns = worker->now_ns;
	flush->left -= flush->event.groups < flush->left ? flush->event.groups : flush->left;
}

/* The batch is out, or it failed: the exporter is free again. */
static void finish_batch(struct ta_worker *worker, int error)
{
	free_batch(&worker->flush);
	if (error) {
		note_failure(worker, error);
		drop_surplus(worker);
		ta_journal_write(&worker->journal);
	} else {
		note_success(worker);
	}
	ta_exporter_reset(&worker->flush.exporter);
}

/* A run writes what is complete when it begins. */
static bool begin_batch(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	if (flush->left == 0 && is_due(worker)) {
		flush->left = worker->state.buckets.group_count;
		flush->soon = false;
	}
	if (flush->left == 0)
		return false;
	int error = gather(worker);

	if (error)
		finish_batch(worker, error);
	else
		ta_exporter_encode(&flush->exporter);
	return !error;
}

static void begin_append(struct ta_worker *worker)
{
	struct ta_flush *flush = &worker->flush;

	flush->event.place = flush->exporter.place;
	ta_worker_event(worker, TA_EVENT_FLUSH_BEGIN, &flush->event, sizeof(flush->event));
	ta_journal_write(&worker->journal);
	ta_exporter_append(&flush->exporter);
}

/* Moves the batch on; false when it is the exporter's turn, or there is none. */
static bool advance(struct ta_worker *worker, uint64_t patience_ns, bool begin)
{
	struct ta_exporter *exporter = &worker->flush.exporter;

	switch (ta_exporter_step(exporter, patience_ns)) {
	case TA_EXPORT_IDLE:
		return begin && begin_batch(worker);
	case TA_EXPORT_ENCODED:
		if (exporter->error)
			finish_batch(worker, exporter->error);
		else
			begin_append(worker);
		return true;
	case TA_EXPORT_APPENDED:
		finish_batch(worker, exporter->error);
		return true;
	default:
		return false;
	}
}

/* More complete than memory is set aside for: lanes have to wait for the output. */
static bool is_behind(const struct ta_worker *worker)
{
	return worker->state.buckets.group_bytes > KEPT_BYTES_MAX && ta_flush_busy(worker);
}

void ta_flush_step(struct ta_worker *worker)
{
	while (advance(worker, is_behind(worker) ? WAIT_NS : 0, true))
		;
}

bool ta_flush_busy(const struct ta_worker *worker)
{
	return worker->flush.exporter.batch.spans != NULL;
}

void ta_flush_wait(struct ta_worker *worker)
{
	while (ta_flush_busy(worker)) {
		advance(worker, WAIT_NS, false);
		if (ta_flush_busy(worker) && worker->flush.exporter.running)
			ta_drain_pass(worker);
	}
}

int ta_flush_run(struct ta_worker *worker)
{
	ta_flush_wait(worker);
	worker->flush.left = worker->state.buckets.group_count;
	worker->flush.soon = false;
	while (worker->flush.left > 0 && begin_batch(worker))
		ta_flush_wait(worker);
	return worker->flush.error;
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
