/* SPDX-License-Identifier: MIT */
/*
 * tagalong.h - optional API for programs that know they may be watched.
 *
 * Include it and call; there is nothing to link.  Without libtagalong.so in
 * LD_PRELOAD every call does nothing and returns 0, at the price of a load and a
 * branch.
 *
 * Threads: any, also in a forked child.  Signal handlers: functions marked
 * [signal].  Strings are copied before a call returns.  C99 and later, C++.
 */
#ifndef TAGALONG_H
#define TAGALONG_H

#include <dlfcn.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the library offers.  Grows only at its end; size says how much of it the
 * library at hand has. */
struct tagalong_api {
	size_t size;
	int (*set_tag)(const char *key, const char *value);
	int (*span_begin)(const char *name);
	int (*span_end)(void);
	int (*span_end_error)(const char *type, const char *message);
};

/* The library's table, or NULL when it is not preloaded.  Looked up once per
 * source file that uses it. */
static inline const struct tagalong_api *tagalong(void)
{
	static const struct tagalong_api *api;
	static int looked;

	if (!looked) {
		api = (const struct tagalong_api *)dlsym(RTLD_DEFAULT, "tagalong_api_v1");
		looked = 1;
	}
	return api;
}

/* Puts a tag on the isolation scope that is current: the request's, the
 * connection's or the thread's.  NULL as value removes it.  Keys are cut after
 * 200 bytes, values after 2048.  [signal]
 * Returns 0, -EINVAL (no key), or -ENOBUFS (not recorded; counted). */
static inline int tagalong_set_tag(const char *key, const char *value)
{
	return tagalong() ? tagalong()->set_tag(key, value) : 0;
}

/* Opens a span below the one that is current, or a root in a new trace, and makes
 * it current until tagalong_span_end().  Names are cut after 255 bytes.
 * Returns 0, -EINVAL (no name), or -ENOBUFS (not recorded; do not end it). */
static inline int tagalong_span_begin(const char *name)
{
	return tagalong() ? tagalong()->span_begin(name) : 0;
}

/* Ends the innermost span that this thread has begun.  Returns 0 or -ENOENT. */
static inline int tagalong_span_end(void)
{
	return tagalong() ? tagalong()->span_end() : 0;
}

/* The same, with an error: status ERROR, type as error.type (cut after 200 bytes)
 * and message as the status's description (cut after 512).  Either may be NULL.
 * Returns 0 or -ENOENT; also 0 when the end found no room in the lane (counted;
 * the span then ends with its program, marked unfinished). */
static inline int tagalong_span_end_error(const char *type, const char *message)
{
	return tagalong() ? tagalong()->span_end_error(type, message) : 0;
}

#ifdef __cplusplus
}
#endif

#endif
