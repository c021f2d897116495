/* SPDX-License-Identifier: MIT */
/*
 * spool_file.c - a put as a file: names, the format, reading.
 *
 * Writing is spool_write.c.
 *
 * Runs: agent, any thread.  No locks, no state.
 */
#include "runtime/export/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/export/spool_format.h"

static const char *const before[] = { "", ".", "" };
static const char *const behind[] = { ".batch", ".tmp", ".bad" };

void ta_spool_file_name(enum ta_spool_kind kind, uint64_t number, char out[TA_SPOOL_NAME_BYTES])
{
	snprintf(out, TA_SPOOL_NAME_BYTES, "%s%016llx%s", before[kind], (unsigned long long)number,
		 behind[kind]);
}

/* Exactly as ta_spool_file_name() makes them. */
bool ta_spool_file_parse(const char *name, enum ta_spool_kind *ret_kind, uint64_t *ret_number)
{
	char digits[17] = { 0 }, again[TA_SPOOL_NAME_BYTES];
	uint64_t number;

	strncpy(digits, name + (name[0] == '.'), 16);
	if (strspn(digits, "0123456789abcdef") != 16)
		return false;
	number = strtoull(digits, NULL, 16);
	for (int kind = TA_SPOOL_BATCH; kind <= TA_SPOOL_BAD; kind++) {
		ta_spool_file_name((enum ta_spool_kind)kind, number, again);
		if (strcmp(name, again) == 0) {
			*ret_kind = (enum ta_spool_kind)kind;
			*ret_number = number;
			return (number & ~TA_SPOOL_FOUND) < TA_SPOOL_NUMBER_MAX;
		}
	}
	return false;
}

#define MIX 0x9E3779B97F4A7C15ull

static inline uint64_t mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * MIX;
	return sum ^ sum >> 32;
}

static inline uint64_t load8(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Four lanes, so that multiplications overlap.  Each step can be undone, so one changed
 * word always changes the sum.  Against accidents; who can write here is the user. */
uint64_t ta_spool_file_sum(const void *data, size_t bytes)
{
	uint64_t lanes[4] = { bytes, 1, 2, 3 }, last = 0;
	const char *at = data;

	for (; bytes >= 32; at += 32, bytes -= 32) {
		lanes[0] = mix(lanes[0], load8(at));
		lanes[1] = mix(lanes[1], load8(at + 8));
		lanes[2] = mix(lanes[2], load8(at + 16));
		lanes[3] = mix(lanes[3], load8(at + 24));
	}
	for (; bytes >= 8; at += 8, bytes -= 8)
		lanes[0] = mix(lanes[0], load8(at));
	if (bytes)
		memcpy(&last, at, bytes);
	lanes[0] = mix(lanes[0], last);
	for (int i = 1; i < 4; i++)
		lanes[0] = mix(lanes[0], lanes[i]);
	return lanes[0];
}

uint64_t ta_spool_format_sum(const struct ta_spool_file_head *head,
			     const struct ta_spool_file_item *items)
{
	struct ta_spool_file_head plain = *head;
	uint64_t sum;

	plain.sum = 0;
	sum = ta_spool_file_sum(&plain, sizeof(plain));
	for (uint32_t i = 0; i < head->count; i++) {
		struct ta_spool_file_item item = items[i];

		item.head.done = 0;
		sum = mix(sum, ta_spool_file_sum(&item, sizeof(item)));
	}
	return sum;
}

uint64_t ta_spool_file_bytes(uint32_t count, uint64_t body_bytes)
{
	return ta_spool_format_body(count) + body_bytes;
}

static int check_file(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return -errno;
	return S_ISREG(status.st_mode) && status.st_uid == geteuid() ? 0 : -EPERM;
}

int ta_spool_file_open(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -EPERM : -errno;
	error = check_file(fd);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

static int open_batch(int dir_fd, uint64_t number, int flags)
{
	char name[TA_SPOOL_NAME_BYTES];

	ta_spool_file_name(TA_SPOOL_BATCH, number, name);
	return ta_spool_file_open(dir_fd, name, flags);
}

/* All of it, or -EBADMSG where the file ends. */
static int read_all(int fd, void *out, size_t bytes, uint64_t offset)
{
	char *at = out;

	while (bytes) {
		ssize_t got = pread(fd, at, bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		at += got;
		offset += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return 0;
}

/* Whether others can rely on what the head says (it may be used as an index). */
static bool head_holds(const struct ta_message_head *head)
{
	return head->format >= TA_FORMAT_PROTOBUF && head->format <= TA_FORMAT_ENVELOPE &&
	       head->category < TA_CATEGORIES && head->gzip <= 1;
}

/* Fills the row in; false when the numbers contradict each other.  size: of the file. */
static bool fill(struct ta_spool_put *put, const struct ta_spool_file_head *head,
		 const struct ta_spool_file_item *items, uint64_t size)
{
	uint64_t offset = ta_spool_format_body(head->count);
	bool holds = true;

	for (uint32_t i = 0; i < head->count; i++) {
		struct ta_spool_item *item = &put->items[i];
		bool done = items[i].head.done == TA_SPOOL_FORMAT_DONE;

		holds = holds && head_holds(&items[i].head);
		*item = (struct ta_spool_item){ .head = items[i].head, .sum = items[i].sum };
		item->head.done = done ? TA_SPOOL_DONE : TA_SPOOL_WAITS;
		item->offset = offset;
		offset += item->head.bytes;
	}
	put->file_bytes = size;
	ta_spool_put_ready(put);
	return holds && offset == head->bytes && offset == size;
}

static int load_items(int fd, const struct ta_spool_file_head *head, uint64_t size,
		      struct ta_spool_put **ret_put)
{
	size_t bytes = head->count * sizeof(struct ta_spool_file_item);
	struct ta_spool_file_item *items = malloc(bytes);
	struct ta_spool_put *put = ta_spool_put_new(head->count);
	int error = items && put ? read_all(fd, items, bytes, sizeof(*head)) : -ENOMEM;

	if (!error && ta_spool_format_sum(head, items) != head->sum)
		error = -EBADMSG;
	if (error) {
		free(put);
		put = NULL;
	} else if (!fill(put, head, items, size)) {
		error = -EBADMSG;
	}
	free(items);
	*ret_put = put;
	return error;
}

static int load(int fd, struct ta_spool_put **ret_put)
{
	struct ta_spool_file_head head;
	struct stat status;
	int error;

	if (fstat(fd, &status) != 0)
		return -errno;
	error = read_all(fd, &head, sizeof(head), 0);
	if (error)
		return error;
	if (head.magic != TA_SPOOL_FORMAT_MAGIC || head.version != TA_SPOOL_FORMAT_VERSION ||
	    head.count == 0 || head.count > TA_SPOOL_MESSAGES_MAX ||
	    (uint64_t)status.st_size < ta_spool_format_body(head.count))
		return -EBADMSG;
	return load_items(fd, &head, (uint64_t)status.st_size, ret_put);
}

int ta_spool_file_load(int dir_fd, uint64_t number, struct ta_spool_put **ret_put)
{
	int fd = open_batch(dir_fd, number, O_RDONLY), error;

	*ret_put = NULL;
	if (fd < 0)
		return fd;
	error = load(fd, ret_put);
	close(fd);
	if (*ret_put) {
		(*ret_put)->number = number;
		(*ret_put)->committed = true;
	}
	return error;
}

int ta_spool_file_read(int dir_fd, uint64_t number, const struct ta_spool_item *item,
		       struct ta_buf *body)
{
	char *at;
	int fd, error;

	if (item->head.bytes == 0)
		return 0;
	at = ta_buf_reserve(body, item->head.bytes);
	if (!at)
		return -ENOMEM;
	fd = open_batch(dir_fd, number, O_RDONLY);
	if (fd < 0)
		return fd;
	error = read_all(fd, at, item->head.bytes, item->offset);
	close(fd);
	if (error)
		return error;
	if (ta_spool_file_sum(at, item->head.bytes) != item->sum)
		return -EBADMSG;
	body->bytes += item->head.bytes;
	return 0;
}

int ta_spool_file_mark(int dir_fd, uint64_t number, uint32_t item)
{
	const uint8_t done = TA_SPOOL_FORMAT_DONE;
	off_t at = (off_t)(sizeof(struct ta_spool_file_head) +
			   item * sizeof(struct ta_spool_file_item) +
			   offsetof(struct ta_message_head, done));
	int fd = open_batch(dir_fd, number, O_WRONLY), error;

	if (fd < 0)
		return fd;
	error = pwrite(fd, &done, 1, at) == 1 ? 0 : -errno;
	close(fd);
	return error;
}
