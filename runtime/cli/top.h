/* SPDX-License-Identifier: MIT */
/*
 * top.h - what the files of `tagalong top` share.
 *
 * top.c reads the command line and goes round; top_model.c asks the agents and makes rates
 * of what they say; top_sheet.c prints it for a reader, top_json.c for a program;
 * top_terminal.c has the terminal in its charge.
 *
 * What an agent's file says is believed as far as ta_live_read() goes; every text goes to
 * the terminal through ta_show_text().
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_TOP_H
#define TA_CLI_TOP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/agent/live.h"
#include "runtime/cli/settings.h"
#include "runtime/cli/show.h"
#include "runtime/cli/status.h"

#define TA_TOP_ROWS 2048u /* names of all agents; further ones only count in the sums */
#define TA_TOP_OPEN 64u

/* Of one name, or of all of a kind. */
struct top_flow {
	uint64_t total, errors;		 /* since we look */
	double rate, error_rate;	 /* per second, now */
	double recent[TA_LIVE_BUCKETS]; /* durations; half of it is of the last RECENT_S */
	uint64_t p50_ns, p99_ns;
};

struct top_row {
	enum ta_live_kind kind;
	char service[TA_LIVE_SERVICE];
	char name[TA_LIVE_NAME];
	struct top_flow flow;
};

struct top_lost {
	uint64_t records;	       /* by programs */
	uint64_t causes[TA_LOSS_COUNT]; /* of them, by programs that still run */
	uint64_t spans, events;	       /* by agents, for want of memory */
	uint64_t undelivered;	       /* spans that a receiver will not get */
};

/* What was last read of an agent. */
struct top_agent {
	struct top_agent *next;
	char run_dir[PATH_MAX];
	uint32_t key;
	bool seen; /* in this look */
	uint64_t gap_ns; /* between the last two files; 0: there were no two */
	struct ta_live_page page;
	uint32_t places[TA_LIVE_ROWS]; /* in rows, + 1 */
	double rates[TA_LIVE_ROWS], error_rates[TA_LIVE_ROWS];
};

struct top_model {
	uint64_t began_ns, now_ns; /* Unix */
	uint64_t decayed_ns;
	uint32_t agents, shown; /* that run; that say more than their status */
	uint32_t programs, other_version;
	struct top_agent *first;
	struct top_row *rows;
	uint32_t row_count;
	struct top_flow kinds[TA_LIVE_KINDS];
	struct ta_live_open open[TA_TOP_OPEN]; /* the oldest first */
	uint32_t open_count;
	uint64_t open_all, waiting_spans;
	struct top_lost lost;
	bool refused; /* the directory that was named cannot be looked at */
};

enum top_sort { TOP_RATE, TOP_ERRORS, TOP_P50, TOP_P99, TOP_TOTAL, TOP_NAME, TOP_SORTS };

/* What is to be seen of it. */
struct top_view {
	enum top_sort sort;
	int kind; /* enum ta_live_kind; TA_LIVE_KINDS: all */
	bool paused;
	double interval_s;
};

/* top_model.c: 0 or -ENOMEM. */
int ta_top_init(struct top_model *model);
void ta_top_fini(struct top_model *model);
void ta_top_zero(struct top_model *model); /* totals and durations begin anew */
/* Asks the agents to go on telling, and takes what they have told. */
void ta_top_look(struct top_model *model, const struct ta_cli_settings *settings,
		 const char *run_dir);
/* One agent's page, as read at model->now_ns: what a look does with each. */
void ta_top_take(struct top_model *model, const char *run_dir, const struct ta_live_page *page);
/* The rates and quantiles of everything that was taken. */
void ta_top_sum(struct top_model *model);

/* The rows of a view in its order; the caller frees it.  NULL: no memory. */
const struct top_row **ta_top_sorted(const struct top_model *model, const struct top_view *view,
				     uint32_t *ret_count);
const char *ta_top_kind_word(int kind); /* "requests" ... "all" */
const char *ta_top_sort_word(enum top_sort sort);

/* top_sheet.c: height 0 is no limit, and no line for help.  line_end is behind every line but
 * the last one of a limited sheet. */
void ta_top_sheet(const struct show_screen *screen, const struct top_model *model,
		  const struct top_view *view, unsigned int height, const char *line_end);

/* top_json.c: one line. */
void ta_top_json(FILE *out, const struct top_model *model, const struct top_view *view);

/* top_terminal.c */
enum top_event {
	TOP_TIME = -1,	 /* it is over */
	TOP_RESIZED = -2,
	TOP_ENDED = -3,	 /* a signal, or the terminal has gone */
};
/* Signals end it from here on; full: the other screen, keys one by one. */
void ta_top_terminal_enter(bool full);
void ta_top_terminal_leave(void);
/* A key, or an event; -1 ms never happens. */
int ta_top_terminal_wait(uint64_t ms);
/* Dies of the signal that ended it, if one did. */
void ta_top_terminal_follow(void);
void ta_top_terminal_size(unsigned int *ret_width, unsigned int *ret_height);

#endif
