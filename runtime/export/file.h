/* SPDX-License-Identifier: MIT */
/*
 * file.h - the file exporter: OTLP JSON lines, one TracesData per line.
 *
 * Rotation by size, survival of a full disk, and exactly-once appends over a
 * crash of the agent: the caller journals ta_file_offset() before it appends,
 * and after a restart calls ta_file_restore() with it.
 */
#ifndef TA_EXPORT_FILE_H
#define TA_EXPORT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "runtime/wire/config.h"

struct ta_file;

/* path is absolute; parent directories are made (mode 0700).  Nothing is opened
 * before the first append.  NULL when out of memory. */
struct ta_file *ta_file_new(const char *path, uint64_t max_bytes, unsigned int keep);
void ta_file_free(struct ta_file *file);

/* Identity of the place where the next append goes: inode and size. */
struct ta_file_place {
	uint64_t inode;
	uint64_t bytes;
};
int ta_file_place(struct ta_file *file, struct ta_file_place *ret_place);

/* Takes back the append that was under way at place, done or half done: when the
 * file of that inode (the current one or a rotated one) is longer than
 * place.bytes, it is cut back to it.  More than one line there means that another
 * agent shares the file and has written since: then nothing is cut, because a line
 * that comes twice is better than one that is lost.  So: one place, one append. */
int ta_file_restore(struct ta_file *file, const struct ta_file_place *place);

/* Appends one line (a newline is added).  All or nothing: after a short write
 * the file is cut back.  Returns 0 or -errno (-ENOSPC, -EACCES ...); on an
 * error the caller keeps the batch and tries again later.  Rotates before the
 * append when the file is at or past max_bytes. */
int ta_file_append(struct ta_file *file, const char *line, size_t bytes);

/* Where the spans go for this configuration: an absolute path, or "" for none.
 * cwd resolves a relative TAGALONG_FILE.  Returns 0 or -ENAMETOOLONG, -ENOENT
 * (no home, no state directory). */
int ta_file_default_path(const struct ta_config *config, char *const *envp, const char *cwd,
			 char *out, size_t out_bytes);

/* name below $XDG_STATE_HOME, or ~/.local/state.  Returns 0 or -ENAMETOOLONG, -ENOENT. */
int ta_file_state_path(char *const *envp, const char *name, char *out, size_t out_bytes);

#endif
