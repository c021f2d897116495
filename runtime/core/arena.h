/* SPDX-License-Identifier: MIT */
/*
 * arena.h - the library's own memory: one private mapping, made once.
 *
 * Tables and pools of the host side, sized by the constructor; pages cost
 * nothing until they are used.  Under a limit of the address space or of data
 * (RLIMIT_AS, RLIMIT_DATA) everything shrinks with it, because what we take the
 * program cannot have.  Never unmapped, never grown.
 */
#ifndef TA_CORE_ARENA_H
#define TA_CORE_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/core/pool.h"

struct ta_cell;
struct ta_arrival;
struct ta_company;
struct ta_conn;
struct ta_coroutine;
struct ta_crumb_line;
struct ta_handed;
struct ta_http1_head;
struct ta_hub;
struct ta_listener;
struct ta_object;
struct ta_request;
struct ta_session;
struct ta_thread;
struct ta_thread_birth;
struct ta_unit;
struct ta_dialogue;
struct ta_injection;
struct ta_stage;


struct ta_arena {
	struct ta_thread *threads; /* as many as the segment has lanes */
	struct ta_crumb_line *lines; /* one for each of threads */
	struct ta_thread_birth *births;
	uint32_t birth_count;
	struct ta_conn *conns;
	struct ta_pool conn_pool;
	struct ta_http1_head *heads;
	struct ta_pool head_pool;
	struct ta_request *queues; /* TA_QUEUE_LONG each */
	struct ta_pool queue_pool;
	struct ta_listener *listeners;
	uint32_t listener_count;
	struct ta_cell *cells; /* scopes that are shared or written to */
	struct ta_pool cell_pool;
	struct ta_object *objects; /* open spans of the program */
	struct ta_pool object_pool;
	struct ta_session *sessions;
	struct ta_pool session_pool;
	struct ta_handed *handed; /* captured contexts */
	struct ta_pool handed_pool;
	struct ta_coroutine *coroutines; /* stacks that the program switches between */
	struct ta_pool coroutine_pool;
	_Atomic uint32_t *coroutine_hints; /* as many: where one was found last, + 1 */
	struct ta_hub *hubs;
	struct ta_pool hub_pool;
	struct ta_unit *units; /* work without a request */
	struct ta_pool unit_pool;
	struct ta_dialogue *dialogues; /* connections that carry commands, or HTTP/2 */
	struct ta_pool dialogue_pool;
	struct ta_injection *injections; /* headers on their way */
	struct ta_pool injection_pool;
	struct ta_stage *stages; /* writes above TLS with one in them */
	struct ta_pool stage_pool;
	struct ta_company *companies; /* tracestate and baggage of requests */
	uint32_t company_count;
	struct ta_arrival *arrivals; /* requests by what they came with */
	uint32_t arrival_count;
	char *altstacks; /* of threads, for signals; TA_ALTSTACK_BYTES each */
	struct ta_pool altstack_pool;
};

/* A signal frame with all of AVX-512 and AMX is 11 KiB. */
#define TA_ALTSTACK_BYTES 32768u

extern struct ta_arena ta_arena __attribute__((visibility("hidden")));

/* Makes the mapping for a segment of so many lanes.  False: no memory. */
bool ta_arena_init(uint32_t lanes);

#endif
