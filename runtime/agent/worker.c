/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the round of a serving agent.
 *
 * Runs: agent, one thread.  Order within a round: look at the lanes first, then
 * at who has died (whose lanes are then read once more), then hand over.
 */
#include "runtime/agent/worker.h"

#include "runtime/agent/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TICK_BUSY_NS 100000000ull
#define TICK_QUIET_NS 1000000000ull
#define QUIET_AFTER_NS 2000000000ull
#define TELL_EVERY_NS 10000000000ull
#define JOURNAL_RETRY_NS 5000000000ull
#define HEADER_WAIT_S 2
#define SETTLE_PASSES 4
#define QUARTER 250u /* thousandths of a lane */
#define NAP_FILLING 400u /* the same: at half a lane its writer would have to wake us */
#define NAP_FIRST_NS 100000ull
#define NAP_LAST_NS 5000000ull
#define READ_NS 20000000ull /* so long a round may do nothing but read lanes */
#define FLUSH_INTERVAL_DEFAULT 10000u /* config.def */
#define OWN_BYTES (12u << 20) /* what the agent and libcurl take with nothing held: less than this */
#define GIVE_UP_NS 5000000000ull /* an agent without programs whose output fails */

void ta_worker_event(struct ta_worker *worker, uint32_t kind, const void *payload, size_t bytes)
{
	ta_journal_put(&worker->journal, kind, payload, bytes, NULL, 0);
	ta_state_apply(&worker->state, kind, payload, bytes);
}

static void warn(void *user, const struct ta_config_warning *warning)
{
	struct ta_worker *worker = user;

	/* The log's own path is only known when all settings were read. */
	ta_log_say(&worker->log, "%s=%.200s was not understood (allowed: %s); using %s",
		   warning->variable, warning->value, warning->allowed, warning->used);
}

static uint64_t own_pid_namespace(void)
{
	struct stat info;

	return stat("/proc/self/ns/pid", &info) == 0 ? (uint64_t)info.st_ino : 0;
}

static void say(void *user, const char *sentence)
{
	ta_log_say(user, "%s", sentence);
}

/* What is drained by hand goes to the file that was named, and nowhere else. */
static int load_targets(struct ta_worker *worker)
{
	struct ta_config *config = &worker->config;

	if (config->sentry_debug)
		worker->log.debug = true;
	if (config->bsp_schedule_delay_ms && config->flush_interval_ms == FLUSH_INTERVAL_DEFAULT)
		config->flush_interval_ms = config->bsp_schedule_delay_ms;
	return worker->once ? 0 :
			      ta_targets_load(&worker->flush.targets, config, worker->options.cwd,
					      say, &worker->log);
}

int ta_worker_init(struct ta_worker *worker, const struct ta_agent_options *options, int dir_fd)
{
	size_t ring = 2 * (size_t)TA_LANE_BYTES_MAX;

	worker->options = *options;
	worker->dir_fd = dir_fd;
	ta_list_init(&worker->crashes);
	worker->rescan = true;
	worker->now_ns = ta_agent_now_ns();
	worker->active_ns = worker->now_ns;
	worker->told_ns = worker->now_ns;
	worker->pid_namespace = own_pid_namespace();
	ta_config_load(&worker->config, options->envp, NULL, NULL);
	ta_log_init(&worker->log, &worker->config, options->envp, options->cwd);
	ta_config_load(&worker->config, options->envp, warn, worker);
	worker->config.memory_bytes -= OWN_BYTES; /* from here on: for what is held */
	ta_segments_init(&worker->segments, dir_fd, options->key);
	ta_journal_init(&worker->journal, dir_fd, options->key);
	ta_exporter_init(&worker->flush.exporter);
	worker->status = ta_status_new(worker->once ? -1 : dir_fd, options->key);
	if (!worker->once)
		ta_live_remove(dir_fd, options->key); /* an earlier agent's */
	if (!worker->status || load_targets(worker) != 0)
		return -ENOMEM;
	worker->ring[0] = malloc(ring);
	worker->ring[1] = malloc(ring);
	if (!worker->ring[0] || !worker->ring[1] || ta_state_init(&worker->state) != 0)
		return -ENOMEM;
	worker->state.buckets.sampler = ta_sampler_load(&worker->config, warn, worker);
	worker->state.buckets.bytes_max = worker->config.memory_bytes / 8 * 3;
	worker->state.events.bytes_max = worker->config.memory_bytes / 16;
	worker->state.buckets.keep_unsampled = worker->flush.targets.metrics;
	ta_filter_init(&worker->state.filter, &worker->config);
	ta_scopes_set_max_crumbs(worker->state.scopes, (uint32_t)worker->config.max_breadcrumbs);
	return 0;
}

void ta_worker_fini(struct ta_worker *worker)
{
	ta_live_fini(worker);
	ta_crashes_fini(worker);
	ta_state_fini(&worker->state);
	ta_segments_fini(&worker->segments);
	ta_journal_fini(&worker->journal);
	ta_flush_fini(&worker->flush);
	ta_status_free(worker->status);
	ta_log_fini(&worker->log);
	ta_buf_fini(&worker->events);
	free(worker->ring[0]);
	free(worker->ring[1]);
}

/* Lanes that an agent was working on when it was killed. */
static void free_agent_lanes(struct ta_mapped *mapped)
{
	for (uint32_t i = 0; i < mapped->lane_count; i++) {
		uint64_t agents = TA_OWNER_AGENT;

		if (atomic_load_explicit(ta_mapped_owner(mapped, i), memory_order_relaxed) != agents)
			continue;
		atomic_compare_exchange_strong(ta_mapped_owner(mapped, i), &agents, TA_OWNER_FREE);
	}
}

struct ta_segment_state *ta_worker_attach(struct ta_worker *worker, struct ta_mapped *mapped)
{
	struct ta_event_attach event = {
		.segment_id = mapped->id,
		.proc_id = mapped->proc_id,
		.created_ns = mapped->created_ns,
		.pid = mapped->pid,
		.lane_count = mapped->lane_count,
		.foreign = mapped->pid_namespace && worker->pid_namespace &&
			   mapped->pid_namespace != worker->pid_namespace,
	};

	memcpy(event.exe, mapped->exe, sizeof(event.exe));
	mapped->foreign = event.foreign != 0;
	mapped->earlier_boot = ta_segment_outlived(worker, mapped);
	/* A clock that began elsewhere, of an earlier boot or of a time namespace. */
	if (mapped->earlier_boot || mapped->created_ns > ta_host_now_ns())
		event.wall_offset_ns = (int64_t)(mapped->created_wall_ns - mapped->created_ns);
	ta_worker_event(worker, TA_EVENT_ATTACH, &event, sizeof(event));
	struct ta_segment_state *segment = ta_state_segment(&worker->state, mapped->id);

	mapped->unattached = segment == NULL;
	return segment;
}

static void found(void *user, struct ta_mapped *mapped)
{
	struct ta_worker *worker = user;

	ta_worker_attach(worker, mapped);
	if (!worker->keep) {
		free_agent_lanes(mapped);
		ta_asks_attach(mapped);
		atomic_store(&mapped->shared->agent_pid, (uint32_t)getpid());
		atomic_store(&mapped->shared->live_processes, 1);
	}
	worker->active_ns = worker->now_ns;
	if (!mapped->foreign && !mapped->earlier_boot)
		ta_processes_attach(worker, mapped);
}

/* No header: its creator is on the way, or died on the way. */
static void unfinished(struct ta_worker *worker, const struct ta_waiting_segment *file)
{
	struct stat info;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (worker->keep || ta_pid_alive(file->pid, UINT64_MAX) ||
	    fstatat(worker->dir_fd, file->name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
	    info.st_mtim.tv_sec + HEADER_WAIT_S > now.tv_sec)
		return;
	unlinkat(worker->dir_fd, file->name, 0);
	worker->segments.unfinished--;
	ta_log_say(&worker->log, "removed %s: its program died before it had written a header",
		   file->name);
}

static void rejected(void *user, const struct ta_waiting_segment *file)
{
	struct ta_worker *worker = user;
	char bad[TA_SEGMENT_NAME_BYTES + 8];

	if (file->error == -EAGAIN) {
		unfinished(worker, file);
		return;
	}
	if (file->error == -ENOENT)
		return; /* gone since the directory was read */
	if (file->error == -EINVAL && !worker->keep) {
		snprintf(bad, sizeof(bad), "%s.bad", file->name);
		if (renameat(worker->dir_fd, file->name, worker->dir_fd, bad) == 0)
			ta_log_say(&worker->log, "%s is no segment; renamed to %s: it may be removed",
				   file->name, bad);
		return;
	}
	if (strcmp(worker->rejected, file->name) == 0)
		return;
	memcpy(worker->rejected, file->name, sizeof(worker->rejected));
	if (file->error == -EPROTO)
		ta_log_say(&worker->log,
			   "%s was written by another version of tagalong; drain it with that one",
			   file->name);
	else
		ta_log_say(&worker->log, "cannot serve %s: %s: `tagalong doctor --pid PID` of its "
			   "program looks at it", file->name, strerror(-file->error));
}

void ta_worker_scan(struct ta_worker *worker)
{
	int before = worker->scan_error;
	int error = ta_segments_scan(&worker->segments, found, rejected, worker);

	worker->scan_error = error;
	if (error && error != before)
		ta_log_say(&worker->log, "cannot look for segments: %s: what is there waits for a look that "
			   "succeeds, or for the next agent", strerror(-error));
	worker->rescan = error != 0;
	if (worker->segments.unfinished > 0)
		worker->rescan = true; /* look again at the next tick */
}

void ta_worker_settle(struct ta_worker *worker)
{
	for (int i = 0; i < SETTLE_PASSES && worker->state.settling; i++)
		ta_drain_pass(worker);
}

static void look_after_segments(struct ta_worker *worker, bool slow)
{
	bool died = worker->someone_died;

	worker->someone_died = false;
	if (slow || died)
		ta_processes_check(worker);
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (!mapped->finished)
			ta_supply_lanes(worker, mapped, slow, died);
	}
	if (slow)
		ta_flush_parts(worker, false);
	ta_pressure_relieve(worker);
}

static void keep_journal(struct ta_worker *worker)
{
	struct ta_journal *journal = &worker->journal;
	int before = journal->error;

	ta_journal_write(journal);
	if (journal->error ? worker->now_ns >= worker->journal_retry_ns :
			     journal->new_bytes > worker->config.journal_bytes)
		ta_journal_rewrite(journal, &worker->state);
	ta_exporter_close(&worker->flush.exporter, journal->retired_fd);
	journal->retired_fd = -1;
	if (journal->error)
		worker->journal_retry_ns = worker->now_ns + JOURNAL_RETRY_NS;
	if (journal->error != before)
		ta_log_say(&worker->log, "%s%s%s",
			   journal->error ? "no journal, going on without: " : "journal again",
			   journal->error ? strerror(-journal->error) : "",
			   journal->error ? ": make room in the run directory" : "");
}

static void tell_losses(struct ta_worker *worker)
{
	if (worker->now_ns - worker->told_ns < TELL_EVERY_NS)
		return;
	worker->told_ns = worker->now_ns;
	ta_tell_state(worker);
}

/* Whether there is still something to do for this agent. */
static bool has_work(struct ta_worker *worker)
{
	uint64_t patience_ns = worker->config.agent_linger_ms * 1000000u;

	if (worker->segments.count > 0 || worker->segments.unfinished > 0 ||
	    worker->segments.key == TA_KEY_ALL) {
		worker->empty_since_ns = 0;
		return true;
	}
	if (worker->empty_since_ns == 0)
		worker->empty_since_ns = worker->now_ns;
	if (worker->state.buckets.group_count + worker->state.events.count > 0 &&
	    patience_ns < GIVE_UP_NS)
		patience_ns = GIVE_UP_NS;
	return worker->now_ns - worker->empty_since_ns < patience_ns ||
	       ta_destinations_busy(worker, worker->config.bsp_export_timeout_ms * 1000000u);
}

/* Writers wake us when a lane is half full.  While one fills quickly we look
 * earlier, by the clock, so that there is more room left when we come late. */
static void plan_nap(struct ta_worker *worker)
{
	uint64_t elapsed_ns = worker->now_ns - worker->read_ns;

	worker->read_ns = worker->now_ns;
	worker->nap_ns = 0;
	if (worker->filling > 0 && elapsed_ns < NAP_LAST_NS * 4)
		worker->nap_ns = elapsed_ns * NAP_FILLING / worker->filling;
	if (worker->nap_ns > NAP_LAST_NS)
		worker->nap_ns = 0;
	else if (worker->nap_ns && worker->nap_ns < NAP_FIRST_NS)
		worker->nap_ns = NAP_FIRST_NS;
}

/* A lane is full within a millisecond or two, so they come first, and again as
 * long as they fill quickly. */
static void read_lanes(struct ta_worker *worker)
{
	uint64_t until = worker->now_ns + READ_NS;

	for (;;) {
		ta_drain_pass(worker);
		plan_nap(worker);
		ta_flush_step(worker);
		if (worker->filling <= QUARTER || worker->now_ns >= until)
			return;
		worker->now_ns = ta_agent_now_ns();
	}
}

bool ta_worker_round(struct ta_worker *worker)
{
	worker->now_ns = ta_agent_now_ns();
	bool quiet = worker->now_ns - worker->active_ns > QUIET_AFTER_NS;
	bool slow = worker->now_ns >= worker->slow_ns;

	if (slow)
		worker->slow_ns = worker->now_ns + (quiet ? TICK_QUIET_NS : TICK_BUSY_NS);
	read_lanes(worker);
	if (worker->rescan) {
		ta_worker_scan(worker);
		ta_drain_pass(worker);
	}
	ta_crashes_look(worker);
	ta_undecided_look(worker);
	ta_asks_answer(worker);
	look_after_segments(worker, slow);
	ta_flush_look(worker);
	ta_flush_step(worker);
	ta_destinations_tick(worker);
	keep_journal(worker);
	ta_processes_drop(worker);
	tell_losses(worker);
	if (slow) {
		ta_report_status(worker);
		ta_live_tick(worker);
	}
	return has_work(worker);
}

void ta_worker_stop(struct ta_worker *worker)
{
	worker->now_ns = ta_agent_now_ns();
	ta_drain_pass(worker);
	ta_worker_settle(worker);
	ta_flush_parts(worker, true);
	ta_flush_run(worker, TA_FLUSH_SHUTDOWN);
	ta_asks_answer(worker);
	ta_tell_state(worker);
	ta_journal_write(&worker->journal);
}
