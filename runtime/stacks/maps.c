/* SPDX-License-Identifier: MIT */
/*
 * maps.c - reading /proc/PID/maps at once and taking it apart in place.
 *
 * Runs: tagalong-stacks.
 */
#include "runtime/stacks/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (8u << 20)
#define ROWS_MAX 65536u

/* Everything that a file of /proc has to say, terminated. */
static char *slurp(int fd, size_t *ret_bytes)
{
	size_t capacity = 65536, used = 0;
	char *text = malloc(capacity);

	while (text && used < TEXT_MAX) {
		ssize_t got;

		if (used + 8192 > capacity) {
			char *more = realloc(text, capacity *= 2);

			if (!more)
				break;
			text = more;
		}
		got = read(fd, text + used, capacity - used - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (text)
		text[used] = '\0';
	*ret_bytes = used;
	return text;
}

/* "from-to rwxp offset major:minor inode    path" */
static bool parse_row(char *line, struct ta_mapping *row)
{
	char *at = line;

	row->from = strtoull(at, &at, 16);
	if (*at++ != '-')
		return false;
	row->to = strtoull(at, &at, 16);
	if (*at++ != ' ' || strnlen(at, 5) < 5)
		return false;
	row->readable = at[0] == 'r';
	row->writable = at[1] == 'w';
	row->executable = at[2] == 'x';
	row->offset = strtoull(at + 5, &at, 16);
	at = strchr(at, ':');
	if (!at)
		return false;
	strtoul(at + 1, &at, 16);
	row->inode = (ino_t)strtoull(at, &at, 10);
	row->path = at + strspn(at, " ");
	return row->to > row->from;
}

static void parse(struct ta_maps *maps)
{
	char *line = maps->text;

	while (line && *line && maps->count < ROWS_MAX) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		if (parse_row(line, &maps->rows[maps->count]))
			maps->count++;
		line = end ? end + 1 : NULL;
	}
}

static size_t count_lines(const char *text)
{
	size_t lines = 1;

	while ((text = strchr(text, '\n')) != NULL) {
		lines++;
		text++;
	}
	return lines < ROWS_MAX ? lines : ROWS_MAX;
}

int ta_maps_read(struct ta_maps *maps, uint32_t pid)
{
	char path[48];
	size_t bytes;
	int fd;

	*maps = (struct ta_maps){ 0 };
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	maps->text = slurp(fd, &bytes);
	close(fd);
	if (!maps->text)
		return -ENOMEM;
	maps->rows = calloc(count_lines(maps->text), sizeof(*maps->rows));
	if (maps->rows)
		parse(maps);
	if (maps->count)
		return 0;
	ta_maps_fini(maps);
	return bytes ? -ENOMEM : -ESRCH;
}

void ta_maps_fini(struct ta_maps *maps)
{
	free(maps->text);
	free(maps->rows);
	*maps = (struct ta_maps){ 0 };
}

const struct ta_mapping *ta_maps_at(const struct ta_maps *maps, uint64_t at)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->rows[middle].to <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < maps->count ? &maps->rows[low] : NULL;
}
