/* SPDX-License-Identifier: MIT */
/*
 * sentry_json.h - values as a Sentry payload has them.
 *
 * Plain JSON on one line.  Texts may be bounded (most bytes; what was cut ends with "...");
 * JSON that a program gave is written anew, so that what strict receivers refuse (halves of
 * surrogate pairs, numbers that no double holds, bytes that are no UTF-8) never gets there.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_SENTRY_JSON_H
#define TA_EXPORT_SENTRY_JSON_H

#include "runtime/export/buf.h"
#include "runtime/export/enrich.h"
#include "runtime/protocol/json.h"

#define TA_SENTRY_PUT(buf, literal) ta_buf_put(buf, literal, sizeof(literal) - 1)
#define TA_SENTRY_WHOLE SIZE_MAX /* texts are not cut */
#define TA_SENTRY_DEPTH_MAX 16u /* what is deeper becomes the text of its JSON */
#define TA_SENTRY_TAG_MAX 200u /* UTF-16 units, of keys and of values */

/* A comma, unless what was written last opens an object or an array, or nothing was. */
void ta_sentry_comma(struct ta_buf *buf);
/* The same and "name": with a literal or an escaped name. */
void ta_sentry_key(struct ta_buf *buf, const char *name);
void ta_sentry_key_text(struct ta_buf *buf, const char *name, size_t bytes);
/* "name":"text" behind a comma; nothing when text is NULL. */
void ta_sentry_member(struct ta_buf *buf, const char *name, const char *text, size_t bytes,
		      size_t most);

void ta_sentry_text(struct ta_buf *buf, const char *text, size_t bytes, size_t most);
/* The inside of a JSON string, with its escapes. */
void ta_sentry_inside(struct ta_buf *buf, struct ta_json_slice inside, size_t most);
/* A tag's key or value: no line breaks, not too long. */
void ta_sentry_short(struct ta_buf *buf, const char *text, size_t bytes);
/* Any text as JSON: a value if it is one, else a string. */
void ta_sentry_value(struct ta_buf *buf, const char *text, size_t bytes, size_t most);
/* The same, but always a string (objects as their text), or always an object (others as
 * {"value": ...}).  null is not written: then false. */
bool ta_sentry_string(struct ta_buf *buf, const char *text, size_t bytes, size_t most);
bool ta_sentry_object(struct ta_buf *buf, const char *text, size_t bytes, size_t most);

void ta_sentry_real(struct ta_buf *buf, double value);
void ta_sentry_time(struct ta_buf *buf, uint64_t unix_ns); /* seconds, with microseconds */
void ta_sentry_id(struct ta_buf *buf, uint64_t hi, uint64_t lo); /* in quotes */
void ta_sentry_span_id(struct ta_buf *buf, uint64_t id);

/* The value of an attribute; BYTES as base64. */
void ta_sentry_attr(struct ta_buf *buf, const struct ta_out_attr *attr, size_t most);

#endif
