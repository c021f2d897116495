/* SPDX-License-Identifier: MIT */
/*
 * spool_write.c - a put as a file: writing, whole or not at all.
 *
 * Written under a temporary name and then named, so a file that can be seen is complete.
 *
 * Runs: agent, the exporter's thread.  The caller ignores SIGXFSZ.
 */
#include "runtime/export/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/export/spool_format.h"

#define PARTS 64

static int write_parts(int fd, struct iovec *parts, int count)
{
	while (count) {
		ssize_t done = writev(fd, parts, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 || (done == 0 && parts->iov_len))
			return done < 0 ? -errno : -EIO;
		for (; count && (size_t)done >= parts->iov_len; parts++, count--)
			done -= (ssize_t)parts->iov_len;
		if (count) {
			parts->iov_base = (char *)parts->iov_base + done;
			parts->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* Head and items; NULL when out of memory. */
static struct ta_spool_file_head *make_heads(const struct ta_spool_put *put)
{
	struct ta_spool_file_head *head = calloc(1, ta_spool_format_body(put->count));
	struct ta_spool_file_item *items;

	if (!head)
		return NULL;
	items = (void *)(head + 1);
	for (uint32_t i = 0; i < put->count; i++) {
		items[i].head = put->items[i].head;
		items[i].sum = put->items[i].sum;
		items[i].head.done = 0;
	}
	*head = (struct ta_spool_file_head){ .magic = TA_SPOOL_FORMAT_MAGIC,
					     .version = TA_SPOOL_FORMAT_VERSION,
					     .count = put->count,
					     .bytes = put->file_bytes };
	head->sum = ta_spool_format_sum(head, items);
	return head;
}

static int write_content(int fd, const struct ta_spool_put *put, const struct ta_message *messages)
{
	struct ta_spool_file_head *heads = make_heads(put);
	struct iovec parts[PARTS];
	int count = 1, error = heads ? 0 : -ENOMEM;

	parts[0] = (struct iovec){ heads, ta_spool_format_body(put->count) };
	for (uint32_t i = 0; i < put->count && !error; i++) {
		const struct ta_buf *body = &messages[i].body;

		if (body->bytes)
			parts[count++] = (struct iovec){ body->data, body->bytes };
		if (count == PARTS) {
			error = write_parts(fd, parts, count);
			count = 0;
		}
	}
	if (!error)
		error = write_parts(fd, parts, count);
	free(heads);
	return error;
}

static int create(int dir_fd, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags, 0600);

	if (fd < 0 && errno == EEXIST && unlinkat(dir_fd, name, 0) == 0)
		fd = openat(dir_fd, name, flags, 0600);
	return fd < 0 ? -errno : fd;
}

/* There are file systems that know no renameat2(). */
static int give_name(int dir_fd, const char *from, const char *to)
{
	if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (faccessat(dir_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(dir_fd, from, dir_fd, to) == 0 ? 0 : -errno;
}

int ta_spool_file_write(int dir_fd, const struct ta_spool_put *put,
			const struct ta_message *messages)
{
	char temporary[TA_SPOOL_NAME_BYTES], name[TA_SPOOL_NAME_BYTES];
	int fd, error;

	ta_spool_file_name(TA_SPOOL_TEMPORARY, put->number, temporary);
	ta_spool_file_name(TA_SPOOL_BATCH, put->number, name);
	fd = create(dir_fd, temporary);
	if (fd < 0)
		return fd;
	error = write_content(fd, put, messages);
	if (close(fd) != 0 && !error)
		error = -errno;
	if (!error)
		error = give_name(dir_fd, temporary, name);
	if (error)
		unlinkat(dir_fd, temporary, 0);
	return error;
}
