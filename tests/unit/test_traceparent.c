/* SPDX-License-Identifier: MIT */
/*
 * test_traceparent.c - traceparent and sentry-trace: what is one, and back.
 */
#include "runtime/protocol/traceparent.h"
#include "tests/unit/check.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define NO_TRACE "00000000000000000000000000000000"
#define NO_SPAN "0000000000000000"

typedef bool parse_fn(const char *text, size_t bytes, struct ta_traceparent *ret_parent);

/* In memory of just that size. */
static bool parse(parse_fn *function, const char *text, struct ta_traceparent *ret_parent)
{
	size_t bytes = strlen(text);
	char *exact = malloc(bytes ? bytes : 1);

	memcpy(exact, text, bytes);
	bool valid = function(exact, bytes, ret_parent);

	free(exact);
	return valid;
}

static void is(parse_fn *function, const char *text, uint8_t flags, bool undecided)
{
	struct ta_traceparent parent = { 0 };

	check(parse(function, text, &parent), "%s", text);
	check(parent.trace_hi == 0x0af7651916cd43dd && parent.trace_lo == 0x8448eb211c80319c &&
		      parent.span_id == 0xb7ad6b7169203331,
	      "ids of %s", text);
	check(parent.flags == flags && parent.undecided == undecided, "flags of %s", text);
}

static void is_none(parse_fn *function, const char *text)
{
	struct ta_traceparent parent = { .span_id = 7 };

	check(!parse(function, text, &parent) && parent.span_id == 7, "%s", text);
}

static void parents(void)
{
	parse_fn *w3c = ta_traceparent_parse;

	is(w3c, "00-" TRACE "-" SPAN "-01", 1, false);
	is(w3c, "00-" TRACE "-" SPAN "-00", 0, false);
	is(w3c, "00-" TRACE "-" SPAN "-ff", 0xff, false);
	is(w3c, "cc-" TRACE "-" SPAN "-01", 1, false);
	is(w3c, "cc-" TRACE "-" SPAN "-01-what-else", 1, false);
	is_none(w3c, "");
	is_none(w3c, "00-" TRACE "-" SPAN "-0");
	is_none(w3c, "00-" TRACE "-" SPAN "-01-more");
	is_none(w3c, "00-" TRACE "-" SPAN "-01.");
	is_none(w3c, "cc-" TRACE "-" SPAN "-01.more");
	is_none(w3c, "ff-" TRACE "-" SPAN "-01");
	is_none(w3c, "00-" NO_TRACE "-" SPAN "-01");
	is_none(w3c, "00-" TRACE "-" NO_SPAN "-01");
	is_none(w3c, "00-0AF7651916cd43dd8448eb211c80319c-" SPAN "-01");
	is_none(w3c, "00-" TRACE "-" SPAN "-0X");
	is_none(w3c, "00_" TRACE "-" SPAN "-01");
}

static void sentry(void)
{
	parse_fn *function = ta_sentry_trace_parse;

	is(function, TRACE "-" SPAN, 0, true);
	is(function, TRACE "-" SPAN "-1", 1, false);
	is(function, TRACE "-" SPAN "-0", 0, false);
	is_none(function, "");
	is_none(function, TRACE);
	is_none(function, TRACE "-" SPAN "-");
	is_none(function, TRACE "-" SPAN "-2");
	is_none(function, TRACE "-" SPAN "-11");
	is_none(function, TRACE "-" SPAN "_1");
	is_none(function, TRACE "_" SPAN "-1");
	is_none(function, NO_TRACE "-" SPAN "-1");
	is_none(function, TRACE "-" NO_SPAN "-1");
	is_none(function, "0AF7651916cd43dd8448eb211c80319c-" SPAN "-1");
}

static void back(void)
{
	struct ta_traceparent parent;
	char text[64];

	memset(text, 'x', sizeof(text));
	ta_traceparent_parse("00-" TRACE "-" SPAN "-01", TA_TRACEPARENT_BYTES, &parent);
	ta_traceparent_format(&parent, text);
	check(strcmp(text, "00-" TRACE "-" SPAN "-01") == 0, "%s", text);
	ta_sentry_trace_format(&parent, text);
	check(strcmp(text, TRACE "-" SPAN "-1") == 0, "%s", text);
	parent.flags = 0;
	ta_sentry_trace_format(&parent, text);
	check(strcmp(text, TRACE "-" SPAN "-0") == 0, "%s", text);
}

int main(void)
{
	check_group("traceparent/w3c", parents);
	check_group("traceparent/sentry", sentry);
	check_group("traceparent/back", back);
	return check_status();
}
