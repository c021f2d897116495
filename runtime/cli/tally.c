/* SPDX-License-Identifier: MIT */
/*
 * tally.c - what a file got since we looked last, and how many spans that is.
 *
 * The agent renames FILE to FILE.1 when it is full, FILE.1 to FILE.2 and so on.
 * Read from the newest backwards: a file that was not there is counted whole, the
 * one that was FILE at the start from its size then, and there it ends.  Other
 * programs that write to the same file at the same time are counted with ours.
 */
#include "runtime/cli/tally.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

static int rotated_path(const struct ta_cli_tally *tally, int index, char *out)
{
	int bytes = index == 0 ? snprintf(out, PATH_MAX, "%s", tally->path)
			       : snprintf(out, PATH_MAX, "%s.%d", tally->path, index);

	return bytes > 0 && bytes < PATH_MAX ? 0 : -1;
}

/* Only regular files: opening a pipe could wait for ever. */
static int open_rotated(const struct ta_cli_tally *tally, int index, struct stat *ret_found)
{
	char path[PATH_MAX];

	if (rotated_path(tally, index, path) < 0 || stat(path, ret_found) < 0 ||
	    !S_ISREG(ret_found->st_mode))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static struct ta_cli_tally_file describe(const struct stat *found)
{
	return (struct ta_cli_tally_file){
		.inode = found->st_ino,
		.bytes = (uint64_t)found->st_size,
		.changed_ns = (uint64_t)found->st_mtim.tv_sec * 1000000000u +
			      (uint64_t)found->st_mtim.tv_nsec,
	};
}

void ta_cli_tally_start(struct ta_cli_tally *tally, const char *path)
{
	struct stat found;
	char rotated[PATH_MAX];

	*tally = (struct ta_cli_tally){ .count = 1 };
	snprintf(tally->path, sizeof(tally->path), "%s", path);
	if (stat(path, &found) == 0)
		tally->files[0] = describe(&found);
	for (int i = 1; i < TA_CLI_TALLY_FILES; i++) {
		if (rotated_path(tally, i, rotated) < 0 || stat(rotated, &found) < 0)
			return;
		tally->files[tally->count++] = describe(&found);
	}
}

/* What was FILE at the start: it may have grown since. */
static bool was_current(const struct ta_cli_tally *tally, const struct ta_cli_tally_file *file)
{
	return file->inode == tally->files[0].inode && file->bytes >= tally->files[0].bytes;
}

/* What was FILE.1 and so on: never touched again, so a file of that number with
 * another size or time has only inherited the number. */
static bool was_rotated(const struct ta_cli_tally *tally, const struct ta_cli_tally_file *file)
{
	for (int i = 1; i < tally->count; i++) {
		const struct ta_cli_tally_file *old = &tally->files[i];

		if (old->inode == file->inode && old->bytes == file->bytes &&
		    old->changed_ns == file->changed_ns)
			return true;
	}
	return false;
}

struct taker {
	void (*take)(void *user, const char *data, size_t bytes);
	void *user;
};

static void read_file(const struct taker *taker, int fd, uint64_t from)
{
	static char buffer[1 << 16];
	ssize_t bytes;

	for (off_t at = (off_t)from; (bytes = pread(fd, buffer, sizeof(buffer), at)) > 0;
	     at += bytes)
		taker->take(taker->user, buffer, (size_t)bytes);
	taker->take(taker->user, "\n", 1);
}

void ta_cli_tally_read(const struct ta_cli_tally *tally,
		       void (*take)(void *user, const char *data, size_t bytes), void *user)
{
	struct taker taker = { take, user };
	bool last = false;
	struct stat found;

	for (int i = 0; !last; i++) {
		int fd = open_rotated(tally, i, &found);

		if (fd < 0 && i > 0)
			break;
		if (fd < 0)
			continue;
		struct ta_cli_tally_file file = describe(&found);
		bool current = was_current(tally, &file);

		last = current || was_rotated(tally, &file);
		if (current || !last)
			read_file(&taker, fd, current ? tally->files[0].bytes : 0);
		close(fd);
	}
}

static void count(void *user, const char *data, size_t bytes)
{
	ta_cli_counter_feed(user, data, bytes);
}

void ta_cli_tally_end(const struct ta_cli_tally *tally, uint64_t *ret_spans, uint64_t *ret_traces)
{
	struct ta_cli_counter *counter = ta_cli_counter_new();

	*ret_spans = *ret_traces = 0;
	if (!counter)
		return;
	ta_cli_tally_read(tally, count, counter);
	ta_cli_counter_free(counter, ret_spans, ret_traces);
}
