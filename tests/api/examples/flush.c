/* SPDX-License-Identifier: MIT */
/*
 * flush.c - waits until what was recorded has been written.
 *
 * Not needed at the end of a program: the agent outlives it.
 *
 * Shown in: delivery
 */
#include <stdio.h>
#include <tagalong.h>

int main(void)
{
	struct tagalong_buffered held;

	TAGALONG_SPAN("batch") {}
	tagalong_buffered(&held, 5000);
	printf("held: %u\n", held.complete);
	if (tagalong_flush(5000) < 0)
		fprintf(stderr, "nobody has written it yet\n");
	tagalong_buffered(&held, 5000);
	printf("held: %u\n", held.complete);
	return 0;
}
