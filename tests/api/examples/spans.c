/* SPDX-License-Identifier: MIT */
/*
 * spans.c - pieces of work, one inside the other.
 *
 * A block ends its span on every way out.  Where begin and end are no block,
 * every begin needs an end.
 *
 * Shown in: spans
 */
#include <tagalong.h>

static int load(int order)
{
	TAGALONG_SPAN("load order")
	{
		tagalong_span_set_int(tagalong_current_span(), "order", order);
		if (order < 0)
			return -1; /* the span ends here too */
	}
	return 0;
}

int main(void)
{
	struct tagalong_span_options options = { .op = "job", .session_id = "session-7" };

	tagalong_span_begin("nightly", &options);
	load(1);
	if (load(-1) < 0)
		tagalong_span_end_error("LoadError", "no such order");
	else
		tagalong_span_end();
	return 0;
}
