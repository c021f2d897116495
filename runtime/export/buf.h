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
#include <string.h>

struct ta_buf {
	char *data;
	size_t bytes;
	size_t capacity;
	bool failed;
};

void ta_buf_fini(struct ta_buf *buf);
void ta_buf_clear(struct ta_buf *buf); /* keeps the memory */

/* Makes room for more bytes; what ta_buf_reserve() does when there is none. */
bool ta_buf_grow(struct ta_buf *buf, size_t more);

/* Room for bytes at the end, for a caller who writes there and tells ta_buf_wrote() where
 * he stopped; NULL when out of memory. */
static inline char *ta_buf_reserve(struct ta_buf *buf, size_t bytes)
{
	if (__builtin_expect(bytes > buf->capacity - buf->bytes || buf->failed, 0) &&
	    !ta_buf_grow(buf, bytes))
		return NULL;
	return buf->data + buf->bytes;
}

static inline void ta_buf_wrote(struct ta_buf *buf, const char *end)
{
	buf->bytes = (size_t)(end - buf->data);
}

static inline void ta_buf_put(struct ta_buf *buf, const void *data, size_t bytes)
{
	char *at = bytes ? ta_buf_reserve(buf, bytes) : NULL;

	if (!at)
		return;
	memcpy(at, data, bytes);
	buf->bytes += bytes;
}

static inline void ta_buf_putc(struct ta_buf *buf, char c)
{
	char *at = ta_buf_reserve(buf, 1);

	if (!at)
		return;
	*at = c;
	buf->bytes++;
}

void ta_buf_puts(struct ta_buf *buf, const char *text);
void ta_buf_put_u64(struct ta_buf *buf, uint64_t value);
void ta_buf_put_i64(struct ta_buf *buf, int64_t value);
void ta_buf_put_hex64(struct ta_buf *buf, uint64_t value); /* 16 lower-case digits */
/* A JSON string with quotes; invalid UTF-8 becomes U+FFFD, controls \u00xx. */
void ta_buf_put_json(struct ta_buf *buf, const char *text, size_t bytes);
/* The same without the quotes. */
void ta_buf_put_json_inside(struct ta_buf *buf, const char *text, size_t bytes);

/* Bytes as a JSON string of base64, with quotes. */
void ta_buf_put_base64(struct ta_buf *buf, const char *bytes, size_t count);

/* ---- the same into memory that the caller has reserved; each returns the end ---- */

#define TA_U64_DIGITS 20u
#define TA_HEX64_DIGITS 16u

/* A text whose length the compiler knows. */
#define TA_WRITE(at, literal) \
	((char *)memcpy((at), (literal), sizeof(literal) - 1) + (sizeof(literal) - 1))

static inline char *ta_write(char *at, const char *text, size_t bytes)
{
	if (bytes)
		memcpy(at, text, bytes);
	return at + bytes;
}

char *ta_write_u64(char *at, uint64_t value);
char *ta_write_hex64(char *at, uint64_t value);

/* Text as the inside of a JSON string where it needs no escape; NULL where it does, and
 * what is at at is undefined then. */
char *ta_write_plain(char *at, const char *text, size_t bytes);

/* Whether text goes into a JSON string as it is. */
bool ta_text_plain(const char *text, size_t bytes);

/* The longest beginning of text, at most bytes long, that does not cut a character; text
 * is longer than bytes. */
size_t ta_utf8_cut(const char *text, size_t bytes);

/* Whether bytes are valid UTF-8 (RFC 3629). */
bool ta_utf8_valid(const char *text, size_t bytes);

#endif
