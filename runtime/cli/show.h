/* SPDX-License-Identifier: MIT */
/*
 * show.h - what the files of `tagalong show` share.
 *
 * show.c reads the command line, show_read.c the files, show_store.c keeps spans and
 * events by trace, show_notes.c picks the attributes worth a reader's time,
 * show_filter.c chooses traces, show_tree.c, show_events.c, show_detail.c, show_stack.c and
 * show_text.c print.
 *
 * Everything in a file may come from an attacker (request targets, host names):
 * show_text.c is the only way to the terminal and lets no control character by.
 *
 * Runs: the command line, one thread.  Out of memory ends the command.
 */
#ifndef TA_CLI_SHOW_H
#define TA_CLI_SHOW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cJSON;

struct show_process {
	char *service;
	uint64_t pid;
	struct show_process *next; /* all of them, for freeing */
};

/* Something captured, or (when asked for) an event of a span. */
struct show_event {
	uint64_t span_id; /* 0: none */
	uint64_t time_ns;
	uint64_t pass;	 /* in which it came */
	char *word;	 /* its level; of a span's event its name */
	char *text;
	char *id;	 /* tells it from others of its time; "" */
	const struct show_process *process;
	uint8_t severity; /* as in OTLP; 0: not known */
	struct cJSON *attributes; /* of what is shown in detail; or NULL */
	bool of_span;
	bool linked; /* stands below its span */
	struct show_event *next; /* of its span */
};

struct show_span {
	uint64_t id, parent_id;
	uint64_t start_ns, end_ns; /* wall clock */
	char *name;
	char *notes;
	const struct show_process *process;
	uint8_t kind, status; /* as in OTLP */
	uint8_t mark;	      /* show_tree.c */
	uint16_t http_status; /* 0: none */
	struct show_span *parent, *first_child, *last_child, *next;
	struct show_event *first_event, *last_event;
};

struct show_trace {
	uint64_t hi, lo;
	uint64_t start_ns, end_ns;
	struct show_span **spans;
	uint32_t count, capacity;
	uint64_t touched; /* number of the pass that last added a span */
	struct show_event **events;
	uint32_t event_count, event_capacity;
};

/* Traces that have spans or events; the one of id 0 has the events without a trace. */
struct show_store {
	struct show_trace **traces;
	uint32_t count, capacity;
	uint32_t with_spans; /* of them */
	bool verbose;	     /* keep the events of spans, and details of all events */
	uint32_t *slots; /* hash: index + 1 */
	uint32_t slot_count;
	struct show_process *processes;
	uint64_t pass;
};

struct show_filter {
	const char *name;
	const char *trace; /* lower case */
	uint64_t min_duration_ns;
	int kind; /* 0: any */
	bool errors;
};

struct show_screen {
	FILE *out;
	unsigned int width;
	bool color, utf8;
	bool cut; /* a terminal: lines end at its edge */
	bool all_threads; /* not only the one that crashed */
};

/* What `tagalong show`, `export` and `report` ask in the same way (show_find.c).  Each says
 * what is wrong, for the verb, and returns 0 or the exit status. */
int ta_show_bad_value(const char *verb, const char *option, const char *value,
		      const char *wanted);
int ta_show_read_duration(const char *verb, const char *option, const char *text,
			  uint64_t *ret_ns);
int ta_show_read_trace(const char *verb, const char *text, char ret_id[33]); /* or its beginning */
int ta_show_read_limit(const char *verb, const char *text, unsigned long *ret_limit);
/* The file to read: *path when it is not NULL, else looked for, and in out or static. */
int ta_show_find_file(const char *verb, const char **path, char out[PATH_MAX]);

/* Memory or death. */
void *ta_show_alloc(void *old, size_t bytes);
char *ta_show_copy(const char *text);

void ta_show_span_free(struct show_span *span);

/* The span is the store's afterwards, with its strings. */
void ta_show_store_add(struct show_store *store, uint64_t hi, uint64_t lo, struct show_span *span);
/* The same for an event; hi and lo may be 0. */
void ta_show_store_event(struct show_store *store, uint64_t hi, uint64_t lo,
			 struct show_event *event);
void ta_show_event_free(struct show_event *event);
const struct show_process *ta_show_store_process(struct show_store *store, const char *service,
						 uint64_t pid);
void ta_show_store_clear(struct show_store *store);

/* One line of a file: spans or events.  False when it is not OTLP JSON (or only in part). */
bool ta_show_read_line(struct show_store *store, const char *line, size_t bytes);

/* The value of an attribute as text ("" when it has none); number is set for
 * integers.  Static memory. */
const char *ta_show_value(const struct cJSON *key_value, int64_t *ret_number);
/* Fills notes and http_status from an array of KeyValue and the status' message. */
void ta_show_notes(struct show_span *span, const struct cJSON *attributes, const char *message);

bool ta_show_filter_trace(const struct show_filter *filter, const struct show_trace *trace);
/* Whether an event of a trace that is not shown fits by itself. */
bool ta_show_filter_event(const struct show_filter *filter, const struct show_trace *trace,
			  const struct show_event *event);

/* What every line of something begins with: returns the columns used.  put NULL: nothing. */
struct show_margin {
	unsigned int (*put)(const struct show_screen *screen, const void *user);
	const void *user;
};

/* A terminal or not, its width, its characters; color: "always", "never" or "auto". */
struct show_screen ta_show_screen(FILE *out, const char *color);

/* A line of its own in one style (or NULL), behind the margin and indent columns. */
void ta_show_line(const struct show_screen *screen, const struct show_margin *margin,
		  unsigned int indent, const char *style, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* What there is to say about an event below its line: the signal, stacks, breadcrumbs,
 * scopes.  Nothing for events without details. */
void ta_show_detail(const struct show_screen *screen, const struct show_event *event,
		    const struct show_margin *margin);
/* The stacks: what "tagalong.stack" holds (JSON), else a text, line by line. */
void ta_show_stack(const struct show_screen *screen, const struct show_margin *margin,
		   const char *json, const char *text);
/* The attribute of an array of KeyValue, or NULL; its value as text, or "". */
const struct cJSON *ta_show_attribute(const struct cJSON *attributes, const char *key);
const char *ta_show_attribute_text(const struct cJSON *attributes, const char *key);

/* Everything that is not printable becomes '?'.  Returns the columns used; at most
 * max are, and a text that does not fit ends in an ellipsis. */
unsigned int ta_show_text(const struct show_screen *screen, const char *text, unsigned int max);
/* The columns that ta_show_text() would use. */
unsigned int ta_show_width(const struct show_screen *screen, const char *text);
void ta_show_pad(const struct show_screen *screen, unsigned int columns);
/* An ANSI style ("1", "31;1"), or the plain one for NULL; nothing without colour. */
void ta_show_style(const struct show_screen *screen, const char *style);
/* "12.3 ms" */
void ta_show_duration(const struct show_screen *screen, uint64_t ns, char *out, size_t out_bytes);

/* "service[pid]" */
void ta_show_process(const struct show_process *process, char *out, size_t out_bytes);
/* "2001-09-09 01:46:40.000" in local time. */
void ta_show_time(uint64_t ns, char *out, size_t out_bytes);

/* Sorts the events of a trace by time; one that is there twice is dropped. */
void ta_show_sort_events(struct show_trace *trace);
/* Mark, word and text, in at most max columns. */
void ta_show_event(const struct show_screen *screen, const struct show_event *event,
		   unsigned int max);
/* Events whose traces have no spans here, or in a pass of following whose traces got none
 * now; at most limit (0: all), the newest.  Returns how many there are. */
uint32_t ta_show_loose_events(const struct show_screen *screen, struct show_store *store,
			      const struct show_filter *filter, unsigned long limit,
			      bool only_now);

/* Prints one trace.  A span that is there twice (a batch that came again after an
 * agent's restart) is dropped from the trace first. */
void ta_show_trace(const struct show_screen *screen, struct show_trace *trace);

#endif
