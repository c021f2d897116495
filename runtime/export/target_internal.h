/* SPDX-License-Identifier: MIT */
/*
 * target_internal.h - what the files that read destinations share.
 *
 * target.c is the frame, target_otlp.c the collector, target_headers.c its headers,
 * target_sentry.c Sentry, target_prometheus.c the endpoint; target_url.c takes URLs apart.
 * Nothing else includes this.
 *
 * Sentences never show a value: an endpoint may hold a password, a header a token.
 */
#ifndef TA_EXPORT_TARGET_INTERNAL_H
#define TA_EXPORT_TARGET_INTERNAL_H

#include "runtime/export/target.h"

#define TA_SENTENCES_MAX 64u

/* A configuration that is being read. */
struct ta_loading {
	const struct ta_config *config;
	const char *cwd;
	struct ta_targets *targets;
	ta_target_warn_fn *warn;
	void *user;
	bool failed;			  /* out of memory */
	uint64_t said[TA_SENTENCES_MAX]; /* hashes: three signals share most variables */
	uint32_t said_count;
};

/* A sentence for the log, once. */
void ta_loading_say(struct ta_loading *loading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* malloc'd; NULL when out of memory, which is noted. */
char *ta_loading_copy(struct ta_loading *loading, const char *text, size_t bytes);
char *ta_loading_print(struct ta_loading *loading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* An absolute path: relative ones are below cwd. */
char *ta_loading_path(struct ta_loading *loading, const char *path);
/* url, shown and identity of a target that is reached by a URL. */
struct ta_url;
void ta_loading_address(struct ta_loading *loading, struct ta_target *target,
			const struct ta_url *url, const char *path, const char *who);

/* Whether words are the same, whatever their case; word is lower case. */
bool ta_word_is(const char *text, size_t bytes, const char *word);
/* The next word of a comma-separated list, trimmed; false at the end. */
bool ta_word_next(const char **list, const char **ret_word, size_t *ret_bytes);
/* A number as settings have it, digits only, up to most; false for anything else. */
bool ta_digits_read(const char *text, size_t bytes, uint64_t most, uint64_t *ret_number);

/* ---- target_url.c ---- */

struct ta_part {
	const char *text; /* not terminated */
	size_t bytes;
};

/* An absolute http or https URL; parts point into its text. */
struct ta_url {
	bool https;
	bool has_user; /* "user:password@", maybe empty */
	struct ta_part user, password; /* as written */
	struct ta_part host; /* with brackets */
	uint16_t port;	     /* 0: the scheme's */
	struct ta_part path, query; /* with '/' and '?'; may be empty */
};

/* Returns NULL, or what is wrong with it ("it has no host"), without any of its text. */
const char *ta_url_split(const char *text, struct ta_url *ret_url);
/* Appends scheme, host and port, lower case and without credentials. */
void ta_url_put_origin(struct ta_buf *buf, const struct ta_url *url);
/* "HOST:PORT" or "[v6]:PORT" in its parts: as in URLs. */
bool ta_host_split(const char *text, size_t bytes, struct ta_part *ret_host, uint16_t *ret_port);

/* ---- target_headers.c ---- */

/* The headers of a list under the name of its variable, and those that the URL's
 * credentials ask for.  NULL when out of memory, which is noted. */
char **ta_headers_read(struct ta_loading *loading, const char *variable, const char *list,
		       const struct ta_url *url);

/* ---- the destinations ---- */

void ta_target_load_otlp(struct ta_loading *loading);
void ta_target_load_sentry(struct ta_loading *loading);
void ta_target_load_prometheus(struct ta_loading *loading, bool by_opentelemetry);

#endif
