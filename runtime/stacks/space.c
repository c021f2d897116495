/* SPDX-License-Identifier: MIT */
/*
 * space.c - laying objects out as a process has them.
 *
 * A path means what it means to the process: where the file of that name here is another
 * one than the mapped one, it is opened through the process's root, or, when it was
 * deleted, through the mapping itself.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/space.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/wire/crash.h"

static int open_here(const char *path, ino_t inode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat stat;

	if (fd < 0)
		return -1;
	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (!inode || stat.st_ino == inode))
		return fd;
	close(fd);
	return -1;
}

/* inode 0: not known, then it is what the path says. */
static struct ta_object *open_object(uint32_t pid, const struct ta_mapping *row, const char *path,
				     ino_t inode)
{
	char through[TA_PLACE_PATH_MAX + 64];
	int fd = open_here(path, inode);

	if (fd >= 0)
		return ta_object_get(fd, path);
	if (!pid)
		return NULL;
	snprintf(through, sizeof(through), "/proc/%u/root%s", pid, path);
	fd = open_here(through, inode);
	if (fd < 0 && row) {
		snprintf(through, sizeof(through), "/proc/%u/map_files/%llx-%llx", pid,
			 (unsigned long long)row->from, (unsigned long long)row->to);
		fd = open_here(through, inode);
	}
	if (fd < 0) {
		snprintf(through, sizeof(through), "/proc/%u/exe", pid);
		fd = inode ? open_here(through, inode) : -1;
	}
	return fd >= 0 ? ta_object_get(fd, through) : NULL;
}

/* Where the mapping begins that an address of the file is in, if it is mapped as row says. */
static bool base_of(const struct ta_object *object, const struct ta_mapping *row, uint64_t *ret_base)
{
	uint64_t page = ~(uint64_t)(TA_WIRE_PAGE - 1);

	for (unsigned int i = 0; i < object->segment_count; i++) {
		const struct ta_segment_of *segment = &object->segments[i];

		if ((segment->offset & page) == row->offset && segment->executable == row->executable) {
			*ret_base = row->from - (segment->address & page);
			return true;
		}
	}
	return false;
}

static struct ta_place *add(struct ta_space *space, const char *path)
{
	struct ta_place *place;

	if (space->count == TA_PLACES_MAX)
		return NULL;
	place = &space->places[space->count++];
	*place = (struct ta_place){ 0 };
	snprintf(place->path, sizeof(place->path), "%s", path);
	return place;
}

static void place_object(struct ta_place *place, struct ta_object *object, uint64_t base)
{
	place->object = object;
	place->base = base;
	place->low = base + object->low;
	place->high = base + object->high;
}

static void add_vdso(struct ta_space *space, uint64_t at)
{
	struct ta_object *object = ta_object_vdso();
	struct ta_place *place = object ? add(space, "[vdso]") : NULL;

	if (place)
		place_object(place, object, at - object->low);
}

static bool overlaps(const struct ta_space *space, uint64_t low, uint64_t high)
{
	for (size_t i = 0; i < space->count; i++)
		if (low < space->places[i].high && high > space->places[i].low)
			return true;
	return false;
}

static void strip_deleted(char *path)
{
	static const char suffix[] = " (deleted)";
	size_t bytes = strlen(path);

	if (bytes > sizeof(suffix) && strcmp(path + bytes - sizeof(suffix) + 1, suffix) == 0)
		path[bytes - sizeof(suffix) + 1] = '\0';
}

static bool is_program(const char *path, const char *exe, size_t index)
{
	return exe[0] ? strcmp(path, exe) == 0 : index == 0;
}

/* A mapping with code in it makes a place of its object. */
static void add_mapping(struct ta_space *space, uint32_t pid, const struct ta_mapping *row, const char *exe)
{
	struct ta_object *object;
	struct ta_place *place;
	uint64_t base;

	if (overlaps(space, row->from, row->to))
		return;
	if (strcmp(row->path, "[vdso]") == 0) {
		add_vdso(space, row->from);
		return;
	}
	if (row->path[0] != '/' || !row->inode || !(place = add(space, row->path)))
		return;
	strip_deleted(place->path);
	place->program = is_program(place->path, exe, space->count - 1);
	object = open_object(pid, row, place->path, row->inode);
	if (object && base_of(object, row, &base)) {
		place_object(place, object, base);
	} else {
		place->base = place->low = row->from;
		place->high = row->to;
	}
}

static void add_mappings(struct ta_space *space, uint32_t pid, const char *exe)
{
	for (size_t i = 0; i < space->maps->count; i++)
		if (space->maps->rows[i].executable)
			add_mapping(space, pid, &space->maps->rows[i], exe);
}

/* A row of the request: the program itself has no path. */
static void add_row(struct ta_space *space, uint32_t pid, uint64_t base, const char *path, const char *exe)
{
	bool program = !path[0] || strcmp(path, exe) == 0;
	struct ta_object *object;
	struct ta_place *place;

	if (program)
		path = exe;
	if (strstr(path, "vdso")) {
		if (!overlaps(space, base, base + 1))
			add_vdso(space, base);
		return;
	}
	/* The mappings know it better. */
	if (path[0] != '/' || (space->maps && overlaps(space, base, base + 1)))
		return;
	object = open_object(pid, NULL, path, 0);
	if (!object || overlaps(space, base + object->low, base + object->high))
		return;
	place = add(space, path);
	if (!place)
		return;
	place_object(place, object, base);
	place->program = program;
}

static void add_rows(struct ta_space *space, uint32_t pid, const char *exe, const char *rows, size_t bytes)
{
	size_t at = 0;

	while (bytes - at >= sizeof(struct ta_module) && space->count < TA_PLACES_MAX) {
		char path[TA_PLACE_PATH_MAX];
		struct ta_module row;
		size_t left = bytes - at - sizeof(row);

		memcpy(&row, rows + at, sizeof(row));
		if (row.path_bytes > left)
			return;
		snprintf(path, sizeof(path), "%.*s", (int)(row.path_bytes < sizeof(path) ? row.path_bytes : 0),
			 rows + at + sizeof(row));
		if (row.path_bytes < sizeof(path))
			add_row(space, pid, row.base, path, exe);
		at += sizeof(row) + (((size_t)row.path_bytes + 7) & ~(size_t)7);
		if (at > bytes)
			return;
	}
}

static int by_address(const void *a, const void *b)
{
	const struct ta_place *left = a, *right = b;

	return left->low < right->low ? -1 : left->low > right->low;
}

int ta_space_init(struct ta_space *space, uint32_t pid, const struct ta_maps *maps, const char *exe,
		  const char *rows, size_t row_bytes)
{
	*space = (struct ta_space){ .maps = maps };
	space->places = calloc(TA_PLACES_MAX, sizeof(*space->places));
	if (!space->places)
		return -ENOMEM;
	if (maps)
		add_mappings(space, pid, exe);
	add_rows(space, pid, exe, rows, row_bytes);
	qsort(space->places, space->count, sizeof(*space->places), by_address);
	return 0;
}

void ta_space_fini(struct ta_space *space)
{
	free(space->places);
	*space = (struct ta_space){ 0 };
}

struct ta_place *ta_space_at(const struct ta_space *space, uint64_t at)
{
	size_t low = 0, high = space->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->places[middle].high <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < space->count && space->places[low].low <= at ? &space->places[low] : NULL;
}

bool ta_space_is_code(const struct ta_space *space, uint64_t at)
{
	const struct ta_place *place = ta_space_at(space, at);
	const struct ta_mapping *row;

	if (place && place->object)
		return ta_object_is_code(place->object, at - place->base);
	row = space->maps ? ta_maps_at(space->maps, at) : NULL;
	return row && row->from <= at && row->executable;
}

#if defined(__x86_64__)
/* e8 rel32; ff /2 with what addresses it, 2 to 7 bytes long. */
static bool ends_with_call(const unsigned char *end)
{
	if (end[-5] == 0xe8)
		return true;
	for (int bytes = 2; bytes <= 7; bytes++)
		if (end[-bytes] == 0xff && (end[1 - bytes] & 0x38) == 0x10)
			return true;
	return false;
}
#else
/* bl; blr. */
static bool ends_with_call(const unsigned char *end)
{
	uint32_t word;

	memcpy(&word, end - 4, sizeof(word));
	return (word & 0xfc000000u) == 0x94000000u || (word & 0xfffffc1fu) == 0xd63f0000u;
}
#endif

bool ta_space_after_call(const struct ta_space *space, uint64_t at)
{
	const struct ta_place *place = ta_space_at(space, at);
	const unsigned char *code;

	if (!place || !place->object || !ta_object_is_code(place->object, at - place->base - 1))
		return false;
	code = ta_object_bytes(place->object, at - place->base - 8, 8);
	return code && ends_with_call(code + 8);
}
