/* SPDX-License-Identifier: MIT */
/*
 * main.c - the agent as a pair of processes.
 *
 * The watcher starts a new worker when one dies; the journal lets the new one go
 * on.  A worker whose watcher dies splits: the child goes on as the worker with
 * everything in memory, the parent becomes the watcher.  The lock belongs to the
 * open file that both have, so it is held as long as either lives.
 *
 * A program writes its segment and then looks whether the lock is held.  So an
 * agent that ends lets go of the lock first and then looks for segments once
 * more: one of the two always sees the other.
 *
 * Runs: agent.  The signal handler sets a flag and pokes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/confine.h"
#include "runtime/agent/lock.h"
#include "runtime/agent/priority.h"
#include "runtime/agent/torn.h"
#include "runtime/agent/worker.h"

#define DEATHS_MAX 5
#define STOP_PATIENCE_NS 5000000000ull	/* of who stops us */
#define SPLIT_PATIENCE_NS 2000000000ull /* for requests that are under way */
#define DEATHS_WITHIN_NS 10000000000ull

struct agent {
	struct ta_agent_options options;
	int dir_fd;
	int lock_fd;
	int confine_error;
	struct ta_working_on *working_on;
	pid_t watcher;
	pid_t worker;
	uint64_t deaths_ns[DEATHS_MAX]; /* the newest ones */
	uint32_t deaths;
};

static volatile sig_atomic_t stop_asked;
static struct ta_watch *poke_at; /* the worker's, while it serves */

static void on_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
	if (poke_at)
		ta_watch_poke(poke_at);
}

static void set_signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop }, ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL); /* EFBIG instead */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* How long the next round can wait when nothing calls for it. */
static uint64_t pause_ns(const struct ta_worker *worker)
{
	uint64_t now = ta_agent_now_ns(), next = worker->slow_ns;
	uint64_t due = ta_flush_wake_ns(worker), nap = worker->read_ns + worker->nap_ns;

	if (worker->nap_ns)
		return nap > now ? nap - now : 0;
	next = due < next ? due : next;
	due = ta_destinations_wake_ns(worker);
	next = due < next ? due : next;
	due = ta_crashes_wake_ns(worker);
	next = due < next ? due : next;
	return next > now + 1000000 ? next - now : 1000000;
}

static void become_watcher(struct agent *agent, struct ta_worker *worker, pid_t child);

static void start_threads(struct ta_worker *worker)
{
	ta_priority_set();
	ta_watch_start(&worker->watch, worker->dir_fd);
	ta_exporter_start(&worker->flush.exporter, &worker->watch);
	if (worker->flush.exporter.delivery &&
	    ta_delivery_start(worker->flush.exporter.delivery) != 0)
		ta_log_say(&worker->log, "no thread could be made (ulimit -u, memory): nothing is sent, all of "
			   "it waits on disk for the next agent");
}

static void stop_threads(struct ta_worker *worker, uint64_t patience_ns)
{
	ta_exporter_stop(&worker->flush.exporter);
	if (worker->flush.exporter.delivery)
		ta_delivery_stop(worker->flush.exporter.delivery, patience_ns);
	ta_watch_stop(&worker->watch);
}

/* Our watcher has died: the child of this fork is the worker from now on. */
static void split(struct agent *agent, struct ta_worker *worker)
{
	ta_flush_wait(worker); /* no thread, no lock, no half-written line at the fork */
	stop_threads(worker, SPLIT_PATIENCE_NS);
	pid_t parent = getpid(), child = fork();

	if (child > 0)
		become_watcher(agent, worker, child);
	if (child == 0) {
		agent->watcher = parent;
		prctl(PR_SET_NAME, "tagalong-agent");
		TA_LIST_EACH(at, &worker->segments.mapped)
			atomic_store(&TA_CONTAINER(at, struct ta_mapped, link)->shared->agent_pid,
				     (uint32_t)getpid());
	}
	start_threads(worker);
	TA_LIST_EACH(at, &worker->state.procs.all) {
		struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (proc->pidfd >= 0)
			close(proc->pidfd);
		proc->pidfd = -1; /* of the helper that is gone */
	}
	worker->rescan = true;
}

/* What cannot be sent in time waits in the spool for the next agent. */
static void stop_serving(struct ta_worker *worker)
{
	uint64_t patience_ns = worker->config.bsp_export_timeout_ms * 1000000u;

	ta_worker_stop(worker);
	ta_report_status(worker);
	ta_exporter_collect(&worker->flush.exporter);
	ta_exporter_stop(&worker->flush.exporter);
	if (patience_ns > STOP_PATIENCE_NS)
		patience_ns = STOP_PATIENCE_NS;
	if (worker->flush.exporter.delivery)
		ta_delivery_flush(worker->flush.exporter.delivery, patience_ns);
}

static void serve(struct agent *agent, struct ta_worker *worker)
{
	while (!stop_asked && ta_worker_round(worker)) {
		struct ta_watch_news news =
			ta_watch_wait(&worker->watch, &worker->segments, pause_ns(worker));

		worker->rescan |= news.directory;
		worker->someone_died |= news.deaths;
		if (agent->watcher && getppid() != agent->watcher)
			split(agent, worker);
	}
	if (stop_asked)
		stop_serving(worker);
	else
		ta_tell_state(worker); /* it may not have been time for that */
}

static bool is_empty(const struct ta_worker *worker)
{
	return worker->segments.count == 0 && worker->state.buckets.held_count == 0 &&
	       worker->state.events.count == 0;
}

/* Lets go of the lock and looks once more.  True: there is work, and the lock
 * is ours again. */
static bool take_up_again(struct agent *agent, struct ta_worker *worker)
{
	ta_flush_wait(worker);
	if (is_empty(worker))
		ta_journal_remove(&worker->journal);
	if (worker->state.buckets.group_count + worker->state.events.count > 0)
		ta_log_say(&worker->log,
			   "%u spans and %u events could not be written; the next agent will try",
			   worker->state.buckets.group_spans, worker->state.events.count);
	if (stop_asked)
		return false;
	ta_lock_release(agent->lock_fd);
	if (!ta_segments_any(&worker->segments))
		return false;
	if (ta_lock_again(agent->lock_fd) != 0)
		return false;
	if (ta_lock_stale(agent->dir_fd, agent->options.key, agent->lock_fd))
		return false;
	ta_worker_scan(worker);
	if (worker->segments.count == 0 && worker->segments.unfinished == 0)
		return false; /* only such that we cannot serve */
	ta_journal_rewrite(&worker->journal, &worker->state);
	worker->empty_since_ns = 0;
	return true;
}

/* A log of its own, for who has no worker. */
static void open_log(const struct agent *agent, struct ta_log *log)
{
	struct ta_config config;

	ta_config_load(&config, agent->options.envp, NULL, NULL);
	ta_log_init(log, &config, agent->options.envp, agent->options.cwd);
}

static int no_worker(const struct agent *agent)
{
	struct ta_log log;

	open_log(agent, &log);
	ta_log_say(&log, "cannot start: %s: what is recorded waits for the next agent",
		   strerror(ENOMEM));
	ta_log_fini(&log);
	return 1;
}

static int work(struct agent *agent)
{
	struct ta_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return no_worker(agent);
	int error = ta_worker_init(worker, &agent->options, agent->dir_fd);

	if (error)
		ta_log_say(&worker->log, "cannot start: %s: `tagalong doctor` looks for the cause",
			   strerror(-error));
	if (error)
		return 1;
	prctl(PR_SET_NAME, "tagalong-agent");
	if (agent->confine_error)
		ta_log_debug(&worker->log, "not confined as it should be (%s); it serves all the same",
			     strerror(-agent->confine_error));
	worker->working_on = agent->working_on;
	ta_torn_watch(&worker->segments);
	error = ta_worker_resume(worker, NULL);
	if (error)
		ta_log_say(&worker->log, "cannot start: no place for the spans (%s); set TAGALONG_FILE",
			   strerror(-error));
	if (error)
		return 1;
	start_threads(worker);
	poke_at = &worker->watch;
	do
		serve(agent, worker);
	while (take_up_again(agent, worker));
	poke_at = NULL;
	stop_threads(worker, 0);
	ta_worker_fini(worker);
	free(worker);
	return 0;
}

/* The segment that the dead worker was busy with, out of the way. */
static void quarantine(struct agent *agent)
{
	char name[TA_SEGMENT_NAME_BYTES], bad[TA_SEGMENT_NAME_BYTES + 8];
	struct ta_log log;

	memcpy(name, agent->working_on->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	open_log(agent, &log);
	snprintf(bad, sizeof(bad), "%s.bad", name);
	if (name[0] && renameat(agent->dir_fd, name, agent->dir_fd, bad) == 0)
		ta_log_say(&log, "%d workers died over %s; renamed to %s: that program is not served any "
				 "more; keep the file for a report of the fault", DEATHS_MAX, name, bad);
	else
		ta_log_say(&log, "%d workers died within 10 s: giving up; what is recorded waits for the "
				 "next agent, or for `tagalong drain`", DEATHS_MAX);
	ta_log_fini(&log);
	agent->working_on->name[0] = '\0';
}

/* False when workers die faster than it makes sense to start them. */
static bool note_death(struct agent *agent)
{
	uint64_t now = ta_agent_now_ns();
	uint64_t oldest = agent->deaths_ns[agent->deaths % DEATHS_MAX];

	agent->deaths_ns[agent->deaths++ % DEATHS_MAX] = now;
	if (agent->deaths < DEATHS_MAX || now - oldest > DEATHS_WITHIN_NS)
		return true;
	bool had_name = agent->working_on->name[0] != '\0';

	quarantine(agent);
	agent->deaths = 0;
	memset(agent->deaths_ns, 0, sizeof(agent->deaths_ns));
	return had_name;
}

/* Waits for the worker; true when it died of something. */
static bool wait_for_worker(struct agent *agent)
{
	int status;

	while (waitpid(agent->worker, &status, 0) < 0) {
		if (errno != EINTR)
			return false;
		if (stop_asked)
			kill(agent->worker, SIGTERM);
	}
	return WIFSIGNALED(status);
}

static int start_worker(struct agent *agent)
{
	agent->watcher = getpid();
	agent->worker = fork();
	if (agent->worker == 0)
		_exit(work(agent));
	return agent->worker < 0 ? -errno : 0;
}

static int watch_over(struct agent *agent)
{
	prctl(PR_SET_NAME, "tagalong-watch");
	while (wait_for_worker(agent)) {
		if (stop_asked || !note_death(agent))
			return 1;
		if (start_worker(agent) != 0)
			return 1;
	}
	return 0;
}

static void close_all_but(int first, int second)
{
	int low = first < second ? first : second, high = first < second ? second : first;

	if (low > 3)
		close_range(3, (unsigned int)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned int)low + 1, (unsigned int)high - 1, 0);
	close_range((unsigned int)high + 1, ~0u, 0);
}

static void become_watcher(struct agent *agent, struct ta_worker *worker, pid_t child)
{
	poke_at = NULL;
	ta_segments_fini(&worker->segments); /* would keep removed files' memory */
	/* The locks of the spools belong to the open files: the worker's alone from now on. */
	close_all_but(agent->dir_fd, agent->lock_fd);
	agent->worker = child;
	agent->deaths = 0;
	_exit(watch_over(agent));
}

/* Out of the caller's session, directory, terminal and descriptors.  Returns
 * false in a parent that has nothing more to do. */
static bool detach(const struct agent *agent)
{
	if (getsid(0) != getpid() && setsid() < 0) {
		pid_t child = fork();

		if (child != 0)
			return false;
		setsid();
	}
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null_fd >= 0 && fd <= 2; fd++)
		dup2(null_fd, fd);
	if (chdir("/") == 0)
		umask(077);
	close_all_but(agent->dir_fd, agent->lock_fd);
	return true;
}

static void confine(struct agent *agent)
{
	if (agent->options.confine)
		agent->confine_error = ta_confine();
}

static int serve_apart(struct agent *agent)
{
	if (agent->options.foreground) {
		confine(agent);
		return work(agent);
	}
	if (!detach(agent))
		return 0;
	ta_priority_session();
	ta_priority_memory();
	confine(agent);
	return start_worker(agent) == 0 ? watch_over(agent) : 1;
}

int ta_agent_run(const struct ta_agent_options *options)
{
	struct agent agent = { .options = *options, .lock_fd = -1 };
	int error = ta_run_dir_open(options->run_dir, &agent.dir_fd);

	if (error) {
		fprintf(stderr, "tagalong: agent: %s: %s\n", options->run_dir,
			error == -EPERM ? "not ours, or others can write to it; chmod 0700 it" :
					  strerror(-error));
		return 1;
	}
	error = ta_lock_inherited(agent.dir_fd, options->key, options->lock_fd, &agent.lock_fd);
	if (error)
		error = ta_lock_take(agent.dir_fd, options->key, &agent.lock_fd);
	if (error) {
		if (error != -EWOULDBLOCK)
			fprintf(stderr, "tagalong: agent: cannot lock in %s: %s\n",
				options->run_dir, strerror(-error));
		close(agent.dir_fd);
		return error == -EWOULDBLOCK ? 0 : 1;
	}
	agent.working_on = mmap(NULL, TA_WIRE_PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (agent.working_on == MAP_FAILED)
		return 1;
	stop_asked = 0;
	set_signals();
	int status = serve_apart(&agent);

	close(agent.lock_fd);
	close(agent.dir_fd);
	return status;
}
