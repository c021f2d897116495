/* SPDX-License-Identifier: MIT */
/*
 * status.c - the page that says what an agent is doing: making it, and reading it.
 *
 * The agent's page is a new file each time, made under a name of its own and renamed over
 * KEY.status: whatever is there under that name (a link, a pipe, a page that somebody maps)
 * is replaced and never written to.  Its room is reserved first, because a store into a page
 * that a full file system cannot give would kill the agent.
 *
 * A reader copies instead of mapping: a file that shrinks under a mapping would kill it.
 *
 * Runs: agent (any thread), cli.
 */
#include "runtime/agent/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 8
#define NAME_BYTES 48

_Static_assert(sizeof(ta_count) == 8, "the page is read by other programs");

static void name_of(uint32_t key, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%08x.status", key);
}

static struct ta_status_page *map(int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *page = mmap(NULL, sizeof(struct ta_status_page), PROT_READ | PROT_WRITE, flags, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

static void fill(struct ta_status_page *page, uint32_t key)
{
	page->magic = TA_STATUS_MAGIC;
	page->bytes = sizeof(*page);
	page->key = key;
}

/* The file, of full size, under a name that is gone or renamed afterwards; or -1. */
static int make_file(int dir_fd, const char *name)
{
	/* Only a worker with our pid can have left that, and it is dead. */
	unlinkat(dir_fd, name, 0);
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, sizeof(struct ta_status_page)) == 0 &&
	    posix_fallocate(fd, 0, sizeof(struct ta_status_page)) == 0)
		return fd;
	close(fd);
	unlinkat(dir_fd, name, 0);
	return -1;
}

/* Who looked at the page of the agent before goes on looking. */
static void carry_over(struct ta_status_page *page, int dir_fd, uint32_t key)
{
	const struct ta_status_page *earlier = ta_status_open(dir_fd, key);

	if (earlier)
		ta_count_set(&page->looked_ns, ta_count_get(&earlier->looked_ns));
	ta_status_close(earlier);
}

static struct ta_status_page *map_file(int dir_fd, uint32_t key)
{
	char name[NAME_BYTES], temporary[NAME_BYTES];

	name_of(key, name);
	snprintf(temporary, sizeof(temporary), "%08x.status.%d", key, (int)getpid());
	int fd = make_file(dir_fd, temporary);

	if (fd < 0)
		return NULL;
	struct ta_status_page *page = map(fd);

	close(fd);
	if (page) {
		fill(page, key);
		carry_over(page, dir_fd, key);
		if (renameat(dir_fd, temporary, dir_fd, name) == 0)
			return page;
		munmap(page, sizeof(*page));
	}
	unlinkat(dir_fd, temporary, 0);
	return NULL;
}

struct ta_status_page *ta_status_new(int dir_fd, uint32_t key)
{
	struct ta_status_page *page = map_file(dir_fd, key);

	if (page)
		return page;
	page = map(-1);
	if (page)
		fill(page, key);
	return page;
}

void ta_status_free(struct ta_status_page *status)
{
	if (status)
		munmap(status, sizeof(*status));
}

static int open_file(int dir_fd, uint32_t key, int access)
{
	char name[NAME_BYTES];
	struct stat found;

	name_of(key, name);
	/* Not to wait for a pipe. */
	int fd = openat(dir_fd, name, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode))
		return fd;
	close(fd);
	errno = EPROTO;
	return -1;
}

static bool copy_file(int fd, uint32_t key, struct ta_status_page *page)
{
	ssize_t bytes = pread(fd, page, sizeof(*page), 0);

	if (bytes < 0)
		return false;
	if (bytes == (ssize_t)sizeof(*page) && page->magic == TA_STATUS_MAGIC &&
	    page->bytes == sizeof(*page) && page->key == key)
		return true;
	errno = EPROTO;
	return false;
}

/* Whether the text did not change between two copies: then both have it whole.  The number
 * alone does not say so, because the kernel copies in no order: it may have come behind the
 * text, when that had been written to its end. */
static bool same_text(const struct ta_status_text *a, const struct ta_status_text *b)
{
	uint32_t sequence = atomic_load_explicit(&a->sequence, memory_order_relaxed);

	return !(sequence & 1) &&
	       sequence == atomic_load_explicit(&b->sequence, memory_order_relaxed) &&
	       ta_count_get(&a->time_ns) == ta_count_get(&b->time_ns) &&
	       memcmp(a->text, b->text, sizeof(a->text)) == 0;
}

#define TEXTS (3 + 2 * TA_QUEUES)

static struct ta_status_text *text_at(struct ta_status_page *page, int index)
{
	struct ta_status_text *const first[3] = { &page->file, &page->file_error, &page->exe };

	if (index < 3)
		return first[index];
	struct ta_status_queue *queue = &page->queues[(index - 3) / 2];

	return (index - 3) % 2 ? &queue->error : &queue->shown;
}

/* How many texts of a are not whole; mark: those will be none. */
static int torn_texts(struct ta_status_page *a, struct ta_status_page *b, bool mark)
{
	int torn = 0;

	for (int i = 0; i < TEXTS; i++) {
		struct ta_status_text *text = text_at(a, i);

		if (same_text(text, text_at(b, i)))
			continue;
		torn++;
		if (mark)
			atomic_store_explicit(&text->sequence, 1, memory_order_relaxed);
	}
	return torn;
}

/* A copy whose texts are whole, or none when they never stand still. */
static bool copy_whole(int fd, uint32_t key, struct ta_status_page *page)
{
	struct ta_status_page *second = malloc(sizeof(*second));
	bool good = second && copy_file(fd, key, page);

	for (int i = 0; good; i++) {
		good = copy_file(fd, key, second);
		if (!good || !torn_texts(page, second, i == TRIES) || i == TRIES)
			break;
		good = copy_file(fd, key, page);
	}
	free(second);
	return good;
}

const struct ta_status_page *ta_status_open(int dir_fd, uint32_t key)
{
	struct ta_status_page *page = malloc(sizeof(*page));
	int fd = page ? open_file(dir_fd, key, O_RDONLY) : -1;

	if (fd >= 0 && copy_whole(fd, key, page)) {
		close(fd);
		return page;
	}
	int error = errno;

	if (fd >= 0)
		close(fd);
	free(page);
	errno = error;
	return NULL;
}

/* One store of eight bytes, into a page that is of this version. */
int ta_status_look(int dir_fd, uint32_t key, uint64_t unix_ns)
{
	struct ta_status_page page;
	int fd = open_file(dir_fd, key, O_RDWR);

	if (fd < 0)
		return -errno;
	bool good = copy_file(fd, key, &page) &&
		    pwrite(fd, &unix_ns, sizeof(unix_ns),
			   offsetof(struct ta_status_page, looked_ns)) == (ssize_t)sizeof(unix_ns);
	int error = good ? 0 : -errno;

	close(fd);
	return error;
}

void ta_status_close(const struct ta_status_page *status)
{
	free((void *)status);
}

/* How many bytes of words fit, without half a character at the end. */
static size_t fitting(const char *words)
{
	size_t bytes = strnlen(words, TA_STATUS_TEXT);

	if (bytes < TA_STATUS_TEXT)
		return bytes;
	bytes = TA_STATUS_TEXT - 1;
	while (bytes > 0 && ((unsigned char)words[bytes] & 0xc0) == 0x80)
		bytes--;
	return bytes;
}

static char harmless(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

void ta_status_set(struct ta_status_text *text, const char *words, uint64_t unix_ns)
{
	uint32_t sequence = atomic_load_explicit(&text->sequence, memory_order_relaxed);
	size_t bytes = fitting(words);

	/* Who comes second while another one writes leaves it to that one. */
	if ((sequence & 1) || !atomic_compare_exchange_strong(&text->sequence, &sequence,
							      sequence + 1))
		return;
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < bytes; i++)
		__atomic_store_n(&text->text[i], harmless(words[i]), __ATOMIC_RELAXED);
	__atomic_store_n(&text->text[bytes], '\0', __ATOMIC_RELAXED);
	ta_count_set(&text->time_ns, unix_ns);
	atomic_store_explicit(&text->sequence, sequence + 2, memory_order_release);
}

static void copy_text(const struct ta_status_text *text, char out[TA_STATUS_TEXT])
{
	for (size_t i = 0; i < TA_STATUS_TEXT - 1; i++) {
		out[i] = __atomic_load_n(&text->text[i], __ATOMIC_RELAXED);
		if (!out[i])
			return;
		out[i] = harmless(out[i]);
	}
	out[TA_STATUS_TEXT - 1] = '\0';
}

void ta_status_get(const struct ta_status_text *text, char out[TA_STATUS_TEXT])
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t before = atomic_load_explicit(&text->sequence, memory_order_acquire);

		if (before & 1)
			continue;
		copy_text(text, out);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&text->sequence, memory_order_relaxed) == before)
			return;
	}
	out[0] = '\0';
}
