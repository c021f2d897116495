/* SPDX-License-Identifier: MIT */
/*
 * detached.c - a span that begins on one thread and ends on another.
 *
 * Shown in: spans
 */
#include <pthread.h>
#include <tagalong.h>

static void *upload(void *argument)
{
	tagalong_span_t *span = argument;

	TAGALONG_IN_SPAN(*span)
	{
		TAGALONG_SPAN("compress") {}
		TAGALONG_SPAN("send") {}
	}
	tagalong_span_set_status(*span, TAGALONG_STATUS_OK, NULL);
	tagalong_span_finish(*span);
	return NULL;
}

int main(void)
{
	tagalong_span_t span = tagalong_span_start("upload", NULL);
	pthread_t worker;

	if (pthread_create(&worker, NULL, upload, &span) != 0)
		return 1;
	return pthread_join(worker, NULL);
}
