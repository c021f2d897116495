/* SPDX-License-Identifier: MIT */
/*
 * tag.c - `tagalong tag`: tags on the trace that TRACEPARENT names.
 *
 * They are on every span of it that is not written yet, and on all later ones,
 * whatever program they are of.  Returns when the agent has them, so that a span that
 * ends right afterwards is not written without.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/pair.h"
#include "runtime/cli/preloaded.h"
#include "runtime/include/tagalong.h"
#include "runtime/protocol/traceparent.h"

#define TAKEN_MS 2000

static const char *const long_names[] = { "--help", NULL };

/* 0, or an exit status + 1. */
static int check_arguments(int argc, char **argv)
{
	if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
		return ta_cli_help(2, (char *[]){ argv[0], (char *)"tag", NULL }) + 1;
	if (argc < 2) {
		ta_cli_say("which tag?  usage: tagalong tag KEY=VALUE...");
		return TA_CLI_USAGE + 1;
	}
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			return ta_cli_bad_option("tag", argv[i], long_names) + 1;
		if (argv[i][0] != '=' && strchr(argv[i], '='))
			continue;
		ta_cli_say("tag: '%s' is not KEY=VALUE", argv[i]);
		return TA_CLI_USAGE + 1;
	}
	return 0;
}

/* The span that TRACEPARENT names; false when there is none. */
static bool find_trace(tagalong_span_t *ret_span)
{
	const char *text = getenv("TRACEPARENT");
	struct ta_traceparent parent;

	if (!text || !ta_traceparent_parse(text, strlen(text), &parent))
		return false;
	*ret_span = (tagalong_span_t){ .trace_hi = parent.trace_hi,
				       .trace_lo = parent.trace_lo,
				       .id = parent.span_id };
	return true;
}

static int set_tags(tagalong_span_t span, int argc, char **argv)
{
	struct tagalong_buffered ignored;
	int error = 0;

	for (int i = 1; i < argc && !error; i++) {
		char *value = ta_cli_pair_cut(argv[i]);

		error = tagalong_trace_set_tag(span, argv[i], value);
		if (error)
			ta_cli_say("tag: %s is not set: %s: keys have up to 200 bytes, values 2048",
				   argv[i], strerror(-error));
	}
	/* Where no agent answers, a later one takes what is recorded. */
	tagalong_buffered(&ignored, TAKEN_MS);
	return error ? 1 : 0;
}

int ta_cli_tag(int argc, char **argv)
{
	tagalong_span_t span;
	int own = ta_cli_is_preloaded(argc, argv);
	int status = check_arguments(argc - own, argv + own);

	if (status)
		return status - 1;
	if (!find_trace(&span)) {
		ta_cli_say("tag: $TRACEPARENT names no trace; `tagalong span` and traced programs "
			   "set it for what they start");
		return 1;
	}
	if (!ta_cli_have_library(argc, argv))
		return 1;
	return set_tags(span, argc - own, argv + own);
}
