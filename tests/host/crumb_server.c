/* SPDX-License-Identifier: MIT */
/*
 * crumb_server.c - a thread for each connection, which says to syslog and to standard
 * error (also piece by piece) what its client sent, fails to connect to port 1, looks up a name that does not exist,
 * fails to exec, and captures an error.  Uses the optional API for that last one only.
 *
 *     crumb_server PORT CONNECTIONS
 *
 * Not a victim: tests/e2e/test_breadcrumbs.py runs it.
 */
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <sys/uio.h>
#include <syslog.h>

#include "tests/host/victim.h"
#include "runtime/include/tagalong.h"

static void leave_all(const char *number)
{
	struct sockaddr_in closed = {.sin_family = AF_INET,
				     .sin_port = htons(1),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char line[128], name[64];
	struct iovec pieces[2] = {{"error: piece ", 13}, {(char *)number, strlen(number)}};
	struct addrinfo *found;

	errno = ENOENT;
	syslog(LOG_WARNING, "request %s of %5.1f: %m", number, 2.25);
	syslog(LOG_DEBUG, "password=hunter%s", number);
	snprintf(line, sizeof(line), "  line %s of noise\n", number);
	NEED(write(2, line, strlen(line)) > 0);
	NEED(writev(2, pieces, 2) > 0);
	NEED(write(2, "drop me\n", 8) == 8);
	NEED(write(2, "\0\1\2\3", 4) == 4);
	fprintf(stderr, "stdio %s of", number);
	fputs(" three ", stderr);
	sched_yield(); /* other requests say theirs in between */
	fwrite("pieces\n", 1, 7, stderr);
	errno = EACCES;
	perror("perror");
	NEED(connect(fd, (struct sockaddr *)&closed, sizeof(closed)) < 0);
	close(fd);
	snprintf(name, sizeof(name), "n%s.invalid", number);
	NEED(getaddrinfo(name, NULL, NULL, &found) != 0);
	NEED(execl("/nonexistent/program", name, NULL) == -1);
	fprintf(stderr, "warning: half of %s", number);
	tagalong_capture_error("Failure", number);
}

static void *serve(void *argument)
{
	int fd = (int)(long)argument;
	char line[64];
	size_t length = 0;

	while (length < sizeof(line) - 1 && read(fd, line + length, 1) == 1 && line[length] != '\n')
		length++;
	line[length] = 0;
	leave_all(line);
	if (write(fd, "done\n", 5) != 5)
		_exit(97);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	NEED(argc == 3);
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	NEED(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
	NEED(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 512) == 0);
	NEED(write(2, "starting\n", 9) == 9);
	for (int left = atoi(argv[2]); left; left--) {
		int fd = accept(listener, NULL, NULL);

		NEED(fd >= 0);
		NEED(pthread_create(&thread, NULL, serve, (void *)(long)fd) == 0);
		NEED(pthread_detach(thread) == 0);
	}
	pthread_exit(NULL);
}
