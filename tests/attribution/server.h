/* SPDX-License-Identifier: MIT */
/*
 * server.h - what the models of servers share: requests, answers, calls, and the models.
 *
 * A model is a function that serves connections of a listener for ever, in one of the ways that
 * real servers do it.  What a request asks for is the same in all: truth_calls() calls to
 * the downstream server, the answers of which make up its own.
 */
#ifndef TESTS_ATTRIBUTION_SERVER_H
#define TESTS_ATTRIBUTION_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "truth.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ANSWER_MAX (128 + TRUTH_CALLS_MAX * TRUTH_BODY_MAX)

/* Connections to the downstream server: one for each call; kept for whoever comes next; a few,
 * for which one has to wait. */
enum upstream { UPSTREAM_PER_CALL, UPSTREAM_POOLED, UPSTREAM_SHARED };
#define UPSTREAM_SHARED_MAX 8

struct options {
	unsigned short port, downstream;
	enum upstream upstream;
	enum call_protocol protocol;
	bool delay_first; /* dawdle before the first call, too */
	bool no_delay;	  /* not at all */
};
extern struct options options;

struct text {
	size_t size;
	char data[ANSWER_MAX];
};

struct request {
	uint64_t id;
	bool close; /* the connection, afterwards */
};

struct conn {
	int fd;
	size_t have;
	char in[4096];
};

/* ---- request.c: bytes ---- */

bool request_take(struct conn *conn, struct request *ret_request);
long conn_read(struct conn *conn); /* as read() */
void answer_make(const struct request *request, const struct text *body, struct text *ret_answer);

/* ---- blocking.c: one request after the other on one stack ---- */

/* How to wait: of coroutines something else than of threads. */
extern void (*wait_for)(int fd, short events);
extern void (*pause_for)(unsigned microseconds);

void write_all(int fd, const char *data, size_t size);
void body_fetch(const struct request *request, struct text *ret_body);
void request_serve(int fd, const struct request *request);
void connection_serve(int fd); /* and closes it */
int downstream_dial(void);     /* not connected yet; see downstream_address */
const void *downstream_address(unsigned *ret_size);

/* ---- reader.c: one thread reads the requests of all connections ---- */

struct item {
	struct conn conn;
	struct request request;
	struct text body;
	struct item *next;
};

/* Hands each request to put(); ready(), when there is one, is called when the eventfd is. */
void reader_run(int listener, void (*put)(struct item *), int event, void (*ready)(void));
void item_answer(struct item *item);  /* writes what is in body; the item is somebody else's then */
void item_serve(struct item *item);   /* calls, pause, answer */

void start_thread(void *(*routine)(void *), void *argument);

/* ---- models ---- */

#define MODEL(name, function) int function(int listener);
#include "models.def"
#undef MODEL

#ifdef __cplusplus
}
#endif

#endif
