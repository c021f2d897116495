/* SPDX-License-Identifier: MIT */
/*
 * spool_file.h - one file of a spool: how a put lies on disk.
 *
 *     head    magic, version, count of messages, bytes of the file, check sum
 *     items   for each message: struct ta_message_head, check sum of the body
 *     bodies  one after the other
 *
 * The check sum in the head is over head and items, without the one byte of each item that
 * changes: done.  Bodies are looked at when they are read, so finding a full spool costs
 * its heads only.  Host byte order: files do not travel.
 *
 * Everything in a file is hostile: read with pread (never mapped), regular files of our own
 * user only, no symbolic links.
 *
 * Runs: agent, any thread.  Errors are -errno; -EBADMSG: damaged.
 */
#ifndef TA_EXPORT_SPOOL_FILE_H
#define TA_EXPORT_SPOOL_FILE_H

#include "runtime/export/spool_index.h"

#define TA_SPOOL_NAME_BYTES 32
#define TA_SPOOL_MESSAGES_MAX 65536u /* in a file */

/* Numbers with this bit were given to files that were found: no agent's own. */
#define TA_SPOOL_FOUND (1ull << 63)
#define TA_SPOOL_NUMBER_MAX (1ull << 62)

/* NUMBER.batch, .NUMBER.tmp, NUMBER.bad; the number has 16 hex digits. */
enum ta_spool_kind { TA_SPOOL_BATCH, TA_SPOOL_TEMPORARY, TA_SPOOL_BAD };
void ta_spool_file_name(enum ta_spool_kind kind, uint64_t number, char out[TA_SPOOL_NAME_BYTES]);
bool ta_spool_file_parse(const char *name, enum ta_spool_kind *ret_kind, uint64_t *ret_number);

uint64_t ta_spool_file_sum(const void *data, size_t bytes);

/* Of a file of so many messages. */
uint64_t ta_spool_file_bytes(uint32_t count, uint64_t body_bytes);

/* Opens a file that was written before; checks whose and what it is (-EPERM). */
int ta_spool_file_open(int dir_fd, const char *name, int flags);

/* Writes the put, whose items are made and whose bodies are these, and names it.  Never
 * replaces a file. */
int ta_spool_file_write(int dir_fd, const struct ta_spool_put *put,
			const struct ta_message *messages);

/* A new row of what the file says.  -EBADMSG: damaged; *ret_put has what its heads say, or
 * is NULL if nothing can be believed.  Every other error: it cannot be looked at. */
int ta_spool_file_load(int dir_fd, uint64_t number, struct ta_spool_put **ret_put);

/* Appends a body.  -EBADMSG, -ENOENT, -EIO ...: lost. */
int ta_spool_file_read(int dir_fd, uint64_t number, const struct ta_spool_item *item,
		       struct ta_buf *body);

/* Marks a message in place; when that fails it is sent once more after a restart. */
int ta_spool_file_mark(int dir_fd, uint64_t number, uint32_t item);

#endif
