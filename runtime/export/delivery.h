/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - the thread that sends what waits, to all receivers at once.
 *
 * One thread, libcurl's multi interface, connections kept; every queue has its own spool,
 * requests in flight, back-off, rate limits and counts, so that a receiver that is slow or
 * away holds up nothing but its own queue.  libcurl is loaded when there is something to
 * send to, and never otherwise: an agent that writes a file does not pay for it.
 *
 * OTLP: 2xx is delivered (what a partial success rejects is counted, never sent again);
 * 429, 502, 503, 504 and everything that is no answer is tried again, after Retry-After or an
 * exponential back-off with jitter; every other answer is final.  Sentry: rate limits by
 * category out of every answer; what is limited is dropped and reported; 429 is not tried
 * again; no answer is.  A directory of envelopes is a receiver too: what it holds beyond
 * spool_bytes is removed, oldest first, and was delivered all the same.  (FACTS: OTLP/HTTP;
 * Sentry's envelopes, rate limiting, client reports.)
 *
 * Time by ta_agent_now_ns(), and Unix time for ages and Retry-After dates as the agent's
 * clock has it: tests move it.
 *
 * Runs: agent.  The functions below on the worker's or the exporter's thread.
 */
#ifndef TA_EXPORT_DELIVERY_H
#define TA_EXPORT_DELIVERY_H

#include "runtime/agent/status.h"
#include "runtime/export/target.h"

struct ta_delivery;

struct ta_delivery_options {
	const struct ta_targets *targets; /* outlives the delivery */
	const char *spool_dir;		  /* absolute */
	uint32_t key;			  /* of the agent */
	uint64_t spool_bytes, spool_age_ms, memory_bytes;
	struct ta_status_page *status; /* filled in; never NULL */
	void (*say)(void *user, const char *sentence); /* into the agent's log; any thread */
	void *user;
};

/* Opens the spools of all wanted targets, each with its share of memory_bytes.  NULL when out
 * of memory, or when nothing is wanted: no target, no Prometheus. */
struct ta_delivery *ta_delivery_new(const struct ta_delivery_options *options);
void ta_delivery_free(struct ta_delivery *delivery);

/* A thread does not survive fork(): stop before, start after.  stop() lets requests that are
 * under way end for at most patience_ns; those that do not are made again. */
int ta_delivery_start(struct ta_delivery *delivery);
void ta_delivery_stop(struct ta_delivery *delivery, uint64_t patience_ns);

/* The highest number that any spool knows: the agent's go on behind it. */
uint64_t ta_delivery_last(struct ta_delivery *delivery);

/* Takes the messages of one batch for one queue; never fails (what finds no room is
 * counted).  They are sent after the commit. */
void ta_delivery_put(struct ta_delivery *delivery, enum ta_queue queue, uint64_t number,
		     struct ta_messages *messages);
void ta_delivery_commit(struct ta_delivery *delivery, uint64_t number);
void ta_delivery_undo(struct ta_delivery *delivery, uint64_t number);

/* Counts what was never encoded: for Sentry it goes into the client reports. */
void ta_delivery_dropped(struct ta_delivery *delivery, enum ta_queue queue, enum ta_drop why,
			 const struct ta_message_head *what);

/* Nothing waits and nothing is under way. */
bool ta_delivery_idle(struct ta_delivery *delivery);

/* Waits until that, at most so long; tries at once what waits for a back-off of ours, but not
 * before a time that a receiver named.  Client reports go along. */
bool ta_delivery_flush(struct ta_delivery *delivery, uint64_t patience_ns);

/* GET /metrics on the address of the targets, answered by the same thread: render() is
 * called there and appends the text.  Before start().  Returns 0 or -errno. */
int ta_delivery_serve(struct ta_delivery *delivery,
		      void (*render)(void *user, bool openmetrics, struct ta_buf *out), void *user);

#endif
