/* SPDX-License-Identifier: MIT */
/*
 * victim.h - what the small victims share: saying things in a way that can be
 * compared byte for byte.
 *
 * A victim knows nothing of Tagalong.  tests/hooks/run runs it plain and
 * preloaded and compares standard output, standard error and exit status, so a
 * victim may print results, errno values and fd numbers, and never a pid, an
 * address or a time.  The line "Victim: key=value ..." in a file's header tells
 * the runner how to build and start it (tests/hooks/run lists the keys).
 */
#ifndef TESTS_HOST_VICTIM_H
#define TESTS_HOST_VICTIM_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define ERRNO_MARK 12345 /* no libc sets it: a call that succeeds must leave it alone */

/* One line to standard output in one write. */
UNUSED __attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[4096];
	va_list args;
	int saved = errno;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > (int)sizeof(line) - 1)
		length = (int)sizeof(line) - 1;
	if (write(1, line, (size_t)length) != length)
		_exit(99);
	errno = saved;
}

UNUSED static const char *errno_word(int number)
{
	const char *name = strerrorname_np(number);

	if (number == ERRNO_MARK)
		return "untouched";
	return name ? name : "unknown";
}

/* Runs an expression and says its text, its result and what it did to errno. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		long result_;                                                                      \
		int errno_;                                                                        \
		errno = ERRNO_MARK;                                                                \
		result_ = (long)(call);                                                            \
		errno_ = errno;                                                                    \
		say("%s = %ld, errno %s\n", #call, result_, errno_word(errno_));                   \
	} while (0)

/* For the set-up around what is tested; a failure is a failure of the machine. */
#define NEED(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			say("need failed at line %d: %s (%s)\n", __LINE__, #condition,             \
			    errno_word(errno));                                                    \
			_exit(98);                                                                 \
		}                                                                                  \
	} while (0)

/* A listener on a free loopback port. */
UNUSED static int tcp_listener(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(fd >= 0);
	NEED(bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0);
	NEED(listen(fd, 128) == 0);
	NEED(getsockname(fd, (struct sockaddr *)address, &length) == 0);
	return fd;
}

UNUSED static int tcp_dial(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(fd >= 0);
	NEED(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
	return fd;
}

/* A connected pair over loopback; *ret_server came out of accept(). */
UNUSED static void tcp_pair(int *ret_client, int *ret_server)
{
	struct sockaddr_in address;
	int listener = tcp_listener(&address);

	*ret_client = tcp_dial(&address);
	*ret_server = accept(listener, NULL, NULL);
	NEED(*ret_server >= 0);
	NEED(close(listener) == 0);
}

/* Reads exactly size bytes, or up to the end. */
UNUSED static size_t read_full(int fd, void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, (char *)buffer + done, size - done);

		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

UNUSED static void write_full(int fd, const void *buffer, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t put = write(fd, (const char *)buffer + done, size - done);

		NEED(put > 0);
		done += (size_t)put;
	}
}

/* FNV-1a: enough to see one wrong byte. */
UNUSED static uint64_t checksum(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *byte = data;

	if (sum == 0)
		sum = 0xcbf29ce484222325ull;
	while (size--)
		sum = (sum ^ *byte++) * 0x100000001b3ull;
	return sum;
}

/* Open fds, ascending, by asking each number: opens nothing itself. */
UNUSED static void say_fds(const char *when)
{
	char list[2048] = "";
	size_t used = 0;

	for (int fd = 0; fd < 1100 && used < sizeof(list) - 8; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %d", fd);
	say("fds %s:%s\n", when, list);
}

/* What /proc/self/fd lists, without the fd of the listing itself. */
UNUSED static void say_proc_fds(const char *when)
{
	int count = 0, highest = -1;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	NEED(dir != NULL);
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		count++;
		if (fd > highest)
			highest = fd;
	}
	say("/proc/self/fd %s: %d fds, highest %d, listed through %d\n", when, count, highest,
	    dirfd(dir));
	closedir(dir);
}

UNUSED static int thread_count(void)
{
	int count = 0;
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;

	NEED(dir != NULL);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* The same once threads that were joined are gone from /proc as well, which the
 * kernel does a little later. */
UNUSED static int settled_thread_count(int expected)
{
	for (int i = 0; i < 100 && thread_count() > expected; i++)
		usleep(10000);
	return thread_count();
}

/* A wait status in words. */
UNUSED static void say_status(const char *what, int status)
{
	if (WIFEXITED(status))
		say("%s: exited %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("%s: killed by %d%s\n", what, WTERMSIG(status),
		    WCOREDUMP(status) ? " (core)" : "");
	else
		say("%s: status %#x\n", what, (unsigned int)status);
}

UNUSED static void reap(const char *what, pid_t child)
{
	int status = -1;
	pid_t got;

	do
		got = waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	NEED(got == child);
	say_status(what, status);
}

/* No child may be left. */
UNUSED static void say_no_children(const char *when)
{
	int status;

	errno = 0;
	say("%s: ", when);
	TRY(waitpid(-1, &status, WNOHANG));
}

/* Of the handlers that /proc knows the digits of fatal signals are left out: ours stand
 * there (docs/limits.md). */
#define WITHOUT_FATAL "sed 's/\\(SigCgt:.\\{9\\}\\).\\(.\\).\\(..\\).../\\1x\\2x\\3xxx/'"

#endif
