/* SPDX-License-Identifier: MIT */
/* request.c - requests and answers as bytes; see server.h. */
#include "server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/include/tagalong.h"

/* To be found on this request's spans, and on no other's. */
static void put_tag(const struct request *request)
{
	char id[21];

	sprintf(id, "%" PRIu64, request->id);
	tagalong_set_tag("request", id);
}

/* One complete request at the front of what was read: takes it off. */
bool request_take(struct conn *conn, struct request *ret_request)
{
	char *end;

	conn->in[conn->have] = 0;
	end = strstr(conn->in, "\r\n\r\n");
	if (!end)
		return false;
	end[2] = 0;
	ret_request->id = strtoull(conn->in + strlen("GET /r/"), NULL, 10);
	put_tag(ret_request);
	ret_request->close = strstr(conn->in, "\r\nConnection: close\r\n") != NULL;
	end += 4;
	conn->have -= (size_t)(end - conn->in);
	memmove(conn->in, end, conn->have);
	return true;
}

long conn_read(struct conn *conn)
{
	ssize_t got = read(conn->fd, conn->in + conn->have, sizeof(conn->in) - 1 - conn->have);

	if (got > 0)
		conn->have += (size_t)got;
	return got;
}

void answer_make(const struct request *request, const struct text *body, struct text *ret_answer)
{
	ret_answer->size = (size_t)sprintf(ret_answer->data, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n",
					   body->size, request->close ? "Connection: close\r\n" : "");
	memcpy(ret_answer->data + ret_answer->size, body->data, body->size);
	ret_answer->size += body->size;
}
