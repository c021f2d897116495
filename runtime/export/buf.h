/* SPDX-License-Identifier: MIT */
/*
 * buf.h - a growing byte buffer for encoders.
 *
 * Runs: agent, cli.  Running out of memory sets failed and makes every later
 * append a no-op, so encoders check once, at the end.
 */
#ifndef TA_EXPORT_BUF_H
#define TA_EXPORT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ta_buf {
	char *data;
	size_t bytes;
	size_t capacity;
	bool failed;
};

void ta_buf_fini(struct ta_buf *buf);
void ta_buf_clear(struct ta_buf *buf); /* keeps the memory */
void ta_buf_put(struct ta_buf *buf, const void *data, size_t bytes);
void ta_buf_puts(struct ta_buf *buf, const char *text);
void ta_buf_putc(struct ta_buf *buf, char c);
void ta_buf_put_u64(struct ta_buf *buf, uint64_t value);
void ta_buf_put_i64(struct ta_buf *buf, int64_t value);
void ta_buf_put_hex64(struct ta_buf *buf, uint64_t value); /* 16 lower-case digits */
/* Room for bytes at the end, for a caller who writes there and adds what he used
 * to buf->bytes; NULL when out of memory. */
char *ta_buf_reserve(struct ta_buf *buf, size_t bytes);
/* A JSON string with quotes; invalid UTF-8 becomes U+FFFD, controls \u00xx. */
void ta_buf_put_json(struct ta_buf *buf, const char *text, size_t bytes);
/* The same without the quotes. */
void ta_buf_put_json_inside(struct ta_buf *buf, const char *text, size_t bytes);

/* Bytes as a JSON string of base64, with quotes. */
void ta_buf_put_base64(struct ta_buf *buf, const char *bytes, size_t count);

/* Whether text goes into a JSON string as it is. */
bool ta_text_plain(const char *text, size_t bytes);

/* The longest beginning of text, at most bytes long, that does not cut a character; text
 * is longer than bytes. */
size_t ta_utf8_cut(const char *text, size_t bytes);

/* Whether bytes are valid UTF-8 (RFC 3629). */
bool ta_utf8_valid(const char *text, size_t bytes);

#endif
