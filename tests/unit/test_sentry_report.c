/* SPDX-License-Identifier: MIT */
/*
 * test_sentry_report.c - client reports byte for byte, and rate limits: every rule that
 * Sentry's documentation has for them.
 */
#include "runtime/export/sentry.h"

#include "tests/unit/check.h"

#define S 1000000000ull
#define NOW (1000 * S)
#define UNIX (1700000000 * S) /* Tue, 14 Nov 2023 22:13:20 GMT */

static struct ta_sentry_report report;

static void drop(unsigned int why, enum ta_category category, uint32_t spans, uint32_t events,
		 uint32_t transactions)
{
	struct ta_message_head head = { .category = (uint8_t)category,
					.spans = spans,
					.events = events,
					.transactions = transactions };

	ta_sentry_report_add(&report, why, &head);
}

static const char *item(void)
{
	static struct ta_buf buf;

	ta_buf_clear(&buf);
	ta_sentry_report_put(&report, UNIX + 123456789, &buf);
	ta_buf_putc(&buf, '\0');
	return buf.data;
}

static void one(void)
{
	report = (struct ta_sentry_report){ 0 };
	check(!ta_sentry_report_any(&report), "an empty report has something");
	drop(TA_DROP_SAMPLED, TA_CATEGORY_TRANSACTION, 13, 0, 3);
	check(ta_sentry_report_any(&report), "a report has nothing");
	check_text(item(), "{\"type\":\"client_report\",\"length\":172}\n"
			   "{\"timestamp\":1700000000.123456,\"discarded_events\":["
			   "{\"reason\":\"sample_rate\",\"category\":\"transaction\",\"quantity\":3},"
			   "{\"reason\":\"sample_rate\",\"category\":\"span\",\"quantity\":13}]}\n");
	check(!ta_sentry_report_any(&report), "it was told, and is still there");
}

static void check_reason(unsigned int why, const char *reason)
{
	char want[128];

	report = (struct ta_sentry_report){ 0 };
	drop(why, TA_CATEGORY_ERROR, 0, 2, 0);
	snprintf(want, sizeof(want), "[{\"reason\":\"%s\",\"category\":\"error\",\"quantity\":2}]",
		 reason);
	const char *text = item();

	check(strstr(text, want) != NULL, "cause %u: %s", why, text);
}

static void reasons(void)
{
	check_reason(TA_DROP_SAMPLED, "sample_rate");
	check_reason(TA_DROP_SPOOL_FULL, "queue_overflow");
	check_reason(TA_DROP_SPOOL_AGE, "cache_overflow");
	check_reason(TA_DROP_SPOOL_DAMAGED, "internal_sdk_error");
	check_reason(TA_DROP_TOO_LARGE, "send_error");
	check_reason(TA_DROP_REFUSED, "send_error");
	check_reason(TA_DROP_PARTIAL, "send_error");
	check_reason(TA_DROP_RATE_LIMITED, "ratelimit_backoff");
	check_reason(TA_DROP_NO_MEMORY, "buffer_overflow");
	check_reason(TA_DROPS, "network_error");
	report = (struct ta_sentry_report){ 0 };
	drop(TA_DROPS + 1, TA_CATEGORY_ERROR, 0, 1, 0);
	check(!ta_sentry_report_any(&report), "no such cause");
}

static void categories(void)
{
	const char *text;

	report = (struct ta_sentry_report){ 0 };
	drop(TA_DROP_REFUSED, TA_CATEGORY_LOG_ITEM, 0, 7, 0);
	drop(TA_DROP_TOO_LARGE, TA_CATEGORY_LOG_ITEM, 0, 1, 0);
	drop(TA_DROP_REFUSED, TA_CATEGORY_SPAN, 5, 0, 0);
	text = item();
	check(strstr(text, "[{\"reason\":\"send_error\",\"category\":\"span\",\"quantity\":5},"
			   "{\"reason\":\"send_error\",\"category\":\"log_item\",\"quantity\":8}]"),
	      "%s", text);
	drop(TA_DROP_REFUSED, TA_CATEGORY_INTERNAL, 1, 1, 1);
	drop(TA_DROP_REFUSED, TA_CATEGORY_NONE, 1, 1, 1);
	check(!ta_sentry_report_any(&report), "a report about reports");
}

/* However much is counted, Sentry takes 4 KiB. */
static void largest(void)
{
	const char *text;

	for (unsigned int why = 0; why <= TA_DROPS; why++)
		for (unsigned int category = 0; category < TA_CATEGORIES; category++)
			report.counts[why][category] = UINT64_MAX / 8;
	text = strchr(item(), '\n') + 1;
	check(strlen(text) < 4096, "%zu bytes", strlen(text));
}

static void message(void)
{
	struct ta_dsn dsn = { (char *)"key", (char *)"h", (char *)"7",
			      (char *)"http://h:9000/a/api/b/api/7/envelope/" };
	struct ta_message message = { 0 };

	report = (struct ta_sentry_report){ 0 };
	drop(TA_DROPS, TA_CATEGORY_ERROR, 0, 1, 0);
	ta_sentry_report_message(&report, &dsn, UNIX, &message);
	check_same(message.head.category, TA_CATEGORY_INTERNAL);
	check_same(message.head.format, TA_FORMAT_ENVELOPE);
	check_same(message.head.bytes, message.body.bytes);
	check_same(message.head.time_ns, UNIX);
	ta_buf_putc(&message.body, '\0');
	check_text(message.body.data,
		   "{\"sdk\":{\"name\":\"tagalong.native\",\"version\":\"" TA_VERSION "\"},"
		   "\"dsn\":\"http://key@h:9000/a/api/b/7\"}\n"
		   "{\"type\":\"client_report\",\"length\":111}\n"
		   "{\"timestamp\":1700000000.000000,\"discarded_events\":["
		   "{\"reason\":\"network_error\",\"category\":\"error\",\"quantity\":1}]}\n");
	ta_buf_clear(&message.body);
	drop(TA_DROPS, TA_CATEGORY_ERROR, 0, 1, 0);
	ta_sentry_report_message(&report, NULL, UNIX, &message);
	ta_buf_putc(&message.body, '\0');
	check(!strstr(message.body.data, "dsn"), "%s", message.body.data);
	ta_buf_fini(&message.body);
}

static struct ta_sentry_limits limits;

/* Seconds, rounded up, for which a category is limited after one answer. */
static long long after(const char *header, const char *retry_after, int status,
		       enum ta_category category)
{
	uint64_t until;

	limits = (struct ta_sentry_limits){ 0 };
	ta_sentry_limits_read(&limits, header, retry_after, status, NOW, UNIX);
	until = limits.until_ns[category];
	if (limits.until_ns[TA_CATEGORY_NONE] > until)
		until = limits.until_ns[TA_CATEGORY_NONE];
	check_same(ta_sentry_limited(&limits, category, NOW), until > NOW);
	if (until > NOW) {
		check(ta_sentry_limited(&limits, category, until - 1), "it ends too early");
		check(!ta_sentry_limited(&limits, category, until), "it ends too late");
	}
	return until > NOW ? (long long)((until - NOW + S - 1) / S) : 0;
}

#define ERROR TA_CATEGORY_ERROR
#define TRANSACTION TA_CATEGORY_TRANSACTION

static void by_category(void)
{
	check_same(after("60:transaction:organization:quota", NULL, 200, TRANSACTION), 60);
	check_same(after("60:transaction:organization:quota", NULL, 200, ERROR), 0);
	check_same(after("60:error;transaction:key", NULL, 429, TRANSACTION), 60);
	check_same(after("60:error;transaction:key", NULL, 429, ERROR), 60);
	check_same(after("60:log_item:key", NULL, 200, TA_CATEGORY_LOG_ITEM), 60);
	check_same(after("60:span:key", NULL, 200, TA_CATEGORY_SPAN), 60);
	check_same(after("60:internal", NULL, 200, TA_CATEGORY_INTERNAL), 60);
	check_same(after("60:transaction:x, 2700:default;error:organization", NULL, 200, ERROR),
		   2700);
	check_same(after("60:transaction:x,2700:default;error:organization", NULL, 200, TRANSACTION),
		   60);
}

static void all_categories(void)
{
	check_same(after("60::organization", NULL, 200, ERROR), 60);
	check_same(after("60::organization", NULL, 200, TA_CATEGORY_INTERNAL), 60);
	check_same(after("60", NULL, 200, TRANSACTION), 60);
	check_same(after("60:", NULL, 200, TRANSACTION), 60);
	check_same(after("60: :scope", NULL, 200, TRANSACTION), 60);
}

static void fractions_and_spaces(void)
{
	check_same(after("2.5:error:key", NULL, 200, ERROR), 3);
	check_same(limits.until_ns[ERROR], NOW + 2500000000ull);
	check_same(after("  10 : error ; transaction : key ,\t20 : span ", NULL, 200, ERROR), 10);
	check_same(limits.until_ns[TRANSACTION], NOW + 10 * S);
	check_same(limits.until_ns[TA_CATEGORY_SPAN], NOW + 20 * S);
	check_same(after("0:error:key", NULL, 200, ERROR), 0);
}

static void unknown_categories(void)
{
	check_same(after("60:foo;bar:key", NULL, 429, ERROR), 0);
	check_same(after("60:foo;error:key", NULL, 200, ERROR), 60);
	check_same(after("60:foo;error:key", NULL, 200, TRANSACTION), 0);
	check_same(after("60:replay;profile;session", "10", 429, ERROR), 0);
	check_same(after("60:Error:key", NULL, 200, ERROR), 0);
	check_same(after("60:err", NULL, 200, ERROR), 0);
	check_same(after("60:errors", NULL, 200, ERROR), 0);
}

static void longer_stays(void)
{
	check_same(after("60:error, 10:error, 30:error", NULL, 200, ERROR), 60);
	ta_sentry_limits_read(&limits, "5:error", NULL, 429, NOW, UNIX);
	check_same(limits.until_ns[ERROR], NOW + 60 * S);
	ta_sentry_limits_read(&limits, "100:error", NULL, 200, NOW, UNIX);
	check_same(limits.until_ns[ERROR], NOW + 100 * S);
	ta_sentry_limits_read(&limits, "10", NULL, 200, NOW, UNIX);
	check(ta_sentry_limited(&limits, ERROR, NOW + 99 * S), "all is shorter than its own");
	check(ta_sentry_limited(&limits, TRANSACTION, NOW + 9 * S), "all");
	check(!ta_sentry_limited(&limits, TRANSACTION, NOW + 10 * S), "all is over");
}

static void retry_after(void)
{
	check_same(after(NULL, "30", 429, ERROR), 30);
	check_same(after(NULL, " 30 ", 429, TRANSACTION), 30);
	check_same(after(NULL, "1.5", 429, ERROR), 2);
	check_same(after(NULL, NULL, 429, ERROR), 60);
	check_same(after(NULL, "soon", 429, ERROR), 60);
	check_same(after(NULL, "", 429, ERROR), 60);
	check_same(after(NULL, "-5", 429, ERROR), 60);
	check_same(after(NULL, "30", 200, ERROR), 0);
	check_same(after(NULL, "30", 503, ERROR), 0);
	check_same(after(NULL, "Tue, 14 Nov 2023 22:14:05 GMT", 429, ERROR), 45);
	check_same(after(NULL, "Tuesday, 14-Nov-23 22:14:05 GMT", 429, ERROR), 45);
	check_same(after(NULL, "Tue Nov 14 22:14:05 2023", 429, ERROR), 45);
	check_same(after(NULL, "Tue, 14 Nov 2023 22:13:05 GMT", 429, ERROR), 0);
	check_same(after("60:transaction", "30", 429, ERROR), 0);
	check_same(after("", "30", 429, ERROR), 30);
	check_same(after("rubbish", "30", 429, ERROR), 30);
}

static void hostile(void)
{
	static const char *const texts[] = { ",,,", ":::", ";", "60:;;;", "nan:error", "inf",
					     "1e9:error", "0x10:error", "-1:error", "1.2.3:error",
					     "\xff\xfe:error", "99999999999999999999999999999999999" };
	char many[4096];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check(after(texts[i], NULL, 200, ERROR) == 0, "%s", texts[i]);
	check_same(after("99999999999999999999:error", NULL, 200, ERROR), 366 * 86400);
	check_same(after(NULL, "99999999999999999999", 429, ERROR), 366 * 86400);
	memset(many, ',', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	memcpy(many + 2000, "7:error", 7);
	check_same(after(many, NULL, 200, ERROR), 7);
}

int main(void)
{
	check_group("one", one);
	check_group("reasons", reasons);
	check_group("categories", categories);
	check_group("largest", largest);
	check_group("message", message);
	check_group("by category", by_category);
	check_group("all categories", all_categories);
	check_group("fractions and spaces", fractions_and_spaces);
	check_group("unknown categories", unknown_categories);
	check_group("longer stays", longer_stays);
	check_group("retry after", retry_after);
	check_group("hostile", hostile);
	return check_status();
}
