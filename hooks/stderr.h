/* SPDX-License-Identifier: MIT */
/*
 * stderr.h - lines that the program writes to standard error.
 */
#ifndef TA_HOOKS_STDERR_H
#define TA_HOOKS_STDERR_H

#include <stddef.h>
#include <sys/uio.h>

/* Leaves a breadcrumb of what was written, if it is text.  errno is put back. */
void ta_note_stderr(const char *text, size_t bytes);
void ta_note_stderr_iov(const struct iovec *iov, int iov_count, size_t bytes);

#endif
