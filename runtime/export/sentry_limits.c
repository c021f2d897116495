/* SPDX-License-Identifier: MIT */
/*
 * sentry_limits.c - rate limits out of Sentry's answers.
 *
 *     X-Sentry-Rate-Limits: 60:transaction;span:organization:quota, 2.5::key
 *
 * Seconds, categories, and what nobody needs.  No category means all of them; categories
 * that are not ours mean nothing, and a limit that has only such ones is none at all.
 * What a receiver says is bounded: no limit is longer than LONGEST_S.
 *
 * Runs: agent, the delivery's thread.  Pure.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/export/sentry.h"

#define LONGEST_S (366.0 * 86400)
#define DEFAULT_S 60.0

struct text {
	const char *at;
	size_t bytes;
};

static struct text trim(struct text text)
{
	while (text.bytes && (text.at[0] == ' ' || text.at[0] == '\t')) {
		text.at++;
		text.bytes--;
	}
	while (text.bytes && strchr(" \t\r\n", text.at[text.bytes - 1]))
		text.bytes--;
	return text;
}

/* Takes what is in front of the next mark off the text. */
static struct text next_field(struct text *text, char mark)
{
	const char *end = text->bytes ? memchr(text->at, mark, text->bytes) : NULL;
	struct text field = { text->at, end ? (size_t)(end - text->at) : text->bytes };

	text->at += field.bytes + (end != NULL);
	text->bytes -= field.bytes + (end != NULL);
	return trim(field);
}

/* A number of seconds, fractions too; false when it is none. */
static bool seconds_of(struct text text, double *ret_seconds)
{
	char copy[32], *rest;

	if (!text.bytes || text.bytes >= sizeof(copy) || text.at[0] < '0' || text.at[0] > '9')
		return false;
	for (size_t i = 0; i < text.bytes; i++)
		if (!strchr("0123456789.", text.at[i]) || !text.at[i])
			return false;
	memcpy(copy, text.at, text.bytes);
	copy[text.bytes] = '\0';
	*ret_seconds = strtod(copy, &rest);
	if (*rest || !isfinite(*ret_seconds))
		return false;
	if (*ret_seconds > LONGEST_S)
		*ret_seconds = LONGEST_S;
	return true;
}

/* TA_CATEGORIES: none of ours. */
static enum ta_category category_of(struct text word)
{
	static const char *const names[TA_CATEGORIES] = {
		[TA_CATEGORY_ERROR] = "error",	   [TA_CATEGORY_TRANSACTION] = "transaction",
		[TA_CATEGORY_SPAN] = "span",	   [TA_CATEGORY_LOG_ITEM] = "log_item",
		[TA_CATEGORY_INTERNAL] = "internal",
	};

	for (unsigned int i = 0; i < TA_CATEGORIES; i++)
		if (names[i] && strlen(names[i]) == word.bytes &&
		    memcmp(names[i], word.at, word.bytes) == 0)
			return (enum ta_category)i;
	return TA_CATEGORIES;
}

static void limit(struct ta_sentry_limits *state, enum ta_category category, double seconds,
		  uint64_t now_ns)
{
	uint64_t until_ns = now_ns + (uint64_t)(seconds * 1e9);

	if (until_ns > state->until_ns[category])
		state->until_ns[category] = until_ns;
}

/* One limit; false when it is not understood. */
static bool read_limit(struct ta_sentry_limits *state, struct text text, uint64_t now_ns)
{
	struct text seconds_text = next_field(&text, ':'), words = next_field(&text, ':');
	double seconds;

	if (!seconds_of(seconds_text, &seconds))
		return false;
	if (!words.bytes) {
		limit(state, TA_CATEGORY_NONE, seconds, now_ns);
		return true;
	}
	while (words.bytes) {
		enum ta_category category = category_of(next_field(&words, ';'));

		if (category < TA_CATEGORIES)
			limit(state, category, seconds, now_ns);
	}
	return true;
}

/* false: there is nothing in it that is a limit. */
static bool read_limits(struct ta_sentry_limits *state, const char *limits, uint64_t now_ns)
{
	struct text text = { limits, strlen(limits) };
	bool any = false;

	while (text.bytes)
		any |= read_limit(state, next_field(&text, ','), now_ns);
	return any;
}

/* The three forms of RFC 9110, 5.6.7; 0 when it is none. */
static time_t date_of(const char *text)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
					     "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 };

		if (strptime(text, forms[i], &tm))
			return timegm(&tm);
	}
	return 0;
}

static double retry_seconds(const char *retry_after, uint64_t unix_ns)
{
	struct text text = trim((struct text){ retry_after, strlen(retry_after) });
	double seconds;
	time_t date;

	if (seconds_of(text, &seconds))
		return seconds;
	date = date_of(text.at);
	if (date <= 0)
		return DEFAULT_S;
	seconds = (double)date - (double)unix_ns / 1e9;
	return seconds < 0 ? 0 : seconds > LONGEST_S ? LONGEST_S : seconds;
}

void ta_sentry_limits_read(struct ta_sentry_limits *state, const char *limits,
			   const char *retry_after, int status, uint64_t now_ns, uint64_t unix_ns)
{
	if (limits && read_limits(state, limits, now_ns))
		return;
	if (status == 429)
		limit(state, TA_CATEGORY_NONE,
		      retry_after ? retry_seconds(retry_after, unix_ns) : DEFAULT_S, now_ns);
}

bool ta_sentry_limited(const struct ta_sentry_limits *state, enum ta_category category,
		       uint64_t now_ns)
{
	return state->until_ns[TA_CATEGORY_NONE] > now_ns || state->until_ns[category] > now_ns;
}
