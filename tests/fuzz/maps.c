/* SPDX-License-Identifier: MIT */
/*
 * maps.c - fuzzes the list of mappings of a process, as /proc/PID/maps has it, for both who read
 * it: tagalong-stacks, and doctor.
 *
 * Input: the text.  A row is not empty and its path is in the text; what is found for an address
 * is what a search from the front finds; rows that are printed as the kernel prints them are
 * the same when they are read again, and for doctor those of files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

/* The text is ours, wherever it is looked for. */
static int open_text(void);
static FILE *fopen_text(void);
#define open(path, flags) ((void)(path), open_text())
#define fopen(path, mode) ((void)(path), fopen_text())
#include "runtime/stacks/maps.c"
#include "runtime/cli/doctor_proc.c"
#undef open
#undef fopen

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const void *given;
static size_t given_bytes;

static void demand(int holds)
{
	if (!holds)
		abort();
}

static int open_text(void)
{
	int fd = memfd_create("maps", MFD_CLOEXEC);

	demand(fd >= 0 && write(fd, given, given_bytes) == (ssize_t)given_bytes);
	demand(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static FILE *fopen_text(void)
{
	return fdopen(open_text(), "re");
}

static int read_text(struct ta_maps *maps, const void *text, size_t bytes)
{
	given = text;
	given_bytes = bytes;
	return ta_maps_read(maps, 1);
}

static bool are_sorted(const struct ta_maps *maps)
{
	for (size_t i = 1; i < maps->count; i++)
		if (maps->rows[i].from < maps->rows[i - 1].to)
			return false;
	return true;
}

static void check_at(const struct ta_maps *maps, uint64_t at)
{
	const struct ta_mapping *found = ta_maps_at(maps, at), *want = maps->rows;

	while (want < maps->rows + maps->count && want->to <= at)
		want++;
	demand(found == (want < maps->rows + maps->count ? want : NULL));
}

static void check_rows(const struct ta_maps *maps)
{
	const char *end = maps->text + strlen(maps->text);

	for (size_t i = 0; i < maps->count; i++) {
		const struct ta_mapping *row = &maps->rows[i];

		demand(row->from < row->to && row->path >= maps->text);
		end = row->path + strlen(row->path);
	}
	demand(end <= maps->text + given_bytes);
	for (size_t i = 0; are_sorted(maps) && i < maps->count && i < 64; i++) {
		check_at(maps, maps->rows[i].from);
		check_at(maps, maps->rows[i].from - 1);
		check_at(maps, maps->rows[i].to);
		check_at(maps, maps->rows[i].to - 1);
	}
}

static void check_same(const struct ta_maps *maps, const struct ta_maps *again)
{
	demand(maps->count == again->count);
	for (size_t i = 0; i < maps->count; i++) {
		struct ta_mapping a = maps->rows[i], b = again->rows[i];

		demand(strcmp(a.path, b.path) == 0);
		demand(a.from == b.from && a.to == b.to && a.offset == b.offset && a.inode == b.inode &&
		       a.readable == b.readable && a.writable == b.writable && a.executable == b.executable);
	}
}

/* ---- doctor ---- */

struct files {
	const struct ta_maps *maps; /* NULL: any text */
	size_t at;
};

/* No path begins with white space; doctor passes over all of it, the other reader over blanks. */
static const char *path_of(const struct ta_mapping *row)
{
	return row->path + strspn(row->path, " \t\v\f\r");
}

static bool check_file(void *user, const struct ta_doctor_mapping *file)
{
	static const char gone[] = " (deleted)";
	struct files *files = user;
	char path[PATH_MAX];

	demand(file->path[0] == '/' && strlen(file->path) < sizeof(file->path));
	if (!files->maps)
		return true;
	while (files->at < files->maps->count && path_of(&files->maps->rows[files->at])[0] != '/')
		files->at++;
	demand(files->at < files->maps->count);
	const struct ta_mapping *row = &files->maps->rows[files->at++];

	demand(row->from == file->start && row->to - row->from == file->bytes && row->inode == file->inode);
	snprintf(path, sizeof(path), "%s", path_of(row));
	size_t bytes = strlen(path), tail = sizeof(gone) - 1;

	demand(file->deleted == (bytes > tail && strcmp(path + bytes - tail, gone) == 0));
	path[file->deleted ? bytes - tail : bytes] = '\0';
	demand(strcmp(path, file->path) == 0);
	return true;
}

static void ask_doctor(const struct ta_maps *maps)
{
	struct files files = { .maps = maps };

	demand(ta_doctor_maps(1, check_file, &files) == 0);
	while (maps && files.at < maps->count)
		demand(path_of(&maps->rows[files.at++])[0] != '/');
}

static void print_again(const struct ta_maps *maps)
{
	struct ta_maps again;
	size_t bytes;
	char *text;
	FILE *file = open_memstream(&text, &bytes);

	for (size_t i = 0; i < maps->count; i++) {
		const struct ta_mapping *row = &maps->rows[i];

		fprintf(file, "%08llx-%08llx %c%c%cp %08llx 08:01 %llu                  %s\n",
			(unsigned long long)row->from, (unsigned long long)row->to,
			row->readable ? 'r' : '-', row->writable ? 'w' : '-',
			row->executable ? 'x' : '-', (unsigned long long)row->offset,
			(unsigned long long)row->inode, row->path);
	}
	fclose(file);
	demand(read_text(&again, text, bytes) == 0);
	check_same(maps, &again);
	ask_doctor(&again);
	ta_maps_fini(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_maps maps;

	given = data;
	given_bytes = bytes;
	ask_doctor(NULL);
	if (read_text(&maps, data, bytes) != 0) {
		demand(maps.count == 0 && !maps.text && !maps.rows);
		return 0;
	}
	check_rows(&maps);
	print_again(&maps);
	ta_maps_fini(&maps);
	return 0;
}
