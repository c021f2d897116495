/* SPDX-License-Identifier: MIT */
/* call.c - calls to the downstream server as bytes, and listening sockets; see call.h. */
#include "call.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

size_t call_format(enum call_protocol protocol, uint64_t id, unsigned number, bool close, char *ret_call)
{
	struct call_head head = {.magic = CALL_MAGIC, .id = id, .number = number};
	char key[64];
	int size;

	switch (protocol) {
	case CALL_HTTP:
		return (size_t)sprintf(ret_call, "GET /d/%llu/%u HTTP/1.1\r\nHost: downstream\r\n%s\r\n",
				       (unsigned long long)id, number, close ? "Connection: close\r\n" : "");
	case CALL_REDIS:
		size = sprintf(key, "key:%llu:%u", (unsigned long long)id, number);
		return (size_t)sprintf(ret_call, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", size, key);
	case CALL_OPAQUE:
		memcpy(ret_call, &head, sizeof(head));
		return sizeof(head);
	}
	abort();
}

static bool body_at(char *body, size_t size, size_t tail, const char *end, char **ret_body, size_t *ret_size)
{
	if (body + size + tail > end)
		return false;
	*ret_body = body;
	*ret_size = size;
	return true;
}

bool call_complete(enum call_protocol protocol, char *data, size_t have, char **ret_body, size_t *ret_size)
{
	struct call_head head;
	char *at;

	switch (protocol) {
	case CALL_HTTP:
		at = strstr(data, "\r\n\r\n");
		return at && body_at(at + 4, strtoul(strstr(data, "Content-Length:") + 15, NULL, 10), 0,
				     data + have, ret_body, ret_size);
	case CALL_REDIS:
		at = strstr(data, "\r\n");
		return at && body_at(at + 2, strtoul(data + 1, NULL, 10), 2, data + have, ret_body, ret_size);
	case CALL_OPAQUE:
		if (have < sizeof(head))
			return false;
		memcpy(&head, data, sizeof(head));
		return body_at(data + sizeof(head), head.size, 0, data + have, ret_body, ret_size);
	}
	abort();
}

int call_listen(unsigned short port, bool reuse_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (reuse_port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0) {
		perror("listen");
		exit(1);
	}
	return fd;
}
