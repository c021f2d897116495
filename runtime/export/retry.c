/* SPDX-License-Identifier: MIT */
/*
 * retry.c - verdicts on answers, Retry-After, and back-off.
 *
 * Runs: agent, the delivery thread.
 */
#include "runtime/export/retry.h"

#include <string.h>
#include <time.h>

#define SECOND_NS 1000000000u
#define DOUBLINGS 5u
#define STEP_MAX_NS (TA_RETRY_MAX_NS / 3 * 2)

static bool is_success(int status)
{
	return status >= 200 && status <= 299;
}

enum ta_verdict ta_verdict_otlp(int status)
{
	if (is_success(status))
		return TA_VERDICT_SENT;
	switch (status) {
	case 429:
	case 502:
	case 503:
	case 504:
		return TA_VERDICT_RETRY;
	case 413:
		return TA_VERDICT_TOO_LARGE;
	default:
		return TA_VERDICT_REFUSED;
	}
}

enum ta_verdict ta_verdict_sentry(int status)
{
	if (is_success(status))
		return TA_VERDICT_SENT;
	if (status == 429)
		return TA_VERDICT_LIMITED;
	return status == 413 ? TA_VERDICT_TOO_LARGE : TA_VERDICT_REFUSED;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* All of text is digits.  What is beyond the bound is the bound. */
static bool read_seconds(const char *text, uint64_t *ret_ns)
{
	uint64_t ns = 0;

	if (!is_digit(*text))
		return false;
	for (; is_digit(*text); text++) {
		ns = ns * 10 + (uint64_t)(*text - '0') * SECOND_NS;
		if (ns > TA_RETRY_AFTER_MAX_NS)
			ns = TA_RETRY_AFTER_MAX_NS;
	}
	while (*text == ' ' || *text == '\t')
		text++;
	*ret_ns = ns;
	return *text == '\0';
}

/* The agent has the C locale, so the names are English. */
static bool read_date(const char *text, uint64_t unix_ns, uint64_t *ret_ns)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
					     "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm date = { 0 };
		const char *end = strptime(text, forms[i], &date);

		if (!end || end[strspn(end, " \t")] != '\0')
			continue;
		time_t seconds = timegm(&date);
		uint64_t now = unix_ns / SECOND_NS;
		uint64_t wait =
			seconds > 0 && (uint64_t)seconds > now ? (uint64_t)seconds - now : 0;

		*ret_ns = wait < TA_RETRY_AFTER_MAX_NS / SECOND_NS ? wait * SECOND_NS
								   : TA_RETRY_AFTER_MAX_NS;
		return true;
	}
	return false;
}

bool ta_retry_after(const char *text, uint64_t unix_ns, uint64_t *ret_ns)
{
	text += strspn(text, " \t");
	return read_seconds(text, ret_ns) || read_date(text, unix_ns, ret_ns);
}

uint64_t ta_retry_delay_ns(uint32_t failures, uint64_t random)
{
	uint32_t doublings = failures > 0 ? failures - 1 : 0;
	uint64_t step = (uint64_t)TA_RETRY_MIN_NS
			<< (doublings < DOUBLINGS ? doublings : DOUBLINGS);

	if (step > STEP_MAX_NS)
		step = STEP_MAX_NS;
	return step + random % (step / 2 + 1);
}

void ta_retry_failed(struct ta_retry *retry, uint64_t started_ns, uint64_t now_ns,
		     uint64_t after_ns, uint64_t random)
{
	bool anew = retry->failures == 0 || started_ns >= retry->failed_ns;

	if (anew) {
		retry->failures++;
		retry->failed_ns = now_ns;
		retry->told = false;
		retry->next_ns = now_ns + ta_retry_delay_ns(retry->failures, random);
	}
	if (!after_ns)
		return;
	if (!retry->told || now_ns + after_ns > retry->next_ns)
		retry->next_ns = now_ns + after_ns;
	retry->told = true;
}

void ta_retry_answered(struct ta_retry *retry, uint64_t started_ns)
{
	if (retry->failures > 0 && started_ns >= retry->failed_ns)
		*retry = (struct ta_retry){ 0 };
}

void ta_retry_hurry(struct ta_retry *retry)
{
	if (!retry->told)
		retry->next_ns = 0;
}
