/* SPDX-License-Identifier: MIT */
/*
 * support_segment.h - a host made by hand: a segment file and records in it.
 *
 * What libtagalong.so would do, with nothing of it linked: tests of the agent
 * stay tests of the wire format.
 */
#ifndef TESTS_UNIT_SUPPORT_SEGMENT_H
#define TESTS_UNIT_SUPPORT_SEGMENT_H

#include <stdint.h>

#include "runtime/wire/lane.h"

struct host {
	char dir[256]; /* run directory, made in TMPDIR or /tmp */
	char path[512];
	char out[512]; /* TAGALONG_FILE */
	char events[520]; /* where events go then */
	uint32_t key;
	uint64_t proc_id;
	struct ta_segment *segment;
};

struct host_thread {
	struct ta_lane *lane;
	struct ta_ring_writer ring, signal_ring;
	uint32_t seq;
	uint64_t global; /* scope version, as host_tag() set it */
};

uint64_t host_now_ns(void);

/* A run directory of its own. */
void host_dir(struct host *host, uint32_t key);
void host_remove_dir(const struct host *host);

/* A segment with lane_count lanes, all ready, in the name of pid. */
void host_segment(struct host *host, uint32_t pid, uint32_t lane_count);

/* Claims a lane and writes the THREAD record. */
void host_thread(struct host *host, struct host_thread *thread, uint32_t lane, uint64_t proc_id,
		 uint64_t parent_proc_id, uint32_t pid, uint32_t tid);

/* Each returns false when the ring is full. */
bool host_put(struct host_thread *thread, const void *record, uint32_t bytes);
bool host_start(struct host_thread *thread, uint64_t trace, uint64_t span, uint64_t parent,
		enum ta_span_type type);
bool host_start_at(struct host_thread *thread, uint64_t trace, uint64_t span, uint64_t start_ns);
bool host_end(struct host_thread *thread, uint64_t span);
bool host_tag(struct host_thread *thread, uint64_t version, uint64_t parent, const char *key,
	      const char *value, uint32_t flags);

/* A message captured outside of any span. */
bool host_event(struct host_thread *thread, uint64_t id, const char *message);

/* Asks the agent (bits of enum ta_ask) and waits for the answer, at most so long. */
bool host_ask(struct host *host, uint32_t what, unsigned int patience_ms);

/* Runs the agent in the foreground until it has nothing left. */
int host_agent(const struct host *host, char *const *envp);

/* The output file as text (static buffer), and how often a word is in it. */
const char *host_output(const struct host *host);
int host_count(const struct host *host, const char *word);
/* The same in the file of events. */
int host_count_events(const struct host *host, const char *word);

#endif
