/* SPDX-License-Identifier: MIT */
/*
 * fortified.c - the __*_chk forms that fortified programs call, and that an
 * overflow still ends the program the way it did.
 *
 * Victim: args='calls|read|recv|recvfrom|pread|poll|longjmp' cflags='-O2 -D_FORTIFY_SOURCE=2 -Wno-attribute-warning' runs=2
 */
#include <poll.h>
#include <setjmp.h>

#include "victim.h"

extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
extern ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
extern ssize_t __recv_chk(int, void *, size_t, size_t, int);
extern ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
extern int __poll_chk(struct pollfd *, nfds_t, int, size_t);
extern int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);

static char buffer[64];
static jmp_buf back;

static void calls(int fd, int peer)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	int file = open("/proc/self/cmdline", O_RDONLY);

	write_full(peer, "GET / HTTP/1.0\r\n\r\n0123456789", 28);
	TRY(__poll_chk(&one, 1, -1, sizeof(one)));
	TRY(__ppoll_chk(&one, 1, NULL, NULL, sizeof(one)));
	TRY(__recv_chk(fd, buffer, 5, sizeof(buffer), MSG_PEEK));
	TRY(__read_chk(fd, buffer, 5, sizeof(buffer)));
	TRY(__recv_chk(fd, buffer, 5, sizeof(buffer), 0));
	TRY(__recvfrom_chk(fd, buffer, 64, sizeof(buffer), 0, NULL, NULL));
	TRY(__recv_chk(fd, buffer, 5, sizeof(buffer), MSG_DONTWAIT));
	TRY(__recvfrom_chk(fd, buffer, 5, sizeof(buffer), MSG_DONTWAIT, NULL, NULL));
	TRY(__read_chk(-1, buffer, 5, sizeof(buffer)));
	TRY(__recv_chk(file, buffer, 5, sizeof(buffer), 0));
	TRY(__pread_chk(file, buffer, 1, 0, sizeof(buffer)));
	TRY(__pread64_chk(file, buffer, 1, 0, sizeof(buffer)));
	TRY(__pread_chk(-1, buffer, 1, 0, sizeof(buffer)));
	one.fd = -1;
	TRY(__poll_chk(&one, 1, 0, sizeof(one)));
	if (setjmp(back) == 0)
		longjmp(back, 3);
	say("jumped\n");
}

/* In a function of its own, so that the frame is gone: fortify refuses to jump down. */
__attribute__((noinline)) static int leave_a_frame(volatile int *deep)
{
	volatile char room[2000];

	room[0] = (char)*deep;
	return setjmp(back) + room[0];
}

int main(int argc, char **argv)
{
	struct pollfd polled[2] = {{.fd = 0}, {.fd = 0}};
	volatile int deep = 0;
	int client, server;
	const char *how = argc > 1 ? argv[1] : "calls";

	tcp_pair(&client, &server);
	if (!strcmp(how, "calls"))
		calls(server, client);
	write_full(client, "0123456789", 10);
	if (!strcmp(how, "read"))
		TRY(__read_chk(server, buffer, 10, 5));
	if (!strcmp(how, "recv"))
		TRY(__recv_chk(server, buffer, 10, 5, 0));
	if (!strcmp(how, "recvfrom"))
		TRY(__recvfrom_chk(server, buffer, 10, 5, 0, NULL, NULL));
	if (!strcmp(how, "pread"))
		TRY(__pread_chk(server, buffer, 10, 0, 5));
	if (!strcmp(how, "poll"))
		TRY(__poll_chk(polled, 2, 0, sizeof(polled[0])));
	if (!strcmp(how, "longjmp") && leave_a_frame(&deep) == 0)
		longjmp(back, 1);
	say("end\n");
	return 7;
}
