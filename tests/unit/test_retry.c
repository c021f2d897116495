/* SPDX-License-Identifier: MIT */
/*
 * test_retry.c - verdicts on answers, Retry-After and back-off, by the specifications.
 */
#include "runtime/export/retry.h"

#include "tests/unit/check.h"

#define SECOND 1000000000u

static void otlp_tries_four_again(void)
{
	for (int status = 200; status < 600; status++) {
		bool again = status == 429 || (status >= 502 && status <= 504);
		enum ta_verdict verdict = ta_verdict_otlp(status);

		check((verdict == TA_VERDICT_RETRY) == again, "%d", status);
		check((verdict == TA_VERDICT_SENT) == (status < 300), "%d", status);
		check((verdict == TA_VERDICT_TOO_LARGE) == (status == 413), "%d", status);
	}
}

static void sentry_tries_no_answer_again(void)
{
	for (int status = 200; status < 600; status++) {
		enum ta_verdict verdict = ta_verdict_sentry(status);

		check(verdict != TA_VERDICT_RETRY, "%d", status);
		check((verdict == TA_VERDICT_SENT) == (status < 300), "%d", status);
		check((verdict == TA_VERDICT_LIMITED) == (status == 429), "%d", status);
		check((verdict == TA_VERDICT_TOO_LARGE) == (status == 413), "%d", status);
	}
}

/* RFC 9110's example of a date, Sun, 06 Nov 1994 08:49:37 GMT. */
#define EXAMPLE 784111777u

static void expect(const char *text, uint64_t unix_seconds, uint64_t seconds)
{
	uint64_t ns = 1;

	if (check(ta_retry_after(text, unix_seconds * SECOND, &ns), "\"%s\" is not read", text))
		check(ns == seconds * SECOND, "\"%s\": %llu ns", text, (unsigned long long)ns);
}

static void retry_after_seconds(void)
{
	expect("0", 0, 0);
	expect("120", 0, 120);
	expect("  7 ", 0, 7);
	expect("86401", 0, 86400);
	expect("99999999999999999999999999999999999999", 0, 86400);
}

static void retry_after_dates(void)
{
	expect("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE - 30, 30);
	expect("Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE - 30, 30);
	expect("Sun Nov  6 08:49:37 1994", EXAMPLE - 30, 30);
	expect("Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE + 30, 0);
	expect("Fri, 31 Dec 9999 23:59:59 GMT", EXAMPLE, 86400);
}

static void retry_after_nonsense(void)
{
	static const char *const nonsense[] = {
		"",	    " ",       "soon",
		"-1",	    "1.5",     "12 minutes",
		"0x10",	    "Sun, 06", "Sun, 06 Nov 1994 08:49:37 CET",
		"tomorrow", "now",     "Sun, 06 Nov 1994 08:49:37 GMT x"
	};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		check(!ta_retry_after(nonsense[i], SECOND, &ns), "\"%s\" is read", nonsense[i]);
}

static void delays_grow_and_differ(void)
{
	uint64_t before = 0;

	for (uint32_t failures = 1; failures < 100; failures++) {
		uint64_t least = ta_retry_delay_ns(failures, 0);

		check(least >= before && least >= TA_RETRY_MIN_NS, "failure %u", failures);
		check(ta_retry_delay_ns(failures, least / 2) > least, "failure %u", failures);
		for (uint64_t random = 1; random; random <<= 1)
			check(ta_retry_delay_ns(failures, random - 1) <= TA_RETRY_MAX_NS &&
				      ta_retry_delay_ns(failures, random - 1) >= least,
			      "failure %u, %llx", failures, (unsigned long long)random);
		before = least;
	}
	check(before > 15ull * SECOND, "%llu", (unsigned long long)before);
	check(ta_retry_delay_ns(UINT32_MAX, UINT64_MAX) <= TA_RETRY_MAX_NS, "overflow");
}

/* Four requests that were under way together are one failure, whatever order they fail in. */
static void one_failure_at_a_time(void)
{
	struct ta_retry retry = { 0 };

	for (uint64_t i = 0; i < 4; i++)
		ta_retry_failed(&retry, 10 + i, 100 + i, 0, 0);
	check_same(retry.failures, 1);
	check_same(retry.next_ns, 100 + SECOND);
	ta_retry_answered(&retry, 13); /* begun before the failure */
	check_same(retry.failures, 1);
	ta_retry_failed(&retry, 100 + SECOND, 200 + SECOND, 0, 0);
	check_same(retry.failures, 2);
	ta_retry_answered(&retry, 300 + SECOND);
	check_same(retry.failures, 0);
	check_same(retry.next_ns, 0);
}

static void named_times_hold(void)
{
	struct ta_retry retry = { 0 };

	ta_retry_failed(&retry, 10, 100, 50ull * SECOND, 0);
	check_same(retry.next_ns, 100 + 50ull * SECOND);
	ta_retry_failed(&retry, 11, 101, 2ull * SECOND, 0); /* the longer one stays */
	check_same(retry.next_ns, 100 + 50ull * SECOND);
	ta_retry_hurry(&retry);
	check_same(retry.next_ns, 100 + 50ull * SECOND);
	ta_retry_failed(&retry, 100 + 51ull * SECOND, 100 + 51ull * SECOND, 0, 0);
	check(!retry.told, "an own back-off");
	ta_retry_hurry(&retry);
	check_same(retry.next_ns, 0);
	check(ta_retry_backs_off(&retry), "one probe, not all");
}

int main(void)
{
	check_group("otlp_tries_four_again", otlp_tries_four_again);
	check_group("sentry_tries_no_answer_again", sentry_tries_no_answer_again);
	check_group("retry_after_seconds", retry_after_seconds);
	check_group("retry_after_dates", retry_after_dates);
	check_group("retry_after_nonsense", retry_after_nonsense);
	check_group("delays_grow_and_differ", delays_grow_and_differ);
	check_group("one_failure_at_a_time", one_failure_at_a_time);
	check_group("named_times_hold", named_times_hold);
	return check_status();
}
