/* SPDX-License-Identifier: MIT */
/*
 * fd_passing.c - connections handed to another process by SCM_RIGHTS, with
 * several fds, with too little room, with MSG_CMSG_CLOEXEC, by recvmmsg.
 *
 * Victim: runs=3
 */
#include "victim.h"

static int pass(int over, const int *fds, int count)
{
	char room[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec vector = {"f", 1};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room,
				.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
	struct cmsghdr *control = CMSG_FIRSTHDR(&header);

	memset(room, 0, sizeof(room));
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	memcpy(CMSG_DATA(control), fds, sizeof(int) * (size_t)count);
	return (int)sendmsg(over, &header, 0);
}

static int take(int over, int flags, int room_for, int *fds, int many)
{
	char room[CMSG_SPACE(sizeof(int) * 4)];
	char byte;
	struct iovec vector = {&byte, 1};
	struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = room,
				.msg_controllen = CMSG_LEN(sizeof(int) * (size_t)room_for)};
	struct mmsghdr list = {.msg_hdr = header};
	struct cmsghdr *control;
	int count = 0;

	if (many)
		say("recvmmsg %d\n", recvmmsg(over, &list, 1, flags, NULL));
	else
		say("recvmsg %zd\n", recvmsg(over, &list.msg_hdr, flags));
	say("flags %#x\n", (unsigned int)list.msg_hdr.msg_flags);
	control = CMSG_FIRSTHDR(&list.msg_hdr);
	if (control) {
		count = (int)((control->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(control), sizeof(int) * (size_t)count);
	}
	for (int i = 0; i < count; i++)
		say("got fd %d flags %d\n", fds[i], fcntl(fds[i], F_GETFD));
	return count;
}

static void serve(int over)
{
	char buffer[64];
	int fds[4];

	for (int round = 0; round < 4; round++) {
		int count = take(over, round & 1 ? MSG_CMSG_CLOEXEC : 0, round == 2 ? 1 : 3, fds, round == 3);

		for (int i = 0; i < count; i++) {
			TRY(read(fds[i], buffer, sizeof(buffer)));
			TRY(write(fds[i], "HTTP/1.1 204 No\r\n\r\n", 19));
			TRY(close(fds[i]));
		}
		NEED(write(over, "k", 1) == 1);
	}
}

int main(void)
{
	int over[2];
	pid_t child;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, over) == 0);
	child = fork();
	NEED(child >= 0);
	if (child == 0) {
		close(over[0]);
		serve(over[1]);
		_exit(0);
	}
	close(over[1]);
	for (int round = 0; round < 4; round++) {
		int clients[3], servers[3];
		char buffer[32];

		for (int i = 0; i < 3; i++) {
			tcp_pair(&clients[i], &servers[i]);
			write_full(clients[i], "GET /passed HTTP/1.1\r\n\r\n", 24);
		}
		NEED(pass(over[0], servers, 3) == 1);
		for (int i = 0; i < 3; i++)
			NEED(close(servers[i]) == 0);
		NEED(read(over[0], buffer, 1) == 1);
		for (int i = 0; i < 3; i++) {
			ssize_t got = recv(clients[i], buffer, 19, MSG_WAITALL);

			say("round %d, client %d: %zd\n", round, i, got);
			close(clients[i]);
		}
	}
	reap("server", child);
	say_fds("at the end");
	return 0;
}
