/* SPDX-License-Identifier: MIT */
/*
 * live.h - what an agent sees go by, by name, for those who look on.
 *
 * Kept only while somebody looks: who does writes the time into the status page
 * (ta_status_look(), a store into a mapped file, which wakes nobody).  The worker finds
 * it at its next slow look, counts spans by name from then on, as they end, and puts
 * what it has into KEY.live some times a second; each is a whole new file, renamed over
 * the old one.  Nobody looking for LOOK_NS ends it, and the file goes.  With nobody
 * looking it costs a branch for each span.
 *
 * All spans count, sampled or not, when they end: long before their trace is complete.
 * `tagalong top` makes differences of two files; a file of another `since_ns` begins anew.
 *
 * Runs: agent, the worker's thread (the ta_worker functions); cli (the reading).
 */
#ifndef TA_AGENT_LIVE_H
#define TA_AGENT_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#define TA_LIVE_MAGIC 0x314556494c474154ull /* "TAGLIVE1" */
#define TA_LIVE_ROWS 256u    /* names; the last one of each kind is for all further ones */
#define TA_LIVE_OPEN 32u     /* of what is under way: the oldest */
#define TA_LIVE_BUCKETS 110u /* of durations: four for each doubling, from 1 us to 137 s */
#define TA_LIVE_NAME 120u
#define TA_LIVE_SERVICE 48u

enum ta_live_kind {
	TA_LIVE_REQUEST, /* served: HTTP, commands */
	TA_LIVE_CALL,	 /* asked of others: HTTP, commands, exchanges */
	TA_LIVE_OWN,	 /* spans of the program */
	TA_LIVE_OTHER,	 /* connections, lookups, threads, signals, processes */
	TA_LIVE_KINDS
};

struct ta_live_row {
	uint64_t count, errors, sum_ns;
	uint32_t buckets[TA_LIVE_BUCKETS];
	uint8_t kind; /* enum ta_live_kind */
	char service[TA_LIVE_SERVICE];
	char name[TA_LIVE_NAME];
};

struct ta_live_open {
	uint64_t start_ns; /* Unix */
	uint64_t trace_hi, trace_lo, span_id;
	uint32_t pid;
	uint8_t kind;
	char service[TA_LIVE_SERVICE];
	char name[TA_LIVE_NAME];
};

struct ta_live_head {
	uint64_t magic;
	uint32_t row_bytes, open_bytes; /* of one: others are another version's */
	uint32_t key;
	uint32_t row_count, open_count;
	uint32_t open_all;  /* under way, of those kinds that open[] has */
	uint64_t since_ns;  /* Unix: when the counting began */
	uint64_t time_ns;   /* Unix: of this file */
};

/* The file in memory.  Rows keep their places for as long as since_ns stays. */
struct ta_live_page {
	struct ta_live_head head;
	struct ta_live_row rows[TA_LIVE_ROWS];
	struct ta_live_open open[TA_LIVE_OPEN];
};

/* live_file.c: writes the file; -errno. */
int ta_live_write(int dir_fd, const struct ta_live_page *page);
void ta_live_remove(int dir_fd, uint32_t key);
/* Reads it into page; texts are terminated, numbers bounded, whatever the file says.  0, or
 * -ENOENT, or -EPROTO for what is no such file. */
int ta_live_read(int dir_fd, uint32_t key, struct ta_live_page *page);

uint32_t ta_live_bucket(uint64_t ns);
/* The duration below which a share of what was counted is, from 0 to 1; 0 when there is
 * nothing.  Within a bucket it is taken for even. */
uint64_t ta_live_quantile(const double counts[TA_LIVE_BUCKETS], double share);

struct ta_worker;

/* live.c.  tick: at every slow look of the worker. */
void ta_live_tick(struct ta_worker *worker);
void ta_live_fini(struct ta_worker *worker);

#endif
