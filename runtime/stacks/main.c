/* SPDX-License-Identifier: MIT */
/*
 * main.c - tagalong-stacks: requests from standard input, answers to standard output.
 *
 * A request that takes too long ends the program, as one does that makes a library fall
 * over: whoever asked starts it again.  Memory that the system wants back is given back when
 * nothing was asked for a while.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/stacks/object.h"
#include "runtime/stacks/serve.h"

#define HEAP_MAX (192u << 20) /* what may be kept from one request to the next */
#define HEAP_LIMIT (1ull << 30)
#define IDLE_MS 60000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

static unsigned int limit_ms = TA_STACKS_LIMIT_MS;

static bool read_all(void *to, size_t bytes)
{
	char *at = to;

	while (bytes) {
		ssize_t got = read(STDIN_FILENO, at, bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		bytes -= (size_t)got;
	}
	return true;
}

static bool write_all(const void *from, size_t bytes)
{
	const char *at = from;

	while (bytes) {
		ssize_t put = write(STDOUT_FILENO, at, bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		bytes -= (size_t)put;
	}
	return true;
}

static bool answer(uint32_t kind, int error, const struct ta_buf *json)
{
	struct ta_stacks_answer head = {
		.magic = TA_STACKS_MAGIC,
		.kind = kind,
		.json_bytes = json ? (uint32_t)json->bytes : 0,
		.error = error,
	};

	return write_all(&head, sizeof(head)) && (!json || write_all(json->data, json->bytes));
}

static void release(void *context)
{
	(void)context;
	if (!answer(TA_STACKS_RELEASE, 0, NULL))
		_exit(1);
}

/* The default action of SIGALRM ends us. */
static void set_alarm(unsigned int ms)
{
	struct itimerval timer = {
		.it_value = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static bool serve(const struct ta_stacks_request *request, const char *modules, const char *stack)
{
	struct ta_serving serving = {
		.request = request,
		.modules = modules,
		.stack = stack,
		.limit_ms = limit_ms,
		.release = release,
	};
	struct ta_buf json = { 0 };
	int error = ta_stacks_serve(&serving, &json);
	bool fits = !error && json.bytes <= TA_STACKS_JSON_MAX, done;

	done = answer(TA_STACKS_DONE, error ? error : fits ? 0 : -E2BIG, fits ? &json : NULL);
	ta_buf_fini(&json);
	return done;
}

static bool serve_next(void)
{
	struct ta_stacks_request request;
	char *modules, *stack;
	bool done = false;

	if (!read_all(&request, sizeof(request)) || !ta_stacks_request_valid(&request))
		return false;
	set_alarm(limit_ms);
	modules = malloc(request.module_bytes + 1);
	stack = malloc(request.stack_bytes + 1);
	if (modules && stack && read_all(modules, request.module_bytes) &&
	    read_all(stack, request.stack_bytes))
		done = serve(&request, modules, stack);
	free(modules);
	free(stack);
	set_alarm(0);
	return done;
}

static void give_back(void)
{
	ta_objects_drop();
	malloc_trim(0);
}

/* Waits for the next request; false: there will be none. */
static bool wait_for_request(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	int timeout = IDLE_MS;

	for (;;) {
		int ready = poll(&input, 1, timeout);

		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
		if (ready == 0) {
			give_back();
			timeout = -1;
		}
	}
}

/* Files and processes of others are all that we deal with: as little as possible is allowed. */
static void prepare(void)
{
	struct rlimit heap = { HEAP_LIMIT, HEAP_LIMIT }, core = { 0, 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Sanitizers map terabytes that they never use. */
	if (!SANITIZED)
		setrlimit(RLIMIT_DATA, &heap);
	setrlimit(RLIMIT_CORE, &core);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	/* If there is a debuginfod at all, it has to be quick. */
	setenv("DEBUGINFOD_TIMEOUT", "3", 0);
	setenv("DEBUGINFOD_MAXTIME", "4", 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		limit_ms = (unsigned int)strtoul(argv[1], NULL, 10);
	if (argc > 2 || limit_ms == 0 || limit_ms > 600000) {
		fputs("usage: tagalong-stacks [LIMIT-MS] <requests >answers\n", stderr);
		return 2;
	}
	prepare();
	while (wait_for_request() && serve_next())
		if (mallinfo2().uordblks > HEAP_MAX)
			give_back();
	return 0;
}
