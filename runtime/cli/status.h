/* SPDX-License-Identifier: MIT */
/*
 * status.h - what the files of `tagalong status` share.
 *
 * status.c reads the command line, status_find.c finds run directories and agents,
 * status_program.c looks at segments, status_spool.c at what waits on disk; status_json.c
 * and status_text.c print (with status_queue.c).
 *
 * Nothing is asked of an agent or a program, and nothing of theirs is changed: files are
 * read, and never mapped, because one that shrinks under a mapping would kill us.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_STATUS_H
#define TA_CLI_STATUS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/agent/status.h"
#include "runtime/cli/settings.h"
#include "runtime/cli/show.h"
#include "runtime/wire/segment.h"

#define TA_CLI_STATUS_DIRS 64u
#define TA_CLI_STATUS_NONE 3 /* exit status: no agent is running, as systemctl has it */

struct status_program {
	struct status_program *next;
	char exe[512];
	uint32_t pid;
	bool alive;	    /* a process of that number, that is older than the segment */
	uint32_t processes; /* as its agent last counted them */
	uint32_t lanes, lanes_ready, lanes_used;
	uint64_t started_ns; /* Unix */
	uint64_t lost[TA_LOSS_COUNT];
};

struct status_agent {
	struct status_agent *next;
	const char *run_dir;
	uint32_t key;
	bool alive;
	bool other_version; /* there is a page, and it is not of this version */
	bool journal;	    /* there is one */
	uint32_t pid;	    /* 0: not known */
	const struct ta_status_page *page; /* or NULL */
	struct status_program *programs;
	uint32_t program_count;
	uint32_t unreadable; /* segments of another version, or damaged */
};

/* A directory of what waits for one receiver. */
struct status_spool {
	struct status_spool *next;
	char path[PATH_MAX];
	char queue[32]; /* "otlp-traces"; "" when not known */
	uint64_t identity;
	uint32_t key;
	bool owned; /* by an agent that runs */
	uint32_t files, bad;
	uint64_t bytes, oldest_ns; /* Unix */
};

/* Who holds which locks, as the kernel says. */
struct status_lock {
	uint64_t inode;
	uint32_t device_major, device_minor;
	uint32_t pid;
};

struct status_locks {
	struct status_lock *items;
	uint32_t count;
	bool known; /* false: the kernel does not say */
};

struct status_view {
	char dirs[TA_CLI_STATUS_DIRS][PATH_MAX];
	uint32_t dir_count;
	uint32_t refused; /* directories that could not be looked at */
	struct status_agent *agents, **last_agent;
	struct status_spool *spools, **last_spool;
	struct status_locks locks;
	uint64_t now_ns; /* Unix */
};

/* status_find.c: run_dir, absolute, or NULL for those that this user's agents use. */
void ta_cli_status_look(struct status_view *view, const struct ta_cli_settings *settings,
			const char *run_dir);
void ta_cli_status_free(struct status_view *view);
/* Whether somebody holds the lock on that file; false when there is none. */
bool ta_cli_status_locked(const struct status_locks *locks, int dir_fd, const char *name,
			  uint32_t *ret_pid);
int ta_cli_status_alive(const struct status_view *view); /* how many agents run */

/* status_program.c: a segment file into the agent. */
void ta_cli_status_segment(struct status_agent *agent, int dir_fd, const char *name);
uint64_t ta_cli_status_lost(const struct status_program *program); /* by all causes */

/* status_spool.c: the spools in the directory dir. */
void ta_cli_status_spools(struct status_view *view, const char *dir);

/* How fast it goes.  from is an earlier view or NULL, then it is since the agent's start. */
struct status_rates {
	double over_s; /* 0: not known */
	double records, spans, events, record_bytes, cpu; /* per second; cpu of one processor */
};
struct status_rates ta_cli_status_rates(const struct status_view *view,
					const struct status_agent *agent,
					const struct status_view *from);

void ta_cli_status_json(FILE *out, const struct status_view *view, const struct status_view *from);
void ta_cli_status_text(const struct show_screen *screen, const struct status_view *view,
			const struct status_view *from);

/* status_queue.c: one destination; nothing when it is not wanted and never was. */
void ta_cli_status_queue(const struct show_screen *screen, const struct status_view *view,
			 const struct ta_status_queue *queue, const char *name);

/* "  label        ", and numbers in words: "12.3 MiB", "3 min". */
void ta_cli_status_label(const struct show_screen *screen, const char *label);
void ta_cli_status_error(const struct show_screen *screen, const struct status_view *view,
			 const struct ta_status_text *error);
void ta_cli_status_bytes(uint64_t bytes, char out[32]);
void ta_cli_status_age(uint64_t then_ns, uint64_t now_ns, char out[32]);

#endif
