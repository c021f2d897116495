/* SPDX-License-Identifier: MIT */
/*
 * errno_data.c - result and errno of every call that moves data, when it works
 * and when it fails, on an accepted connection, a socket pair and a pipe.
 *
 * Victim: runs=2
 */
#include <poll.h>
#include <sys/sendfile.h>

#include "victim.h"

static char buffer[64];
static struct iovec vector[2] = {{buffer, 3}, {buffer + 3, 5}};
static struct msghdr header = {.msg_iov = vector, .msg_iovlen = 2};
static struct mmsghdr many[2];

static void prepare_many(void)
{
	memset(many, 0, sizeof(many));
	for (int i = 0; i < 2; i++) {
		many[i].msg_hdr.msg_iov = &vector[i];
		many[i].msg_hdr.msg_iovlen = 1;
	}
}

static void successes(int fd, int peer)
{
	int pipe_fds[2];

	TRY(write(fd, "abcdefgh", 8));
	TRY(read(peer, buffer, 8));
	TRY(writev(fd, vector, 2));
	TRY(readv(peer, vector, 2));
	TRY(send(fd, buffer, 8, 0));
	TRY(recv(peer, buffer, 64, MSG_PEEK));
	TRY(recv(peer, buffer, 64, 0));
	TRY(sendto(fd, buffer, 8, MSG_NOSIGNAL, NULL, 0));
	TRY(recvfrom(peer, buffer, 64, MSG_DONTWAIT, NULL, NULL));
	TRY(sendmsg(fd, &header, 0));
	TRY(recvmsg(peer, &header, 0));
	prepare_many();
	TRY(sendmmsg(fd, many, 2, 0));
	prepare_many();
	TRY(recvmmsg(peer, many, 2, MSG_WAITFORONE, NULL));
	TRY(read(peer, buffer, 0));
	TRY(write(fd, buffer, 0));
	NEED(pipe(pipe_fds) == 0);
	TRY(write(pipe_fds[1], "12345", 5));
	TRY(splice(pipe_fds[0], NULL, fd, NULL, 5, 0));
	TRY(splice(peer, NULL, pipe_fds[1], NULL, 5, 0));
	TRY(tee(pipe_fds[0], pipe_fds[1], 1, SPLICE_F_NONBLOCK));
	TRY(read(pipe_fds[0], buffer, 64));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void would_block(int fd)
{
	TRY(recv(fd, buffer, 8, MSG_DONTWAIT));
	TRY(recvfrom(fd, buffer, 8, MSG_DONTWAIT, NULL, NULL));
	TRY(recvmsg(fd, &header, MSG_DONTWAIT));
	TRY(recvmmsg(fd, many, 2, MSG_DONTWAIT, NULL));
	TRY(fcntl(fd, F_SETFL, O_NONBLOCK));
	TRY(read(fd, buffer, 8));
	TRY(readv(fd, vector, 2));
	TRY(read(fd, buffer, 0));
	TRY(recv(fd, buffer, 8, MSG_PEEK));
	TRY(fcntl(fd, F_SETFL, 0));
}

static void bad(int fd)
{
	TRY(read(fd, buffer, 8));
	TRY(readv(fd, vector, 2));
	TRY(pread(fd, buffer, 8, 0));
	TRY(preadv(fd, vector, 2, 0));
	TRY(recv(fd, buffer, 8, 0));
	TRY(recvfrom(fd, buffer, 8, 0, NULL, NULL));
	TRY(recvmsg(fd, &header, 0));
	TRY(recvmmsg(fd, many, 2, MSG_DONTWAIT, NULL));
	TRY(write(fd, buffer, 8));
	TRY(writev(fd, vector, 2));
	TRY(pwrite(fd, buffer, 8, 0));
	TRY(pwritev(fd, vector, 2, 0));
	TRY(send(fd, buffer, 8, MSG_NOSIGNAL));
	TRY(sendto(fd, buffer, 8, MSG_NOSIGNAL, NULL, 0));
	TRY(sendmsg(fd, &header, MSG_NOSIGNAL));
	TRY(sendmmsg(fd, many, 2, MSG_NOSIGNAL));
	TRY(sendfile(fd, fd, NULL, 5));
	TRY(splice(fd, NULL, fd, NULL, 5, 0));
	TRY(shutdown(fd, SHUT_RDWR));
	TRY(accept(fd, NULL, NULL));
	TRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	TRY(accept4(fd, NULL, NULL, -1));
	TRY(dup(fd));
	TRY(dup2(fd, 40));
	TRY(dup3(fd, 40, O_CLOEXEC));
	TRY(fcntl(fd, F_DUPFD, 3));
	TRY(close(fd));
}

static void wrong_pointers(int fd, int peer)
{
	void *volatile nowhere = (void *)8;

	TRY(write(peer, "xyz", 3));
	TRY(read(fd, nowhere, 8));
	TRY(recv(fd, nowhere, 8, 0));
	TRY(readv(fd, nowhere, 2));
	TRY(recvmsg(fd, nowhere, 0));
	TRY(recvmmsg(fd, nowhere, 2, MSG_DONTWAIT, NULL));
	TRY(write(fd, nowhere, 8));
	TRY(writev(fd, nowhere, 2));
	TRY(send(fd, nowhere, 8, 0));
	TRY(sendmsg(fd, nowhere, 0));
	TRY(sendmmsg(fd, nowhere, 2, 0));
	TRY(readv(fd, vector, -1));
	TRY(writev(fd, vector, 1 << 20));
	TRY(readv(fd, vector, 0));
	TRY(read(fd, buffer, 64));
}

static void wrong_kinds(void)
{
	int fd = open("/dev/null", O_RDWR);
	int unconnected = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/etc/passwd", O_RDONLY);

	TRY(recv(fd, buffer, 8, 0));
	TRY(send(fd, buffer, 8, 0));
	TRY(recvmsg(fd, &header, 0));
	TRY(sendmsg(fd, &header, 0));
	TRY(accept(fd, NULL, NULL));
	TRY(shutdown(fd, SHUT_WR));
	TRY(connect(fd, NULL, 0));
	TRY(recv(unconnected, buffer, 8, 0));
	TRY(read(unconnected, buffer, 8));
	TRY(send(unconnected, buffer, 8, MSG_NOSIGNAL));
	TRY(accept(unconnected, NULL, NULL));
	TRY(shutdown(unconnected, SHUT_WR));
	TRY(connect(unconnected, (struct sockaddr *)buffer, 1));
	TRY(write(file, buffer, 8));
	TRY(read(file, buffer, 1));
	TRY(sendfile(unconnected, file, NULL, 5));
	TRY(socketpair(AF_INET, SOCK_STREAM, 0, (int *)buffer));
	TRY(socket(-1, -1, -1));
	TRY(socket(AF_INET, 4711, 0));
	TRY(pipe2((int *)buffer, -1));
	TRY(close(fd));
	TRY(close(unconnected));
	TRY(close(file));
}

static void broken(int fd, int peer)
{
	signal(SIGPIPE, SIG_IGN);
	TRY(shutdown(peer, SHUT_WR));
	TRY(read(fd, buffer, 8));
	TRY(recv(fd, buffer, 8, MSG_PEEK));
	TRY(shutdown(fd, SHUT_WR));
	TRY(write(fd, buffer, 8));
	TRY(send(fd, buffer, 8, 0));
	TRY(writev(fd, vector, 2));
	TRY(sendmsg(fd, &header, 0));
	TRY(close(peer));
	TRY(close(fd));
	TRY(close(fd));
	TRY(read(fd, buffer, 8));
}

static void family(const char *name, int fd, int peer)
{
	say("-- %s\n", name);
	prepare_many();
	successes(fd, peer);
	successes(peer, fd);
	would_block(fd);
	would_block(peer);
	wrong_pointers(fd, peer);
	broken(fd, peer);
}

int main(void)
{
	int pair[2];

	setvbuf(stdout, NULL, _IONBF, 0);
	tcp_pair(&pair[0], &pair[1]);
	family("accepted connection", pair[1], pair[0]);
	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	family("socket pair", pair[0], pair[1]);
	bad(-1);
	bad(999);
	bad(1 << 30);
	wrong_kinds();
	say_fds("at the end");
	return 0;
}
