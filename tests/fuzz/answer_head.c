/* SPDX-License-Identifier: MIT */
/*
 * answer_head.c - fuzzes heads of answers: what is kept of them, when to come again, and
 * Sentry's limits.
 *
 * Input: the time, four bytes of seconds; the lines of heads, as libcurl hands them over.  What
 * is kept is one line without blanks around it.  No time to come back is longer than a receiver
 * may ask for; both readers of Retry-After agree; a limit never becomes shorter, and limits in
 * one line are those of its parts.
 */
#include "runtime/export/delivery_http.c" /* who reads the lines is libcurl's to call */

#include <stdlib.h>

#define SECOND_NS 1000000000ull
#define LONGEST_NS (366ull * 86400 * SECOND_NS)
#define DAY_NS (86400 * SECOND_NS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_kept(const char *text, size_t room)
{
	size_t bytes = strnlen(text, room);

	demand(bytes < room && !memchr(text, '\n', bytes ? bytes - 1 : 0));
	demand(!bytes || (!strchr(" \t", text[0]) && !strchr(" \t\r\n", text[bytes - 1])));
}

static void check_bounds(const struct ta_sentry_limits *limits, uint64_t now_ns)
{
	for (int i = 0; i < TA_CATEGORIES; i++)
		demand(limits->until_ns[i] == 0 || (limits->until_ns[i] >= now_ns &&
						    limits->until_ns[i] <= now_ns + LONGEST_NS));
}

static struct ta_sentry_limits read_one(struct ta_sentry_limits limits, const char *text, uint64_t now_ns)
{
	ta_sentry_limits_read(&limits, text, NULL, 200, now_ns, 0);
	check_bounds(&limits, now_ns);
	return limits;
}

/* At each comma: both sides one after the other are the whole. */
static void check_parts(const char *text, uint64_t now_ns)
{
	static const struct ta_sentry_limits none;
	struct ta_sentry_limits whole = read_one(none, text, now_ns), again, parts;
	char *copy = strdup(text);

	again = read_one(whole, text, now_ns);
	demand(memcmp(&whole, &again, sizeof(whole)) == 0);
	for (char *comma = strchr(copy, ','); comma; comma = strchr(comma + 1, ',')) {
		*comma = '\0';
		parts = read_one(read_one(none, copy, now_ns), comma + 1, now_ns);
		*comma = ',';
		demand(memcmp(&whole, &parts, sizeof(whole)) == 0);
	}
	free(copy);
}

/* How long Sentry's reader would wait for it. */
static uint64_t sentry_wait_ns(const char *text, uint64_t unix_ns)
{
	struct ta_sentry_limits limits = { 0 };

	ta_sentry_limits_read(&limits, NULL, text, 429, SECOND_NS, unix_ns);
	check_bounds(&limits, SECOND_NS);
	return limits.until_ns[TA_CATEGORY_NONE] - SECOND_NS;
}

static void check_retry(const char *text, uint64_t unix_ns)
{
	uint64_t ns = 0, later_ns = 0, sentry_ns;

	if (!ta_retry_after(text, unix_ns, &ns))
		return;
	demand(ns <= TA_RETRY_AFTER_MAX_NS);
	demand(ta_retry_after(text, unix_ns + 10 * SECOND_NS, &later_ns) && later_ns <= ns);
	if (ns == 0 || strlen(text) > 31)
		return;
	sentry_ns = sentry_wait_ns(text, unix_ns);
	sentry_ns = sentry_ns < DAY_NS ? sentry_ns : DAY_NS;
	demand(sentry_ns <= ns && ns - sentry_ns <= SECOND_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_request *request = calloc(1, sizeof(*request));
	uint32_t seconds = 0;

	memcpy(&seconds, data, bytes < 4 ? bytes : 4);
	for (size_t at = 4; at < bytes;) {
		const uint8_t *end = memchr(data + at, '\n', bytes - at);
		size_t length = end ? (size_t)(end + 1 - data) - at : bytes - at;
		char *line = malloc(length); /* so that a read behind it is seen */

		memcpy(line, data + at, length);
		size_t took = take_header(line, 1, length, request);

		demand(took == length || (took == 0 && request->too_large));
		free(line);
		at += length;
	}
	demand(request->status >= 0 && request->status <= 999);
	demand(!request->answered || request->status >= 200);
	check_kept(request->retry_after, sizeof(request->retry_after));
	check_kept(request->limits, sizeof(request->limits));
	check_parts(request->limits, seconds * SECOND_NS);
	check_retry(request->retry_after, seconds * SECOND_NS);
	free(request);
	return 0;
}
