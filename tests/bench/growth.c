/* SPDX-License-Identifier: MIT */
/*
 * growth.c - whether what a span costs stays the same when there is more of everything.
 *
 *     growth threads N BATCHES       N threads that have all recorded; they take turns
 *     growth connections N BATCHES   N open HTTP connections that are all served in turn
 *     growth tags N BATCHES          one span, N tags in its scope
 *     growth trace N BATCHES         traces of N spans, one root and the others below it
 *     growth memory N 0              what lanes of N threads take
 *
 * The first four print "NANOSECONDS CLOCKS": medians over BATCHES of the time of one span (of
 * connections: of recv, send and the span of a request), and of that in readings of the clock
 * right after the batch, because a machine changes its pace from process to process.  Batches write less than half a lane,
 * and between them the agent takes what there is, outside the time.  Who takes turns has been
 * all over a lane before; of more than SEATS threads that have recorded, SEATS take turns.
 *
 * memory prints KiB of the segments in TAGALONG_RUN_DIR: before there are threads, with N that
 * have recorded nothing, with N that have each been all over a lane, after a pause, and when they
 * have ended.
 *
 * Runs: alone; plain (the calls do nothing) and preloaded.  Ends with 1 and a sentence when a call fails.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/include/tagalong.h"
#include "tests/bench/bench.h"

#define NUMBER_MAX 200000u
#define BATCHES_MAX 100000u
#define SPANS 100u  /* of a batch: some 16 KiB of a lane of 64 */
#define TURNS 32u   /* requests of a batch */
#define FILLING 20u /* batches that have been all over a lane */
#define WARM_UP 100u
#define CLOCKS 200u
#define SEATS 64u

static unsigned int number, batches, per_batch = SPANS;
static double samples[BATCHES_MAX], clocks[BATCHES_MAX];

/* Until the agent has taken what was written; it goes back to sleep. */
static void rest(void)
{
	struct timespec nap = { .tv_nsec = 300000 };
	struct tagalong_buffered unused;

	errno = -tagalong_buffered(&unused, 5000);
	if (errno)
		die("the agent does not answer");
	if (tagalong())
		nanosleep(&nap, NULL);
}

/* What a batch of this time is worth, beside the clock as it is now. */
static void note(unsigned int at, double time)
{
	uint64_t start = now_ns(), end = start;

	for (unsigned int i = 0; i < CLOCKS; i++)
		end = now_ns();
	samples[at] = time;
	clocks[at] = time * CLOCKS / (double)(end - start);
}

static void spans(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		tagalong_span_begin("bench.operation", NULL);
		tagalong_span_end();
	}
}

static double batch(void)
{
	uint64_t start = now_ns();

	spans(per_batch);
	return (double)(now_ns() - start) / per_batch;
}

/* ---- threads ---- */

static sem_t *turns;
static sem_t done;
static double result;

static void *take_turns(void *argument)
{
	sem_t *mine = argument;

	for (;;) {
		while (sem_wait(mine) != 0)
			continue;
		if (batches == 0)
			return NULL;
		result = batch();
		sem_post(&done);
	}
}

static double turn_of(unsigned int thread)
{
	sem_post(&turns[thread]);
	while (sem_wait(&done) != 0)
		continue;
	return result;
}

static pthread_t *start_threads(void)
{
	pthread_t *threads = calloc(number, sizeof(*threads));
	pthread_attr_t small;

	turns = calloc(number, sizeof(*turns));
	if (threads == NULL || turns == NULL || sem_init(&done, 0, 0) != 0)
		die("calloc");
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (unsigned int i = 0; i < number; i++) {
		must(sem_init(&turns[i], 0, 0), "sem_init");
		errno = pthread_create(&threads[i], &small, take_turns, &turns[i]);
		must(errno ? -1 : 0, "pthread_create");
	}
	return threads;
}

static void end_threads(pthread_t *threads)
{
	batches = 0;
	for (unsigned int i = 0; i < number; i++)
		sem_post(&turns[i]);
	for (unsigned int i = 0; i < number; i++)
		pthread_join(threads[i], NULL);
}

static void measure_threads(void)
{
	unsigned int seats = number < SEATS ? number : SEATS, warm = FILLING * seats;

	free(start_threads()); /* they end with the process */
	per_batch = 1;
	for (unsigned int i = 0; i < number; i++) {
		turn_of(i);
		if (i % SPANS == 0)
			rest();
	}
	per_batch = SPANS;
	for (unsigned int i = 0; i < warm + batches; i++) {
		double time = turn_of(i % seats * (number / seats));

		if (i >= warm)
			note(i - warm, time);
		rest();
	}
}

/* ---- what lanes take ---- */

static long segments_kib(void)
{
	const char *place = getenv("TAGALONG_RUN_DIR");
	DIR *dir = place ? opendir(place) : NULL;
	long blocks = 0;

	if (dir == NULL)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *ending = strrchr(entry->d_name, '.');
		struct stat about;

		if (ending && strcmp(ending, ".seg") == 0 &&
		    fstatat(dirfd(dir), entry->d_name, &about, 0) == 0)
			blocks += (long)about.st_blocks;
	}
	closedir(dir);
	return blocks / 2;
}

static long settled_kib(void)
{
	rest();
	sleep(3); /* a lane that nobody needs is given back when the agent next looks around */
	return segments_kib();
}

/* The agent gives back what nobody has used for half a minute. */
static long given_back_kib(long full)
{
	long now = full;

	for (int seconds = 0; seconds < 50; seconds++) {
		long last = now;

		sleep(1);
		now = segments_kib();
		if (now < full && now == last)
			break;
	}
	return now;
}

static void measure_memory(void)
{
	spans(1);
	long before = settled_kib();

	batches = 1;
	pthread_t *threads = start_threads();
	long idle = settled_kib();

	for (unsigned int i = 0; i < number * FILLING; i++) {
		turn_of(i % number);
		if (i % 16 == 15)
			rest();
	}
	long active = segments_kib(), paused = settled_kib();

	end_threads(threads);
	printf("%ld %ld %ld %ld %ld\n", before, idle, active, paused,
	       given_back_kib(paused));
}

/* ---- connections: the client is another process, without the library ---- */

static int *conns, order_pipe[2], ready_pipe[2];
static const char request[] = "GET /api/items/42?full=1 HTTP/1.1\r\n"
			      "Host: www.example.com:8080\r\n"
			      "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
			      "Accept: text/html,application/xhtml+xml\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nServer: bench\r\n"
			     "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

static int connect_to(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = port,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int yes = 1, fd = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
	return fd;
}

/* Connects N times, then asks on TURNS connections from each number that it reads. */
static int client(unsigned short port)
{
	int *fds = calloc(number, sizeof(*fds));
	unsigned int first;
	char bytes[1024];

	for (unsigned int i = 0; i < number; i++)
		fds[i] = connect_to(port);
	while (read(STDIN_FILENO, &first, sizeof(first)) == (ssize_t)sizeof(first)) {
		for (unsigned int i = 0; i < TURNS; i++)
			must(send(fds[(first + i) % number], request, sizeof(request) - 1, 0), "send");
		must(write(STDOUT_FILENO, "", 1), "write");
		for (unsigned int i = 0; i < TURNS; i++)
			must(recv(fds[(first + i) % number], bytes, sizeof(answer) - 1, MSG_WAITALL), "recv");
		must(write(STDOUT_FILENO, "", 1), "write");
	}
	return 0;
}

static void start_client(const char *self, unsigned short port)
{
	char port_text[16], number_text[16];

	must(pipe(order_pipe), "pipe");
	must(pipe(ready_pipe), "pipe");
	snprintf(port_text, sizeof(port_text), "%u", port);
	snprintf(number_text, sizeof(number_text), "%u", number);
	if (must(fork(), "fork") == 0) {
		dup2(order_pipe[0], STDIN_FILENO);
		dup2(ready_pipe[1], STDOUT_FILENO);
		close(order_pipe[1]);
		close(ready_pipe[0]);
		unsetenv("LD_PRELOAD");
		execl(self, self, "client", number_text, port_text, NULL);
		_exit(127);
	}
	close(order_pipe[0]);
	close(ready_pipe[1]);
}

static void accept_all(const char *self)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(address);
	int yes = 1, fd = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	must(listen(fd, 128), "listen");
	must(getsockname(fd, (struct sockaddr *)&address, &bytes), "getsockname");
	start_client(self, address.sin_port);
	conns = calloc(number, sizeof(*conns));
	for (unsigned int i = 0; i < number; i++) {
		conns[i] = (int)must(accept(fd, NULL, NULL), "accept");
		must(setsockopt(conns[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
	}
	close(fd);
}

static void serve(int fd)
{
	char bytes[1024];

	must(recv(fd, bytes, sizeof(request) - 1, 0), "recv");
	must(send(fd, answer, sizeof(answer) - 1, 0), "send");
}

static void hear_client(void)
{
	char byte;

	if (read(ready_pipe[0], &byte, 1) != 1)
		die("the client has ended");
}

static double serve_batch(unsigned int first)
{
	must(write(order_pipe[1], &first, sizeof(first)), "write");
	hear_client();
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < TURNS; i++)
		serve(conns[(first + i) % number]);
	double time = (double)(now_ns() - start) / TURNS;

	hear_client();
	return time;
}

static void measure_connections(const char *self)
{
	unsigned int once = (number + TURNS - 1) / TURNS;

	accept_all(self);
	for (unsigned int i = 0; i < once + WARM_UP; i++) {
		serve_batch(i * TURNS % number);
		rest();
	}
	for (unsigned int i = 0; i < batches; i++) {
		note(i, serve_batch(i * TURNS % number));
		rest();
	}
}

/* ---- tags, traces ---- */

static void measure_spans(unsigned int tags)
{
	char key[32];

	tagalong_isolation_push();
	for (unsigned int i = 0; i < tags; i++) {
		snprintf(key, sizeof(key), "tag.number.%u", i);
		tagalong_set_tag(key, "some value");
	}
	for (unsigned int i = 0; i < WARM_UP + batches; i++) {
		note(i < WARM_UP ? 0 : i - WARM_UP, batch());
		rest();
	}
	tagalong_isolation_pop();
}

/* One batch: SPANS spans, of as many traces as that are or as a part of one. */
static double trace_batch(unsigned int *left)
{
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < SPANS; i++) {
		if (*left == 0)
			*left = number;
		if (*left == number)
			tagalong_span_begin("bench.root", NULL);
		else
			spans(1);
		if (--*left == 0)
			tagalong_span_end();
	}
	return (double)(now_ns() - start) / SPANS;
}

static void measure_traces(void)
{
	unsigned int left = 0;

	tagalong_isolation_push();
	for (unsigned int i = 0; i < WARM_UP + batches || left; i++) {
		double time = trace_batch(&left);

		if (i >= WARM_UP && i - WARM_UP < batches)
			note(i - WARM_UP, time);
		rest();
		if (i >= WARM_UP + batches && left)
			tagalong_span_end(), left = 0;
	}
	tagalong_isolation_pop();
}

/* ---- main ---- */

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void report(void)
{
	qsort(samples, batches, sizeof(samples[0]), by_value);
	qsort(clocks, batches, sizeof(clocks[0]), by_value);
	printf("%.2f %.3f\n", samples[batches / 2], clocks[batches / 2]);
	fflush(stdout);
}

static int usage(void)
{
	fprintf(stderr, "usage: growth threads|connections|tags|trace|memory NUMBER BATCHES\n");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return usage();
	number = (unsigned int)strtoul(argv[2], NULL, 10);
	batches = (unsigned int)strtoul(argv[3], NULL, 10);
	if (strcmp(argv[1], "client") == 0)
		return client((unsigned short)batches);
	if (number > NUMBER_MAX || batches > BATCHES_MAX)
		return usage();
	if (strcmp(argv[1], "memory") == 0) {
		measure_memory();
		return 0;
	}
	if (strcmp(argv[1], "threads") == 0)
		measure_threads();
	else if (strcmp(argv[1], "connections") == 0)
		measure_connections(argv[0]);
	else if (strcmp(argv[1], "tags") == 0)
		measure_spans(number);
	else if (strcmp(argv[1], "trace") == 0)
		measure_traces();
	else
		return usage();
	report();
	return 0;
}
