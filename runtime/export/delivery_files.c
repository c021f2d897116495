/* SPDX-License-Identifier: MIT */
/*
 * delivery_files.c - Sentry envelopes as files: a directory instead of a receiver.
 *
 * Each envelope is one file, EVENTID.envelope, mode 0600, there whole or not at all.  When
 * the directory holds more than the spool may, the oldest files of ours go.  They were
 * delivered when they were written, so they are not counted as dropped.
 *
 * Runs: agent, the delivery thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/export/delivery_internal.h"

#define FILES_A_ROUND 32
#define ID_BYTES 32
#define NAME_BYTES (ID_BYTES + sizeof(".envelope"))
#define TEMPORARY ".new.envelope"

struct file {
	char name[NAME_BYTES];
	uint64_t bytes;
	struct timespec time;
};

struct files {
	struct file *items;
	size_t count, capacity;
	uint64_t bytes; /* of all */
};

/* ---- names ---- */

static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") >= ID_BYTES;
}

static bool is_ours(const char *name)
{
	return is_id(name) && strcmp(name + ID_BYTES, ".envelope") == 0;
}

/* FNV-1a: for envelopes without an event, the same name for the same bytes. */
static uint64_t hash(const struct ta_buf *body, uint64_t seed)
{
	uint64_t value = seed;

	for (size_t i = 0; i < body->bytes; i++)
		value = (value ^ (unsigned char)body->data[i]) * 1099511628211u;
	return value;
}

static void name_of(const struct ta_buf *body, char out[NAME_BYTES])
{
	static const char key[] = "\"event_id\":\"";
	const char *end = memchr(body->data, '\n', body->bytes);
	size_t line = end ? (size_t)(end - body->data) : body->bytes;
	const char *found = memmem(body->data, line, key, sizeof(key) - 1);
	char id[ID_BYTES + 1];

	snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, hash(body, 14695981039346656037u),
		 hash(body, 1099511628211u));
	if (found && (size_t)(body->data + line - found) >= sizeof(key) - 1 + ID_BYTES) {
		char theirs[ID_BYTES + 1];

		memcpy(theirs, found + sizeof(key) - 1, ID_BYTES);
		theirs[ID_BYTES] = '\0';
		if (is_id(theirs))
			memcpy(id, theirs, sizeof(id));
	}
	snprintf(out, NAME_BYTES, "%s.envelope", id);
}

/* ---- the directory ---- */

static int make_directory(const char *path)
{
	char parent[4096];
	size_t bytes = strlen(path);

	if (bytes >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, bytes + 1);
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(parent, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(parent, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	int error = make_directory(path);

	if (error)
		return error;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void add_file(struct files *files, int dir_fd, const char *name)
{
	struct stat status;

	if (!is_ours(name) || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(status.st_mode))
		return;
	if (files->count == files->capacity) {
		size_t capacity = files->capacity ? files->capacity * 2 : 64;
		struct file *items = realloc(files->items, capacity * sizeof(items[0]));

		if (!items)
			return; /* it is seen the next time */
		files->items = items;
		files->capacity = capacity;
	}
	struct file *file = &files->items[files->count++];

	memcpy(file->name, name, NAME_BYTES);
	file->time = status.st_mtim;
	file->bytes = (uint64_t)status.st_size;
	files->bytes += file->bytes;
}

/* Of one tick of the kernel's clock: by name, the same order each time. */
static int older_first(const void *a, const void *b)
{
	const struct timespec *left = &((const struct file *)a)->time;
	const struct timespec *right = &((const struct file *)b)->time;

	if (left->tv_sec != right->tv_sec)
		return left->tv_sec < right->tv_sec ? -1 : 1;
	if (left->tv_nsec != right->tv_nsec)
		return left->tv_nsec < right->tv_nsec ? -1 : 1;
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

/* All of ours that are there, oldest first. */
static void list_files(int dir_fd, struct files *files)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		add_file(files, dir_fd, entry->d_name);
	closedir(dir);
	if (files->count > 0)
		qsort(files->items, files->count, sizeof(files->items[0]), older_first);
}

/* Others may take files away too, so they are counted anew.  Some more room is made than is
 * needed, because counting takes a while. */
static void make_room(struct ta_channel *channel, int dir_fd)
{
	uint64_t bound = channel->delivery->options.spool_bytes;
	struct files files = { 0 };

	if (channel->files_known && channel->files_bytes <= bound)
		return;
	list_files(dir_fd, &files);
	uint64_t aim = files.bytes > bound ? bound - bound / 8 : bound;

	/* The newest stays, whatever its size. */
	for (size_t i = 0; i + 1 < files.count && files.bytes > aim; i++)
		if (unlinkat(dir_fd, files.items[i].name, 0) == 0)
			files.bytes -= files.items[i].bytes;
	channel->files_bytes = files.bytes;
	channel->files_known = true;
	free(files.items);
}

/* ---- one envelope ---- */

static int write_all(int fd, const struct ta_buf *text)
{
	size_t done = 0;

	while (done < text->bytes) {
		ssize_t part = write(fd, text->data + done, text->bytes - done);

		if (part < 0 && errno != EINTR)
			return -errno;
		done += part > 0 ? (size_t)part : 0;
	}
	return 0;
}

static int write_file(int dir_fd, const char *name, const struct ta_buf *text)
{
	unlinkat(dir_fd, TEMPORARY, 0); /* of an agent that died */
	int fd = openat(dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0)
		return -errno;
	int error = write_all(fd, text);

	if (close(fd) < 0 && !error)
		error = -errno;
	if (!error && renameat(dir_fd, TEMPORARY, dir_fd, name) < 0)
		error = -errno;
	if (error)
		unlinkat(dir_fd, TEMPORARY, 0);
	return error;
}

static int write_envelope(struct ta_request *request, int dir_fd)
{
	struct ta_channel *channel = request->channel;
	char name[NAME_BYTES];

	ta_buf_clear(&request->wire);
	ta_sentry_put_sent(&request->wire, &request->body);
	if (request->body.failed || request->wire.failed)
		return -ENOMEM;
	name_of(&request->body, name);
	int error = write_file(dir_fd, name, &request->wire);

	if (error)
		return error;
	channel->files_bytes += request->wire.bytes;
	ta_count_add(&channel->status->bytes_sent, request->wire.bytes);
	make_room(channel, dir_fd);
	return 0;
}

static void fails(struct ta_request *request, int error)
{
	struct ta_channel *channel = request->channel;
	char sentence[TA_SENTENCE];

	snprintf(sentence, sizeof(sentence),
		 "no envelope can be written to %s: %s; make room there, or set TAGALONG_ENVELOPES "
		 "to a directory that can be written; it is tried again",
		 channel->target->shown, strerror(-error));
	ta_channel_fails(channel, sentence);
	ta_retry_failed(&channel->retry, request->started_ns, ta_agent_now_ns(), 0,
			ta_delivery_random(channel->delivery));
	ta_request_back(request);
}

static void written(struct ta_request *request)
{
	struct ta_channel *channel = request->channel;

	ta_channel_is_well(channel);
	ta_retry_answered(&channel->retry, request->started_ns);
	ta_count_add(&channel->status->requests, 1);
	ta_count_set(&channel->status->last_sent_ns, ta_delivery_unix_ns());
	pthread_mutex_lock(&channel->accounts);
	ta_count_sent(channel, &request->ticket.head, 0);
	ta_request_done(request);
	pthread_mutex_unlock(&channel->accounts);
}

/* True when there may be another one. */
static bool write_next(struct ta_channel *channel, int dir_fd, uint64_t now_ns)
{
	struct ta_request *request = ta_channel_reserve(channel, now_ns);
	int error;

	if (!ta_channel_take(channel, request)) {
		ta_request_release(request);
		return false;
	}
	error = dir_fd < 0 ? dir_fd : write_envelope(request, dir_fd);
	if (error)
		fails(request, error);
	else
		written(request);
	return !error;
}

static bool may_write(const struct ta_channel *channel, uint64_t now_ns)
{
	struct ta_spool_size size;

	ta_spool_size(channel->spool, &size);
	return size.messages > 0 && now_ns >= channel->retry.next_ns;
}

bool ta_channel_write(struct ta_channel *channel, uint64_t now_ns)
{
	int left = FILES_A_ROUND;

	if (!may_write(channel, now_ns))
		return false;
	int dir_fd = open_directory(channel->target->url);

	while (left > 0 && write_next(channel, dir_fd, now_ns))
		left--;
	if (dir_fd >= 0)
		close(dir_fd);
	return left == 0;
}
