/* SPDX-License-Identifier: MIT */
/*
 * file.c - lines appended to a file that others may rename, remove or share.
 *
 * The name is looked at before every append: a file that was renamed or removed
 * meanwhile (logrotate, rm) is left alone and a new one begun.  Two agents with
 * the same file take turns by a lock on it; each line goes out whole.
 *
 * What is not a regular file (a FIFO, a terminal, /dev/null) gets the lines, but
 * is never rotated nor cut.
 *
 * Runs: agent, one thread.  Locks: flock on the file, held for one append.  The
 * caller ignores SIGPIPE and SIGXFSZ.  Never deletes a line that was complete,
 * except by rotation.
 */
#include "runtime/export/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 200 /* of LOCK_WAIT_MS each */
#define LOCK_WAIT_MS 5
#define PIPE_WAIT_MS 1000

struct ta_file {
	char *path;
	uint64_t max_bytes;
	unsigned int keep;
	int fd;	      /* -1: not open */
	bool regular;
	uint64_t inode, device;
	uint64_t clean_bytes; /* up to here we know that lines are whole */
};

struct ta_file *ta_file_new(const char *path, uint64_t max_bytes, unsigned int keep)
{
	struct ta_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->path = strdup(path);
	if (!file->path) {
		free(file);
		return NULL;
	}
	file->max_bytes = max_bytes;
	file->keep = keep;
	file->fd = -1;
	return file;
}

static void close_file(struct ta_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void ta_file_free(struct ta_file *file)
{
	if (!file)
		return;
	close_file(file);
	free(file->path);
	free(file);
}

static int make_parents(const char *path)
{
	char part[PATH_MAX];
	size_t bytes = strlen(path);

	if (bytes >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, path, bytes + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST && access(part, F_OK) != 0)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int open_flags(void)
{
	/* A FIFO without a reader must not stop the agent. */
	return O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
}

static int open_path(const char *path)
{
	int fd = open(path, open_flags(), 0600);

	if (fd < 0 && errno == ENOENT) {
		int error = make_parents(path);

		if (error)
			return error;
		fd = open(path, open_flags(), 0600);
	}
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		fd = open(path, (open_flags() & ~O_RDWR) | O_WRONLY, 0600);
	return fd < 0 ? -errno : fd;
}

static int open_file(struct ta_file *file)
{
	struct stat status;
	int fd = open_path(file->path);

	if (fd < 0)
		return fd;
	if (fstat(fd, &status) != 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	file->fd = fd;
	file->regular = S_ISREG(status.st_mode);
	file->inode = status.st_ino;
	file->device = status.st_dev;
	file->clean_bytes = 0;
	return 0;
}

/* The file that the name stands for now. */
static int follow_name(struct ta_file *file)
{
	struct stat status;

	if (file->fd >= 0 && stat(file->path, &status) == 0 && status.st_ino == file->inode &&
	    status.st_dev == file->device)
		return 0;
	close_file(file);
	return open_file(file);
}

static void nap(long ms)
{
	struct timespec rest = { .tv_sec = 0, .tv_nsec = ms * 1000000 };

	nanosleep(&rest, NULL);
}

/* A file system that has no locks gets none. */
static int lock(const struct ta_file *file)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(file->fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		nap(LOCK_WAIT_MS);
	}
	return -EAGAIN;
}

static void unlock(const struct ta_file *file)
{
	if (file->fd >= 0 && file->regular)
		flock(file->fd, LOCK_UN);
}

/* PATH.number; false when that is too long for a name. */
static bool rotated_name(const struct ta_file *file, unsigned int number, char *out,
			 size_t out_bytes)
{
	int bytes = number ? snprintf(out, out_bytes, "%s.%u", file->path, number) :
			     snprintf(out, out_bytes, "%s", file->path);

	return bytes > 0 && (size_t)bytes < out_bytes;
}

/* Moves every file one number up; the last one goes. */
static int rotate(const struct ta_file *file)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];

	if (file->keep == 0)
		return unlink(file->path) == 0 ? 0 : -errno;
	for (unsigned int i = file->keep; i-- > 0;) {
		if (!rotated_name(file, i, from, sizeof(from)) ||
		    !rotated_name(file, i + 1, to, sizeof(to)))
			return -ENAMETOOLONG;
		if (rename(from, to) != 0 && (i == 0 || errno != ENOENT))
			return -errno;
	}
	return 0;
}

static int size_of(const struct ta_file *file, uint64_t *ret_bytes)
{
	struct stat status;

	if (fstat(file->fd, &status) != 0)
		return -errno;
	*ret_bytes = file->regular ? (uint64_t)status.st_size : 0;
	return 0;
}

/* Under the lock, because another agent may have rotated while we waited for it. */
static int take_turn(struct ta_file *file)
{
	for (int i = 0; i < 8; i++) {
		uint64_t inode;
		int error = follow_name(file);

		if (error || !file->regular)
			return error;
		inode = file->inode;
		error = lock(file);
		if (error)
			return error;
		error = follow_name(file);
		if (error)
			return error;
		if (inode == file->inode)
			return 0;
	}
	return -EAGAIN;
}

/* Open, locked, and rotated if it was due.  A directory in which nothing can be
 * renamed gets a file that grows: better than none. */
static int prepare(struct ta_file *file, uint64_t *ret_bytes)
{
	int error = take_turn(file);

	if (!error)
		error = size_of(file, ret_bytes);
	if (error || !file->regular || *ret_bytes < file->max_bytes)
		return error;
	if (rotate(file) != 0)
		return 0;
	close_file(file); /* and its lock */
	error = take_turn(file);
	return error ? error : size_of(file, ret_bytes);
}

int ta_file_place(struct ta_file *file, struct ta_file_place *ret_place)
{
	uint64_t bytes;
	int error = prepare(file, &bytes);

	unlock(file);
	if (error)
		return error;
	*ret_place = (struct ta_file_place){ .inode = file->inode, .bytes = bytes };
	return 0;
}

/* Whether the file ends inside a line: somebody was stopped while writing. */
static bool ends_inside_line(const struct ta_file *file, uint64_t bytes)
{
	char last = '\n';

	if (!file->regular || bytes == 0 || bytes == file->clean_bytes)
		return false;
	return pread(file->fd, &last, 1, (off_t)bytes - 1) == 1 && last != '\n';
}

static bool wait_writable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, PIPE_WAIT_MS) > 0 && !(pollfd.revents & (POLLERR | POLLHUP));
}

static int write_all(int fd, struct iovec *parts, int count)
{
	while (count) {
		ssize_t done = writev(fd, parts, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN && wait_writable(fd))
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		while (count && (size_t)done >= parts->iov_len) {
			done -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (count) {
			parts->iov_base = (char *)parts->iov_base + done;
			parts->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* If the cut fails too, the next append finds an unfinished line and ends it. */
static void cut_back(struct ta_file *file, uint64_t bytes)
{
	if (file->regular && ftruncate(file->fd, (off_t)bytes) != 0)
		file->clean_bytes = 0;
}

int ta_file_append(struct ta_file *file, const char *line, size_t bytes)
{
	char newline = '\n';
	struct iovec parts[3] = { { &newline, 1 }, { (void *)(uintptr_t)line, bytes },
				  { &newline, 1 } };
	uint64_t before;
	bool torn;
	int error = prepare(file, &before);

	if (error) {
		unlock(file);
		return error;
	}
	torn = ends_inside_line(file, before);
	error = torn ? write_all(file->fd, parts, 3) : write_all(file->fd, parts + 1, 2);
	if (error)
		cut_back(file, before);
	else
		file->clean_bytes = before + bytes + 1 + torn;
	unlock(file);
	return error;
}

/* Whether what stands behind start is at most one line: our own last append.
 * More than that means that another agent shares the file and went on. */
static bool one_line_behind(int fd, uint64_t start, uint64_t end)
{
	char piece[65536];

	while (start < end) {
		size_t want = end - start < sizeof(piece) ? (size_t)(end - start) : sizeof(piece);
		ssize_t got = pread(fd, piece, want, (off_t)start);
		const char *newline;

		if (got <= 0)
			return false;
		newline = memchr(piece, '\n', (size_t)got);
		if (newline)
			return start + (uint64_t)(newline - piece) + 1 == end;
		start += (uint64_t)got;
	}
	return true;
}

/* 1: it was that file; 0: it was another one; -errno. */
static int restore_in(int fd, const struct ta_file_place *place)
{
	struct stat status;
	char last = '\n';

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_ino != place->inode)
		return 0;
	if ((uint64_t)status.st_size <= place->bytes)
		return 1;
	if (place->bytes && (pread(fd, &last, 1, (off_t)place->bytes - 1) != 1 || last != '\n'))
		return 1; /* a number used again by another file */
	if (!one_line_behind(fd, place->bytes, (uint64_t)status.st_size))
		return 1;
	return ftruncate(fd, (off_t)place->bytes) == 0 ? 1 : -errno;
}

int ta_file_restore(struct ta_file *file, const struct ta_file_place *place)
{
	char name[PATH_MAX + 16];

	close_file(file);
	for (unsigned int i = 0; i <= file->keep; i++) {
		int fd, found;

		if (!rotated_name(file, i, name, sizeof(name)))
			return -ENAMETOOLONG;
		fd = open(name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 && errno != ENOENT)
			return -errno;
		if (fd < 0)
			continue;
		found = restore_in(fd, place);
		close(fd);
		if (found)
			return found < 0 ? found : 0;
	}
	return 0;
}
