/* SPDX-License-Identifier: MIT */
/*
 * show_follow.c - the lines of files that may grow, be rotated, or be cut.
 *
 * It looks every WAIT_MS; the agent writes seldom enough that this costs nothing,
 * and it works on every file system.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 200
#define PIECE 65536u

static int open_named(struct show_lines *lines)
{
	struct stat status;
	int fd = strcmp(lines->path, "-") == 0 ? dup(STDIN_FILENO) :
						 open(lines->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
		int error = S_ISDIR(status.st_mode) ? -EISDIR : -errno;

		close(fd);
		return error;
	}
	lines->fd = fd;
	lines->inode = status.st_ino;
	lines->device = status.st_dev;
	lines->position = lines->last_start = 0;
	lines->line = 0;
	lines->rest_bytes = 0;
	return 0;
}

int ta_show_lines_open(struct show_lines *lines, const char *path)
{
	*lines = (struct show_lines){ .path = path, .fd = -1 };
	return open_named(lines);
}

void ta_show_lines_expect(struct show_lines *lines, const char *path)
{
	*lines = (struct show_lines){ .path = path, .fd = -1 };
}

void ta_show_lines_close(struct show_lines *lines)
{
	if (lines->fd >= 0)
		close(lines->fd);
	free(lines->rest);
}

static void take_line(struct show_lines *lines, struct show_store *store, const char *text,
		      size_t bytes)
{
	lines->line++;
	if (ta_show_read_line(store, text, bytes))
		return;
	if (!lines->broken++)
		lines->first_broken = lines->line;
	lines->last_broken = lines->line;
}

/* Every whole line of rest; what is left moves to the front. */
static void take_lines(struct show_lines *lines, struct show_store *store, size_t looked_at)
{
	size_t start = 0;
	char *newline;

	while ((newline = memchr(lines->rest + looked_at, '\n', lines->rest_bytes - looked_at))) {
		size_t end = (size_t)(newline - lines->rest);

		take_line(lines, store, lines->rest + start, end - start);
		lines->last_start = lines->position - lines->rest_bytes + start;
		start = looked_at = end + 1;
	}
	memmove(lines->rest, lines->rest + start, lines->rest_bytes - start);
	lines->rest_bytes -= start;
}

static ssize_t read_piece(struct show_lines *lines)
{
	ssize_t got;

	if (lines->rest_capacity - lines->rest_bytes < PIECE) {
		lines->rest_capacity = lines->rest_capacity * 2 + PIECE;
		lines->rest = ta_show_alloc(lines->rest, lines->rest_capacity);
	}
	do {
		got = read(lines->fd, lines->rest + lines->rest_bytes, PIECE);
	} while (got < 0 && errno == EINTR);
	return got;
}

void ta_show_lines_read(struct show_lines *lines, struct show_store *store, bool final)
{
	ssize_t got;

	while (lines->fd >= 0 && (got = read_piece(lines)) > 0) {
		size_t before = lines->rest_bytes;

		lines->rest_bytes += (size_t)got;
		lines->position += (uint64_t)got;
		take_lines(lines, store, before);
	}
	if (final && lines->rest_bytes) {
		take_line(lines, store, lines->rest, lines->rest_bytes);
		lines->rest_bytes = 0;
	}
}

/* Renamed or removed, and the new one is there: read on in that. */
static void follow_name(struct show_lines *lines, struct show_store *store)
{
	struct stat status;
	int old = lines->fd;

	if (stat(lines->path, &status) != 0 ||
	    (status.st_ino == lines->inode && status.st_dev == lines->device))
		return;
	ta_show_lines_read(lines, store, true); /* what came between the last read and now */
	if (open_named(lines) != 0)
		return;
	if (old >= 0)
		close(old);
	ta_show_lines_read(lines, store, false);
}

/* A file that is shorter than what was read of it: an agent that was restarted
 * took back its last line, and goes on behind the one before; or somebody emptied
 * the file, and it is read anew. */
static void notice_cut(struct show_lines *lines)
{
	struct stat status;
	uint64_t size;

	if (fstat(lines->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	size = (uint64_t)status.st_size;
	if (size >= lines->position)
		return;
	if (size != lines->last_start && size != lines->position - lines->rest_bytes) {
		size = 0;
		lines->line = 0;
	}
	lines->rest_bytes = 0;
	lines->position = size;
	lseek(lines->fd, (off_t)size, SEEK_SET);
}

/* Whether something was added; it is read then. */
static bool look(struct show_lines *lines, struct show_store *store)
{
	uint64_t line = lines->line, inode = lines->inode, position = lines->position;
	bool named = strcmp(lines->path, "-") != 0;

	if (named && lines->fd >= 0)
		notice_cut(lines);
	ta_show_lines_read(lines, store, false);
	if (named)
		follow_name(lines, store);
	return lines->line != line || lines->inode != inode || lines->position != position;
}

void ta_show_lines_wait(struct show_lines *lines, uint32_t count, struct show_store *store)
{
	struct timespec pause = { .tv_nsec = WAIT_MS * 1000000l };
	bool news = false;

	while (!news) {
		nanosleep(&pause, NULL);
		for (uint32_t i = 0; i < count; i++)
			news |= look(&lines[i], store);
	}
}
