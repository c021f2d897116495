/* SPDX-License-Identifier: MIT */
/*
 * short_writes.c - partial results: full pipes and sockets, non-blocking, for
 * every way of writing; the sizes that come back are the kernel's.
 *
 * Victim: runs=2
 */
#include <sys/sendfile.h>

#include "victim.h"

static char block[100000];

static void drain(int fd)
{
	static char sink[65536];
	size_t total = 0;
	ssize_t got;

	while ((got = recv(fd, sink, sizeof(sink), MSG_DONTWAIT)) > 0)
		total += (size_t)got;
	say("drained %zu\n", total);
}

static void sockets(int how)
{
	int pair[2], size = 20000;
	int file = open("/proc/self/exe", O_RDONLY);
	struct iovec vector[3] = {{block, 7000}, {block, 1}, {block, 60000}};
	struct msghdr header = {.msg_iov = vector, .msg_iovlen = 3};
	struct mmsghdr many[3];

	NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	NEED(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
	for (int i = 0; i < 3; i++)
		many[i] = (struct mmsghdr){.msg_hdr = header};
	say("-- way %d\n", how);
	for (int round = 0; round < 3; round++) {
		if (how == 0)
			TRY(write(pair[0], block, sizeof(block)));
		if (how == 1)
			TRY(writev(pair[0], vector, 3));
		if (how == 2)
			TRY(send(pair[0], block, sizeof(block), MSG_DONTWAIT));
		if (how == 3)
			TRY(sendmsg(pair[0], &header, 0));
		if (how == 4)
			TRY(sendmmsg(pair[0], many, 3, 0));
		if (how == 5)
			TRY(sendfile(pair[0], file, &(off_t){0}, 200000) >= 0);
		if (how == 6)
			TRY(sendto(pair[0], block, 30000, 0, NULL, 0));
		if (round == 1 && how != 5)
			drain(pair[1]);
	}
	if (how != 5)
		drain(pair[1]);
	close(pair[0]);
	close(pair[1]);
	close(file);
}

static void pipes(void)
{
	int fds[2];

	NEED(pipe2(fds, O_NONBLOCK) == 0);
	TRY(write(fds[1], block, sizeof(block)));
	TRY(write(fds[1], block, 1));
	TRY(read(fds[0], block, 5000));
	TRY(write(fds[1], block, 4096));
	TRY(write(fds[1], block, 4096));
	TRY(writev(fds[1], &(struct iovec){block, 10}, 1));
	TRY(read(fds[0], block, sizeof(block)));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	for (int how = 0; how < 7; how++)
		sockets(how);
	pipes();
	return 0;
}
