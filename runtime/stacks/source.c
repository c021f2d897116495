/* SPDX-License-Identifier: MIT */
/*
 * source.c - reading a few lines of a source file.
 *
 * Which file that is, the program says, and it may be hostile: only regular files that
 * everybody may read, or that are our own where we are not root, are looked at, and they
 * have to be text.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (8u << 20)
#define LINE_MAX_BYTES 200u
#define AROUND 5

struct span {
	const char *text;
	size_t bytes;
};

/* Resolves "/a/b/../c" so that one file has one path. */
static void fold_dots(char *path)
{
	char *up;

	while ((up = strstr(path, "/../")) != NULL && up > path) {
		char *before = up - 1;

		while (before > path && *before != '/')
			before--;
		memmove(before, up + 3, strlen(up + 3) + 1);
	}
	while ((up = strstr(path, "/./")) != NULL)
		memmove(up, up + 2, strlen(up + 2) + 1);
}

void ta_source_path(const char *folder, const char *file, char ret_path[TA_SOURCE_PATH_MAX])
{
	int bytes = folder && file[0] != '/' ?
			    snprintf(ret_path, TA_SOURCE_PATH_MAX, "%s/%s", folder, file) :
			    snprintf(ret_path, TA_SOURCE_PATH_MAX, "%s", file);

	if (bytes < 0 || (size_t)bytes >= TA_SOURCE_PATH_MAX)
		ret_path[0] = '\0';
	else
		fold_dots(ret_path);
}

static bool may_be_shown(const struct stat *stat)
{
	return S_ISREG(stat->st_mode) && stat->st_size > 0 && stat->st_size <= FILE_MAX &&
	       (stat->st_mode & S_IROTH || (geteuid() && stat->st_uid == geteuid()));
}

static const char *map_file(const char *path, size_t *ret_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat stat;
	void *at = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &stat) == 0 && may_be_shown(&stat))
		at = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*ret_bytes = (size_t)stat.st_size;
	return at == MAP_FAILED ? NULL : at;
}

/* The lines first to last, of which there are fewer near the end; returns how many. */
static int cut_lines(const char *text, size_t bytes, int first, int last, struct span *spans)
{
	const char *at = text, *end = text + bytes;
	int count = 0;

	for (int number = 1; number <= last && at < end; number++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop ? stop : end) - at);

		if (memchr(at, '\0', length))
			return 0;
		if (number >= first)
			spans[count++] = (struct span){ at, length };
		at += length + 1;
	}
	return count;
}

static void put_line(struct ta_buf *buf, const struct span *span)
{
	size_t bytes = span->bytes;

	if (bytes > LINE_MAX_BYTES)
		bytes = ta_utf8_cut(span->text, LINE_MAX_BYTES);
	else if (bytes && span->text[bytes - 1] == '\r')
		bytes--;
	ta_buf_put_json(buf, span->text, bytes);
}

static void put_lines(struct ta_buf *buf, const char *key, const struct span *spans, int count)
{
	if (count <= 0)
		return;
	ta_buf_puts(buf, ",\"");
	ta_buf_puts(buf, key);
	ta_buf_puts(buf, "\":[");
	for (int i = 0; i < count; i++) {
		if (i)
			ta_buf_putc(buf, ',');
		put_line(buf, &spans[i]);
	}
	ta_buf_putc(buf, ']');
}

void ta_source_context(struct ta_buf *buf, const char *path, int line)
{
	int first = line > AROUND ? line - AROUND : 1, before = line - first, count;
	struct span spans[2 * AROUND + 1];
	const char *text;
	size_t bytes;

	if (line <= 0 || line > (int)FILE_MAX || path[0] != '/')
		return;
	text = map_file(path, &bytes);
	if (!text)
		return;
	count = cut_lines(text, bytes, first, line + AROUND, spans);
	if (count > before) {
		ta_buf_puts(buf, ",\"context_line\":");
		put_line(buf, &spans[before]);
		put_lines(buf, "pre_context", spans, before);
		put_lines(buf, "post_context", spans + before + 1, count - before - 1);
	}
	munmap((void *)text, bytes);
}
