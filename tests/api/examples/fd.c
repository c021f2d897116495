/* SPDX-License-Identifier: MIT */
/*
 * fd.c - whoever reads from a bound descriptor works in its context.
 *
 * For pipes and connections of your own; accepted connections have this already.
 *
 * Shown in: contexts
 */
#include <pthread.h>
#include <tagalong.h>
#include <unistd.h>

static int ends[2];

static void *reader(void *unused)
{
	char byte;

	if (read(ends[0], &byte, 1) == 1)
		TAGALONG_SPAN("answer") {}
	return unused;
}

int main(void)
{
	pthread_t thread;

	/* Begun before there is anything to belong to. */
	if (pipe(ends) != 0 || pthread_create(&thread, NULL, reader, NULL) != 0)
		return 1;
	TAGALONG_ISOLATION()
	{
		tagalong_set_tag("call", "42");
		TAGALONG_SPAN("call")
		{
			tagalong_fd_bind(ends[0]);
			if (write(ends[1], "x", 1) != 1)
				return 1;
			pthread_join(thread, NULL);
		}
	}
	return 0;
}
