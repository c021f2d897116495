/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_answer.c - what receivers say, in both formats, and what is no answer.
 */
#include "runtime/export/otlp_pb.h"

#include "tests/unit/check.h"

enum { PB, JSON };

static void expect_at(int line, const char *body, size_t bytes, bool json, bool is_error,
		      unsigned long long rejected, const char *message)
{
	/* of exactly this size, so that a sanitizer sees every byte too many */
	char *copy = malloc(bytes ? bytes : 1);
	struct ta_otlp_answer answer = { 99, "untouched" };
	bool good;

	memcpy(copy, body, bytes);
	good = ta_otlp_answer(copy, bytes, json, is_error, &answer);
	free(copy);
	check_at(good == (message != NULL), "an answer", line, "%d", good);
	check_at(answer.rejected == (message ? rejected : 99), "rejected", line, "%llu",
		 (unsigned long long)answer.rejected);
	check_at(strcmp(answer.message, message ? message : "untouched") == 0, "message", line,
		 "\"%s\"", answer.message);
}

#define took(format, body, rejected, message)                                                      \
	expect_at(__LINE__, body, sizeof(body) - 1, format, false, rejected, message)
#define failed(format, body, message)                                                              \
	expect_at(__LINE__, body, sizeof(body) - 1, format, true, 0, message)

static void protobuf(void)
{
	took(PB, "", 0, "");
	took(PB, "\x0a\0", 0, "");
	took(PB, "\x0a\x02\x08\x05", 5, "");
	took(PB, "\x0a\x09\x08\x80\x01\x12\x04slow", 128, "slow");
	took(PB, "\x0a\x04\x12\x02hm", 0, "hm");
	took(PB, "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 0, ""); /* -1 */
	took(PB, "\x18\x01\x0a\x02\x08\x05\x22\x01x", 5, ""); /* fields that we do not know */
	took(PB, "\x08\x05", 0, "");			      /* another type */
	failed(PB, "\x08\x03\x12\x03" "bad", "bad");
	failed(PB, "\x0a\x02\x08\x05", "");
}

static void json(void)
{
	took(JSON, "", 0, "");
	took(JSON, "{}", 0, "");
	took(JSON, " {\"partialSuccess\":{}} ", 0, "");
	took(JSON, "{\"partialSuccess\":null}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"12\",\"errorMessage\":\"a \\u0022b\"}}", 12,
	     "a \"b");
	took(JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":3}}", 3, "");
	took(JSON, "{\"x\":[1],\"partialSuccess\":{\"rejectedDataPoints\":\"9\"}}", 9, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"\"}}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"1x\"}}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":-4}}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":1.5}}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"rejectedSpans\":{}}}", 0, "");
	took(JSON, "{\"partialSuccess\":{\"errorMessage\":7}}", 0, "");
	failed(JSON, "{\"code\":3,\"message\":\"no\",\"details\":[]}", "no");
	failed(JSON, "{\"partialSuccess\":{\"rejectedSpans\":\"12\"}}", "");
}

static void garbage(void)
{
	took(PB, "<html>", 0, NULL);
	took(PB, "\x0a\x05\x08", 0, NULL);
	took(PB, "\x0a\x01\x08", 0, NULL);
	failed(PB, "404 page not found", NULL);
	took(JSON, "<html>", 0, NULL);
	took(JSON, "[]", 0, NULL);
	took(JSON, "{\"partialSuccess\":", 0, NULL);
	took(JSON, "\x0a\x02\x08\x05", 0, NULL);
	failed(JSON, "7", NULL);
}

/* Words for a log: nothing in them that a terminal would obey. */
static void harmless(void)
{
	failed(PB, "\x12\x0a" "a\nb\x1b[1m\x7f\0\xff", "a b?[1m???");
	failed(PB, "\x12\x06\xc2\x9b" "A\xc3\xbc!", "??A\xc3\xbc!");
	failed(JSON, "{\"message\":\"\\u001b]0;x\\u0007\\u009b\"}", "?]0;x???");
	failed(JSON, "{\"message\":\"\xc2\"}", "?");
}

/* Cut between characters. */
static void cut(void)
{
	char body[1000] = "\x12\xe0\x06", text[1000] = "{\"message\":\"", want[256];

	for (unsigned int i = 0; i < 864; i += 2)
		memcpy(body + 3 + i, "\xc3\xbc", 2);
	for (unsigned int i = 0; i < 254; i += 2)
		memcpy(want + i, "\xc3\xbc", 2);
	want[254] = '\0';
	expect_at(__LINE__, body, 3 + 864, PB, true, 0, want);
	memcpy(text + 12, body + 3, 864);
	memcpy(text + 12 + 864, "\"}", 3);
	expect_at(__LINE__, text, 12 + 864 + 2, JSON, true, 0, want);
}

int main(void)
{
	check_group("protobuf", protobuf);
	check_group("json", json);
	check_group("garbage", garbage);
	check_group("harmless", harmless);
	check_group("cut", cut);
	return check_status();
}
