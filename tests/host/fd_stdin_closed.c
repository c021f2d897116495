/* SPDX-License-Identifier: MIT */
/*
 * fd_stdin_closed.c - started with fd 0 closed, as cron jobs and bad init
 * scripts do: the first fd of the program is 0.
 *
 * Victim: stdin=closed runs=2
 */
#include "victim.h"

int main(void)
{
	int client, server;

	say_fds("at the start");
	tcp_pair(&client, &server);
	say("client %d, server %d\n", client, server);
	write_full(client, "x", 1);
	TRY(read(server, &(char){0}, 1));
	TRY(close(client));
	TRY(close(server));
	say_fds("at the end");
	return 0;
}
