/* SPDX-License-Identifier: MIT */
/*
 * double_fork_server.c - an old-school daemon: forks twice, closes every fd, and
 * serves so many HTTP/1.0 requests, one per connection.  Not a victim:
 * tests/e2e/test_daemon.py runs it.
 *
 *     double_fork_server PORT REQUESTS
 */
#include "victim.h"

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char buffer[1024];
	int listener, total;

	NEED(argc == 3);
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	total = atoi(argv[2]);
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	for (int fd = 0; fd < 4096; fd++)
		close(fd);
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(1);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128))
		_exit(2);
	for (int i = 0; i < total; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || read(fd, buffer, sizeof(buffer)) <= 0 ||
		    write(fd, answer, sizeof(answer) - 1) != sizeof(answer) - 1)
			_exit(3);
		close(fd);
	}
	_exit(0);
}
