/* SPDX-License-Identifier: MIT */
/*
 * load.c - a load for servers whose answers to one request are all of one size.
 *
 *     load PORT CONNECTIONS REQUESTS SECONDS keep|close|turn[@RATE] TEXT [FIRST]
 *
 * Sends TEXT (with \r \n \t \\ as in C) over so many connections of 127.0.0.1, each time
 * when its answer is there, until REQUESTS answers have come or SECONDS have passed,
 * whichever is first.  keep: the size of the answers is learnt from the first one.
 * close: the server ends every answer with the connection, a new one follows.  turn: like keep,
 * but every TURN requests a connection is closed and a new one opened.  FIRST is sent
 * once before all, to put something in.
 *
 * With a RATE requests are sent when their time has come, so many a second, not when an
 * answer is there; one whose time comes while all connections wait for answers is late, and
 * its latency begins when it should have been sent.
 *
 * Prints "REQUESTS SECONDS P50_US P99_US P99.9_US".
 *
 * Runs: alone, one thread.  Ends with 1 and a sentence when a call fails.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define CONNECTIONS_MAX 256u
#define SAMPLES_MAX (1u << 20)
#define TURN 100u

enum mode { KEEP, CLOSE, TURNS };

static struct conn {
	int fd;
	size_t got;
	uint32_t served;
	uint64_t sent_ns; /* with a rate: when it should have been sent */
} conns[CONNECTIONS_MAX];

static struct {
	unsigned short port;
	enum mode mode;
	char text[4096];
	size_t bytes;
	size_t answer_bytes; /* 0: until the end */
	uint64_t rate;	     /* a second; 0: as answers come */
	uint64_t start_ns, sent; /* with a rate */
} job;

static struct conn *idle[CONNECTIONS_MAX]; /* with a rate: those that wait for nothing */
static uint32_t idle_count;

static uint32_t samples[SAMPLES_MAX];
static uint64_t done;

static size_t unescape(char *to, size_t room, const char *from)
{
	static const char names[] = "rnt\\", values[] = "\r\n\t\\";
	size_t bytes = 0;

	for (; *from && bytes < room; from++) {
		const char *name = *from == '\\' && from[1] ? strchr(names, from[1]) : NULL;

		to[bytes++] = name ? values[name - names] : *from;
		from += name != NULL;
	}
	return bytes;
}

static int connect_now(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(job.port) };
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static void say(int fd, const char *text, size_t bytes)
{
	if (send(fd, text, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		die("send");
}

/* An answer whose size nobody knows: until nothing has come for a moment. */
static size_t hear_out(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char bytes[65536];
	size_t total = 0;

	while (poll(&poll_fd, 1, total ? 200 : 10000) > 0) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

		if (got <= 0)
			break;
		total += (size_t)got;
	}
	return total;
}

static void learn(const char *first)
{
	char text[4096];
	int fd = connect_now();

	if (first) {
		say(fd, text, unescape(text, sizeof(text), first));
		hear_out(fd);
	}
	if (job.mode != CLOSE) {
		say(fd, job.text, job.bytes);
		job.answer_bytes = hear_out(fd);
		if (job.answer_bytes == 0)
			die("no answer");
	}
	close(fd);
}

static void ask(struct conn *conn)
{
	conn->got = 0;
	conn->sent_ns = now_ns();
	say(conn->fd, job.text, job.bytes);
}

/* ---- at a rate ---- */

static uint64_t due_ns(uint64_t index)
{
	return job.start_ns + index * 1000000000u / job.rate;
}

static void ask_what_is_due(uint64_t now)
{
	while (idle_count && due_ns(job.sent) <= now) {
		struct conn *conn = idle[--idle_count];

		ask(conn);
		conn->sent_ns = due_ns(job.sent++);
	}
}

/* Asks for what comes next on a connection that has its answer, or keeps it for later. */
static void free_again(struct conn *conn)
{
	if (job.rate)
		idle[idle_count++] = conn;
	else
		ask(conn);
}

/* Sleeps until an answer is there or, with a rate, the next request is due. */
static int wait_for(int events, struct epoll_event *ready, int most)
{
	struct timespec time = { .tv_sec = 10 };

	if (job.rate && idle_count) {
		uint64_t now = now_ns(), due = due_ns(job.sent);
		uint64_t left = due > now ? due - now : 0;

		time = (struct timespec){ .tv_sec = (time_t)(left / 1000000000u),
					  .tv_nsec = (long)(left % 1000000000u) };
	}
	return epoll_pwait2(events, ready, most, &time, NULL);
}

static void open_conn(int events, struct conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

	conn->fd = connect_now();
	conn->served = 0;
	if (epoll_ctl(events, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		die("epoll_ctl");
}

static void answered(int events, struct conn *conn)
{
	samples[done++ % SAMPLES_MAX] = (uint32_t)((now_ns() - conn->sent_ns) / 10);
	conn->served++;
	if (job.mode == CLOSE || (job.mode == TURNS && conn->served == TURN)) {
		close(conn->fd);
		open_conn(events, conn);
	}
}

/* True: an answer is complete. */
static int hear(struct conn *conn)
{
	char bytes[65536];
	ssize_t got = recv(conn->fd, bytes, sizeof(bytes), 0);

	if (got < 0 || (got == 0 && (job.answer_bytes || conn->got == 0)))
		die(got < 0 ? "recv" : "the server hangs up");
	conn->got += (size_t)got;
	return job.answer_bytes ? conn->got >= job.answer_bytes : got == 0;
}

static void run(uint32_t count, uint64_t requests, uint64_t end_ns)
{
	struct epoll_event ready[64];
	int events = epoll_create1(EPOLL_CLOEXEC);

	for (uint32_t i = 0; i < count; i++) {
		open_conn(events, &conns[i]);
		free_again(&conns[i]);
	}
	while (done < requests && now_ns() < end_ns) {
		if (job.rate)
			ask_what_is_due(now_ns());
		int found = wait_for(events, ready, 64);

		if (found < 0 || (found == 0 && (!job.rate || idle_count == 0)))
			die("no answer for ten seconds");
		for (int i = 0; i < found && done < requests; i++) {
			struct conn *conn = ready[i].data.ptr;

			if (!hear(conn))
				continue;
			answered(events, conn);
			if (done < requests)
				free_again(conn);
		}
	}
	for (uint32_t i = 0; i < count; i++)
		close(conns[i].fd);
}

static int by_value(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static double quantile_us(uint64_t of_thousand)
{
	uint64_t count = done < SAMPLES_MAX ? done : SAMPLES_MAX;

	return count ? samples[(count - 1) * of_thousand / 1000] / 100.0 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: load PORT CONNECTIONS REQUESTS SECONDS keep|close|turn[@RATE] "
				"TEXT [FIRST]\n");
		return 2;
	}
	uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);

	job.port = (unsigned short)strtoul(argv[1], NULL, 10);
	const char *rate = strchr(argv[5], '@');

	job.mode = argv[5][0] == 'c' ? CLOSE : argv[5][0] == 't' ? TURNS : KEEP;
	job.rate = rate ? strtoull(rate + 1, NULL, 10) : 0;
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	job.bytes = unescape(job.text, sizeof(job.text), argv[6]);
	learn(argc > 7 ? argv[7] : NULL);
	if (count > CONNECTIONS_MAX)
		count = CONNECTIONS_MAX;
	uint64_t start = job.start_ns = now_ns();

	run(count, strtoull(argv[3], NULL, 10), start + (uint64_t)(strtod(argv[4], NULL) * 1e9));
	double seconds = (double)(now_ns() - start) / 1e9;

	qsort(samples, done < SAMPLES_MAX ? done : SAMPLES_MAX, sizeof(samples[0]), by_value);
	printf("%llu %.6f %.1f %.1f %.1f\n", (unsigned long long)done, seconds, quantile_us(500),
	       quantile_us(990), quantile_us(999));
	return 0;
}
