/* SPDX-License-Identifier: MIT */
/*
 * support_segment.c - a host made by hand.
 */
#include "tests/unit/support_segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/agent/agent.h"
#include "runtime/wire/crash.h"

#define LANE_BYTES 65536u
#define SIGNAL_BYTES 4096u

uint64_t host_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t random_id(void)
{
	static uint64_t state;
	static pid_t owner; /* a forked child draws numbers of its own */

	if (owner != getpid())
		state = host_now_ns() ^ ((uint64_t)getpid() << 40);
	owner = getpid();
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state ^ (state >> 31);
}

void host_dir(struct host *host, uint32_t key)
{
	const char *base = getenv("TMPDIR");

	memset(host, 0, sizeof(*host));
	host->key = key;
	snprintf(host->dir, sizeof(host->dir), "%s/tagalong-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(host->dir))
		exit(77);
	snprintf(host->out, sizeof(host->out), "%s/out.jsonl", host->dir);
	snprintf(host->events, sizeof(host->events), "%s/out.logs.jsonl", host->dir);
}

void host_remove_dir(const struct host *host)
{
	char path[1024];
	DIR *dir = opendir(host->dir);

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
		snprintf(path, sizeof(path), "%s/%s", host->dir, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(host->dir);
}

void host_segment(struct host *host, uint32_t pid, uint32_t lane_count)
{
	uint32_t header = ta_segment_header_bytes(lane_count);
	uint64_t total = header + (uint64_t)lane_count * LANE_BYTES + TA_CRASH_BYTES;
	struct stat ns;

	snprintf(host->path, sizeof(host->path), "%s/%08x-%u-%016llx.seg", host->dir, host->key, pid,
		 (unsigned long long)random_id());
	int fd = open(host->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)total) != 0)
		exit(77);
	struct ta_segment *segment =
		mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (segment == MAP_FAILED)
		exit(77);
	host->proc_id = random_id();
	host->segment = segment;
	segment->wire_version = TA_WIRE_VERSION;
	segment->header_bytes = header;
	segment->lane_count = lane_count;
	segment->lane_bytes = LANE_BYTES;
	segment->signal_ring_bytes = SIGNAL_BYTES;
	segment->pid = pid;
	segment->total_bytes = total;
	segment->proc_id = host->proc_id;
	segment->created_ns = host_now_ns();
	segment->key = host->key;
	segment->uid = geteuid();
	segment->pid_namespace = stat("/proc/self/ns/pid", &ns) == 0 ? ns.st_ino : 0;
	strcpy(segment->exe, "/usr/bin/by-hand");
	for (uint32_t i = 0; i < lane_count; i++)
		atomic_store(&ta_segment_ready(segment)[i], 1);
	atomic_store(&segment->magic, TA_WIRE_MAGIC);
}

bool host_put(struct host_thread *thread, const void *record, uint32_t bytes)
{
	struct ta_record *room = ta_ring_reserve(&thread->ring, bytes);

	if (!room)
		return false;
	memcpy(room, record, bytes);
	room->units = (uint16_t)(bytes / 8);
	room->seq = ++thread->seq;
	ta_ring_commit(&thread->ring, bytes);
	return true;
}

void host_thread(struct host *host, struct host_thread *thread, uint32_t index, uint64_t proc_id,
		 uint64_t parent_proc_id, uint32_t pid, uint32_t tid)
{
	struct ta_lane *lane = ta_lane_at(host->segment, index);
	struct ta_record_thread record = { .head = { .kind = TA_RECORD_THREAD },
					   .proc_id = proc_id,
					   .parent_proc_id = parent_proc_id,
					   .time_ns = host_now_ns(),
					   .pid = pid,
					   .tid = tid };

	atomic_store(&ta_segment_owners(host->segment)[index], random_id() | 2);
	atomic_store(&lane->pid, pid);
	atomic_store(&lane->tid, tid);
	atomic_store(&lane->proc_id, proc_id);
	atomic_store(&lane->claimed_ns, host_now_ns());
	thread->lane = lane;
	thread->global = 0;
	thread->seq = atomic_load(&lane->seq);
	ta_ring_writer_init(&thread->ring, ta_lane_ring(lane), ta_lane_ring_bytes(host->segment),
			    &lane->head, &lane->tail);
	ta_ring_writer_init(&thread->signal_ring, ta_lane_signal_ring(host->segment, lane),
			    SIGNAL_BYTES, &lane->signal_head, &lane->signal_tail);
	host_put(thread, &record, sizeof(record));
}

bool host_start_at(struct host_thread *thread, uint64_t trace, uint64_t span, uint64_t start_ns)
{
	struct ta_record_span_start record = { .head = { .kind = TA_RECORD_SPAN_START },
					       .trace_hi = 1,
					       .trace_lo = trace,
					       .span_id = span,
					       .start_ns = start_ns,
					       .type = TA_SPAN_API,
					       .flags = TA_SPAN_OF_THREAD };

	return host_put(thread, &record, sizeof(record));
}

bool host_start(struct host_thread *thread, uint64_t trace, uint64_t span, uint64_t parent,
		enum ta_span_type type)
{
	struct ta_record_span_start record = { .head = { .kind = TA_RECORD_SPAN_START },
					       .trace_hi = 1,
					       .trace_lo = trace,
					       .span_id = span,
					       .parent_id = parent,
					       .start_ns = host_now_ns(),
					       .type = (uint8_t)type,
					       .flags = TA_SPAN_OF_THREAD };

	return host_put(thread, &record, sizeof(record));
}

bool host_end(struct host_thread *thread, uint64_t span)
{
	struct ta_record_span_end record = { .head = { .kind = TA_RECORD_SPAN_END },
					     .span_id = span,
					     .end_ns = host_now_ns(),
					     .global = thread->global };

	return host_put(thread, &record, sizeof(record));
}

bool host_tag(struct host_thread *thread, uint64_t version, uint64_t parent, const char *key,
	      const char *value, uint32_t flags)
{
	_Alignas(8) char bytes[512] = { 0 };
	struct ta_record_scope_set *set = (void *)bytes;
	size_t key_bytes = strlen(key), value_bytes = strlen(value);

	set->head.kind = TA_RECORD_SCOPE_SET;
	set->version = version;
	set->parent = parent;
	set->key_bytes = (uint16_t)key_bytes;
	set->value_bytes = (uint16_t)value_bytes;
	set->change = TA_SCOPE_TAG;
	set->flags = (uint8_t)flags;
	memcpy(bytes + sizeof(*set), key, key_bytes);
	memcpy(bytes + sizeof(*set) + key_bytes, value, value_bytes);
	if (flags & TA_SCOPE_GLOBAL)
		thread->global = version;
	return host_put(thread, bytes,
			(uint32_t)((sizeof(*set) + key_bytes + value_bytes + 7) & ~(size_t)7));
}

bool host_event(struct host_thread *thread, uint64_t id, const char *message)
{
	_Alignas(8) char bytes[512] = { 0 };
	struct ta_record_event *event = (void *)bytes;
	struct ta_attr attr = { .key = TA_ATTR_EVENT_MESSAGE,
				.type = TA_ATTR_STRING,
				.bytes = (uint16_t)strlen(message) };

	event->head.kind = TA_RECORD_EVENT;
	event->id_hi = 1;
	event->id_lo = id;
	event->time_ns = host_now_ns();
	event->trace_lo = id;
	event->global = thread->global;
	event->type = TA_CAPTURE_MESSAGE;
	event->level = TA_LEVEL_INFO;
	memcpy(bytes + sizeof(*event), &attr, sizeof(attr));
	memcpy(bytes + sizeof(*event) + sizeof(attr), message, attr.bytes);
	return host_put(thread, bytes,
			(uint32_t)((sizeof(*event) + sizeof(attr) + attr.bytes + 7) & ~(size_t)7));
}

static void wake_agent(struct ta_segment *segment)
{
	if (atomic_exchange(&segment->agent_waiting, 0) == 1)
		syscall(SYS_futex, &segment->agent_waiting, FUTEX_WAKE, 1, NULL, NULL, 0);
}

bool host_ask(struct host *host, uint32_t what, unsigned int patience_ms)
{
	struct ta_segment *segment = host->segment;
	uint64_t until = host_now_ns() + patience_ms * 1000000ull;
	struct timespec nap = { .tv_nsec = 50000000 };

	atomic_fetch_or(&segment->ask_what, what);
	uint32_t number = atomic_fetch_add(&segment->asked, 1) + 1, answered;

	while ((int32_t)((answered = atomic_load(&segment->answered)) - number) < 0) {
		if (host_now_ns() >= until)
			return false;
		wake_agent(segment);
		syscall(SYS_futex, &segment->answered, FUTEX_WAIT, answered, &nap, NULL, 0);
	}
	return true;
}

int host_agent(const struct host *host, char *const *envp)
{
	char file[600], *none[4] = { file, (char *)"TAGALONG_LOG=none",
				     (char *)"TAGALONG_AGENT_LINGER_MS=0", NULL };
	struct ta_agent_options options = { .run_dir = host->dir,
					    .key = host->key,
					    .envp = envp ? envp : none,
					    .cwd = "/",
					    .foreground = true };

	snprintf(file, sizeof(file), "TAGALONG_FILE=%s", host->out);
	return ta_agent_run(&options);
}

static const char *text_of(const char *path)
{
	static char *text;
	FILE *file = fopen(path, "r");
	size_t bytes = 0;

	free(text);
	text = calloc(1, 1u << 26);
	if (file && text)
		bytes = fread(text, 1, (1u << 26) - 1, file);
	if (file)
		fclose(file);
	(void)bytes;
	return text ? text : "";
}

const char *host_output(const struct host *host)
{
	return text_of(host->out);
}

static int count_in(const char *path, const char *word)
{
	int count = 0;

	for (const char *at = text_of(path); (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

int host_count(const struct host *host, const char *word)
{
	return count_in(host->out, word);
}

int host_count_events(const struct host *host, const char *word)
{
	return count_in(host->events, word);
}
