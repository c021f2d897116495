/* SPDX-License-Identifier: MIT */
/*
 * spool.c - fuzzes a spool whose directory is damaged or hostile.
 *
 * Input: files, each a byte that says how, a byte for its number, two bytes of length, and
 * its content.  How:
 *
 *     bit 0      into another agent's directory, which is adopted
 *     bits 1, 2  0, 1: content as it is; 2: the check sum of the heads is made right;
 *                3: a put of that content, damaged at a place and cut at another, which the
 *                first two bytes of the content say
 *     bit 3      the name is odd
 *
 * What is found is taken, given back and finished in turn, under small bounds.  Every
 * message that is told is done or dropped in the end, and then nothing is left.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/export/spool.h"
#include "runtime/export/spool_file.h"
#include "runtime/export/spool_format.h"

#define IDENTITY 0x1122334455667788ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct input {
	const uint8_t *at, *end;
	uint64_t adopted, dropped, done;
};

static char base[64], own[128], other[128];

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void remove_files(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	char inner[512];

	while (dir && (entry = readdir(dir)) != NULL) {
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		unlink(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static void remove_all(void)
{
	remove_files(own);
	remove_files(other);
	rmdir(base);
}

/* One base for all inputs: a fuzzer makes thousands a second. */
static void make_base(void)
{
	if (!base[0]) {
		strcpy(base, "/dev/shm/ta-fuzz-XXXXXX");
		demand(mkdtemp(base) != NULL);
		snprintf(own, sizeof(own), "%s/%016llx-%08x", base, IDENTITY, 1);
		snprintf(other, sizeof(other), "%s/%016llx-%08x", base, IDENTITY, 2);
		atexit(remove_all);
	}
	remove_files(own);
	remove_files(other);
	demand(mkdir(own, 0700) == 0 && mkdir(other, 0700) == 0);
}

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static void write_file(const char *path, const char *data, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	demand(write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
}

/* So that the fuzzer gets behind the check sum. */
static void make_sum_right(char *content, size_t bytes)
{
	struct ta_spool_file_head head;
	struct ta_spool_file_item *items;

	if (bytes < sizeof(head))
		return;
	memcpy(&head, content, sizeof(head));
	head.magic = TA_SPOOL_FORMAT_MAGIC;
	head.version = TA_SPOOL_FORMAT_VERSION;
	head.count %= 8;
	if (bytes >= ta_spool_format_body(head.count)) {
		size_t size = head.count * sizeof(*items);

		items = malloc(size ? size : 1);
		memcpy(items, content + sizeof(head), size);
		head.sum = ta_spool_format_sum(&head, items);
		free(items);
	}
	memcpy(content, &head, sizeof(head));
}

/* A put as it should be; then its file is damaged. */
static void write_damaged(const char *dir, uint64_t number, const char *content, size_t bytes)
{
	struct ta_message message = {
		.head = { .bytes = (uint32_t)bytes, .format = TA_FORMAT_JSON, .spans = 1 }
	};
	struct ta_spool_put *put = ta_spool_put_new(1);
	char name[TA_SPOOL_NAME_BYTES], path[256];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;
	off_t size = (off_t)ta_spool_file_bytes(1, bytes);
	uint8_t byte = 0;

	ta_buf_put(&message.body, content, bytes);
	put->number = number;
	put->file_bytes = (uint64_t)size;
	put->items[0] = (struct ta_spool_item){ .head = message.head,
						.sum = ta_spool_file_sum(content, bytes) };
	error = ta_spool_file_write(fd, put, &message);
	ta_spool_put_free(put);
	ta_buf_fini(&message.body);
	close(fd);
	if (error || bytes < 2)
		return;
	ta_spool_file_name(TA_SPOOL_BATCH, number, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (pread(fd, &byte, 1, (uint8_t)content[0]) == 1) {
		byte ^= 0x10;
		demand(pwrite(fd, &byte, 1, (uint8_t)content[0]) == 1);
	}
	if ((uint8_t)content[1] < size && content[1] & 1)
		demand(ftruncate(fd, (uint8_t)content[1]) == 0);
	close(fd);
}

static void file(struct input *input)
{
	static const char *const odd[] = { "%s/.%016llx.tmp", "%s/%016llx.bad", "%s/%llu.batch",
					   "%s/lock%llu" };
	uint8_t how = next(input);
	uint64_t number = next(input);
	size_t wanted = next(input), left;
	const char *dir = how & 1 ? other : own;
	char path[256], *content;

	wanted |= (size_t)next(input) << 8;
	left = (size_t)(input->end - input->at);
	if (wanted > left)
		wanted = left;
	content = malloc(wanted ? wanted : 1);
	memcpy(content, input->at, wanted);
	input->at += wanted;
	if (number & 0x80)
		number |= number << 56;
	snprintf(path, sizeof(path), how & 8 ? odd[how >> 4 & 3] : "%s/%016llx.batch", dir,
		 (unsigned long long)number);
	if ((how >> 1 & 3) == 2)
		make_sum_right(content, wanted);
	if ((how >> 1 & 3) == 3)
		write_damaged(dir, number, content, wanted);
	else
		write_file(path, content, wanted);
	free(content);
}

static void note_dropped(void *user, enum ta_drop why, const struct ta_message_head *head)
{
	struct input *input = user;

	/* Only what was told before is counted: damaged heads never were. */
	input->dropped += why != TA_DROP_SPOOL_DAMAGED;
	(void)head;
}

static void note_adopted(void *user, const struct ta_message_head *head)
{
	struct input *input = user;

	demand(head->format >= TA_FORMAT_PROTOBUF && head->format <= TA_FORMAT_ENVELOPE);
	demand(head->category < TA_CATEGORIES);
	input->adopted++;
}

static volatile char sum;

static void drain(struct input *input, struct ta_spool *spool)
{
	struct ta_spool_ticket ticket;
	struct ta_buf body = { 0 };
	uint32_t turn = 0;

	for (;;) {
		ta_buf_clear(&body);
		if (!ta_spool_take(spool, &ticket, &body))
			break;
		demand(body.bytes == ticket.head.bytes);
		for (size_t i = 0; i < body.bytes; i++)
			sum = (char)(sum + body.data[i]);
		if (turn++ % 3 == 0) {
			ta_spool_back(spool, &ticket);
			continue;
		}
		ta_spool_done(spool, &ticket);
		input->done++;
	}
	demand(!body.failed);
	ta_buf_fini(&body);
}

static struct ta_spool *open_spool(struct input *input, uint64_t max_bytes)
{
	const struct ta_spool_options options = { .dir = base,
						  .name = "fuzz",
						  .identity = IDENTITY,
						  .key = 1,
						  .max_bytes = max_bytes,
						  .max_age_ms = 10000000000000,
						  .max_memory_bytes = 4096,
						  .dropped = note_dropped,
						  .adopted = note_adopted,
						  .user = input };
	struct ta_spool *spool;
	int error = 1;

	spool = ta_spool_open(&options, &error);
	demand(spool != NULL && error == 0);
	return spool;
}

static void put_one(struct ta_spool *spool)
{
	struct ta_messages messages = { 0 };
	uint64_t number = ta_spool_last(spool) + 1;
	struct ta_message *message = ta_messages_add(&messages);

	ta_buf_puts(&message->body, "body");
	message->head.format = TA_FORMAT_JSON;
	ta_spool_put(spool, number, &messages);
	ta_spool_commit(spool, number);
	ta_messages_fini(&messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { .at = data, .end = data + bytes };
	struct ta_spool_size size;
	struct ta_spool *spool;

	make_base();
	while (input.at < input.end)
		file(&input);
	spool = open_spool(&input, 5 * 4096);
	ta_spool_look(spool, UINT64_MAX / 2);
	put_one(spool);
	ta_spool_size(spool, &size);
	demand(size.bytes <= 5 * 4096 && size.messages >= 1);
	drain(&input, spool);
	ta_spool_size(spool, &size);
	demand(size.messages == 0 && size.bytes == 0 && size.spans == 0);
	demand(input.done <= input.adopted - input.dropped + 1);
	ta_spool_close(spool);
	input.adopted = 0;
	ta_spool_close(open_spool(&input, UINT64_MAX));
	demand(input.adopted == 0);
	return 0;
}
