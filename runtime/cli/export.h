/* SPDX-License-Identifier: MIT */
/*
 * export.h - what the files of `tagalong export` share.
 *
 * export.c reads the command line, export_read.c the files, export_store.c keeps what is
 * found, export_select.c chooses traces and ties spans to their parents; export_perfetto.c
 * (with export_track.c), export_otlp.c and export_csv.c write; export_json.c is about texts.
 *
 * Of a span or event only a few numbers stay in memory, and where its text stands in the
 * file: it is read again when it is written.  So memory goes by the number of spans, not by
 * the size of the files.
 *
 * The store and the filter are those of `tagalong show`: an export_span is a show_span with
 * more behind it.
 *
 * Runs: the command line, one thread.  Out of memory ends the command.
 */
#ifndef TA_CLI_EXPORT_H
#define TA_CLI_EXPORT_H

#include "runtime/agent/map.h"
#include "runtime/cli/show.h"
#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"

#define TA_EXPORT_PATH 4096

struct export_process {
	struct ta_map_node node;
	struct export_process *next; /* all of them, in the order in which they came */
	uint32_t number;
	uint64_t pid;	    /* what the resource says; 0: nothing */
	uint64_t shown_pid; /* of this one alone (export_perfetto.c) */
	bool used;	    /* there is something of it */
	char *name;	    /* "service[pid]" */
	char *service;
	char *resource; /* the members of its resourceSpans but scopeSpans, as text */
};

/* Where spans belong: a process and an instrumentation scope. */
struct export_context {
	struct ta_map_node node;
	struct export_context *next;
	struct export_process *process;
	char *scope; /* the members of its scopeSpans but spans, as text */
};

/* The text of a span or an event in its file. */
struct export_place {
	const struct export_context *context;
	uint64_t offset;
	uint32_t bytes;
	uint32_t source;
};

struct export_lane;

struct export_span {
	struct show_span show; /* first: the store knows only that */
	struct export_place place;
	const struct show_trace *trace;
	uint64_t tid;		 /* 0: not known */
	const char *thread_name; /* or NULL */
	uint32_t depth;		 /* under the root of what is there; from 1 */
	uint32_t row;		 /* in a report, from 1; 0: none */
	uint32_t async;		 /* 0: on its thread's track, else the number of its own */
	uint32_t flow_out, flow_in; /* index + 1 of the first */
	bool nested;		    /* drawn inside its parent */
	bool found_depth, climbing; /* export_select.c */
	struct export_lane *lane;   /* while a track is swept (export_track.c) */
	struct export_span *under;  /* there */
};

struct export_event {
	struct show_event show; /* first */
	struct export_place place;
	uint64_t tid;
};

struct export_link {
	struct export_span *from;
	uint64_t hi, lo, id;
};

struct export_source {
	char path[TA_EXPORT_PATH];
	int fd;
	uint64_t broken, first_broken; /* lines */
};

struct export_flow {
	struct export_span *from, *to;
	uint32_t next_out, next_in; /* index + 1 */
};

/* A text that many have: names of threads. */
struct export_name {
	struct ta_map_node node;
	struct export_name *next;
	char text[];
};

struct export_store {
	struct show_store show;
	struct ta_map contexts_map, processes_map, names_map;
	struct export_context *contexts;
	struct export_process *processes, *last_process;
	uint32_t process_count;
	struct export_name *names;
	struct export_source *sources;
	uint32_t source_count;
	struct export_link *links;
	uint32_t link_count, link_capacity;
	uint64_t unreadable; /* texts that were there no more when they were to be written */
	uint64_t lines;
	void (*progress)(uint64_t lines); /* or NULL */

	/* Chosen: */
	struct show_trace **traces, **by_id; /* by start; by id */
	uint32_t trace_count;
	struct show_span *dead; /* those that were there twice: links may point to them */
	uint64_t since_ns; /* Unix; 0: all */
};

/* export.c: whether path is one of the files that are read; what could not be, in words, and
 * the exit status for it. */
bool ta_export_is_read(const struct export_store *store, const char *path);
int ta_export_tell_broken(const struct export_store *store);

/* One file format; 0 or -errno. */
int ta_export_perfetto(struct export_store *store, const struct show_filter *filter, FILE *out);
int ta_export_otlp(struct export_store *store, const struct show_filter *filter, FILE *out);
int ta_export_csv(struct export_store *store, const struct show_filter *filter, FILE *out);

/* export_store.c */
int ta_export_store_init(struct export_store *store);
void ta_export_store_fini(struct export_store *store);
/* The context of those texts; resource is the object that the resource's text has. */
const struct export_context *ta_export_context(struct export_store *store,
					       struct ta_json_slice resource_text,
					       struct ta_json_slice scope_text,
					       struct ta_json_slice resource);
const char *ta_export_name(struct export_store *store, struct ta_json_slice text);
void ta_export_link(struct export_store *store, struct export_span *from, uint64_t hi, uint64_t lo,
		    uint64_t id);

/* export_read.c: a file (- is standard input), and what is beside it.  0 or -errno. */
int ta_export_read(struct export_store *store, const char *path, bool all);
/* One line; false when it is not OTLP JSON, or not all of it. */
bool ta_export_read_line(struct export_store *store, uint32_t source, uint64_t offset,
			 const char *line, size_t bytes);
/* The text of a span or event into buf (cleared); "{}" when it can no longer be read. */
struct ta_json_slice ta_export_text(struct export_store *store, const struct export_place *place,
				    struct ta_buf *buf);

/* export_select.c: duplicates out, parents found, traces chosen and in order. */
void ta_export_select(struct export_store *store, const struct show_filter *filter);
struct export_span *ta_export_find(const struct show_trace *trace, uint64_t id);
/* The trace of those that were chosen, or NULL. */
const struct show_trace *ta_export_find_trace(const struct export_store *store, uint64_t hi,
					      uint64_t lo);
/* Calls take for what was captured and belongs to what was chosen, or fits by itself. */
void ta_export_events(struct export_store *store, const struct show_filter *filter,
		      void (*take)(void *user, const struct show_trace *trace,
				   struct export_event *event), void *user);

/* The spans of all chosen traces; count of them in *ret_count.  To be freed. */
struct export_span **ta_export_spans(const struct export_store *store, uint32_t *ret_count);

/* export_track.c: sweeps one track's spans, in their order (start, the longer one first,
 * parents first), and says what is drawn: begin for each span when its place is known, end
 * for those on tracks of their own.  Numbers them from *async on.  Functions may be NULL. */
struct export_sweep {
	void (*begin)(void *user, struct export_span *span);
	void (*end)(void *user, struct export_span *span);
	void *user;
	uint32_t async; /* the last number that was given */
};
int ta_export_track_order(const void *a, const void *b); /* of struct export_span *const */
bool ta_export_same_track(const struct export_span *a, const struct export_span *b);
void ta_export_sweep(struct export_sweep *sweep, struct export_span **spans, uint32_t count);

/* export_json.c */
struct ta_json_slice ta_export_member(struct ta_json_slice object, const char *name);
uint64_t ta_export_u64(struct ta_json_slice value); /* a number, or a string of digits */
bool ta_export_hex(struct ta_json_slice value, unsigned int digits, uint64_t *ret_hi,
		   uint64_t *ret_lo);
/* The AnyValue of an attribute; empty when it is not there. */
struct ta_json_slice ta_export_attribute(struct ta_json_slice attributes, const char *name);
struct ta_json_slice ta_export_any(struct ta_json_slice any); /* what is inside an AnyValue */
char *ta_export_copy(struct ta_json_slice value);	      /* a string's text, unescaped */
/* As JSON: the value of an attribute; a string that stands in a text. */
void ta_export_put_any(struct ta_buf *buf, struct ta_json_slice any);
void ta_export_put_string(struct ta_buf *buf, struct ta_json_slice value);
/* All attributes as members, each with a comma in front. */
void ta_export_put_attributes(struct ta_buf *buf, struct ta_json_slice attributes);
/* Numbers as OTLP has them, in words. */
const char *ta_export_kind(unsigned int kind);
const char *ta_export_status(unsigned int status);

#endif
