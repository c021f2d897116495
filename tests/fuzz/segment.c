/* SPDX-License-Identifier: MIT */
/*
 * segment.c - fuzzes whole segments: lanes, directory, records and scopes across lanes, the area
 * of a crash, and everything that a hostile program may write over them.
 *
 * Input: a byte that says how (bit 0: its program is dead; bit 1: its file is cut short once it
 * is mapped, where the last two bytes say; bit 2: it is changed once it is mapped), then changes
 * of a sound segment with two lanes: where (0: the header and the directory, 1, 2: a lane's
 * head, 3, 4: its ring, 5: the ring of its signals, 6: the area of a crash; +8: the next byte
 * counts eights), a byte of place, one of length, and the bytes.
 *
 * An agent goes round, stops, and another one takes over: what the journal says is what they held;
 * both have taken what could be taken; what they write are lines of JSON.  `tagalong doctor` says
 * whole lines of it that a terminal can show.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/torn.h"
#include "runtime/agent/worker.h"
#include "runtime/cli/doctor.h"
#include "runtime/protocol/json.h"
#include "runtime/wire/crash.h"
#include "tests/unit/support_segment.h"

#define KEY 7u
#define LANES 2u
#define DEAD_PID 0x3ffffff0u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct host host;
static char file_setting[600];

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* ---- the program ---- */

static void fill_crash(struct ta_segment *segment)
{
	struct ta_crash *area = ta_segment_crash(segment);

	area->pid = segment->pid;
	area->tid = segment->pid;
	area->signal = 11;
	area->register_count = TA_REGISTERS;
	area->stack_bytes = 64;
	area->proc_id = segment->proc_id;
	area->event_hi = 1;
	area->event_lo = 9;
	area->stack_at = 0x7ffe0000;
	atomic_store(&area->state, TA_CRASH_FILLED);
	atomic_store(&segment->flags, TA_SEGMENT_CRASHED);
}

static void write_signal(struct host_thread *thread)
{
	struct host_thread signal = *thread;

	signal.ring = thread->signal_ring;
	host_start(&signal, 2, 20, 0, TA_SPAN_SIGNAL);
	host_end(&signal, 20);
	thread->seq = signal.seq;
}

static void write_program(uint32_t pid)
{
	struct host_thread one, two;

	host_segment(&host, pid, LANES);
	host_thread(&host, &one, 0, host.proc_id, 0, pid, pid);
	host_thread(&host, &two, 1, host.proc_id, 0, pid, pid + 1);
	host_tag(&one, 100, 0, "plan", "pro", TA_SCOPE_GLOBAL);
	host_start(&one, 1, 10, 0, TA_SPAN_API);
	host_tag(&two, 101, 100, "user", "x", 0);
	host_start(&two, 1, 11, 10, TA_SPAN_API);
	write_signal(&one);
	host_end(&two, 11);
	host_event(&two, 9, "it broke");
	host_end(&one, 10);
	host_start(&two, 3, 30, 0, TA_SPAN_API); /* stays open */
	fill_crash(host.segment);
}

static size_t place_of(uint8_t where, size_t at)
{
	struct ta_segment *segment = host.segment;
	char *places[] = { (char *)segment,
			   (char *)ta_lane_at(segment, 0),
			   (char *)ta_lane_at(segment, 1),
			   (char *)ta_lane_ring(ta_lane_at(segment, 0)),
			   (char *)ta_lane_ring(ta_lane_at(segment, 1)),
			   (char *)ta_lane_signal_ring(segment, ta_lane_at(segment, 0)),
			   (char *)ta_segment_crash(segment), (char *)segment };

	return (size_t)(places[where & 7] - (char *)segment) + (where & 8 ? at * 8 : at);
}

/* Places are those of the sound one. */
static void change(const uint8_t *data, size_t bytes)
{
	size_t total = host.segment->total_bytes;
	char *copy = malloc(total);

	memcpy(copy, host.segment, total);
	while (bytes >= 3) {
		size_t at = place_of(data[0], data[1]), length = data[2];

		data += 3, bytes -= 3;
		length = length < bytes ? length : bytes;
		length = length < total - at ? length : total - at;
		memcpy(copy + at, data, length);
		data += length, bytes -= length;
	}
	memcpy(host.segment, copy, total);
	free(copy);
}

/* ---- the agent ---- */

struct held {
	uint32_t held, groups, events;
};

/* When nothing settles any more: the last passes need not be in the journal. */
static struct held held_by(struct ta_worker *worker)
{
	for (int pass = 0; pass < 8; pass++)
		ta_state_apply(&worker->state, TA_EVENT_PASS, NULL, 0);
	return (struct held){ worker->state.buckets.held_count, worker->state.buckets.group_count,
			      worker->state.events.count };
}

static void check_idle(const struct ta_worker *worker)
{
	TA_LIST_EACH(at, &worker->segments.mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		for (uint32_t index = 0; !mapped->torn && ta_mapped_next(mapped, &index); index++)
			demand(ta_drain_idle(mapped, index));
	}
}

static struct ta_worker *new_agent(int dir_fd)
{
	char *environment[] = { file_setting, (char *)"TAGALONG_LOG=none", NULL };
	struct ta_agent_options options = { .run_dir = host.dir, .key = KEY, .envp = environment,
					    .cwd = "/" };
	struct ta_worker *worker = calloc(1, sizeof(*worker));

	worker->once = true;
	demand(ta_worker_init(worker, &options, dir_fd) == 0);
	return worker;
}

static struct ta_worker *begin_agent(int dir_fd)
{
	struct ta_worker *worker = new_agent(dir_fd);

	demand(ta_worker_resume(worker, NULL) == 0);
	ta_torn_watch(&worker->segments);
	return worker;
}

static void free_agent(struct ta_worker *worker)
{
	ta_worker_fini(worker);
	free(worker);
}

/* What the journal says is what was held. */
static void check_journal(int dir_fd, struct held before)
{
	struct ta_worker *worker = new_agent(dir_fd);
	struct held after;

	demand(ta_journal_replay(&worker->journal, &worker->state) == 0);
	after = held_by(worker);
	demand(before.held == after.held && before.groups == after.groups && before.events == after.events);
	free_agent(worker);
}

static void end_agent(struct ta_worker *worker, int dir_fd)
{
	ta_worker_stop(worker);
	check_idle(worker);
	struct held held = held_by(worker);

	free_agent(worker);
	check_journal(dir_fd, held);
}

static void run_agents(int dir_fd, uint8_t how, const uint8_t *data, size_t bytes)
{
	size_t total = host.segment->total_bytes, cut = bytes < 2 ? 0 : data[bytes - 2] | (size_t)data[bytes - 1] << 8;
	struct ta_worker *worker = begin_agent(dir_fd);

	if (how & 4)
		change(data, bytes);
	if (how & 2 && truncate(host.path, (off_t)(cut * 8 % total)) != 0)
		demand(errno == ENOENT); /* it was no segment any more */
	for (int round = 0; round < 3; round++)
		ta_worker_round(worker);
	end_agent(worker, dir_fd);
	end_agent(begin_agent(dir_fd), dir_fd);
}

/* ---- who looks at it ---- */

static void check_note(void *user, enum ta_cli_level level, const char *text)
{
	(void)user, (void)level;
	demand(*text != '\0');
	for (; *text; text++)
		demand(!iscntrl((unsigned char)*text));
}

static void ask_doctor(void)
{
	static struct ta_doctor_mapping mapping;
	static struct ta_doctor_segment segment;
	static struct ta_doctor_proc proc;
	struct ta_doctor doctor = { .findings = { .note = check_note } };
	struct stat found;

	proc.pid = proc.inner_pid = (uint32_t)getpid();
	if (stat(host.path, &found) != 0)
		return; /* the agent has removed it */
	snprintf(mapping.path, sizeof(mapping.path), "%s", host.path);
	mapping.bytes = (uint64_t)found.st_size;
	mapping.inode = found.st_ino;
	ta_doctor_segment(&doctor, &proc, &mapping, &segment);
	free(segment.header);
}

static void check_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;

	while (file && (bytes = getline(&line, &room, file)) > 0)
		demand(line[bytes - 1] == '\n' && ta_json_valid(line, (size_t)bytes - 1) &&
		       ta_utf8_valid(line, (size_t)bytes - 1));
	if (file)
		fclose(file);
	free(line);
}

/* ---- the directory ---- */

static void empty_directory(int dir_fd)
{
	DIR *dir = opendir(host.dir);

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			unlinkat(dir_fd, entry->d_name, 0);
	closedir(dir);
}

static void remove_directory(void)
{
	host_remove_dir(&host);
}

static int directory(void)
{
	static int fd = -1;

	if (fd >= 0)
		return fd;
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
	host_dir(&host, KEY);
	atexit(remove_directory);
	snprintf(file_setting, sizeof(file_setting), "TAGALONG_FILE=%s", host.out);
	demand(ta_run_dir_open(host.dir, &fd) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	int dir_fd = directory();

	if (bytes < 1 || bytes > 20000)
		return 0;
	write_program(data[0] & 1 ? DEAD_PID : (uint32_t)getpid());
	size_t total = host.segment->total_bytes;

	if (!(data[0] & 4))
		change(data + 1, bytes - 1);
	ask_doctor();
	run_agents(dir_fd, data[0], data + 1, bytes - 1);
	check_lines(host.out);
	check_lines(host.events);
	munmap(host.segment, total);
	empty_directory(dir_fd);
	return 0;
}
