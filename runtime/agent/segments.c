/* SPDX-License-Identifier: MIT */
/*
 * segments.c - the segment files of one run directory: find, check, map, remove.
 *
 * Refuses: links, anything but regular files of our own user with no bits for
 * others, directories that others can write to.  (root serves its own directory,
 * and files of other users in it: programs that gave up root after they started.)
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/lock.h"

int ta_run_dir_open(const char *path, int *ret_fd)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) != 0 || info.st_uid != geteuid() || (info.st_mode & 022) != 0) {
		close(fd);
		return -EPERM;
	}
	*ret_fd = fd;
	return 0;
}

void ta_segments_init(struct ta_segments *segments, int dir_fd, uint32_t key)
{
	*segments = (struct ta_segments){ .dir_fd = dir_fd, .key = key };
	ta_list_init(&segments->mapped);
}

void ta_segments_fini(struct ta_segments *segments)
{
	TA_LIST_EACH(at, &segments->mapped)
		ta_segment_drop(segments, TA_CONTAINER(at, struct ta_mapped, link), false);
	while (segments->taken_count > 0)
		close(segments->taken_fds[--segments->taken_count]);
}

void ta_segment_drop(struct ta_segments *segments, struct ta_mapped *mapped, bool remove_file)
{
	if (remove_file)
		unlinkat(segments->dir_fd, mapped->name, 0);
	ta_list_remove(&mapped->link);
	segments->count--;
	munmap(mapped->shared, mapped->mapped_bytes);
	if (mapped->fd >= 0)
		close(mapped->fd);
	free(mapped->lanes);
	free(mapped);
}

/* count lower-case hex digits, neither more nor less; NULL when it is something else. */
static const char *take_hex(const char *at, unsigned int count, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (; count > 0; count--, at++) {
		if (*at >= '0' && *at <= '9')
			value = value << 4 | (uint64_t)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			value = value << 4 | (uint64_t)(*at - 'a' + 10);
		else
			return NULL;
	}
	*ret_value = value;
	return at;
}

/* Decimal digits as printf writes them. */
static const char *take_number(const char *at, uint32_t *ret_value)
{
	const char *start = at;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == start || (*start == '0' && at != start + 1) || value > UINT32_MAX)
		return NULL;
	*ret_value = (uint32_t)value;
	return at;
}

bool ta_segment_name_parse(const char *name, uint32_t *ret_key, uint32_t *ret_pid, uint64_t *ret_id)
{
	uint64_t key, id;
	uint32_t pid;
	const char *at = take_hex(name, 8, &key);

	if (!at || *at != '-')
		return false;
	at = take_number(at + 1, &pid);
	if (!at || *at != '-')
		return false;
	at = take_hex(at + 1, 16, &id);
	if (!at || strcmp(at, TA_SEGMENT_SUFFIX) != 0)
		return false;
	*ret_key = (uint32_t)key;
	*ret_pid = pid;
	*ret_id = id;
	return true;
}

static struct ta_mapped *find_id(const struct ta_segments *segments, uint64_t id)
{
	TA_LIST_EACH(at, &segments->mapped) {
		struct ta_mapped *mapped = TA_CONTAINER(at, struct ta_mapped, link);

		if (mapped->id == id)
			return mapped;
	}
	return NULL;
}

static int check_file(int fd, struct stat *ret_info)
{
	if (fstat(fd, ret_info) != 0)
		return -errno;
	if (!S_ISREG(ret_info->st_mode) || (ret_info->st_mode & 077) != 0 ||
	    (ret_info->st_uid != geteuid() && geteuid() != 0))
		return -EPERM;
	if (ret_info->st_size < (off_t)TA_WIRE_PAGE)
		return -EAGAIN;
	if ((uint64_t)ret_info->st_size >
	    (uint64_t)TA_LANES_MAX * TA_LANE_BYTES_MAX + ta_segment_header_bytes(TA_LANES_MAX))
		return -EINVAL;
	return 0;
}

/* The numbers that everything else is found by, once and for all. */
static int copy_header(struct ta_mapped *mapped)
{
	struct ta_segment *copy = malloc(TA_WIRE_PAGE);
	int error = copy ? 0 : -ENOMEM;

	/* Not from the mapping: the file may be shorter by now. */
	if (!error && pread(mapped->fd, copy, sizeof(*copy), 0) != (ssize_t)sizeof(*copy))
		error = -EAGAIN;
	if (!error)
		error = ta_segment_check(copy, mapped->mapped_bytes);
	if (!error) {
		mapped->lane_count = copy->lane_count;
		mapped->lane_bytes = copy->lane_bytes;
		mapped->header_bytes = copy->header_bytes;
		mapped->signal_ring_bytes = copy->signal_ring_bytes;
		mapped->proc_id = copy->proc_id;
		mapped->created_ns = copy->created_ns;
		mapped->created_wall_ns = copy->created_wall_ns;
		mapped->pid_namespace = copy->pid_namespace;
		memcpy(mapped->exe, copy->exe, sizeof(mapped->exe) - 1);
		mapped->exe[sizeof(mapped->exe) - 1] = '\0';
	}
	free(copy);
	return error;
}

static int map_file(struct ta_mapped *mapped, const struct stat *info)
{
	mapped->mapped_bytes = (size_t)info->st_size;
	mapped->device = info->st_dev;
	mapped->inode = info->st_ino;
	mapped->shared = mmap(NULL, mapped->mapped_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			      mapped->fd, 0);
	if (mapped->shared == MAP_FAILED)
		return -errno;
	int error = copy_header(mapped);

	if (!error) {
		mapped->lanes = calloc(mapped->lane_count, sizeof(mapped->lanes[0]));
		error = mapped->lanes ? 0 : -ENOMEM;
	}
	if (error)
		munmap(mapped->shared, mapped->mapped_bytes);
	return error;
}

static int open_and_map(const struct ta_segments *segments, struct ta_mapped *mapped)
{
	struct stat info;

	mapped->fd = openat(segments->dir_fd, mapped->name,
			    O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (mapped->fd < 0)
		return -errno;
	int error = check_file(mapped->fd, &info);

	if (!error)
		error = map_file(mapped, &info);
	if (error)
		close(mapped->fd);
	return error;
}

/* Whether segments of the key are ours to serve. */
static bool take_key(struct ta_segments *segments, uint32_t key)
{
	if (segments->key != TA_KEY_ALL)
		return key == segments->key;
	for (uint32_t i = 0; i < segments->taken_count; i++)
		if (segments->taken[i] == key)
			return true;
	uint32_t at = segments->taken_count;

	if (at == TA_KEYS_MAX || ta_lock_take(segments->dir_fd, key, &segments->taken_fds[at]) != 0)
		return false;
	segments->taken[segments->taken_count++] = key;
	return true;
}

/* Whether a file that cannot be served is one more of those that were told. */
static bool is_told(struct ta_segments *segments, uint64_t id)
{
	for (uint32_t i = 0; i < TA_REFUSED_MAX && i < segments->refused_count; i++)
		if (segments->refused[i] == id)
			return true;
	segments->refused[segments->refused_count++ % TA_REFUSED_MAX] = id;
	return false;
}

static void consider(struct ta_segments *segments, const char *name, ta_segment_found_fn *found,
		     ta_segment_reject_fn *reject, void *user)
{
	uint32_t key, pid;
	uint64_t id;

	if (!ta_segment_name_parse(name, &key, &pid, &id) || find_id(segments, id) ||
	    !take_key(segments, key))
		return;
	struct ta_mapped *mapped = calloc(1, sizeof(*mapped));

	if (!mapped)
		return;
	memcpy(mapped->name, name, strlen(name) + 1); /* a name that was parsed is short */
	mapped->id = id;
	mapped->pid = pid;
	int error = open_and_map(segments, mapped);

	if (error) {
		struct ta_waiting_segment file = { .pid = pid, .error = error };

		memcpy(file.name, mapped->name, sizeof(file.name));
		free(mapped);
		segments->unfinished += error == -EAGAIN;
		if (error == -EAGAIN || !is_told(segments, id))
			reject(user, &file);
		return;
	}
	ta_list_append(&segments->mapped, &mapped->link);
	segments->count++;
	found(user, mapped);
}

static DIR *open_dir(const struct ta_segments *segments)
{
	int fd = openat(segments->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

int ta_segments_scan(struct ta_segments *segments, ta_segment_found_fn *found,
		     ta_segment_reject_fn *reject, void *user)
{
	DIR *dir = open_dir(segments);

	if (!dir)
		return -errno;
	segments->unfinished = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		consider(segments, entry->d_name, found, reject, user);
	closedir(dir);
	return 0;
}

bool ta_segments_any(const struct ta_segments *segments)
{
	uint32_t key, pid;
	uint64_t id;
	bool any = false;
	DIR *dir = open_dir(segments);

	for (struct dirent *entry; dir && !any && (entry = readdir(dir)) != NULL;)
		any = ta_segment_name_parse(entry->d_name, &key, &pid, &id) &&
		      (key == segments->key || segments->key == TA_KEY_ALL);
	if (dir)
		closedir(dir);
	return any;
}

struct ta_lane *ta_mapped_lane(const struct ta_mapped *mapped, uint32_t index)
{
	return (struct ta_lane *)(void *)((char *)mapped->shared + mapped->header_bytes +
					  (size_t)index * mapped->lane_bytes);
}

_Atomic uint64_t *ta_mapped_owner(const struct ta_mapped *mapped, uint32_t index)
{
	return ta_segment_owners(mapped->shared) + index;
}

_Atomic uint8_t *ta_mapped_ready(const struct ta_mapped *mapped, uint32_t index)
{
	return (_Atomic uint8_t *)(void *)((char *)mapped->shared + sizeof(struct ta_segment) +
					   (size_t)mapped->lane_count * 8) +
	       index;
}

bool ta_mapped_asked(const struct ta_mapped *mapped)
{
	return !mapped->finished && atomic_load(&mapped->shared->asked) != mapped->answered;
}

bool ta_mapped_next(const struct ta_mapped *mapped, uint32_t *index)
{
	uint32_t at = *index;

	while (at < mapped->lane_count) {
		const _Atomic uint8_t *ready = ta_mapped_ready(mapped, at);

		/* The directory is aligned, and padded to a page. */
		if (at % 8 == 0 && *(const volatile uint64_t *)(const volatile void *)ready == 0) {
			at += 8;
			continue;
		}
		if (atomic_load(ready) != 0) {
			*index = at;
			return true;
		}
		at++;
	}
	return false;
}
