/* SPDX-License-Identifier: MIT */
/*
 * ops.c - what single operations of a host cost, in nanoseconds.
 *
 *     ops ROUNDS [NAME...]
 *
 * Prints "NAME NANOSECONDS" per operation: the median over ROUNDS batches, so that
 * a batch that was preempted does not count.  The same program runs plain and
 * preloaded; tests/bench/run interleaves the two and divides.
 *
 * A batch writes less than half a lane, and the clock stands still between
 * batches while the agent takes the records: this is the cost without loss.
 *
 * Runs: alone, single-threaded.  Ends with 1 and a sentence when a call fails.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/include/tagalong.h"
#include "tests/bench/bench.h"

#define ROUNDS_MAX 100000u
#define OP_NS_MAX 5000000000ull /* no operation takes longer than that, all rounds together */
#define PENDING 16 /* connections that wait to be accepted */

struct op {
	const char *name;
	unsigned int batch; /* operations between two looks at the clock */
	void (*before)(unsigned int batch); /* of each batch, not timed; may be NULL */
	void (*run)(void);
	void (*after)(unsigned int batch);
};

static int null_fd, zero_fd;
static int plain_peer, plain_conn;  /* opaque connection: our end, the accepted end */
static int http_client, http_conn; /* the same over loopback TCP */
static int listener, pending[PENDING];

/* ---- connections ---- */

static int unix_listener(struct sockaddr_un *ret_address)
{
	int fd = (int)must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");

	/* An abstract name that the kernel makes up. */
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(sa_family_t);

	must(bind(fd, (struct sockaddr *)ret_address, bytes), "bind");
	must(listen(fd, PENDING), "listen");
	return fd;
}

static int connect_to(int listen_fd, int family)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);
	int fd = (int)must(socket(family, SOCK_STREAM, 0), "socket");

	must(getsockname(listen_fd, (struct sockaddr *)&address, &bytes), "getsockname");
	must(connect(fd, (struct sockaddr *)&address, bytes), "connect");
	return fd;
}

static void open_opaque(void)
{
	struct sockaddr_un address;
	char hello[] = "\1not HTTP";

	listener = unix_listener(&address);
	plain_peer = connect_to(listener, AF_UNIX);
	plain_conn = (int)must(accept(listener, NULL, NULL), "accept");
	must(write(plain_peer, hello, sizeof(hello)), "write");
	must(read(plain_conn, hello, sizeof(hello)), "read");
}

static void open_http(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof(peer);
	int yes = 1, fd = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	must(listen(fd, 1), "listen");
	http_client = connect_to(fd, AF_INET);
	http_conn = (int)must(accept(fd, (struct sockaddr *)&peer, &bytes), "accept");
	must(setsockopt(http_client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
	must(setsockopt(http_conn, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)), "TCP_NODELAY");
	close(fd);
}

/* ---- operations ---- */

static void op_clock(void)
{
	now_ns();
}

static void op_read_foreign(void)
{
	char byte;

	must(read(zero_fd, &byte, 1), "read");
}

static void op_write_foreign(void)
{
	must(write(null_fd, "x", 1), "write");
}

static void fill_conn(unsigned int batch)
{
	char bytes[1024] = { 0 };

	must(write(plain_peer, bytes, batch), "write");
}

static void op_read_bound(void)
{
	char byte;

	must(read(plain_conn, &byte, 1), "read");
}

static void op_write_bound(void)
{
	must(write(plain_conn, "x", 1), "write");
}

static void drain_peer(unsigned int batch)
{
	char bytes[1024];

	for (long left = batch; left > 0;)
		left -= must(read(plain_peer, bytes, sizeof(bytes)), "read");
}

static void op_http_turn(void)
{
	static const char request[] = "GET /api/items/42?full=1 HTTP/1.1\r\n"
				      "Host: www.example.com:8080\r\n"
				      "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
				      "Accept: text/html,application/xhtml+xml\r\n"
				      "Accept-Encoding: gzip, deflate\r\n"
				      "Connection: keep-alive\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\n"
				       "Server: bench\r\n"
				       "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
				       "Content-Type: text/plain\r\n"
				       "Content-Length: 2\r\n"
				       "Connection: keep-alive\r\n\r\nok";
	char bytes[1024];

	must(send(http_client, request, sizeof(request) - 1, 0), "send");
	must(recv(http_conn, bytes, sizeof(bytes), 0), "recv");
	must(send(http_conn, response, sizeof(response) - 1, 0), "send");
	must(recv(http_client, bytes, sizeof(bytes), 0), "recv");
}

static void op_span(void)
{
	tagalong_span_begin("bench.operation", NULL);
	tagalong_span_end();
}

static void op_tag(void)
{
	tagalong_set_tag("user.id", "0123456789");
}

static void on_signal(int number)
{
	(void)number;
}

static void op_signal(void)
{
	raise(SIGUSR1);
}

static void *thread_main(void *argument)
{
	return argument;
}

static void op_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, thread_main, NULL);
	must(errno ? -1 : 0, "pthread_create");
	pthread_join(thread, NULL);
}

static void op_fork(void)
{
	pid_t child = (pid_t)must(fork(), "fork");

	if (child == 0)
		_exit(0);
	must(waitpid(child, NULL, 0), "waitpid");
}

static void op_scope(void)
{
	tagalong_isolation_push();
	tagalong_isolation_pop();
}

static void op_event(void)
{
	tagalong_capture_message(TAGALONG_LEVEL_INFO, "bench");
}

/* ---- coroutines: to the other context and back ---- */

static ucontext_t here, there;
static char there_stack[65536];

static void other_side(void)
{
	for (;;)
		swapcontext(&there, &here);
}

static void make_context(void)
{
	must(getcontext(&there), "getcontext");
	there.uc_stack.ss_sp = there_stack;
	there.uc_stack.ss_size = sizeof(there_stack);
	makecontext(&there, other_side, 0);
}

static void op_swap(void)
{
	swapcontext(&here, &there);
}

/* ---- forks of a large program ---- */

static char *gigabyte;

static void fill_gigabyte(unsigned int batch)
{
	size_t bytes = (size_t)1 << 30;

	(void)batch;
	if (gigabyte)
		return;
	gigabyte = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (gigabyte == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < bytes; at += 4096)
		gigabyte[at] = 1;
}

static void op_open(void)
{
	close((int)must(open("/dev/null", O_RDONLY), "open"));
}

static void connect_some(unsigned int batch)
{
	for (unsigned int i = 0; i < batch; i++)
		pending[i] = connect_to(listener, AF_UNIX);
}

static void op_accept(void)
{
	close((int)must(accept(listener, NULL, NULL), "accept"));
}

static void close_some(unsigned int batch)
{
	for (unsigned int i = 0; i < batch; i++)
		close(pending[i]);
}

static const struct op ops[] = {
	{ "clock_gettime", 500, NULL, op_clock, NULL },
	{ "read_foreign", 200, NULL, op_read_foreign, NULL },
	{ "write_foreign", 200, NULL, op_write_foreign, NULL },
	{ "read_bound", 200, fill_conn, op_read_bound, NULL },
	{ "write_bound", 200, NULL, op_write_bound, drain_peer },
	{ "open_close_foreign", 100, NULL, op_open, NULL },
	{ "accept_close", PENDING, connect_some, op_accept, close_some },
	{ "http_turn", 50, NULL, op_http_turn, NULL },
	{ "span_begin_end", 100, NULL, op_span, NULL },
	{ "set_tag", 200, NULL, op_tag, NULL },
	{ "scope_fork", 200, NULL, op_scope, NULL },
	{ "event", 100, NULL, op_event, NULL },
	{ "swapcontext_twice", 200, NULL, op_swap, NULL },
	{ "raise_signal", 50, NULL, op_signal, NULL },
	{ "thread_create_join", 8, NULL, op_thread, NULL },
	{ "fork_wait", 2, NULL, op_fork, NULL },
	{ "fork_wait_1gb", 1, fill_gigabyte, op_fork, NULL }, /* last: its memory stays */
};

/* ---- measuring ---- */

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Lets the agent take what the batch has written. */
static void rest(void)
{
	struct timespec nap = { .tv_nsec = 1500000 };

	nanosleep(&nap, NULL);
}

static double one_batch(const struct op *op)
{
	if (op->before)
		op->before(op->batch);
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < op->batch; i++)
		op->run();
	uint64_t end = now_ns();

	if (op->after)
		op->after(op->batch);
	return (double)(end - start) / op->batch;
}

static double median_of(const struct op *op, unsigned int rounds, double *samples)
{
	uint64_t end = now_ns() + OP_NS_MAX;

	for (unsigned int round = 0; round < rounds; round++) {
		samples[round] = one_batch(op);
		rest();
		if (now_ns() > end) {
			rounds = round + 1;
			break;
		}
	}
	qsort(samples, rounds, sizeof(*samples), by_value);
	return samples[rounds / 2];
}

static int wanted(const char *name, char **names)
{
	if (*names == NULL)
		return 1;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	struct sigaction action = { .sa_handler = on_signal };
	double *samples = calloc(rounds ? rounds : 1, sizeof(*samples));

	if (rounds == 0 || rounds > ROUNDS_MAX || samples == NULL) {
		fprintf(stderr, "usage: ops ROUNDS [NAME...] (1 to %u rounds)\n", ROUNDS_MAX);
		return 2;
	}
	null_fd = (int)must(open("/dev/null", O_WRONLY), "/dev/null");
	zero_fd = (int)must(open("/dev/zero", O_RDONLY), "/dev/zero");
	must(sigaction(SIGUSR1, &action, NULL), "sigaction");
	open_opaque();
	open_http();
	make_context();
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (wanted(ops[i].name, argv + 2))
			printf("%s %.2f\n", ops[i].name, median_of(&ops[i], rounds, samples));
	return 0;
}
