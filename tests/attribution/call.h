/* SPDX-License-Identifier: MIT */
/*
 * call.h - calls to the downstream server as bytes, and listening sockets.
 *
 * A call is "GET /d/ID/NUMBER" over HTTP/1.1, "GET key:ID:NUMBER" over Redis' protocol, or a
 * struct call_head of a protocol that is nobody's.  Nothing here does any input or output.
 */
#ifndef TESTS_ATTRIBUTION_CALL_H
#define TESTS_ATTRIBUTION_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call_protocol { CALL_HTTP, CALL_REDIS, CALL_OPAQUE };

#define CALL_MAGIC 0x01A7FFEEu /* its first byte is no letter */
#define CALL_MAX 256	       /* bytes of a call */
#define CALL_ANSWER_MAX 1024   /* bytes of its answer */

/* Both directions; a body of `size` bytes follows the answer's. */
struct call_head {
	uint32_t magic, size;
	uint64_t id;
	uint32_t number, reserved;
};

/* The bytes of a call; returns how many. */
size_t call_format(enum call_protocol protocol, uint64_t id, unsigned number, bool close, char *ret_call);

/* Whether an answer is complete: where its body is.  data is NUL-terminated at have. */
bool call_complete(enum call_protocol protocol, char *data, size_t have, char **ret_body, size_t *ret_size);

/* A listener on the loopback; ends the program when there is none. */
int call_listen(unsigned short port, bool reuse_port);

#endif
