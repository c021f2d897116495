/* SPDX-License-Identifier: MIT */
/*
 * odd.c - calls that fail, or that a program should not make: prints what each answers.
 *
 *     odd PORT        compared with what it prints without us
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define REQUEST "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define BYTES (sizeof(REQUEST) - 1)

static char *nowhere, *edge; /* a page that cannot be read; the last bytes before it */
static char *volatile null;
static volatile int negative = -1;
static int port;

static void say(const char *what, ssize_t result)
{
	printf("%s: %zd %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
}

static int opened(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		exit(1);
	return fd;
}

static void ask(int fd)
{
	char text[64];
	size_t have = 0;

	if (write(fd, REQUEST, BYTES) != BYTES)
		exit(1);
	while (have < 40) {
		ssize_t got = read(fd, text, sizeof(text));

		if (got <= 0)
			exit(1);
		have += (size_t)got;
	}
}

static void odd(int fd)
{
	struct iovec good = { REQUEST, BYTES }, bad = { nowhere, 10 }, mixed[3] = { bad, good, good };
	struct iovec wild[2] = { { (void *)-1, 10 }, { NULL, 5 } };
	static struct iovec many[1025];
	struct msghdr message = { .msg_iov = &bad, .msg_iovlen = 1 };

	errno = 0;
	say("write nowhere", write(fd, nowhere, 100));
	say("write null", write(fd, null, 7));
	say("write kernel", write(fd, (void *)0xffff800000000000, 7));
	say("write nothing", write(fd, REQUEST, 0));
	say("send nowhere", send(fd, nowhere, 100, 0));
	say("send flags", send(fd, nowhere, 1, MSG_DONTWAIT | MSG_NOSIGNAL));
	say("writev bad piece", writev(fd, mixed, 1));
	say("writev wild", writev(fd, wild, 2));
	say("writev nowhere", writev(fd, (void *)nowhere, 2));
	say("writev edge", writev(fd, (void *)(edge + 8), 2));
	say("writev none", writev(fd, &good, 0));
	say("writev negative", writev(fd, &good, negative));
	say("writev 1025", writev(fd, many, 1025));
	say("sendmsg bad piece", sendmsg(fd, &message, 0));
	message.msg_iov = (void *)nowhere;
	say("sendmsg bad vector", sendmsg(fd, &message, 0));
	say("sendmsg nowhere", sendmsg(fd, (void *)nowhere, 0));
	message = (struct msghdr){ .msg_iov = many, .msg_iovlen = 1025 };
	say("sendmsg 1025", sendmsg(fd, &message, 0));
	message = (struct msghdr){ .msg_iov = &good, .msg_iovlen = 1, .msg_control = nowhere,
				   .msg_controllen = 16 };
	say("sendmsg control", sendmsg(fd, &message, 0));
}

/* The head begins where it can be read and ends where it cannot. */
static void torn(int fd)
{
	memcpy(edge, REQUEST, 16);
	say("write over the edge", write(fd, edge, BYTES) > 16);
}

static void gone(void)
{
	static char body[1 << 20];
	int fd = opened();

	if (dprintf(fd, "POST /x HTTP/1.1\r\nX-Leave: yes\r\nContent-Length: %zu\r\n\r\n",
		    100 * sizeof(body)) < 0)
		exit(1);
	for (int i = 0; i < 100; i++)
		if (write(fd, body, sizeof(body)) < 0)
			break;
	printf("gone: %s\n", errno == EPIPE || errno == ECONNRESET ? "yes" : "no");
	say("write to nobody", write(fd, REQUEST, BYTES) < 0);
	close(fd);
	say("write closed", write(fd, REQUEST, BYTES));
}

int main(int argc, char **argv)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd;

	port = argc > 1 ? atoi(argv[1]) : 0;
	signal(SIGPIPE, SIG_IGN);
	edge = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nowhere = edge + page;
	edge += page - 16;
	mprotect(nowhere, (size_t)page, PROT_NONE);
	fd = opened();
	odd(fd);
	ask(fd);
	odd(fd);
	ask(fd);
	torn(fd);
	close(fd);
	fd = opened();
	torn(fd);
	close(fd);
	gone();
	return 0;
}
