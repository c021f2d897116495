/* SPDX-License-Identifier: MIT */
/*
 * live_file.c - KEY.live: written whole and renamed, read with suspicion.
 *
 * Runs: agent, the worker's thread; cli.
 */
#include "runtime/agent/live.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME_BYTES 48
#define FIRST_BIT 10u /* buckets begin at 2^10 ns */

static void name_of(uint32_t key, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%08x.live", key);
}

/* Only what is in use. */
static int write_all(int fd, const struct ta_live_page *page)
{
	struct iovec parts[] = {
		{ (void *)&page->head, sizeof(page->head) },
		{ (void *)page->rows, page->head.row_count * sizeof(page->rows[0]) },
		{ (void *)page->open, page->head.open_count * sizeof(page->open[0]) },
	};
	size_t wanted = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
	ssize_t written = writev(fd, parts, 3);

	if (written < 0)
		return -errno;
	return (size_t)written == wanted ? 0 : -ENOSPC;
}

int ta_live_write(int dir_fd, const struct ta_live_page *page)
{
	char name[NAME_BYTES], temporary[NAME_BYTES];

	name_of(page->head.key, name);
	snprintf(temporary, sizeof(temporary), "%08x.live.%d", page->head.key, (int)getpid());
	/* Only a worker with our pid can have left that, and it is dead. */
	unlinkat(dir_fd, temporary, 0);
	int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	int error = write_all(fd, page);

	close(fd);
	if (!error && renameat(dir_fd, temporary, dir_fd, name) != 0)
		error = -errno;
	if (error)
		unlinkat(dir_fd, temporary, 0);
	return error;
}

void ta_live_remove(int dir_fd, uint32_t key)
{
	char name[NAME_BYTES];

	name_of(key, name);
	unlinkat(dir_fd, name, 0);
}

static int open_file(int dir_fd, uint32_t key)
{
	char name[NAME_BYTES];
	struct stat found;

	name_of(key, name);
	/* Not to wait for a pipe. */
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EPROTO;
	if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode))
		return fd;
	close(fd);
	return -EPROTO;
}

static bool is_sound(const struct ta_live_head *head, uint32_t key)
{
	return head->magic == TA_LIVE_MAGIC && head->key == key &&
	       head->row_bytes == sizeof(struct ta_live_row) &&
	       head->open_bytes == sizeof(struct ta_live_open) &&
	       head->row_count <= TA_LIVE_ROWS && head->open_count <= TA_LIVE_OPEN;
}

static bool read_whole(int fd, struct ta_live_page *page, uint32_t key)
{
	if (pread(fd, &page->head, sizeof(page->head), 0) != (ssize_t)sizeof(page->head) ||
	    !is_sound(&page->head, key))
		return false;
	size_t rows = page->head.row_count * sizeof(page->rows[0]);
	size_t open = page->head.open_count * sizeof(page->open[0]);
	off_t at = (off_t)sizeof(page->head);

	return pread(fd, page->rows, rows, at) == (ssize_t)rows &&
	       pread(fd, page->open, open, at + (off_t)rows) == (ssize_t)open;
}

static void terminate(struct ta_live_page *page)
{
	for (uint32_t i = 0; i < page->head.row_count; i++) {
		page->rows[i].service[TA_LIVE_SERVICE - 1] = '\0';
		page->rows[i].name[TA_LIVE_NAME - 1] = '\0';
		if (page->rows[i].kind >= TA_LIVE_KINDS)
			page->rows[i].kind = TA_LIVE_OTHER;
	}
	for (uint32_t i = 0; i < page->head.open_count; i++) {
		page->open[i].service[TA_LIVE_SERVICE - 1] = '\0';
		page->open[i].name[TA_LIVE_NAME - 1] = '\0';
		if (page->open[i].kind >= TA_LIVE_KINDS)
			page->open[i].kind = TA_LIVE_OTHER;
	}
}

int ta_live_read(int dir_fd, uint32_t key, struct ta_live_page *page)
{
	int fd = open_file(dir_fd, key);

	if (fd < 0)
		return fd;
	bool good = read_whole(fd, page, key);

	close(fd);
	if (!good)
		return -EPROTO;
	terminate(page);
	return 0;
}

/* ---- durations ---- */

uint32_t ta_live_bucket(uint64_t ns)
{
	if (ns < 1u << FIRST_BIT)
		return 0;
	uint32_t bit = 63u - (uint32_t)__builtin_clzll(ns);
	uint32_t bucket = (bit - FIRST_BIT) * 4 + (uint32_t)(ns >> (bit - 2) & 3) + 1;

	return bucket < TA_LIVE_BUCKETS ? bucket : TA_LIVE_BUCKETS - 1;
}

/* Where a bucket begins. */
static double bound_of(uint32_t bucket)
{
	if (bucket == 0)
		return 0;
	return ldexp(4 + (bucket - 1) % 4, (int)(FIRST_BIT + (bucket - 1) / 4) - 2);
}

uint64_t ta_live_quantile(const double counts[TA_LIVE_BUCKETS], double share)
{
	double all = 0, below = 0;

	for (uint32_t i = 0; i < TA_LIVE_BUCKETS; i++)
		all += counts[i];
	for (uint32_t i = 0; i < TA_LIVE_BUCKETS && all > 0; i++) {
		if (counts[i] > 0 && below + counts[i] >= all * share) {
			double part = (all * share - below) / counts[i], from = bound_of(i);

			return (uint64_t)(from + part * (bound_of(i + 1) - from));
		}
		below += counts[i];
	}
	return 0;
}
