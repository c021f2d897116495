/* SPDX-License-Identifier: MIT */
/*
 * status.h - what an agent is doing, in a page that others can look at.
 *
 * A file in the run directory, KEY.status, mapped by the agent and filled in as it works:
 * plain stores, no system call, nothing to ask the agent for.  It stays when the agent
 * ends (then it is the last that is known), and goes with the next agent of that key.
 * `tagalong status` reads it; the agent's own metrics are made of it.
 *
 * Numbers are relaxed atomics, each written by one thread or added to by several.  Texts
 * have a sequence number: odd while they are written.
 *
 * Runs: agent (any thread), cli.
 */
#ifndef TA_AGENT_STATUS_H
#define TA_AGENT_STATUS_H

#include <stdatomic.h>
#include <stdint.h>

#include "runtime/export/message.h"

#define TA_STATUS_MAGIC 0x3154415453474154ull /* "TAGSTAT1" */
#define TA_STATUS_TEXT 256u

typedef _Atomic uint64_t ta_count;

struct ta_status_text {
	_Atomic uint32_t sequence;
	uint32_t reserved;
	ta_count time_ns; /* Unix; 0: never written */
	char text[TA_STATUS_TEXT];
};

enum ta_thing { TA_SPANS, TA_EVENTS, TA_POINTS, TA_THINGS };

/* One destination.  taken = sent + dropped + waiting (memory and disk), of each thing. */
struct ta_status_queue {
	ta_count wanted;
	struct ta_status_text shown; /* where it goes: no credentials */
	ta_count taken[TA_THINGS];   /* put, or dropped before that */
	ta_count sent[TA_THINGS];
	ta_count dropped[TA_DROPS][TA_THINGS];
	ta_count adopted[TA_THINGS]; /* of taken: left by earlier agents */
	ta_count waiting_messages, waiting_bytes, waiting_spans, waiting_events, waiting_points;
	ta_count oldest_ns; /* Unix: of what waits; 0: nothing does */
	ta_count in_memory; /* 1: the disk cannot be used */
	ta_count in_flight; /* requests */
	ta_count requests, retries, bytes_sent;
	ta_count last_sent_ns; /* Unix */
	ta_count next_try_ns;  /* Unix; 0: now */
	struct ta_status_text error; /* the last one */
};

struct ta_status_page {
	uint64_t magic;
	uint32_t bytes; /* of this structure: another one is another version's */
	uint32_t key;
	ta_count pid, started_ns; /* of the worker; Unix */
	ta_count alive_ns;	  /* Unix: last sign of life, at least once a second while it works */
	ta_count restarts;	  /* of the worker */
	ta_count programs, lanes, lanes_used;
	ta_count records, record_bytes; /* read */
	ta_count spans_ended, events_captured;
	ta_count open_spans, open_traces, held_spans, held_bytes; /* in memory */
	ta_count unsampled_spans; /* by head sampling */
	ta_count lost_records;	/* by programs, lane full or none */
	ta_count lost_spans;	/* given up by the agent: memory */
	ta_count lost_events;
	ta_count late_spans;
	ta_count file_spans, file_events, file_bytes;
	ta_count looked_ns; /* Unix: when somebody last asked to be shown more (live.h) */
	ta_count cpu_us; /* of the agent */
	ta_count memory_bytes;
	struct ta_status_text file; /* where it goes */
	struct ta_status_text file_error;
	struct ta_status_text exe;  /* a program that is served: the newest */
	struct ta_status_queue queues[TA_QUEUES];
};

/* Makes and maps KEY.status; a page of memory of its own when that fails or dir_fd is -1, so
 * that it is never NULL but without memory. */
struct ta_status_page *ta_status_new(int dir_fd, uint32_t key);
void ta_status_free(struct ta_status_page *status);

/* A copy, to be given back (cli); NULL and errno when there is none (ENOENT), or it is another
 * version's or no such page (EPROTO). */
const struct ta_status_page *ta_status_open(int dir_fd, uint32_t key);
void ta_status_close(const struct ta_status_page *status);

/* Asks the agent of a page to show what goes by, for the next seconds (cli).  0 or -errno. */
int ta_status_look(int dir_fd, uint32_t key, uint64_t unix_ns);

/* Control characters become '?'; what is too long is cut between characters.  Of two threads
 * that write at once, one does. */
void ta_status_set(struct ta_status_text *text, const char *words, uint64_t unix_ns);
/* A consistent copy, terminated; "" when there is none. */
void ta_status_get(const struct ta_status_text *text, char out[TA_STATUS_TEXT]);

static inline void ta_count_set(ta_count *count, uint64_t value)
{
	atomic_store_explicit(count, value, memory_order_relaxed);
}

static inline void ta_count_add(ta_count *count, uint64_t value)
{
	atomic_fetch_add_explicit(count, value, memory_order_relaxed);
}

static inline uint64_t ta_count_get(const ta_count *count)
{
	return atomic_load_explicit((ta_count *)count, memory_order_relaxed);
}

#endif
