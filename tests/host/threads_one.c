/* SPDX-License-Identifier: MIT */
/*
 * threads_one.c - a single-threaded program stays one: task count,
 * __libc_single_threaded, and a user namespace can still be made.
 *
 * Victim: runs=3
 */
#include <sched.h>
#include <sys/single_threaded.h>

#include "victim.h"

int main(void)
{
	char buffer[8];
	int client, server;

	say("threads %d, single %d\n", thread_count(), __libc_single_threaded);
	tcp_pair(&client, &server);
	for (int i = 0; i < 1000; i++) {
		write_full(client, "GET / HTTP/1.0\r\n\r\n", 18);
		NEED(read_full(server, buffer, 8) == 8);
	}
	close(server);
	close(client);
	say("threads %d, single %d\n", thread_count(), __libc_single_threaded);
	if (fork() == 0) {
		say("child: threads %d, single %d\n", thread_count(), __libc_single_threaded);
		_exit(0);
	}
	TRY(wait(NULL) > 0);
	TRY(unshare(CLONE_NEWUSER)); /* EINVAL with a second thread */
	say("threads %d, single %d\n", thread_count(), __libc_single_threaded);
	return 0;
}
