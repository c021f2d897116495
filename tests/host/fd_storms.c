/* SPDX-License-Identifier: MIT */
/*
 * fd_storms.c - programs that close everything: close over every number,
 * close_range, closefrom, dup2 over every number; afterwards sockets still work
 * and no fd was foreign.
 *
 * Victim: args='close|close_range|cloexec|closefrom|closefrom0|dup2|syscall|standard' runs=2
 */
#include <sys/syscall.h>

#include "victim.h"

static void use_network(void)
{
	char buffer[32] = "";
	int client, server;

	tcp_pair(&client, &server);
	say("client %d, server %d\n", client, server);
	write_full(client, "GET / HTTP/1.0\r\n\r\n", 18);
	TRY(read(server, buffer, sizeof(buffer)));
	write_full(server, "HTTP/1.0 200 OK\r\n\r\n", 19);
	TRY(read(client, buffer, sizeof(buffer)));
	TRY(close(server));
	TRY(read(client, buffer, sizeof(buffer)));
	TRY(close(client));
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "close";
	int client, server, failures = 0;

	use_network();
	tcp_pair(&client, &server);
	if (!strcmp(how, "close"))
		for (int fd = 3; fd < 70000; fd++)
			failures += close(fd) < 0;
	if (!strcmp(how, "syscall"))
		for (int fd = 3; fd < 70000; fd++)
			failures += syscall(SYS_close, fd) < 0;
	if (!strcmp(how, "close_range"))
		TRY(close_range(3, ~0U, 0));
	if (!strcmp(how, "cloexec"))
		TRY(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
	if (!strcmp(how, "closefrom"))
		closefrom(3);
	if (!strcmp(how, "dup2"))
		for (int fd = 3; fd < 1000; fd++)
			failures += dup2(2, fd) < 0;
	if (!strcmp(how, "closefrom0") || !strcmp(how, "standard")) {
		int keep = dup2(1, 500);

		NEED(keep == 500);
		if (!strcmp(how, "standard"))
			close(0), close(1), close(2), close(client), close(server);
		else
			NEED(close_range(0, 499, 0) == 0);
		client = socket(AF_UNIX, SOCK_STREAM, 0);
		server = socket(AF_UNIX, SOCK_STREAM, 0);
		close(server);
		NEED(dup2(500, 1) == 1);
		say("first fds %d %d\n", client, server);
	}
	say("failures %d\n", failures);
	say_fds("after");
	use_network();
	say_proc_fds("at the end");
	return 0;
}
