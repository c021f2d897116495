/* SPDX-License-Identifier: MIT */
/*
 * source.h - the lines of source around a line, where the file is at hand.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_SOURCE_H
#define TA_STACKS_SOURCE_H

#include "runtime/export/buf.h"

#define TA_SOURCE_PATH_MAX 2048u

/* The path of a file that was compiled in a folder (NULL: not known). */
void ta_source_path(const char *folder, const char *file, char ret_path[TA_SOURCE_PATH_MAX]);

/* Appends ,"context_line":..,"pre_context":[..],"post_context":[..], or nothing. */
void ta_source_context(struct ta_buf *buf, const char *path, int line);

#endif
