/* SPDX-License-Identifier: MIT */
/*
 * test_baggage.c - tracestate and baggage: what may be handed on and what may not.
 */
#include "runtime/protocol/baggage.h"
#include "tests/unit/check.h"

static char text[16384];

static void state(const char *value, bool valid)
{
	check(ta_tracestate_valid(value, strlen(value)) == valid, "tracestate %.80s", value);
}

static void bag(const char *value, bool valid)
{
	check(ta_baggage_valid(value, strlen(value)) == valid, "baggage %.80s", value);
}

static void states(void)
{
	state("a=1", true);
	state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true);
	state(" a=1 ,\tb=2 ", true);
	state("a=1,,b=2,", true);
	state("1@vendor=x", true);
	state("tenant@vendor=a b", true);
	state("a-b_c*d/e=!", true);
	state("", false);
	state(",", false);
	state("a", false);
	state("a=", false);
	state("=1", false);
	state("A=1", false);
	state("a=1=2", false);
	state("a=1,a=2", false);
	state("a=1, b=2 ,a=3", false);
	state("a b=1", false);
	state("a@=1", false);
	state("@a=1", false);
	state("a@b@c=1", false);
	state("a=\x7f", false);
	state("a=\xc3\xa4", false);
	state("-a=1", false);
}

/* A list of so many members of equal length. */
static const char *list(unsigned int count, const char *format)
{
	size_t at = 0;

	for (unsigned int i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, format, i ? "," : "", i);
	return text;
}

static void bounds(void)
{
	state(list(32, "%sk%u=v"), true);
	state(list(33, "%sk%u=v"), false);
	state(list(10, "%sk%u=0123456789012345678901234567890123456789"), true);
	state(list(12, "%sk%u=0123456789012345678901234567890123456789"), false);
	bag(list(64, "%sk%u=v"), true);
	bag(list(65, "%sk%u=v"), false);
	memset(text, 'v', sizeof(text));
	memcpy(text, "k=", 2);
	check(ta_baggage_valid(text, 8192) && !ta_baggage_valid(text, 8193), "8192 bytes");
	memcpy(text, "a=", 2);
	check(ta_tracestate_valid(text, 258) && !ta_tracestate_valid(text, 259), "256 bytes of value");
}

static void bags(void)
{
	bag("k=v", true);
	bag("k=", true);
	bag(" k = v , l = w ", true);
	bag("k=v;p;q=1 ; r = 2,l=w", true);
	bag("k=a=b%20c", true);
	bag("", false);
	bag("k", false);
	bag("=v", false);
	bag("k=v,,l=w", false);
	bag("k=v w", false);
	bag("k=\"v\"", false);
	bag("k=v\\", false);
	bag("k(=v", false);
	bag("k=v;=1", false);
	bag("k=\xc3\xa4", false);
}

/* Nothing is read beyond the end, whatever stands there. */
static void ends(void)
{
	const char *long_text = "a=1,b=2;c,d";

	for (size_t bytes = 0; bytes <= strlen(long_text); bytes++) {
		char *exact = malloc(bytes ? bytes : 1);

		memcpy(exact, long_text, bytes);
		check(!ta_tracestate_valid(exact, bytes) || bytes >= 3, "%zu bytes", bytes);
		check(!ta_baggage_valid(exact, bytes) || bytes >= 2, "%zu bytes", bytes);
		free(exact);
	}
}

static void whole(const char *value, size_t bytes)
{
	check(ta_list_whole(value, strlen(value)) == bytes, "%s", value);
}

static void cut(void)
{
	whole("", 0);
	whole("a=1", 0);
	whole("a=1,", 3);
	whole("a=1,b", 3);
	whole("a=1,b=2,c", 7);
	whole(",", 0);
}

int main(void)
{
	check_group("baggage/tracestate", states);
	check_group("baggage/baggage", bags);
	check_group("baggage/bounds", bounds);
	check_group("baggage/ends", ends);
	check_group("baggage/cut", cut);
	return check_status();
}
