/* SPDX-License-Identifier: MIT */
/*
 * watch.c - what happens to the segments of one key while a program runs.
 *
 * Segments are read with pread, not mapped: a file that somebody cuts short is
 * then an error and not a SIGBUS.
 *
 * "A process lives" is believed only when the agent has looked at the segment
 * well after the program's end; before that its count may be from earlier.
 */
#include "runtime/cli/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <sys/inotify.h>
#include <unistd.h>

#define SETTLE_NS 300000000ull

void ta_cli_watch_start(struct ta_cli_watch *watch, const char *dir, uint32_t key)
{
	*watch = (struct ta_cli_watch){ .fd = -1, .dir = dir, .key = key };
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0)
		return;
	if (inotify_add_watch(fd, dir, IN_CREATE | IN_MOVED_TO) < 0)
		close(fd);
	else
		watch->fd = fd;
}

/* Whether name is KKKKKKKK-PID-RANDOM.seg with our key. */
static bool is_ours(const struct ta_cli_watch *watch, const char *name)
{
	char prefix[16];
	size_t bytes = strlen(name), suffix = strlen(TA_SEGMENT_SUFFIX);
	int prefix_bytes = snprintf(prefix, sizeof(prefix), "%08x-", watch->key);

	return strncmp(name, prefix, (size_t)prefix_bytes) == 0 && bytes > suffix &&
	       strcmp(name + bytes - suffix, TA_SEGMENT_SUFFIX) == 0;
}

static int open_segment(const struct ta_cli_watch *watch, const char *name)
{
	char path[PATH_MAX];
	int bytes = snprintf(path, sizeof(path), "%s/%s", watch->dir, name);

	if (bytes < 0 || (size_t)bytes >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static void note_file(struct ta_cli_watch *watch, const char *name)
{
	if (watch->count == TA_CLI_WATCH_FILES || !is_ours(watch, name))
		return;
	int fd = open_segment(watch, name);

	if (fd >= 0)
		watch->files[watch->count++] = fd;
}

void ta_cli_watch_update(struct ta_cli_watch *watch)
{
	_Alignas(struct inotify_event) char buffer[4096];
	ssize_t bytes;

	while (watch->fd >= 0 && (bytes = read(watch->fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + bytes;) {
			struct inotify_event *event = (struct inotify_event *)(void *)at;

			if (event->len)
				note_file(watch, event->name);
			at += sizeof(*event) + event->len;
		}
	}
}

static bool read_header(int fd, struct ta_segment *ret_segment)
{
	return pread(fd, ret_segment, sizeof(*ret_segment), 0) == sizeof(*ret_segment) &&
	       ret_segment->magic == TA_WIRE_MAGIC &&
	       ret_segment->wire_version == TA_WIRE_VERSION;
}

/* Processes that the agent saw alive after the end; 0 when it may still change. */
static uint32_t living(const struct ta_cli_watch *watch, const char *name, uint64_t ended_ns)
{
	struct ta_segment segment;
	int fd = open_segment(watch, name);

	if (fd < 0)
		return 0;
	bool readable = read_header(fd, &segment);

	close(fd);
	if (!readable || segment.agent_seen_ns < ended_ns + SETTLE_NS)
		return 0;
	return segment.live_processes;
}

int ta_cli_watch_pending(const struct ta_cli_watch *watch, uint64_t ended_ns,
			 uint32_t *ret_living)
{
	int pending = 0;
	uint32_t total = 0;
	DIR *dir = opendir(watch->dir);

	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!is_ours(watch, entry->d_name))
			continue;
		uint32_t alive = living(watch, entry->d_name, ended_ns);

		total += alive;
		pending += alive == 0;
	}
	closedir(dir);
	*ret_living = total;
	return pending;
}

bool ta_cli_watch_has(const struct ta_cli_watch *watch, int pid)
{
	char prefix[32];
	bool found = false;
	int bytes = snprintf(prefix, sizeof(prefix), "%08x-%d-", watch->key, pid);
	DIR *dir = opendir(watch->dir);

	if (!dir)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(dir));)
		found = strncmp(entry->d_name, prefix, (size_t)bytes) == 0;
	closedir(dir);
	return found;
}

void ta_cli_watch_lost(const struct ta_cli_watch *watch, uint64_t ret_lost[TA_LOSS_COUNT])
{
	struct ta_segment segment;

	memset(ret_lost, 0, TA_LOSS_COUNT * sizeof(*ret_lost));
	for (int i = 0; i < watch->count; i++) {
		if (!read_header(watch->files[i], &segment))
			continue;
		for (int cause = 0; cause < TA_LOSS_COUNT; cause++)
			ret_lost[cause] += segment.lost[cause];
	}
}
