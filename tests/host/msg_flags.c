/* SPDX-License-Identifier: MIT */
/*
 * msg_flags.c - MSG_PEEK, MSG_TRUNC, MSG_DONTWAIT, MSG_WAITALL, MSG_OOB,
 * MSG_ERRQUEUE and what recvmsg says in msg_flags; nothing peeked is consumed.
 *
 * Victim: runs=2
 */
#include "victim.h"

static char buffer[64];

static void say_buffer(const char *what)
{
	say("%s: [%.*s]\n", what, (int)sizeof(buffer), buffer);
	memset(buffer, 0, sizeof(buffer));
}

static void stream(int fd, int peer)
{
	NEED(write(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27) == 27);
	TRY(recv(fd, buffer, 1, MSG_PEEK));
	say_buffer("peeked");
	TRY(recv(fd, buffer, 40, MSG_PEEK));
	say_buffer("peeked more");
	TRY(recv(fd, buffer, 4, 0));
	say_buffer("read");
	TRY(recv(fd, buffer, 40, MSG_PEEK | MSG_DONTWAIT));
	say_buffer("peeked the rest");
	TRY(recv(fd, NULL, 3, MSG_TRUNC)); /* TCP: throws away */
	TRY(recv(fd, buffer, 20, MSG_WAITALL));
	say_buffer("the rest");
	TRY(recv(fd, buffer, 20, MSG_DONTWAIT));
	TRY(recv(fd, buffer, 20, MSG_ERRQUEUE));
	TRY(send(peer, "!", 1, MSG_OOB));
	TRY(recv(fd, buffer, 1, MSG_OOB));
	say_buffer("urgent");
	TRY(send(peer, "more", 4, MSG_MORE));
	TRY(send(peer, "done", 4, 0));
	TRY(recv(fd, buffer, 8, MSG_WAITALL));
	say_buffer("more, done");
}

static void datagram(void)
{
	struct iovec vector = {buffer, 4};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
	int pair[2];

	NEED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	for (int i = 0; i < 5; i++)
		NEED(write(pair[1], "0123456789", 10) == 10);
	TRY(recv(pair[0], buffer, 4, MSG_PEEK | MSG_TRUNC));
	TRY(recv(pair[0], buffer, 4, MSG_TRUNC));
	TRY(recv(pair[0], buffer, 4, 0));
	say_buffer("short");
	TRY(recvmsg(pair[0], &header, MSG_PEEK));
	say("msg_flags %#x\n", (unsigned int)header.msg_flags);
	TRY(recvmsg(pair[0], &header, 0));
	say("msg_flags %#x\n", (unsigned int)header.msg_flags);
	TRY(recv(pair[0], buffer, sizeof(buffer), 0));
	TRY(read(pair[0], buffer, 3));
	TRY(recv(pair[0], buffer, sizeof(buffer), MSG_DONTWAIT));
	TRY(write(pair[1], "", 0));
	TRY(recv(pair[0], buffer, sizeof(buffer), 0));
	close(pair[0]);
	TRY(send(pair[1], "x", 1, MSG_NOSIGNAL));
	close(pair[1]);
}

int main(void)
{
	int client, server;

	tcp_pair(&client, &server);
	stream(server, client);
	stream(client, server);
	datagram();
	return 0;
}
