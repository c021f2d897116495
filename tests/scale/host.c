/* SPDX-License-Identifier: MIT */
/*
 * host.c - a program of any size, which says what its operations take and waits to be measured.
 *
 *   host threads N      N threads that are alive at once; each has opened a span
 *   host connections N  N accepted connections that are open at once, each with a request done; a child is the client
 *   host forks N RATE   N children one after the other, RATE a second (0: at once); each has a span
 *   host heap MIB       so many MiB in pieces, written to; then a request
 *   host exits N        N forked children that end by _exit; the time of that alone
 *   host end THREADS    ends by exit() while so many threads work
 *
 * Prints lines "KEY VALUE" on the way; after "ready" it waits for the end of standard input.
 * "op" is the median time of an exchange (four calls), in nanoseconds, "span" that of a span.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>

#include "runtime/include/tagalong.h"
#include "tests/host/victim.h"

#define SAMPLES 4000

static uint32_t samples[SAMPLES];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long arrived;
static int leave;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

	return (one > two) - (one < two);
}

static void say_median(const char *what, int count)
{
	qsort(samples, (size_t)count, sizeof(samples[0]), by_value);
	say("%s %u\n", what, count ? samples[count / 2] : 0);
}

static void note_sample(int *count, uint64_t ns)
{
	if (*count < SAMPLES)
		samples[(*count)++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static const char request_text[] = "GET /scale HTTP/1.1\r\nHost: x\r\n\r\n";
static const char answer_text[] = "HTTP/1.1 204 No Content\r\n\r\n";

static void answer(int server)
{
	char buffer[512];

	NEED(recv(server, buffer, sizeof(buffer), 0) > 0);
	NEED(send(server, answer_text, sizeof(answer_text) - 1, 0) == sizeof(answer_text) - 1);
}

static void ask(int client)
{
	char buffer[512];

	NEED(send(client, request_text, sizeof(request_text) - 1, 0) == sizeof(request_text) - 1);
	NEED(recv(client, buffer, sizeof(buffer), 0) > 0);
}

static void exchange(int client, int server)
{
	char buffer[512];

	NEED(send(client, request_text, sizeof(request_text) - 1, 0) == sizeof(request_text) - 1);
	answer(server);
	NEED(recv(client, buffer, sizeof(buffer), 0) > 0);
}

static void measure_spans(void)
{
	int count = 0;

	while (count < SAMPLES) {
		uint64_t start = now_ns();

		tagalong_span_begin("one", NULL);
		tagalong_span_end();
		note_sample(&count, now_ns() - start);
		if (count % 100 == 0)
			usleep(1000); /* the agent is to keep up: overload is measured elsewhere */
	}
	say_median("span", count);
}

static void measure_exchanges(int client, int server)
{
	int count = 0;

	while (count < SAMPLES) {
		uint64_t start = now_ns();

		exchange(client, server);
		note_sample(&count, now_ns() - start);
		if (count % 100 == 0)
			usleep(1000);
	}
	say_median("op", count);
}

static void be_measured(void)
{
	char byte;

	say("ready 1\n");
	while (read(0, &byte, 1) > 0)
		;
}

/* ---- threads ---- */

static void *be_alive(void *argument)
{
	tagalong_span_begin("in a thread", NULL);
	tagalong_span_end();
	pthread_mutex_lock(&mutex);
	arrived++;
	pthread_cond_broadcast(&cond);
	while (!leave)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return argument;
}

static void threads(long count)
{
	pthread_t *all = calloc((size_t)count, sizeof(*all));
	pthread_attr_t attributes;
	uint64_t start = now_ns();
	int client, server;
	long made = 0;

	NEED(all != NULL && pthread_attr_init(&attributes) == 0);
	NEED(pthread_attr_setstacksize(&attributes, 65536) == 0);
	while (made < count && pthread_create(&all[made], &attributes, be_alive, NULL) == 0)
		made++;
	while (1) {
		pthread_mutex_lock(&mutex);
		long there = arrived;
		pthread_mutex_unlock(&mutex);
		if (there == made)
			break;
		usleep(1000);
	}
	say("made %ld\ncreate %llu\n", made, (unsigned long long)((now_ns() - start) / (uint64_t)(made ? made : 1)));
	tcp_pair(&client, &server);
	measure_exchanges(client, server);
	measure_spans();
	be_measured();
	pthread_mutex_lock(&mutex);
	leave = 1;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (long i = 0; i < made; i++)
		NEED(pthread_join(all[i], NULL) == 0);
}

/* ---- connections ---- */

/* The client's side: each connection does an exchange, then some of them more; "over" is told when they are done. */
static void be_clients(const struct sockaddr_in *address, long count, int over)
{
	int *clients = calloc((size_t)count, sizeof(int));
	int taken = 0;
	char byte;

	for (long i = 0; i < count; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		NEED(clients[i] >= 0 && connect(clients[i], (const struct sockaddr *)address, sizeof(*address)) == 0);
		ask(clients[i]);
		if (i % 100 == 0)
			usleep(1000);
	}
	while (taken < SAMPLES) {
		long at = (long)(((uint64_t)taken * 2654435761u) % (uint64_t)count);
		uint64_t start = now_ns();

		ask(clients[at]);
		note_sample(&taken, now_ns() - start);
		if (taken % 100 == 0)
			usleep(1000); /* the agent is to keep up: overload is measured elsewhere */
	}
	say_median("op", taken);
	NEED(write(over, "m", 1) == 1 && read(over, &byte, 1) == 0);
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Serves until so many requests are done; all connections stay open.  Returns how many there are. */
static long serve(int listener, long requests)
{
	int epoll = epoll_create1(0);
	long made = 0;

	NEED(epoll >= 0 && watch(epoll, listener) == 0);
	while (requests > 0) {
		struct epoll_event event;

		NEED(epoll_wait(epoll, &event, 1, 60000) == 1);
		if (event.data.fd != listener) {
			answer(event.data.fd);
			requests--;
			continue;
		}
		int fd = accept(listener, NULL, NULL);

		NEED(fd >= 0 && watch(epoll, fd) == 0);
		made++;
	}
	return made;
}

static void connections(long count)
{
	struct sockaddr_in address;
	int listener = tcp_listener(&address), over[2];
	char byte;

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, over) == 0);
	pid_t child = fork();

	if (child == 0) {
		close(over[1]);
		be_clients(&address, count, over[0]);
		_exit(0);
	}
	close(over[0]);
	say("made %ld\n", serve(listener, count + SAMPLES));
	NEED(read(over[1], &byte, 1) == 1);
	be_measured();
	close(over[1]);
	NEED(waitpid(child, NULL, 0) == child);
}

/* ---- processes ---- */

static void forks(long count, long rate)
{
	uint64_t start = now_ns();
	int taken = 0;
	long made = 0;

	tagalong_span_begin("parent", NULL);
	for (; made < count; made++) {
		uint64_t began = now_ns();
		pid_t child = fork();
		int status;

		if (child == 0) {
			tagalong_span_begin("child", NULL);
			tagalong_span_end();
			_exit(7);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
			break;
		note_sample(&taken, now_ns() - began);
		if (rate) {
			uint64_t due = start + (uint64_t)(made + 1) * 1000000000u / (uint64_t)rate;

			while (now_ns() < due)
				usleep(200);
		}
	}
	tagalong_span_end();
	say("made %ld\nms %llu\n", made, (unsigned long long)((now_ns() - start) / 1000000));
	say_median("op", taken);
	be_measured();
}

/* The child says when it begins to end, through shared memory; the parent when it is gone. */
static void exits(long count)
{
	volatile uint64_t *began = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int taken = 0;

	NEED(began != MAP_FAILED);
	for (long i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			tagalong_span_begin("child", NULL);
			tagalong_span_end();
			*began = now_ns();
			_exit(0);
		}
		NEED(waitpid(child, NULL, 0) == child);
		note_sample(&taken, now_ns() - *began);
	}
	say_median("op", taken);
	say("most %u\n", samples[taken - 1]);
}

static void *work(void *argument)
{
	int client, server;

	tcp_pair(&client, &server);
	for (;;)
		exchange(client, server);
	return argument;
}

static void end(long count)
{
	pthread_t thread;

	for (long i = 0; i < count; i++)
		NEED(pthread_create(&thread, NULL, work, NULL) == 0);
	usleep(50000);
	say("exit %llu\n", (unsigned long long)now_ns());
	exit(5);
}

static void heap(long mib)
{
	int client, server;
	long got = 0;

	for (; got < mib; got++) {
		char *piece = malloc(1 << 20);

		if (!piece)
			break;
		memset(piece, 1, 1 << 20);
	}
	say("mib %ld\n", got);
	tcp_pair(&client, &server);
	exchange(client, server);
	say("exchanged 1\n");
	be_measured();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	long count = argc > 2 ? atol(argv[2]) : 1, rate = argc > 3 ? atol(argv[3]) : 0;

	if (!strcmp(how, "threads"))
		threads(count);
	if (!strcmp(how, "connections"))
		connections(count);
	if (!strcmp(how, "forks"))
		forks(count, rate);
	if (!strcmp(how, "exits"))
		exits(count);
	if (!strcmp(how, "end"))
		end(count);
	if (!strcmp(how, "heap"))
		heap(count);
	return 0;
}
