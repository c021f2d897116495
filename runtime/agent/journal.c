/* SPDX-License-Identifier: MIT */
/*
 * journal.c - the agent's events on file.
 *
 * A file is a head and then frames: kind, length, checksum, payload, padded to
 * eight bytes.  A frame that was half written is recognised by its checksum and
 * ends the replay.  A journal of an earlier boot is not replayed into this one's
 * clock: its times mean something else; ta_journal_replay() says -ESTALE then.
 *
 * Runs: agent, one thread.
 */
#include "runtime/agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/export/mix.h"

#define JOURNAL_MAGIC 0x314C4E5247414154ull /* "TAAGRNL1", little endian */
#define JOURNAL_VERSION 7u
#define FRAME_BYTES_MAX (16u << 20)
#define NAME_BYTES 64
#define SPARE_BYTES_MAX (32 << 20)

struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t key;
	uint64_t number;
	char boot_id[40];
};

struct frame {
	uint32_t kind;
	uint32_t bytes; /* of the payload, without padding */
	uint64_t sum;
};

void ta_journal_init(struct ta_journal *journal, int dir_fd, uint32_t key)
{
	*journal = (struct ta_journal){ .dir_fd = dir_fd, .fd = -1, .retired_fd = -1, .key = key };
}

static void read_boot_id(char out[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(out, 0, 40);
	if (fd < 0)
		return;
	if (read(fd, out, 36) != 36)
		memset(out, 0, 40);
	close(fd);
}

/* Behind a journal's end may stand frames of another one, whose file it has: their numbers
 * differ.  Not against malice (the file is ours alone), only against that and half a write. */
static uint64_t sum_of(uint64_t number, uint32_t kind, const void *payload, size_t bytes)
{
	return ta_mix_bytes(ta_mix(number + 1, 0x9E3779B97F4A7C15ull) + kind, payload, bytes);
}

static void put_frame(struct ta_buf *buf, uint64_t number, uint32_t kind, const void *head,
		      size_t head_bytes, const void *tail, size_t tail_bytes)
{
	static const char zeros[8];
	size_t bytes = head_bytes + tail_bytes;
	struct frame frame = { .kind = kind, .bytes = (uint32_t)bytes };
	size_t at = buf->bytes;

	ta_buf_put(buf, &frame, sizeof(frame));
	ta_buf_put(buf, head, head_bytes);
	ta_buf_put(buf, tail, tail_bytes);
	ta_buf_put(buf, zeros, (8 - bytes % 8) % 8);
	if (buf->failed)
		return;
	frame.sum = sum_of(number, kind, buf->data + at + sizeof(frame), bytes);
	memcpy(buf->data + at, &frame, sizeof(frame));
}

void ta_journal_put(struct ta_journal *journal, uint32_t kind, const void *head, size_t head_bytes,
		    const void *tail, size_t tail_bytes)
{
	if (journal->fd < 0)
		return;
	put_frame(&journal->pending, journal->number, kind, head, head_bytes, tail, tail_bytes);
	if (kind != TA_EVENT_PASS)
		journal->pressing = true;
}

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t done = write(fd, data, bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		data += done;
		bytes -= (size_t)done;
	}
	return 0;
}

static void name_of(uint32_t key, uint64_t number, const char *suffix, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%08x.journal-%llu%s", key, (unsigned long long)number, suffix);
}

static void spare_name(uint32_t key, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%08x.journal-spare", key);
}

/* The number in a journal's name, 0 for any other name. */
static uint64_t number_of(const char *name, uint32_t key)
{
	char prefix[NAME_BYTES], *end;
	int length = snprintf(prefix, sizeof(prefix), "%08x.journal-", key);

	if (strncmp(name, prefix, (size_t)length) != 0)
		return 0;
	unsigned long long number = strtoull(name + length, &end, 10);

	return *end ? 0 : number;
}

/* The names in the run directory, without a descriptor more: there may be none left, and a journal
 * that is overlooked would repeat things.  As getdents64(2) has them. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

struct names {
	int dir_fd;
	long bytes, at;
	_Alignas(8) char data[8192];
};

static void names_init(struct names *names, int dir_fd)
{
	names->dir_fd = dir_fd;
	names->bytes = names->at = 0;
	lseek(dir_fd, 0, SEEK_SET);
}

static const char *next_name(struct names *names)
{
	if (names->at >= names->bytes) {
		names->at = 0;
		names->bytes = syscall(SYS_getdents64, names->dir_fd, names->data, sizeof(names->data));
		if (names->bytes <= 0)
			return NULL;
	}
	const struct entry *entry = (const void *)(names->data + names->at);

	names->at += entry->bytes;
	return entry->name;
}

static uint64_t newest(const struct ta_journal *journal)
{
	struct names names;
	uint64_t best = 0;

	names_init(&names, journal->dir_fd);
	for (const char *name; (name = next_name(&names)) != NULL;) {
		uint64_t number = number_of(name, journal->key);

		if (number > best)
			best = number;
	}
	return best;
}

/* All files of the key but one, also what a dead agent left half made. */
static void remove_others(const struct ta_journal *journal, uint64_t keep)
{
	char kept[NAME_BYTES], prefix[NAME_BYTES];
	int length = snprintf(prefix, sizeof(prefix), "%08x.journal-", journal->key);
	struct names names;

	name_of(journal->key, keep, "", kept);
	names_init(&names, journal->dir_fd);
	for (const char *name; (name = next_name(&names)) != NULL;)
		if (strncmp(name, prefix, (size_t)length) == 0 && strcmp(name, kept) != 0)
			unlinkat(journal->dir_fd, name, 0);
}

void ta_journal_remove(struct ta_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	ta_buf_clear(&journal->pending);
	remove_others(journal, 0);
	journal->number = 0;
}

static int give_up(struct ta_journal *journal, int error)
{
	ta_journal_remove(journal);
	journal->error = error;
	return error;
}

int ta_journal_write(struct ta_journal *journal)
{
	size_t bytes = journal->pending.bytes;

	if (journal->fd < 0)
		return journal->off ? 0 : journal->error;
	if (journal->pending.failed) {
		ta_buf_fini(&journal->pending);
		journal->pending = (struct ta_buf){ 0 };
		return give_up(journal, -ENOMEM);
	}
	if (!journal->pressing)
		return 0;
	journal->pressing = false;
	int error = write_all(journal->fd, journal->pending.data, bytes);

	if (error)
		return give_up(journal, error);
	journal->bytes += bytes;
	journal->new_bytes += bytes;
	ta_buf_clear(&journal->pending);
	return 0;
}

void ta_journal_fini(struct ta_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->retired_fd >= 0)
		close(journal->retired_fd);
	journal->fd = journal->retired_fd = -1;
	ta_buf_fini(&journal->pending);
}

/* A snapshot is written as it is made, so that it never has to fit in memory. */
struct snapshot {
	int fd;
	int error;
	uint64_t number, bytes;
	struct ta_buf buf;
};

static void snapshot_flush(struct snapshot *snapshot)
{
	if (snapshot->buf.failed && !snapshot->error)
		snapshot->error = -ENOMEM;
	if (!snapshot->error)
		snapshot->error = write_all(snapshot->fd, snapshot->buf.data, snapshot->buf.bytes);
	snapshot->bytes += snapshot->buf.bytes;
	ta_buf_clear(&snapshot->buf);
}

static void snapshot_emit(void *user, uint32_t kind, const void *head, size_t head_bytes,
			  const void *tail, size_t tail_bytes)
{
	struct snapshot *snapshot = user;

	put_frame(&snapshot->buf, snapshot->number, kind, head, head_bytes, tail, tail_bytes);
	if (snapshot->buf.bytes > (1u << 20))
		snapshot_flush(snapshot);
}

static int write_snapshot(struct ta_journal *journal, struct ta_state *state, const char *name,
			  struct snapshot *snapshot)
{
	struct head head = { .magic = JOURNAL_MAGIC,
			     .version = JOURNAL_VERSION,
			     .key = journal->key,
			     .number = snapshot->number };

	snapshot->fd = openat(journal->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			      0600);
	if (snapshot->fd < 0)
		return -errno;
	read_boot_id(head.boot_id);
	ta_buf_put(&snapshot->buf, &head, sizeof(head));
	ta_state_snapshot(state, snapshot_emit, snapshot);
	snapshot_flush(snapshot);
	ta_buf_fini(&snapshot->buf);
	return snapshot->error;
}

/* The file before is kept for the next one: its pages are there already, which in a virtual
 * machine can be dear.  One that has become very large goes. */
static void keep_spare(struct ta_journal *journal, uint64_t before)
{
	char name[NAME_BYTES], spare[NAME_BYTES];
	struct stat info;

	name_of(journal->key, before, "", name);
	spare_name(journal->key, spare);
	if (fstatat(journal->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
	    info.st_size > SPARE_BYTES_MAX ||
	    renameat(journal->dir_fd, name, journal->dir_fd, spare) != 0)
		unlinkat(journal->dir_fd, name, 0);
}

static void take_over(struct ta_journal *journal, const struct snapshot *snapshot)
{
	uint64_t before = journal->number;

	if (journal->retired_fd >= 0)
		close(journal->retired_fd);
	journal->retired_fd = journal->fd;
	ta_buf_clear(&journal->pending);
	journal->fd = snapshot->fd;
	journal->number = snapshot->number;
	journal->bytes = snapshot->bytes;
	journal->new_bytes = 0;
	journal->error = 0;
	if (before)
		keep_spare(journal, before);
	else
		remove_others(journal, journal->number);
}

int ta_journal_rewrite(struct ta_journal *journal, struct ta_state *state)
{
	char half[NAME_BYTES], whole[NAME_BYTES], spare[NAME_BYTES];
	struct snapshot snapshot = {
		.fd = -1, .number = (journal->number ? journal->number : newest(journal)) + 1
	};

	if (journal->off)
		return 0;
	name_of(journal->key, snapshot.number, ".new", half);
	name_of(journal->key, snapshot.number, "", whole);
	spare_name(journal->key, spare);
	if (!journal->number || renameat(journal->dir_fd, spare, journal->dir_fd, half) != 0)
		unlinkat(journal->dir_fd, half, 0);
	int error = write_snapshot(journal, state, half, &snapshot);

	if (!error && renameat(journal->dir_fd, half, journal->dir_fd, whole) != 0)
		error = -errno;
	if (error) {
		if (snapshot.fd >= 0)
			close(snapshot.fd);
		unlinkat(journal->dir_fd, half, 0);
		return give_up(journal, error);
	}
	take_over(journal, &snapshot);
	return 0;
}

static bool read_frame(FILE *file, uint64_t number, struct frame *frame, struct ta_buf *payload)
{
	if (fread(frame, sizeof(*frame), 1, file) != 1 || frame->bytes > FRAME_BYTES_MAX)
		return false;
	size_t padded = ((size_t)frame->bytes + 7) & ~(size_t)7;

	ta_buf_clear(payload);
	while (padded > 0 && !payload->failed) {
		char piece[65536];
		size_t want = padded < sizeof(piece) ? padded : sizeof(piece);

		if (fread(piece, want, 1, file) != 1)
			return false;
		ta_buf_put(payload, piece, want);
		padded -= want;
	}
	return !payload->failed &&
	       sum_of(number, frame->kind, payload->data, frame->bytes) == frame->sum;
}

static int replay_file(struct ta_journal *journal, FILE *file, struct ta_state *state)
{
	struct head head;
	struct frame frame;
	struct ta_buf payload = { 0 };
	char boot_id[40];

	if (fread(&head, sizeof(head), 1, file) != 1 || head.magic != JOURNAL_MAGIC ||
	    head.version != JOURNAL_VERSION || head.key != journal->key)
		return -EPROTO;
	read_boot_id(boot_id);
	if (memcmp(boot_id, head.boot_id, sizeof(boot_id)) != 0)
		return -ESTALE;
	while (read_frame(file, head.number, &frame, &payload))
		ta_state_apply(state, frame.kind, payload.data, frame.bytes);
	ta_buf_fini(&payload);
	return 0;
}

int ta_journal_replay(struct ta_journal *journal, struct ta_state *state)
{
	char name[NAME_BYTES];
	struct stat info;

	name_of(journal->key, newest(journal), "", name);
	int fd = openat(journal->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & 077) != 0) {
		close(fd);
		return -EPERM;
	}
	FILE *file = fdopen(fd, "r");

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	int error = replay_file(journal, file, state);

	fclose(file);
	return error;
}
