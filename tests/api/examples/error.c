/* SPDX-License-Identifier: MIT */
/*
 * error.c - an error with data that goes with it alone.
 *
 * A fork of the current scope costs the same whatever that holds; what is put on
 * the fork is seen by this one capture.
 *
 * Shown in: capturing
 */
#include <tagalong.h>

static void parse_failed(int line)
{
	tagalong_scope_t with = tagalong_scope_fork(TAGALONG_SCOPE_CURRENT);
	char id[33];

	tagalong_scope_set_tag(with, "file", "prices.csv");
	tagalong_scope_set_extra(with, "line", line == 3 ? "3" : "null");
	tagalong_scope_set_fingerprint(with, "[\"csv\"]");
	tagalong_capture_error_with("ParseError", "not a number", with);
	tagalong_scope_free(with);
	tagalong_last_event_id(id); /* to be shown to the user */
}

int main(void)
{
	tagalong_set_tag("job", "import");
	parse_failed(3);
	tagalong_capture_error("ImportError", "1 line left out");
	return 0;
}
