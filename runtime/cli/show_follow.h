/* SPDX-License-Identifier: MIT */
/*
 * show_follow.h - the lines of files that may grow, be rotated, or be cut.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_SHOW_FOLLOW_H
#define TA_CLI_SHOW_FOLLOW_H

#include "runtime/cli/show.h"

struct show_lines {
	const char *path;
	int fd;
	uint64_t inode, device, position;
	uint64_t last_start; /* where the last whole line began */
	char *rest; /* of a line whose end is not there yet */
	size_t rest_bytes, rest_capacity;
	uint64_t line, broken, first_broken, last_broken;
};

/* 0 or -errno.  path "-" is standard input. */
int ta_show_lines_open(struct show_lines *lines, const char *path);
void ta_show_lines_close(struct show_lines *lines);

/* Reads to the end of what is there.  final: a line without an end is one, too. */
void ta_show_lines_read(struct show_lines *lines, struct show_store *store, bool final);

/* A file that may come later; it is read from its beginning when it is there. */
void ta_show_lines_expect(struct show_lines *lines, const char *path);

/* Waits until something was added to one of count files, and reads it; when a file was
 * replaced, goes on with the new one after the end of the old. */
void ta_show_lines_wait(struct show_lines *lines, uint32_t count, struct show_store *store);

#endif
