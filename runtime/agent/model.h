/* SPDX-License-Identifier: MIT */
/*
 * model.h - spans, traces and processes as the agent holds them and as the
 * exporters read them.
 *
 * A span keeps the raw records it was made of (start, attributes, end) and reads
 * them when it is encoded: what is never exported is never parsed, and the
 * journal can be rewritten from the same bytes.
 *
 * Runs: agent, one thread.  Ownership: traces own their spans, spans own their
 * records, processes are shared and counted.
 */
#ifndef TA_AGENT_MODEL_H
#define TA_AGENT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/wire/record.h"

/* One process image or forked child: what resource attributes are made of. */
struct ta_process {
	uint64_t proc_id;
	uint64_t parent_proc_id;
	uint32_t pid; /* as seen by the agent; 0 unknown */
	uint32_t parent_pid;
	uint64_t start_ns; /* first sign of life, CLOCK_MONOTONIC */
	uint64_t end_ns;   /* 0: alive */
	int64_t wall_offset_ns; /* wall = monotonic + this, of an earlier boot; 0: the batch's */
	uint32_t refs;
	char exe[512];
	char instance_id[37]; /* service.instance.id: a UUID made of proc_id */
};

/* One entry of a scope.  Text is as the host sent it: UTF-8 is made of it when it
 * is encoded. */
struct ta_entry {
	const char *key;
	const char *value; /* as type says: bytes in host byte order, text, or JSON text */
	uint32_t key_bytes;
	uint32_t value_bytes;
	uint8_t type; /* enum ta_attr_type */
};

/* One breadcrumb: a row of attributes (TA_ATTR_CRUMB_*). */
struct ta_crumb {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t order;	  /* of arrival; tells crumbs of one time apart */
	const char *attrs;
	uint32_t attr_bytes;
};

/* The data of several scopes, merged.  One allocation; strings belong to the
 * scope versions, which have to be held meanwhile. */
struct ta_scope_data {
	const struct ta_entry *tags;	    /* STRING */
	const struct ta_entry *extras;	    /* JSON */
	const struct ta_entry *contexts;    /* JSON objects */
	const struct ta_entry *user;	    /* JSON values, by key */
	const struct ta_entry *attributes;  /* any type; for logs */
	const struct ta_entry *fingerprint; /* JSON strings, without keys */
	const struct ta_crumb *crumbs;	    /* in order of insertion */
	uint32_t tag_count, extra_count, context_count, user_count, attribute_count;
	uint32_t fingerprint_count, crumb_count;
	const char *transaction; /* or NULL */
	uint32_t transaction_bytes;
	uint8_t level; /* enum ta_level */
};

enum ta_span_end {
	TA_SPAN_OPEN,	  /* exported while still open: a part of a long trace, never the span itself */
	TA_SPAN_ENDED,	  /* by its own end record */
	TA_SPAN_HOST_DIED, /* closed by the agent at the time of the host's death */
	TA_SPAN_GIVEN_UP,  /* closed by the agent, which needed the memory; it may go on */
	TA_SPAN_LET_GO,	   /* loose, and the rest of its trace was complete: closed with that */
};

struct ta_record_list {
	struct ta_record **items; /* copies */
	uint32_t count;
	uint32_t capacity;
};

struct ta_span {
	uint64_t trace_hi, trace_lo, span_id, parent_id;
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	uint64_t isolation, current; /* scope versions: the end's when it ended, else the start's */
	uint64_t link_trace_hi, link_trace_lo, link_span_id;
	uint64_t hint_trace_hi, hint_trace_lo, hint_span_id; /* of an orphan: a guess; or 0 */
	uint8_t type;	/* enum ta_span_type */
	uint8_t flags;	/* enum ta_span_flags */
	uint8_t status; /* enum ta_status */
	uint8_t reason; /* enum ta_end_reason */
	uint8_t end;	/* enum ta_span_end */
	uint32_t tid;
	struct ta_process *process;
	struct ta_record_list records; /* in order: start, attrs..., end */
	const struct ta_scope_data *scope; /* global, isolation, current; set before export; or NULL */
	const struct ta_scope_data *tags;  /* the span's own and inherited tags; the same */
	const char *session_id, *session_name; /* of its trace, or NULL; set before export */
	uint32_t session_id_bytes, session_name_bytes;
	uint32_t trace_index; /* which trace of the batch */
	bool orphan;	      /* of a unit that nobody adopted: it has no parent that is known */
	bool unsampled;	      /* its trace: for metrics only */
	bool partial;	      /* its trace goes on: more spans of it may follow */
};

/* Something that was captured (runtime/wire/record.h, struct ta_record_event). */
struct ta_event {
	struct ta_record_event *record; /* a copy, with its attributes */
	uint32_t tid;
	struct ta_process *process;
	const struct ta_scope_data *scope; /* set before export; or NULL */
	const char *stack; /* JSON as runtime/stacks/protocol.h has it; set before export; or NULL */
	uint32_t stack_bytes;
	struct ta_record_stack *stack_record; /* what it will be made of; a copy, or NULL */
};

/* Which destinations a batch is for: no destination waits for one that fails. */
enum ta_batch_part {
	TA_BATCH_WHOLE,
	TA_BATCH_FILE,	  /* the others have it already */
	TA_BATCH_NETWORK, /* the file cannot be written now, and gets it later */
};

/* What goes out in one write.  Either spans of whole traces, in order of completion,
 * within a trace every parent before its children, siblings by start; or events, in
 * order of capture. */
struct ta_batch {
	struct ta_span **spans;
	uint32_t count;
	struct ta_event **events;
	uint32_t event_count;
	/* wall = monotonic + this; may be set anew for each batch (clock steps) */
	int64_t wall_offset_ns;
	uint8_t part; /* enum ta_batch_part */
};

#endif
