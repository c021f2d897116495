/* SPDX-License-Identifier: MIT */
/*
 * segment_file.c - the run directory and the segment file in it.
 *
 * A file and not a memfd, so that a restarted agent, a sidecar or `tagalong
 * drain` finds it.  Its name tells the agent's key and our pid.  The header and
 * the first lanes are allocated (fallocate), because a write to a page that
 * tmpfs cannot give is a SIGBUS; the rest of the mapping stays a hole.
 *
 * Runs: constructor.  Raw system calls only; every failure means "stay quiet".
 */
#include "preload/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "preload/text.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/crumb_line.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"
#include "runtime/wire/crash.h"

#define FIRST_LANES 2u
#define SIGNAL_RING_BYTES 4096u
#define SHARE_OF_LIMIT 32u /* as of the arena */

/* ---- run directory ---- */

static bool directory_is_ours(int fd)
{
	struct stat status;

	if (ta_sys(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH) != 0)
		return false;
	return S_ISDIR(status.st_mode) && status.st_uid == (uid_t)ta_sys(SYS_geteuid) &&
	       (status.st_mode & 022) == 0;
}

static int open_directory(const char *path, int extra_flags)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | extra_flags;
	int fd = (int)ta_sys(SYS_openat, AT_FDCWD, path, flags, 0);

	if (fd == -ENOENT) {
		ta_sys(SYS_mkdirat, AT_FDCWD, path, 0700);
		fd = (int)ta_sys(SYS_openat, AT_FDCWD, path, flags, 0);
	}
	if (fd >= 0 && !directory_is_ours(fd)) {
		ta_sys(SYS_close, fd);
		return -EPERM;
	}
	return fd;
}

int ta_run_dir_open(const struct ta_config *config, char *ret_path)
{
	static const char *const places[] = { "/dev/shm/tagalong-", "/tmp/tagalong-" };
	uint32_t uid = (uint32_t)ta_sys(SYS_geteuid);
	int fd = -ENAMETOOLONG;

	if (config->run_dir[0]) {
		struct ta_text text = ta_text(ret_path, TA_RUN_DIR_MAX);

		ta_text_put(&text, config->run_dir);
		return ta_text_whole(&text) ? open_directory(ret_path, 0) : -ENAMETOOLONG;
	}
	for (size_t at = 0; at < 2 && fd < 0; at++) {
		struct ta_text text = ta_text(ret_path, TA_RUN_DIR_MAX);

		ta_text_put(&text, places[at]);
		ta_text_put_decimal(&text, uid);
		fd = open_directory(ret_path, O_NOFOLLOW);
	}
	return fd;
}

struct linux_dirent64 {
	uint64_t inode;
	int64_t offset;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

/* "KKKKKKKK-PID-RANDOM.seg", whatever the key. */
static bool names_pid(const char *name, const char *pid)
{
	size_t length = strlen(pid);

	return strlen(name) > 10 + length && name[8] == '-' &&
	       strncmp(name + 9, pid, length) == 0 && name[9 + length] == '-' &&
	       strcmp(name + strlen(name) - 4, TA_SEGMENT_SUFFIX) == 0;
}

static bool is_segment(const char *name)
{
	size_t length = strlen(name), suffix = strlen(TA_SEGMENT_SUFFIX);

	return length > suffix && strcmp(name + length - suffix, TA_SEGMENT_SUFFIX) == 0;
}

bool ta_run_dir_visit(int dir_fd, uint32_t pid, ta_run_dir_visit_fn *visit, void *user)
{
	_Alignas(8) char entries[1024];
	char pid_text[12];
	struct ta_text text = ta_text(pid_text, sizeof(pid_text));
	bool any = false;
	long bytes;

	ta_text_put_decimal(&text, pid);
	ta_sys(SYS_lseek, dir_fd, 0, SEEK_SET);
	while ((bytes = ta_sys(SYS_getdents64, dir_fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < bytes;) {
			const struct linux_dirent64 *entry = (const void *)(entries + at);

			at += entry->bytes;
			if (pid ? !names_pid(entry->name, pid_text) : !is_segment(entry->name))
				continue;
			any = true;
			if (!visit(user, entry->name))
				return any;
		}
	}
	return any;
}

static bool is_there(void *user, const char *name)
{
	(void)user;
	(void)name;
	return false;
}

bool ta_run_dir_has(int dir_fd, uint32_t pid)
{
	return ta_run_dir_visit(dir_fd, pid, is_there, NULL);
}

/* ---- segment ---- */

static uint64_t limit_of(int resource)
{
	struct rlimit limit;

	if (ta_sys(SYS_prlimit64, 0, resource, 0, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* What the arena has for each lane (runtime/core/arena.c). */
#define ARENA_BYTES_OF_LANE (sizeof(*ta_arena.threads) + sizeof(*ta_arena.lines))

/* As many lanes as asked for, fewer under a limit of the address space, of private memory or
 * of the size of files (beyond which ftruncate raises a signal).  0: not even the least. */
static uint32_t lane_count(const struct ta_config *config, uint32_t lane_bytes)
{
	uint64_t lanes = config->lanes < TA_LANES_MAX ? config->lanes : TA_LANES_MAX;
	uint64_t most = limit_of(RLIMIT_AS) / SHARE_OF_LIMIT / lane_bytes;
	uint64_t private = limit_of(RLIMIT_DATA) / SHARE_OF_LIMIT / ARENA_BYTES_OF_LANE;
	uint64_t file_bytes = limit_of(RLIMIT_FSIZE);

	lanes = lanes < most ? lanes : most;
	lanes = lanes < private ? lanes : private;
	lanes = lanes < FIRST_LANES ? FIRST_LANES : lanes;
	uint64_t others = ta_segment_header_bytes((uint32_t)lanes) + TA_CRASH_BYTES;

	if (others + lanes * lane_bytes > file_bytes)
		lanes = file_bytes > others ? (file_bytes - others) / lane_bytes : 0;
	return lanes < FIRST_LANES ? 0 : (uint32_t)lanes;
}

static int create_file(int dir_fd, const struct ta_segment_plan *plan, char *name, size_t bytes)
{
	struct ta_text text = ta_text(name, bytes);

	ta_text_put_hex(&text, plan->key, 8);
	ta_text_put(&text, "-");
	ta_text_put_decimal(&text, plan->pid);
	ta_text_put(&text, "-");
	ta_text_put_hex(&text, plan->seed ^ plan->proc_id, 16);
	ta_text_put(&text, TA_SEGMENT_SUFFIX);
	return (int)ta_sys(SYS_openat, dir_fd, name,
			   O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static struct ta_segment *map_file(int fd, uint64_t total, uint64_t first)
{
	if (ta_sys(SYS_ftruncate, fd, total) != 0 || ta_sys(SYS_fallocate, fd, 0, 0, first) != 0)
		return NULL;
	long address = ta_sys(SYS_mmap, 0, total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return address < 0 && address > -4096 ? NULL : (struct ta_segment *)address;
}

static uint64_t pid_namespace(void)
{
	struct stat status;

	return ta_sys(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &status, 0) == 0
		       ? status.st_ino
		       : 0;
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fill(struct ta_segment *segment, const struct ta_segment_plan *plan, uint32_t lanes,
		 uint32_t lane_bytes)
{
	segment->wire_version = TA_WIRE_VERSION;
	segment->lane_count = lanes;
	segment->lane_bytes = lane_bytes;
	segment->signal_ring_bytes = SIGNAL_RING_BYTES;
	segment->header_bytes = ta_segment_header_bytes(lanes);
	segment->total_bytes = segment->header_bytes + (uint64_t)lanes * lane_bytes + TA_CRASH_BYTES;
	segment->pid = plan->pid;
	segment->proc_id = plan->proc_id;
	segment->created_ns = ta_now_ns();
	segment->created_wall_ns = wall_ns();
	segment->pid_namespace = pid_namespace();
	segment->uid = (uint32_t)ta_sys(SYS_getuid);
	segment->key = plan->key;
	strncpy(segment->exe, plan->exe, sizeof(segment->exe) - 1);
	strncpy(segment->traceparent, plan->traceparent, sizeof(segment->traceparent) - 1);
	for (uint32_t index = 0; index < FIRST_LANES; index++)
		atomic_store(&ta_segment_ready(segment)[index], 1);
	atomic_store_explicit(&segment->magic, TA_WIRE_MAGIC, memory_order_release);
}

struct ta_segment *ta_segment_create(int dir_fd, const struct ta_config *config,
				     const struct ta_segment_plan *plan)
{
	uint32_t lane_bytes =
		(uint32_t)((config->lane_bytes + TA_WIRE_PAGE - 1) & ~(uint64_t)(TA_WIRE_PAGE - 1));
	uint32_t lanes = lane_count(config, lane_bytes);
	uint32_t header = ta_segment_header_bytes(lanes);
	char name[64];
	int fd = lanes ? create_file(dir_fd, plan, name, sizeof(name)) : -EFBIG;

	if (fd < 0)
		return NULL;
	/* It belongs to the open file, which lives as long as a mapping of it: an agent that cannot
	 * see our processes (another container) sees by it that one lives. */
	ta_sys(SYS_flock, fd, LOCK_SH | LOCK_NB);
	struct ta_segment *segment = map_file(fd, header + (uint64_t)lanes * lane_bytes + TA_CRASH_BYTES,
					      header + (uint64_t)FIRST_LANES * lane_bytes);

	if (segment)
		fill(segment, plan, lanes, lane_bytes);
	else
		ta_sys(SYS_unlinkat, dir_fd, name, 0);
	ta_sys(SYS_close, fd);
	return segment;
}
