/* SPDX-License-Identifier: MIT */
/*
 * gzip.h - a body compressed (RFC 1952), by zlib at its fastest level.
 */
#ifndef TA_EXPORT_GZIP_H
#define TA_EXPORT_GZIP_H

#include "runtime/export/buf.h"

/* Appends the compressed bytes to out.  Returns 0 or -ENOMEM.  The stream's memory is kept
 * for the calling thread's next call. */
int ta_gzip(const void *data, size_t bytes, struct ta_buf *out);

#endif
