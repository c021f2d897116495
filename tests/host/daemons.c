/* SPDX-License-Identifier: MIT */
/*
 * daemons.c - daemon(), forkpty() and the double fork that closes every fd: the
 * daemon goes on working, the parent ends at once.  Results come back through a
 * pipe that the daemon keeps as its one fd.
 *
 * Victim: args='daemon|forkpty|double' libs=-lutil runs=3
 */
#include <pty.h>

#include "victim.h"

static void work(int report)
{
	char text[256];
	int client, server, length;

	tcp_pair(&client, &server);
	write_full(client, "GET / HTTP/1.0\r\n\r\n", 18);
	length = snprintf(text, sizeof(text), "daemon: fds %d %d, read %zu, threads %d, leader %d\n", client, server,
			  read_full(server, (char[64]){0}, 18), thread_count(), getpid() == getsid(0));
	write_full(report, text, (size_t)length);
	length = snprintf(text, sizeof(text), "daemon: wait %d %s\n", (int)wait(NULL), errno_word(errno));
	write_full(report, text, (size_t)length);
	_exit(0);
}

static void by_forkpty(void)
{
	char text[256];
	int master, status;
	pid_t child = forkpty(&master, NULL, NULL, NULL);

	NEED(child >= 0);
	if (child == 0) {
		printf("tty %d %d %d\n", isatty(0), isatty(1), isatty(2));
		fflush(stdout);
		execl("/bin/sh", "sh", "-c", "echo on a terminal; exit 5", NULL);
		_exit(1);
	}
	for (ssize_t got; (got = read(master, text, sizeof(text))) > 0;)
		NEED(write(1, text, (size_t)got) == got);
	NEED(waitpid(child, &status, 0) == child);
	say_status("forkpty", status);
	say("master %d\n", master);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "daemon";
	char text[512];
	int report[2];
	pid_t child;

	if (!strcmp(how, "forkpty")) {
		by_forkpty();
		return 0;
	}
	NEED(pipe(report) == 0);
	child = fork();
	NEED(child >= 0);
	if (child == 0) {
		if (!strcmp(how, "daemon")) {
			NEED(daemon(0, 0) == 0);
			work(report[1]);
		}
		if (fork())
			_exit(8);
		setsid();
		if (fork())
			_exit(0);
		for (int fd = 0; fd < 1024; fd++)
			if (fd != report[1])
				close(fd);
		work(report[1]);
	}
	close(report[1]);
	reap("first", child);
	for (ssize_t got; (got = read(report[0], text, sizeof(text))) > 0;)
		NEED(write(1, text, (size_t)got) == got);
	return 0;
}
