/* SPDX-License-Identifier: MIT */
/*
 * command.h - connections that carry commands (protocol/command.h), from either end.
 *
 * The program that asks: the commands of one write are an exchange, a span until the last
 * of them is answered.  The program that is asked (TAGALONG_COMMANDS): each command is a
 * request of its own, a root span, and the connection has none.
 *
 * Runs: any host thread, inside the guard; conn held.
 */
#ifndef TA_CORE_COMMAND_H
#define TA_CORE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

struct ta_conn;
struct ta_protocol;
struct ta_thread;

/* The connection speaks it from its first byte on.  False: no room (counted). */
bool ta_command_start(struct ta_conn *conn, const struct ta_protocol *protocol);

/* Bytes towards the server, and from it. */
void ta_command_asked(struct ta_conn *conn, struct ta_thread *thread, const char *data,
		      uint64_t bytes);
void ta_command_answered(struct ta_conn *conn, struct ta_thread *thread, const char *data,
			 uint64_t bytes);

/* It cannot be followed any more. */
void ta_command_lost(struct ta_conn *conn, struct ta_thread *thread);
/* Server side: the connection ends. */
void ta_command_finish(struct ta_conn *conn, struct ta_thread *thread);
/* The client goes over to something else, TLS most likely. */
void ta_command_tunnel(struct ta_conn *conn, struct ta_thread *thread);
/* The borrowed state goes back, if there is one. */
void ta_command_give_back(struct ta_conn *conn);

#endif
