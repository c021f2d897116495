/* SPDX-License-Identifier: MIT */
/*
 * with_scope.c - data for a few lines only.
 *
 * What is written to the current scope inside the block is gone behind it.
 *
 * Shown in: blocks
 */
#include <tagalong.h>

int main(void)
{
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "step", "outside");
	TAGALONG_SCOPE()
	{
		tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "step", "import");
		tagalong_scope_set_extra(TAGALONG_SCOPE_CURRENT, "row", "{\"line\":17}");
		tagalong_capture_message(TAGALONG_LEVEL_INFO, "inside");
	}
	tagalong_capture_message(TAGALONG_LEVEL_INFO, "behind");
	return 0;
}
