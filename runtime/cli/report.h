/* SPDX-License-Identifier: MIT */
/*
 * report.h - what the files of `tagalong report` share.
 *
 * report.c reads the command line, report_file.c replaces the page in one step,
 * report_page.c has the page that is in the command (page/), report_write.c puts data into it;
 * report_spans.c, report_captured.c and report_values.c make columns of what was read,
 * report_table.c has texts once.
 *
 * Files are read by the functions of `tagalong export` (export.h).  Spans are rows: trace by
 * trace, the oldest first, in a trace parents before their children and these by start.
 * What the page needs at once is in one block of JSON, what it needs when somebody looks
 * closer in another; docs/report.md describes both.
 *
 * Runs: the command line, one thread.  Out of memory ends the command.
 */
#ifndef TA_CLI_REPORT_H
#define TA_CLI_REPORT_H

#include "runtime/cli/export.h"

/* JSON values, each once; those who have one name its number. */
struct report_table {
	struct ta_map map;
	struct report_entry *entries;
	struct ta_buf text; /* the elements of a JSON array */
	uint32_t count;
};

/* One number of every span, or of everything that was captured. */
enum report_column {
	REPORT_DEPTH,	 /* in its trace; from 0 */
	REPORT_NAME,	 /* text */
	REPORT_PROCESS,
	REPORT_KIND,	 /* as in OTLP */
	REPORT_STATUS,	 /* as in OTLP */
	REPORT_HTTP,	 /* its status code; 0: none */
	REPORT_START,	 /* nanoseconds after its trace's */
	REPORT_DURATION, /* nanoseconds */
	REPORT_TAGS,	 /* number of a set */
	REPORT_HINT,	 /* text + 1; 0: none */
	REPORT_ERROR,	 /* text + 1 of error.type; 0: none */
	REPORT_SPAN_COLUMNS,
};

enum report_captured_column {
	REPORT_C_NEAR,	   /* row + 1 of a span of its trace; 0: none here */
	REPORT_C_SPAN,	   /* row + 1 of its span; 0: not here */
	REPORT_C_TIME,	   /* nanoseconds after the base */
	REPORT_C_SEVERITY, /* as in OTLP; 0: none */
	REPORT_C_PROCESS,
	REPORT_C_WORD,	   /* text: its level as it was written */
	REPORT_C_TEXT,	   /* text */
	REPORT_C_TYPE,	   /* text + 1 of exception.type; 0: none */
	REPORT_C_STACK,	   /* 1: there is a block stack-NUMBER */
	REPORT_CAPTURED_COLUMNS,
};

struct report {
	struct export_store *store;
	const struct show_filter *filter;
	unsigned long limit;	    /* the newest traces; 0: all */
	struct show_trace **traces; /* part of the store's */
	uint32_t trace_count, span_count, captured_count;
	uint64_t base_ns; /* what times are counted from */
	struct report_table texts, tags, values, shapes;
	struct ta_buf trace_ids, trace_starts, trace_counts;
	struct ta_buf spans[REPORT_SPAN_COLUMNS], captured[REPORT_CAPTURED_COLUMNS];
	struct ta_buf span_ids, lost, rows, events, links; /* of spans */
	struct ta_buf captured_rows, stacks;
	struct ta_buf services, pids, resources; /* of processes */
	struct ta_buf text, cell, list;	 /* for a moment */
};

/* report_table.c */
void ta_report_table_init(struct report_table *table);
void ta_report_table_fini(struct report_table *table);
uint32_t ta_report_number(struct report_table *table, const char *json, size_t bytes);
uint32_t ta_report_text(struct report_table *table, const char *text);
/* An element of a list of numbers. */
void ta_report_put(struct ta_buf *list, uint64_t number);

/* report_values.c: attributes, but those that skip (or nobody) wants left out, as the number
 * of their names' list and the numbers of their values, at the end of list. */
void ta_report_attributes(struct report *report, struct ta_buf *list,
			  struct ta_json_slice attributes, bool (*skip)(struct ta_json_slice key));
/* What is said beside attributes, as one more of them, for the next list that is written. */
void ta_report_aside(struct report *report, const char *key, struct ta_json_slice value);

/* Calls take for each attribute that has a name. */
void ta_report_each(struct ta_json_slice attributes, void *user,
		    void (*take)(void *user, struct ta_json_slice key, struct ta_json_slice any));

/* report_spans.c, report_captured.c: fill the columns. */
void ta_report_spans(struct report *report);
void ta_report_captured(struct report *report);

/* report_page.c: the files of page/, without a zero at the end. */
struct ta_json_slice ta_report_page(const char *part); /* "html", "style", "script" */

/* report_write.c: 0 or -errno. */
int ta_report_write(struct report *report, FILE *out);

/* report_file.c: a file beside path, which takes its place when it is complete. */
struct report_file {
	FILE *out;
	const char *path;
	char *temporary; /* NULL: written to directly */
};
int ta_report_file_open(struct report_file *file, const char *path); /* 0 or -errno */
int ta_report_file_close(struct report_file *file, int error);	     /* the same; error: give up */

#endif
