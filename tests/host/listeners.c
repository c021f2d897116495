/* SPDX-License-Identifier: MIT */
/*
 * listeners.c - listeners that were made by somebody else: inherited by fork, by exec as a bare
 * number, by posix_spawn, handed over by SCM_RIGHTS, taken as standard input; each of them
 * accepts and answers, in turn.
 *
 * Victim: args='fork|exec|spawn|pass|stdin|prefork' runs=3
 */
#include <spawn.h>

#include "victim.h"

extern char **environ;
static int listener;
static struct sockaddr_in address;

static void answer_one(const char *who, int from)
{
	char buffer[64];
	int fd = accept(from, NULL, NULL);
	ssize_t got;

	NEED(fd >= 0);
	got = read(fd, buffer, sizeof(buffer));
	say("%s: accepted %d, read %zd\n", who, fd, got);
	write_full(fd, "HTTP/1.0 200 OK\r\n\r\nhello", 24);
	TRY(shutdown(fd, SHUT_WR));
	TRY(read(fd, buffer, sizeof(buffer)));
	TRY(close(fd));
}

/* Said when whoever answered has said its own, so that the order is always the same. */
static size_t ask_one(void)
{
	char buffer[64];
	int fd = tcp_dial(&address);

	write_full(fd, "GET /of/a/listener HTTP/1.0\r\n\r\n", 31);
	size_t bytes = read_full(fd, buffer, sizeof(buffer));

	close(fd);
	return bytes;
}

static void ask_and_reap(const char *who, pid_t child)
{
	size_t bytes = ask_one();

	reap(who, child);
	say("answer of %zu bytes\n", bytes);
}

static void by_fork(void)
{
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();

		NEED(child >= 0);
		if (child == 0) {
			answer_one("child", listener);
			_exit(4);
		}
		ask_and_reap("child", child);
	}
}

static void by_exec(char *self, int spawned)
{
	char number[16];
	char *words[] = {self, (char *)"serve", number, NULL};
	pid_t child;

	snprintf(number, sizeof(number), "%d", listener);
	if (spawned) {
		NEED(posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environ) == 0);
	} else if ((child = fork()) == 0) {
		execve("/proc/self/exe", words, environ);
		_exit(127);
	}
	ask_and_reap("exec", child);
}

static void by_stdin(char *self)
{
	char *words[] = {self, (char *)"serve", (char *)"0", NULL};
	pid_t child = fork();

	if (child == 0) {
		dup2(listener, 0);
		close(listener);
		execve("/proc/self/exe", words, environ);
		_exit(127);
	}
	ask_and_reap("exec", child);
}

static void by_message(void)
{
	int pair[2];
	pid_t child;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	child = fork();
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
	char byte = 'x';
	struct iovec vector = {&byte, 1};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.room,
				.msg_controllen = sizeof(control.room)};

	if (child == 0) {
		int got;

		close(listener);
		NEED(recvmsg(pair[1], &header, 0) == 1);
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(got));
		say("got %d\n", got);
		answer_one("receiver", got);
		_exit(5);
	}
	memcpy(CMSG_DATA(&control.head), &listener, sizeof(listener));
	NEED(sendmsg(pair[0], &header, 0) == 1);
	ask_and_reap("receiver", child);
}

/* Several at once wait for one listener; whoever is woken says nothing of itself. */
static void preforked(void)
{
	pid_t children[4];

	for (int i = 0; i < 4; i++)
		if ((children[i] = fork()) == 0) {
			int fd = accept(listener, NULL, NULL);
			char buffer[64];

			NEED(read(fd, buffer, sizeof(buffer)) == 31);
			write_full(fd, "HTTP/1.0 200 OK\r\n\r\nhello", 24);
			_exit(6);
		}
	for (int i = 0; i < 4; i++)
		say("answer of %zu bytes\n", ask_one());
	for (int i = 0; i < 4; i++)
		reap("one of four", children[i]);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "fork";

	if (!strcmp(how, "serve")) {
		say_fds("in the new image");
		answer_one("image", atoi(argv[2]));
		return 8;
	}
	listener = tcp_listener(&address);
	if (!strcmp(how, "fork"))
		by_fork();
	if (!strcmp(how, "exec"))
		by_exec(argv[0], 0);
	if (!strcmp(how, "spawn"))
		by_exec(argv[0], 1);
	if (!strcmp(how, "stdin"))
		by_stdin(argv[0]);
	if (!strcmp(how, "pass"))
		by_message();
	if (!strcmp(how, "prefork"))
		preforked();
	say_fds("at the end");
	say_no_children("at the end");
	return 0;
}
