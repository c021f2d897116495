/* SPDX-License-Identifier: MIT */
/*
 * segment_file.h - making the segment of this process image.
 */
#ifndef TA_PRELOAD_SEGMENT_FILE_H
#define TA_PRELOAD_SEGMENT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/config.h"
#include "runtime/wire/segment.h"

#define TA_RUN_DIR_MAX 256

struct ta_segment_plan {
	const char *exe;	 /* path of the program */
	const char *traceparent; /* "" when none */
	uint64_t proc_id;
	uint64_t seed;
	uint32_t pid;
	uint32_t key;
};

/* Opens the run directory, making it (mode 0700) when it is missing.  Refuses one
 * that belongs to somebody else or that others may write to.  Returns an fd that
 * the caller closes, and its path; or -errno. */
int ta_run_dir_open(const struct ta_config *config, char *ret_path);

/* Shows the segments that a process has made (pid 0: all) until visit says false.  Whether
 * there was one. */
typedef bool ta_run_dir_visit_fn(void *user, const char *name);
bool ta_run_dir_visit(int dir_fd, uint32_t pid, ta_run_dir_visit_fn *visit, void *user);

/* Whether a segment of that process is there. */
bool ta_run_dir_has(int dir_fd, uint32_t pid);

/* Creates, sizes, maps and announces the segment; keeps no fd.  NULL when it
 * cannot be had: then the library stays quiet. */
struct ta_segment *ta_segment_create(int dir_fd, const struct ta_config *config,
				     const struct ta_segment_plan *plan);

#endif
