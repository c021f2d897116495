/* SPDX-License-Identifier: MIT */
/*
 * crumbs.c - calls that leave breadcrumbs: result, errno and h_errno when they work and
 * when they fail, with arguments that libc never looks at, in small stacks, and what of
 * it reaches standard error.
 *
 * Victim: args='results|bad|stack|cancel' runs=2 libs='-pthread'
 */
#include <netdb.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/uio.h>
#include <syslog.h>
#include <ucontext.h>

#include "victim.h"

extern char **environ;
static char *no_arguments[] = {"x", NULL};

static void call_vsyslog(int priority, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsyslog(priority, format, list);
	va_end(list);
}

#define QUIETLY(call)                                                                              \
	do {                                                                                       \
		errno = ERRNO_MARK;                                                                \
		call;                                                                              \
		say("%s: errno %s\n", #call, errno_word(errno));                                   \
	} while (0)

static void results(void)
{
	struct sockaddr_in closed = {.sin_family = AF_INET, .sin_port = htons(1)};
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
	struct iovec pieces[2] = {{"a", 1}, {"b\n", 2}};
	struct hostent host, *result;
	char room[2048];
	int problem, fd = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t child;

	closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	TRY(write(2, "error: on standard error\n", 25));
	TRY(writev(2, pieces, 2));
	TRY(write(2, "", 0));
	TRY(connect(fd, (struct sockaddr *)&closed, sizeof(closed)));
	TRY(connect(local, (struct sockaddr *)&path, sizeof(path)));
	TRY(connect(-1, (struct sockaddr *)&closed, sizeof(closed)));
	TRY(getaddrinfo("127.0.0.1", NULL, &hints, &found));
	freeaddrinfo(found);
	TRY(getaddrinfo("x.invalid", NULL, &hints, &found));
	TRY(gethostbyname("127.0.0.1") != NULL);
	TRY(gethostbyname_r("127.0.0.1", &host, room, 1, &result, &problem));
	TRY(gethostbyname_r("127.0.0.1", &host, room, sizeof(room), &result, &problem));
	TRY(execl("/nonexistent", "x", NULL));
	TRY(execvp("nonexistent-program", no_arguments));
	TRY(posix_spawn(&child, "/nonexistent", NULL, NULL, no_arguments, environ));
	TRY(posix_spawn(NULL, "/bin/true", NULL, NULL, no_arguments, environ));
	TRY(wait(NULL) > 0);
}

static void bad(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int closed = dup(fd);

	close(closed);
	setlogmask(LOG_UPTO(LOG_ERR));
	QUIETLY(syslog(LOG_DEBUG, "%s", (char *)16)); /* masked: nobody reads it */
	TRY(setlogmask(0));
	setlogmask(LOG_UPTO(LOG_DEBUG));
	QUIETLY(syslog(LOG_INFO, "%m %5d|%-5s|%.2s|%*d %lu %zu %p %c%% %x", 3, "ab", "abcd", 7, 1,
		       5ul, (size_t)6, (void *)0, 'c', 255));
	QUIETLY(call_vsyslog(LOG_INFO, "%2$s %1$d", 1, "positional"));
	QUIETLY(call_vsyslog(LOG_INFO, "%ls %Lf %s", L"wide", 1.5L, "behind"));
	QUIETLY(syslog(LOG_INFO, "%.3s", (char[]){'a', 'b', 'c'}));
	QUIETLY(syslog(LOG_INFO, "%s", (char *)NULL));
	TRY(write(2, (void *)16, 4));
	TRY(connect(fd, (struct sockaddr *)16, 16));
	TRY(connect(fd, NULL, 16));
	TRY(connect(closed, (struct sockaddr *)16, 16));
	TRY(connect(0, (struct sockaddr *)16, 16));
	TRY(execve((char *)16, no_arguments, environ));
}

static ucontext_t main_context, small_context;
static char small_stack[4096] __attribute__((aligned(16)));

static void on_small_stack(void)
{
	ssize_t done = write(2, "on a small stack\n", 17);

	errno = done == 17 ? 0 : errno;
	swapcontext(&small_context, &main_context);
}

static void stack(void)
{
	NEED(getcontext(&small_context) == 0);
	small_context.uc_stack.ss_sp = small_stack;
	small_context.uc_stack.ss_size = sizeof(small_stack);
	small_context.uc_link = &main_context;
	makecontext(&small_context, on_small_stack, 0);
	TRY(swapcontext(&main_context, &small_context));
}

static void *log_for_ever(void *argument)
{
	for (;;)
		syslog(LOG_DEBUG, "%s", (const char *)argument);
	return NULL;
}

static void cancel(void)
{
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		void *result;

		NEED(pthread_create(&thread, NULL, log_for_ever, "x") == 0);
		usleep(500);
		NEED(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
		NEED(result == PTHREAD_CANCELED);
	}
	say("cancelled 50 times\n");
}

int main(int argc, char **argv)
{
	NEED(argc == 2);
	if (strcmp(argv[1], "results") == 0)
		results();
	else if (strcmp(argv[1], "bad") == 0)
		bad();
	else if (strcmp(argv[1], "stack") == 0)
		stack();
	else
		cancel();
	return 0;
}
