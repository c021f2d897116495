/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what a file got since we looked last, and how many spans that is.
 */
#ifndef TA_CLI_TALLY_H
#define TA_CLI_TALLY_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define TA_CLI_TALLY_FILES 64

struct ta_cli_tally_file {
	uint64_t inode; /* 0: there was none */
	uint64_t bytes;
	uint64_t changed_ns;
};

struct ta_cli_tally {
	char path[PATH_MAX];
	int count; /* files that were there: FILE, FILE.1, ... */
	struct ta_cli_tally_file files[TA_CLI_TALLY_FILES];
};

/* Remembers the state of path and of its rotated predecessors. */
void ta_cli_tally_start(struct ta_cli_tally *tally, const char *path);

/* Counts what was appended since, also over rotations. */
void ta_cli_tally_end(const struct ta_cli_tally *tally, uint64_t *ret_spans,
		      uint64_t *ret_traces);

/* Hands out what was appended since, also over rotations: files one after the other, the
 * newest first, each in pieces and with a line end behind it. */
void ta_cli_tally_read(const struct ta_cli_tally *tally,
		       void (*take)(void *user, const char *data, size_t bytes), void *user);

/* The counting of one stretch of OTLP JSON, for tests: a span is an object with
 * a traceId and a startTimeUnixNano (a link has no time). */
struct ta_cli_counter;
struct ta_cli_counter *ta_cli_counter_new(void);
void ta_cli_counter_feed(struct ta_cli_counter *counter, const char *data, size_t bytes);
void ta_cli_counter_free(struct ta_cli_counter *counter, uint64_t *ret_spans,
			 uint64_t *ret_traces);

#endif
