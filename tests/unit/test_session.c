/* SPDX-License-Identifier: MIT */
/*
 * test_session.c - the generated session of a trace: shape, constancy, spread.
 */
#include "runtime/wire/session.h"
#include "tests/unit/check.h"

static void the_shape(void)
{
	for (uint64_t i = 0; i < 1000; i++) {
		char text[TA_SESSION_ID_TEXT + 1];

		text[TA_SESSION_ID_TEXT] = '#';
		ta_session_of_trace(i * 0x9E3779B97F4A7C15ull, i, text);
		check(text[TA_SESSION_ID_TEXT] == '#', "written behind the end");
		check_same(strlen(text), 36);
		for (uint32_t at = 0; at < 36; at++) {
			if (at == 8 || at == 13 || at == 18 || at == 23)
				check(text[at] == '-', "%s", text);
			else
				check(strchr("0123456789abcdef", text[at]) != NULL, "%s", text);
		}
		check(text[14] == '4', "version of %s", text);
		check(strchr("89ab", text[19]) != NULL, "variant of %s", text);
	}
}

static void the_same_again(void)
{
	char text[TA_SESSION_ID_TEXT], again[TA_SESSION_ID_TEXT];

	ta_session_of_trace(0x0af7651916cd43ddull, 0x8448eb211c80319cull, text);
	ta_session_of_trace(0x0af7651916cd43ddull, 0x8448eb211c80319cull, again);
	check_text(text, again);
	check(!strstr(text, "0af76519"), "begins like the trace id: %s", text);
	check(!strstr(text, "1c80319c"), "ends like the trace id: %s", text);
}

static int by_text(const void *left, const void *right)
{
	return strcmp(left, right);
}

/* Traces that differ in one bit, also where the upper half is 0 (64-bit ids). */
static void neighbours_differ(void)
{
	static char texts[256 + 4096][TA_SESSION_ID_TEXT];
	size_t count = 0;

	for (unsigned int bit = 0; bit < 64; bit++) {
		ta_session_of_trace(0, (uint64_t)1 << bit, texts[count++]);
		ta_session_of_trace((uint64_t)1 << bit, 0, texts[count++]);
		ta_session_of_trace(0xa0761d6478bd642full, (uint64_t)1 << bit, texts[count++]);
		ta_session_of_trace((uint64_t)1 << bit, 0xe7037ed1a0b428dbull, texts[count++]);
	}
	for (uint64_t i = 3; i < 4096 + 3; i++)
		ta_session_of_trace(0, i << 8 | 0xff, texts[count++]);
	qsort(texts, count, sizeof(texts[0]), by_text);
	for (size_t i = 1; i < count; i++)
		check(strcmp(texts[i - 1], texts[i]) != 0, "twice: %s", texts[i]);
}

int main(void)
{
	check_group("a session looks like a UUID of version 4", the_shape);
	check_group("a trace always has the same session", the_same_again);
	check_group("near traces have different sessions", neighbours_differ);
	return check_status();
}
