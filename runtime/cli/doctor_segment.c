/* SPDX-License-Identifier: MIT */
/*
 * doctor_segment.c - a process's segment: its lanes, how full they are, what was lost.
 *
 * The file is read and never mapped, because one that shrinks under a mapping would kill us.
 * One that was deleted is read by way of the process.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/segments.h"
#include "runtime/wire/lane.h"

#define LANES_SHOWN 16u
#define NEARLY_FULL 90u /* per cent */

/* Where a segment can be read: at base + offset of fd. */
struct source {
	int fd;
	uint64_t base;
};

static ssize_t fetch(const struct source *source, void *out, size_t bytes, uint64_t offset)
{
	return pread(source->fd, out, bytes, (off_t)(source->base + offset));
}

/* ---- which file ---- */

static void say_where(const struct ta_doctor_proc *proc, const struct ta_doctor_mapping *mapping,
		      struct ta_doctor_segment *segment)
{
	uint32_t pid;
	uint64_t id;
	char *slash;

	if (proc->root[0] &&
	    strlen(proc->root) + strlen(mapping->path) < sizeof(segment->dir))
		strcat(strcpy(segment->dir, proc->root), mapping->path);
	else
		strcpy(segment->dir, mapping->path);
	slash = strrchr(segment->dir, '/');
	ta_segment_name_parse(slash + 1, &segment->key, &pid, &id);
	*slash = '\0';
	segment->deleted = mapping->deleted;
	segment->inode = mapping->inode;
}

static bool is_mapped_file(int fd, const struct ta_doctor_mapping *mapping)
{
	struct stat found;

	return fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
	       found.st_ino == mapping->inode;
}

static struct source open_segment(const struct ta_doctor_proc *proc,
				  const struct ta_doctor_mapping *mapping, const char *dir)
{
	struct source source = { .base = 0 };
	char path[PATH_MAX + 80];

	snprintf(path, sizeof(path), "%s%s", dir, strrchr(mapping->path, '/'));
	source.fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (is_mapped_file(source.fd, mapping))
		return source;
	if (source.fd >= 0)
		close(source.fd);
	snprintf(path, sizeof(path), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, proc->pid,
		 mapping->start, mapping->start + mapping->bytes);
	source.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (is_mapped_file(source.fd, mapping))
		return source;
	if (source.fd >= 0)
		close(source.fd);
	snprintf(path, sizeof(path), "/proc/%u/mem", proc->pid);
	return (struct source){ open(path, O_RDONLY | O_CLOEXEC), mapping->start };
}

/* Everything before the first lane.  0 or -errno. */
static int read_header(const struct source *source, const struct ta_doctor_mapping *mapping,
		       struct ta_doctor_segment *segment)
{
	size_t most = ta_segment_header_bytes(TA_LANES_MAX);
	ssize_t bytes;
	int error = -ENOMEM;

	segment->header = calloc(1, most);
	if (!segment->header)
		return error;
	bytes = fetch(source, segment->header, most < mapping->bytes ? most : mapping->bytes, 0);
	error = bytes < 0 ? -errno : ta_segment_check(segment->header, mapping->bytes);
	if (!error && (size_t)bytes < segment->header->header_bytes)
		error = -EINVAL;
	return error;
}

static void say_unreadable(struct ta_doctor *doctor, const struct ta_doctor_segment *segment,
			   const char *name, int error)
{
	if (error == -EPROTO)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "segment %s: it speaks version %u, this tagalong version %u: ask the "
			    "tagalong that its library came with, or restart the program under "
			    "this one", name, segment->header->wire_version, TA_WIRE_VERSION);
	else if (error == -EACCES || error == -EPERM)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "segment %s: you may not read it: ask as the user whose run directory "
			    "%s is, or as root", name, segment->dir);
	else
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "segment %s: it cannot be read (%s): it is damaged; restart the program",
			    name, error == -EINVAL ? "sizes that do not fit" : strerror(-error));
}

/* ---- losses ---- */

static void say_losses(struct ta_doctor *doctor, const struct ta_segment *segment)
{
	uint64_t all = 0;

	doctor->about = "losses";
	for (unsigned int i = 0; i < TA_LOSS_COUNT; i++) {
		uint64_t count = atomic_load(&segment->lost[i]);

		all += count;
		if (count)
			ta_cli_find(&doctor->findings, TA_CLI_NOTE,
				    "lost %s %" PRIu64 ": %s: %s", ta_loss_word((enum ta_loss)i),
				    count, ta_loss_text((enum ta_loss)i),
				    ta_loss_advice((enum ta_loss)i));
	}
	if (!all)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "nothing was lost");
}

/* ---- lanes ---- */

struct lanes {
	uint32_t used, ready, own; /* own: of the process that is asked about */
	uint64_t worst;		   /* per cent */
	uint64_t unread, left;	   /* bytes; left: by threads that ended */
};

static uint64_t unread_bytes(const struct ta_segment *segment, const struct ta_lane *lane)
{
	uint64_t unread = atomic_load(&lane->head) - atomic_load(&lane->tail);
	uint32_t ring = ta_lane_ring_bytes(segment);

	return unread > ring ? ring : unread;
}

/* " (worker)" by the thread's number; "" where that cannot be known. */
static void name_thread(const struct ta_doctor_proc *proc, uint32_t tid, char out[32])
{
	char path[64], name[24];

	out[0] = '\0';
	if (proc->pid != proc->inner_pid)
		return;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", proc->pid, tid);
	ta_doctor_line(path, name, sizeof(name));
	if (name[0])
		snprintf(out, 32, " (%s)", name);
}

static void say_lane(struct ta_doctor *doctor, const struct ta_doctor_proc *proc, uint32_t index,
		     const struct ta_lane *lane, uint64_t full)
{
	uint32_t tid = atomic_load(&lane->tid);
	char name[32] = "";

	if (tid)
		name_thread(proc, tid, name);
	ta_cli_find(&doctor->findings, full >= NEARLY_FULL ? TA_CLI_NOTE : TA_CLI_OK,
		    "lane %u: thread %u%s, %" PRIu64 " %% full%s", index, tid, name, full,
		    full >= NEARLY_FULL ? ": the agent does not keep up, what does not fit is "
					  "lost: larger lanes (TAGALONG_LANE_BYTES)" : "");
}

static void look_at_lane(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
			 const struct source *source, struct ta_segment *segment,
			 uint32_t index, struct lanes *lanes)
{
	uint64_t at = segment->header_bytes + (uint64_t)index * segment->lane_bytes;
	uint64_t owner = atomic_load(&ta_segment_owners(segment)[index]);
	bool used = owner != TA_OWNER_FREE && owner != TA_OWNER_AGENT;
	struct ta_lane lane;

	lanes->used += used;
	if (fetch(source, &lane, sizeof(lane), at) != (ssize_t)sizeof(lane))
		return;
	uint64_t unread = unread_bytes(segment, &lane);
	uint64_t full = unread * 100 / ta_lane_ring_bytes(segment);

	lanes->unread += unread;
	lanes->left += used ? 0 : unread;
	lanes->worst = full > lanes->worst ? full : lanes->worst;
	if (used && atomic_load(&lane.pid) == proc->inner_pid && lanes->own++ < LANES_SHOWN)
		say_lane(doctor, proc, index, &lane, full);
}

static struct lanes look_at_lanes(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
				  const struct source *source, struct ta_segment *segment)
{
	struct lanes lanes = { 0 };

	for (uint32_t i = 0; i < segment->lane_count; i++) {
		if (!atomic_load(&ta_segment_ready(segment)[i]))
			continue;
		lanes.ready++;
		look_at_lane(doctor, proc, source, segment, i, &lanes);
	}
	return lanes;
}

static void say_lanes(struct ta_doctor *doctor, const struct lanes *lanes,
		      const struct ta_segment *segment)
{
	if (lanes->own > LANES_SHOWN)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "and %u lanes more of this process",
			    lanes->own - LANES_SHOWN);
	ta_cli_find(&doctor->findings, TA_CLI_OK,
		    "lanes: %u of %u in use (%u of this process), %u ready, the fullest %" PRIu64
		    " %%, %" PRIu64 " bytes to be taken%s", lanes->used, segment->lane_count,
		    lanes->own, lanes->ready, lanes->worst, lanes->unread,
		    lanes->used || lanes->unread ? "" : "; nothing was recorded lately");
	if (lanes->left)
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "%" PRIu64 " bytes of them are of threads that ended", lanes->left);
	if (lanes->used == segment->lane_count)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "all %u lanes are in use: further threads record nothing: more lanes "
			    "(TAGALONG_LANES, at most 1024)", lanes->used);
}

/* ---- the segment ---- */

static void say_segment(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
			const struct ta_segment *segment, const char *name)
{
	ta_cli_find(&doctor->findings, TA_CLI_OK, "segment %s, %s", name,
		    segment->pid == proc->inner_pid ?
			    "its own" : "shared with the process that it was forked from");
	if (segment->live_processes > 1)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "%u processes write to it",
			    atomic_load(&segment->live_processes));
	if (atomic_load(&segment->flags) & TA_SEGMENT_CRASHED)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "a process of it has crashed: tagalong show");
}

void ta_doctor_segment(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
		       const struct ta_doctor_mapping *mapping, struct ta_doctor_segment *segment)
{
	const char *name = strrchr(mapping->path, '/') + 1;

	doctor->about = "segment";
	*segment = (struct ta_doctor_segment){ .header = NULL };
	say_where(proc, mapping, segment);
	struct source source = open_segment(proc, mapping, segment->dir);
	int error = source.fd < 0 ? -errno : read_header(&source, mapping, segment);

	if (error) {
		say_unreadable(doctor, segment, name, error);
		free(segment->header);
		segment->header = NULL;
	} else {
		say_segment(doctor, proc, segment->header, name);
		doctor->about = "lanes";
		struct lanes lanes = look_at_lanes(doctor, proc, &source, segment->header);

		say_lanes(doctor, &lanes, segment->header);
		segment->half_full = lanes.worst >= 50;
		say_losses(doctor, segment->header);
	}
	if (source.fd >= 0)
		close(source.fd);
}
