/* SPDX-License-Identifier: MIT */
/*
 * shop.c - a C server that says more than its requests: a tag, spans, a captured error.
 *
 *     shop PORT COUNT      answers COUNT requests, one after the other
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tagalong.h>
#include <unistd.h>

static int charge(const char *order)
{
	TAGALONG_SPAN("charge card") {
		usleep(2000);
		if (strcmp(order, "13") != 0)
			return 0; /* the span ends on every way out */
		tagalong_capture_error("CardError", "declined");
	}
	return -1;
}

/* By write: what stdio writes to a socket goes past libc's own names, and is not seen. */
static void answer(int fd, const char *status)
{
	char text[128];
	int bytes = snprintf(text, sizeof(text),
			     "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);

	if (write(fd, text, (size_t)bytes) != bytes)
		perror("write");
}

static void serve(int fd)
{
	char head[4096], order[32] = "";
	ssize_t bytes = read(fd, head, sizeof(head) - 1);

	if (bytes <= 0)
		return;
	head[bytes] = '\0';
	sscanf(head, "GET /order/%31[0-9]", order);
	tagalong_set_tag("order", order);
	answer(fd, charge(order) == 0 ? "200 OK" : "402 Payment Required");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (argc < 3)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 16) < 0)
		return 1;
	for (int left = atoi(argv[2]); left > 0; left--) {
		int fd = accept(listener, NULL, NULL);

		serve(fd);
		close(fd);
	}
	return 0;
}
