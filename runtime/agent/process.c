/* SPDX-License-Identifier: MIT */
/*
 * process.c - which processes live, and what happens when one does not.
 *
 * A process is dead when its pid is gone, a zombie, or was given to somebody who
 * was born later; when its image was replaced by exec; or, where its pid means
 * nothing to us (another pid namespace, a sandbox), when nobody maps its segment
 * any more.  A dead process's lanes are read once more before its open spans are
 * closed.  A segment without living processes is removed, once nobody maps it:
 * a forked child that never recorded anything may still be about to.
 *
 * Runs: agent, one thread.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/worker.h"

#define BORN_SLACK_NS 20000000ull
#define EXEC_WAIT_NS 500000000ull
#define UNKNOWN_CHECKS 64 /* processes without a pid that are looked for in one round */
#define SCAN_FIRST_NS 100000000ull
#define SCAN_LAST_NS 10000000000ull
#define CLOCK_SLACK_NS 60000000000ull
#define NOBODY_EVERY_NS 1000000000ull

/* /proc says when a process was born on a clock that also counts suspends. */
static uint64_t boot_minus_monotonic_ns(void)
{
	struct timespec boot, monotonic;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	return (uint64_t)(boot.tv_sec - monotonic.tv_sec) * 1000000000u +
	       (uint64_t)(boot.tv_nsec - monotonic.tv_nsec);
}

static bool parse_stat(char *text, char *ret_state, uint64_t *ret_born_ns)
{
	char *at = strrchr(text, ')'); /* the name may hold anything */
	unsigned long long ticks;

	if (!at || sscanf(at + 1,
			  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			  "%*d %*d %llu",
			  ret_state, &ticks) != 2)
		return false;
	*ret_born_ns = ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
	return true;
}

bool ta_pid_alive(uint32_t pid, uint64_t born_before_ns)
{
	char path[64], text[1024], state;
	uint64_t born_ns, offset = boot_minus_monotonic_ns();

	if (pid == 0 || pid > INT32_MAX) /* no process at all; to kill() it would be a group */
		return false;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (bytes <= 0) /* gone, or hidden from us */
		return kill((pid_t)pid, 0) == 0 || errno == EPERM;
	text[bytes] = '\0';
	if (!parse_stat(text, &state, &born_ns))
		return true;
	if (state == 'Z' || state == 'X')
		return false;
	return born_ns < offset || born_ns - offset <= born_before_ns;
}

static uint64_t born_before(const struct ta_proc *proc)
{
	return proc->process.start_ns ? proc->process.start_ns + BORN_SLACK_NS : UINT64_MAX;
}

/* Whether the process maps the file; -1 when we may not know. */
static int maps_file(uint32_t pid, dev_t device, ino_t inode)
{
	char path[64], line[4352];
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	FILE *file = fopen(path, "re");

	if (!file)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned int major_number, minor_number;
		unsigned long long number;

		found = sscanf(line, "%*x-%*x %*s %*x %x:%x %llu", &major_number, &minor_number,
			       &number) == 3 &&
			number == inode && makedev(major_number, minor_number) == device;
	}
	if (ferror(file))
		found = -1;
	fclose(file);
	return found;
}

/* Who else maps the segment.  Costs a look at every process, so one look serves
 * all questions of a moment. */
static const struct ta_mappers *find_mappers(struct ta_worker *worker,
					     const struct ta_mapped *mapped)
{
	struct ta_mappers *ret = &worker->mappers;

	if (ret->segment_id == mapped->id && ret->time_ns == worker->now_ns)
		return ret;
	DIR *dir = opendir("/proc");

	*ret = (struct ta_mappers){ .segment_id = mapped->id, .time_ns = worker->now_ns };
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		uint32_t pid = isdigit((unsigned char)entry->d_name[0]) ?
				       (uint32_t)strtoul(entry->d_name, NULL, 10) :
				       0;

		if (pid == 0 || pid == (uint32_t)getpid() || ret->count == 64)
			continue;
		if (maps_file(pid, mapped->device, mapped->inode) == 1)
			ret->pids[ret->count++] = pid;
	}
	if (dir)
		closedir(dir);
	return ret;
}

static struct ta_mapped *mapped_of(struct ta_worker *worker, uint64_t segment_id)
{
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->id == segment_id)
			return mapped;
	}
	return NULL;
}

static bool has_pid(struct ta_worker *worker, uint64_t segment_id, uint32_t pid)
{
	TA_LIST_EACH(at, &worker->state.procs.all) {
		const struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (proc->segment_id == segment_id && !proc->dead && proc->process.pid == pid)
			return true;
	}
	return false;
}

/* The innermost pid of a process, which is what it calls itself. */
static uint32_t inner_pid(uint32_t pid)
{
	char path[64], line[512];
	uint32_t inner = 0;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		char *last = strrchr(line, '\t');

		inner = last ? (uint32_t)strtoul(last + 1, NULL, 10) : 0;
		break;
	}
	if (file)
		fclose(file);
	return inner;
}

/* Finds the pid of a process that is known only by its records: the one that
 * maps the segment and calls itself so, or the only one that is not accounted for. */
static void learn_pid(struct ta_worker *worker, struct ta_proc *proc,
		      const struct ta_mappers *mappers)
{
	uint32_t candidate = 0, candidates = 0;

	for (uint32_t i = 0; i < mappers->count; i++) {
		uint32_t pid = mappers->pids[i];

		if (has_pid(worker, proc->segment_id, pid))
			continue;
		if (proc->host_pid && inner_pid(pid) == proc->host_pid) {
			proc->process.pid = pid;
			return;
		}
		candidate = pid;
		candidates++;
	}
	if (candidates == 1 && proc->host_pid == 0)
		proc->process.pid = candidate;
}

void ta_process_learn(struct ta_worker *worker, struct ta_proc *proc,
		      const struct ta_mapped *mapped)
{
	if (proc->process.pid == 0 && !proc->dead)
		learn_pid(worker, proc, find_mappers(worker, mapped));
}

static bool backed_off(struct ta_worker *worker, struct ta_proc *proc)
{
	if (!worker->once && worker->now_ns < proc->next_check_ns)
		return true;
	uint64_t delay = SCAN_FIRST_NS << (proc->checks < 7 ? proc->checks : 7);

	proc->checks++;
	proc->next_check_ns = worker->now_ns + (delay < SCAN_LAST_NS ? delay : SCAN_LAST_NS);
	return false;
}

/* Whether anybody at all maps the segment, whom we may not see: the program's lock belongs to
 * the open file behind its mapping (preload/segment_file.c). */
static bool is_held(const struct ta_mapped *mapped)
{
	if (!mapped->foreign || mapped->fd < 0)
		return false;
	if (flock(mapped->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	flock(mapped->fd, LOCK_UN);
	return false;
}

/* A process whose pid we do not know lives as long as somebody maps its segment
 * whom no other process accounts for.  In a pid namespace that is not below ours all
 * processes of a program live as long as one of them does. */
static bool unknown_alive(struct ta_worker *worker, struct ta_proc *proc,
			  const struct ta_mapped *mapped)
{
	if (worker->unknown_checks >= UNKNOWN_CHECKS || backed_off(worker, proc))
		return true;
	worker->unknown_checks++;
	const struct ta_mappers *mappers = find_mappers(worker, mapped);

	learn_pid(worker, proc, mappers);
	for (uint32_t i = 0; i < mappers->count; i++)
		if (mappers->pids[i] == proc->process.pid ||
		    !has_pid(worker, proc->segment_id, mappers->pids[i]))
			return true;
	return mappers->count == 0 && is_held(mapped);
}

/* After an EXEC record: whether the old image is still there (exec may fail). */
static bool image_alive(struct ta_worker *worker, struct ta_proc *proc,
			const struct ta_mapped *mapped)
{
	if (!worker->once && ta_host_now_ns() < proc->exec_ns + EXEC_WAIT_NS)
		return true;
	return backed_off(worker, proc) ||
	       maps_file(proc->process.pid, mapped->device, mapped->inode) != 0;
}

static bool pid_alive(struct ta_proc *proc)
{
	struct pollfd poll_pid = { .fd = proc->pidfd, .events = POLLIN };

	if (proc->pidfd >= 0)
		return poll(&poll_pid, 1, 0) == 0;
	return ta_pid_alive(proc->process.pid, born_before(proc));
}

static void forget_pid(struct ta_worker *worker, struct ta_proc *proc)
{
	if (proc->pidfd < 0)
		return;
	ta_watch_forget(&worker->watch, proc->pidfd);
	close(proc->pidfd);
	proc->pidfd = -1;
}

static void watch_pid(struct ta_worker *worker, struct ta_proc *proc)
{
	if (proc->pidfd >= 0 && proc->watched_pid == proc->process.pid)
		return;
	forget_pid(worker, proc); /* its parent knows it by another number */
	proc->watched_pid = proc->process.pid;
	proc->pidfd = ta_watch_pid(&worker->watch, proc->process.pid);
	/* Gone before we could watch it: the pidfd may be a stranger's. */
	if (!ta_pid_alive(proc->process.pid, born_before(proc)))
		forget_pid(worker, proc);
}

/* Its clock began elsewhere than ours.  Clocks are also set while a machine runs, so
 * that alone says nothing as long as somebody maps the file. */
bool ta_segment_outlived(struct ta_worker *worker, const struct ta_mapped *mapped)
{
	uint64_t now_ns = ta_host_now_ns(); /* the round began before the file was there */
	struct timespec wall;

	if (mapped->created_wall_ns == 0)
		return false;
	clock_gettime(CLOCK_REALTIME, &wall);
	uint64_t now_offset = (uint64_t)wall.tv_sec * 1000000000u + (uint64_t)wall.tv_nsec - now_ns;
	/* Any two numbers, since a program wrote them: so the shorter way round. */
	uint64_t apart = mapped->created_wall_ns - mapped->created_ns - now_offset;

	apart = apart < -apart ? apart : -apart;
	return (mapped->created_ns > now_ns || apart > CLOCK_SLACK_NS) &&
	       maps_file(mapped->pid, mapped->device, mapped->inode) == 0 &&
	       find_mappers(worker, mapped)->count == 0;
}

static bool is_alive(struct ta_worker *worker, struct ta_proc *proc)
{
	struct ta_mapped *mapped = mapped_of(worker, proc->segment_id);

	if (!mapped || mapped->earlier_boot)
		return false;
	if (proc->process.pid == 0)
		return unknown_alive(worker, proc, mapped);
	watch_pid(worker, proc);
	/* One whose clock is another than ours looks older or younger than it is. */
	if (!pid_alive(proc) &&
	    maps_file(proc->process.pid, mapped->device, mapped->inode) != 1)
		return false;
	return proc->exec_ns == 0 || image_alive(worker, proc, mapped);
}

static uint64_t time_of_death(const struct ta_proc *proc)
{
	uint64_t time_ns = proc->end_record_ns ? proc->end_record_ns : ta_host_now_ns();

	if (proc->process.wall_offset_ns) /* now is another clock's */
		time_ns = proc->end_record_ns ? proc->end_record_ns : proc->last_ns;

	if (proc->exec_ns)
		time_ns = proc->exec_ns;
	return time_ns > proc->last_ns ? time_ns : proc->last_ns;
}

static void bury(struct ta_worker *worker, struct ta_proc *proc)
{
	struct ta_event_dead event = { .proc_id = proc->process.proc_id,
				       .time_ns = time_of_death(proc) };

	forget_pid(worker, proc);
	ta_worker_event(worker, TA_EVENT_DEAD, &event, sizeof(event));
	worker->flush.soon |= proc->contributed;
}

/* Finds the dead, reads what they left, and closes their spans. */
static void find_dead(struct ta_worker *worker)
{
	uint32_t count = 0;
	struct ta_proc **dead = calloc(worker->state.procs.count + 1, sizeof(dead[0]));

	if (!dead)
		return;
	TA_LIST_EACH(at, &worker->state.procs.all) {
		struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (!proc->dead && proc->segment_id && !is_alive(worker, proc))
			dead[count++] = proc;
	}
	if (count > 0)
		ta_drain_pass(worker);
	if (worker->starved && !worker->once)
		count = 0;
	for (uint32_t i = 0; i < count; i++)
		bury(worker, dead[i]);
	free(dead);
}

static uint32_t count_living(struct ta_worker *worker, const struct ta_mapped *mapped)
{
	uint32_t count = 0;

	TA_LIST_EACH(at, &worker->state.procs.all) {
		const struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		count += proc->segment_id == mapped->id && !proc->dead;
	}
	return count;
}

/* All processes that we know of are dead; whether there can be no others. */
static bool is_finished(struct ta_worker *worker, struct ta_mapped *mapped)
{
	const struct ta_proc *creator = ta_procs_find(&worker->state.procs, mapped->proc_id);

	if (mapped->earlier_boot ||
	    (creator && creator->dead && atomic_load(&mapped->shared->forks) == 0))
		return true;
	if (!worker->once && worker->now_ns < mapped->nobody_check_ns)
		return false;
	mapped->nobody_check_ns = worker->now_ns + NOBODY_EVERY_NS;
	if (mapped->mapper_pid &&
	    maps_file(mapped->mapper_pid, mapped->device, mapped->inode) == 1)
		return false;
	const struct ta_mappers *mappers = find_mappers(worker, mapped);

	mapped->mapper_pid = mappers->count ? mappers->pids[0] : 0;
	return mappers->count == 0 && !is_held(mapped);
}

static void finish(struct ta_worker *worker, struct ta_mapped *mapped)
{
	struct ta_event_id event = { .segment_id = mapped->id };
	const struct ta_buckets *buckets = &worker->state.buckets;

	ta_drain_pass(worker); /* whoever forked unseen may have written meanwhile */
	if (worker->starved && !worker->once)
		return;
	ta_tell_segment(worker, mapped);
	ta_worker_event(worker, TA_EVENT_GONE, &event, sizeof(event));
	worker->flush.soon = true;
	if (worker->once) {
		ta_segment_drop(&worker->segments, mapped, !worker->keep);
		return;
	}
	ta_worker_settle(worker);
	mapped->finished = true;
	mapped->last_group = buckets->groups_gone + buckets->group_count;
	mapped->last_event = worker->state.events.gone + worker->state.events.count;
}

/* The last one to close the file frees its pages, which takes a while. */
static void drop(struct ta_worker *worker, struct ta_mapped *mapped)
{
	int fd = mapped->fd;

	mapped->fd = -1;
	worker->lost_gone += ta_lost_records(mapped);
	ta_segment_drop(&worker->segments, mapped, !worker->keep);
	ta_exporter_close(&worker->flush.exporter, fd);
}

/* `tagalong run` takes the absence of the file for "all is there": so it goes when
 * what its processes left is written, or cannot be written. */
void ta_processes_drop(struct ta_worker *worker)
{
	const struct ta_way *spans = &worker->flush.ways[TA_OUTPUT_SPANS];
	const struct ta_way *events = &worker->flush.ways[TA_OUTPUT_EVENTS];
	const struct ta_state *state = &worker->state;

	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->finished &&
		    (spans->error || state->buckets.groups_gone >= mapped->last_group) &&
		    (events->error || state->events.gone >= mapped->last_event))
			drop(worker, mapped);
	}
}

void ta_processes_check(struct ta_worker *worker)
{
	worker->unknown_checks = 0;
	find_dead(worker);
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->finished)
			continue;
		uint32_t living = count_living(worker, mapped);

		if (living == 0 && is_finished(worker, mapped)) {
			finish(worker, mapped);
			continue;
		}
		/* None that we know, and not finished: one that we do not know. */
		if (!worker->keep)
			atomic_store(&mapped->shared->live_processes, living ? living : 1);
	}
}

/* A new image of a pid that we know: the image before it is gone. */
static struct ta_proc *image_before(struct ta_worker *worker, const struct ta_mapped *mapped)
{
	TA_LIST_EACH(at, &worker->state.procs.all) {
		struct ta_proc *proc = TA_CONTAINER(at, struct ta_proc, link);

		if (proc->dead || proc->segment_id == 0 || proc->segment_id == mapped->id ||
		    proc->process.pid != mapped->pid || mapped->pid == 0 ||
		    proc->process.start_ns > mapped->created_ns)
			continue;
		return proc;
	}
	return NULL;
}

void ta_processes_attach(struct ta_worker *worker, struct ta_mapped *mapped)
{
	struct ta_proc *proc;

	while ((proc = image_before(worker, mapped)) != NULL) {
		ta_drain_pass(worker);
		if (proc->exec_ns == 0 && proc->end_record_ns == 0)
			proc->exec_ns = mapped->created_ns;
		bury(worker, proc);
	}
}
