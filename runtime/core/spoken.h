/* SPDX-License-Identifier: MIT */
/*
 * spoken.h - what the first bytes of a connection say that it speaks.
 *
 * Runs: any host thread, inside the guard, with the connection held.
 */
#ifndef TA_CORE_SPOKEN_H
#define TA_CORE_SPOKEN_H

#include <stdint.h>

struct ta_conn;
struct ta_protocol;

enum ta_spoken {
	TA_SPOKEN_UNKNOWN, /* too few bytes to tell; they are kept */
	TA_SPOKEN_OTHER,
	TA_SPOKEN_HTTP,
	TA_SPOKEN_HTTP2,
	TA_SPOKEN_TLS,
	TA_SPOKEN_COMMANDS, /* *ret_protocol says which */
};

/* More bytes of the side that asks.  What came before them is conn->prefix up to the
 * prefix_bytes that it had before the call. */
enum ta_spoken ta_spoken_on(struct ta_conn *conn, const char *data, uint64_t bytes,
			    const struct ta_protocol **ret_protocol);

/* The same for a side that answers before it is asked. */
enum ta_spoken ta_spoken_first(struct ta_conn *conn, const char *data, uint64_t bytes,
			       const struct ta_protocol **ret_protocol);

#endif
