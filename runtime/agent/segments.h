/* SPDX-License-Identifier: MIT */
/*
 * segments.h - the segment files of one run directory: find, check, map, remove.
 *
 * File names: KKKKKKKK-PID-RANDOM.seg (key, pid of the creator, 16 hex digits).
 * A segment is believed as far as ta_segment_check() goes; the numbers that say
 * where things are in it are copied out at that moment and never read again,
 * because a host may rewrite its header at any time.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_SEGMENTS_H
#define TA_AGENT_SEGMENTS_H

#include <sys/types.h>

#include "runtime/agent/list.h"
#include "runtime/wire/lane.h"

#define TA_SEGMENT_NAME_BYTES 64

/* What the agent alone knows of a lane. */
struct ta_lane_view {
	_Atomic uint64_t tail, signal_tail; /* taken so far; the shared ones follow */
	bool tails_known;
	uint64_t quiet_token; /* owner since quiet_ns, with nothing to be read */
	uint64_t quiet_ns;
};

struct ta_mapped {
	struct ta_list link;
	char name[TA_SEGMENT_NAME_BYTES];
	uint64_t id; /* RANDOM of the name */
	uint32_t pid; /* PID of the name */
	int fd; /* -1: somebody else closes it */
	struct ta_segment *shared;
	size_t mapped_bytes;
	dev_t device;
	ino_t inode;

	/* Copies, checked. */
	uint32_t lane_count, lane_bytes, header_bytes, signal_ring_bytes;
	uint64_t proc_id, created_ns, created_wall_ns, pid_namespace;
	char exe[512];

	struct ta_lane_view *lanes;
	uint32_t lanes_wanted_seen;
	uint64_t lost_told[TA_LOSS_COUNT];
	uint64_t bad_told, skipped_told;
	uint64_t busy_bytes; /* taken in the last pass */
	uint64_t nobody_check_ns;
	uint32_t mapper_pid; /* a process unknown to us that maps it */
	uint64_t trim_ns; /* free lanes above the limit may go then */
	uint32_t checks;
	bool unattached; /* there was no memory to know it by */
	bool earlier_boot; /* no process of it can live */
	bool foreign;	   /* its pids are those of another pid namespace */
	bool finished; /* read for the last time; stays until last_group is out */
	uint64_t last_group, last_event;
	uint32_t answered; /* number of the last question that was */
	uint32_t ask_number, ask_what; /* of the one that is being answered */
	bool asking;
	bool ask_lost; /* another agent may have taken its bits and died */
	volatile bool torn; /* its file was cut short (torn.h) */
	bool torn_told;
};

/* A file of the key that is not mapped (yet): no header, or another version. */
struct ta_waiting_segment {
	char name[TA_SEGMENT_NAME_BYTES];
	uint32_t pid;
	int error;
};

/* An agent of this key serves the segments of every key that no other agent serves (a sidecar):
 * it holds the locks of all keys that it has met, so that none will. */
#define TA_KEY_ALL 0u
#define TA_KEYS_MAX 64u
#define TA_REFUSED_MAX 64u

struct ta_segments {
	int dir_fd;
	uint32_t key;
	uint32_t taken[TA_KEYS_MAX]; /* keys whose locks are ours, of TA_KEY_ALL */
	int taken_fds[TA_KEYS_MAX];
	uint32_t taken_count;
	struct ta_list mapped;
	uint32_t count;
	uint32_t unfinished; /* files that had no header at the last look */
	uint64_t refused[TA_REFUSED_MAX]; /* the newest, told once each */
	uint32_t refused_count;
};

/* Opens and checks the run directory.  Returns 0, -EPERM when it is not ours
 * alone, or another -errno. */
int ta_run_dir_open(const char *path, int *ret_fd);

void ta_segments_init(struct ta_segments *segments, int dir_fd, uint32_t key);
/* Unmaps everything, removes nothing. */
void ta_segments_fini(struct ta_segments *segments);

/* Maps what is new in the directory and calls found for each.  `reject` is told
 * of files that can not be mapped (error: -EAGAIN no header yet, -EPROTO another
 * version, -EINVAL nonsense, -EPERM not ours); it may remove them. */
typedef void ta_segment_found_fn(void *user, struct ta_mapped *mapped);
typedef void ta_segment_reject_fn(void *user, const struct ta_waiting_segment *file);
int ta_segments_scan(struct ta_segments *segments, ta_segment_found_fn *found,
		     ta_segment_reject_fn *reject, void *user);

/* Whether the directory holds a segment file of the key. */
bool ta_segments_any(const struct ta_segments *segments);

/* Unmaps; removes the file when told to. */
void ta_segment_drop(struct ta_segments *segments, struct ta_mapped *mapped, bool remove_file);

/* "KKKKKKKK-PID-RANDOM.seg" taken apart; false for any other name. */
bool ta_segment_name_parse(const char *name, uint32_t *ret_key, uint32_t *ret_pid,
			   uint64_t *ret_id);

/* The lane of a checked segment, by the copied numbers. */
struct ta_lane *ta_mapped_lane(const struct ta_mapped *mapped, uint32_t index);
_Atomic uint64_t *ta_mapped_owner(const struct ta_mapped *mapped, uint32_t index);
_Atomic uint8_t *ta_mapped_ready(const struct ta_mapped *mapped, uint32_t index);

/* Whether somebody waits for an answer. */
bool ta_mapped_asked(const struct ta_mapped *mapped);

/* The first ready lane at or behind *index; false when there is none. */
bool ta_mapped_next(const struct ta_mapped *mapped, uint32_t *index);

#endif
