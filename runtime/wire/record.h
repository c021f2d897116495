/* SPDX-License-Identifier: MIT */
/*
 * record.h - what travels in a lane: fixed head, fixed fields, then attributes.
 *
 * Every record starts with struct ta_record and is a multiple of 8 bytes long.
 * Fixed-width fields, host byte order (both sides are on one machine).  Times
 * are CLOCK_MONOTONIC nanoseconds.  Ids are random and never 0; 0 means "none".
 *
 * Attributes are a row of struct ta_attr, each followed by its value and padded
 * to 4 bytes.  key is a number of attr.def, or TA_ATTR_NAMED: the value then
 * begins with the name's length (one byte) and the name.  A key of 0 ends the
 * row early (padding).
 *
 * Scopes: a scope version is a number; SCOPE_SET makes a new version out of an
 * older one by one change (enum ta_scope_change).  Version 0 is the empty scope.
 * The host holds only numbers; the agent holds the data.  A fork copies a number.
 * The tags of a span are a version too: a child starts with its parent's.
 */
#ifndef TA_WIRE_RECORD_H
#define TA_WIRE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum ta_record_kind {
#define RECORD(number, NAME, type) TA_RECORD_##NAME = number,
#include "runtime/wire/record.def"
#undef RECORD
};

enum ta_attr_key {
#define ATTR(number, NAME, text) TA_ATTR_##NAME = number,
#include "runtime/wire/attr.def"
#undef ATTR
	TA_ATTR_NAMED = 255
};

enum ta_attr_type {
	TA_ATTR_INT = 1,
	TA_ATTR_BOOL,
	TA_ATTR_DOUBLE,
	TA_ATTR_STRING,
	TA_ATTR_BYTES,
	TA_ATTR_JSON, /* text of one JSON value (RFC 8259), checked by the host */
};

/* What a span stands for; decides its name, its kind and its attributes. */
enum ta_span_type {
	TA_SPAN_CONNECTION = 1, /* SERVER: an accepted connection that is not HTTP */
	TA_SPAN_HTTP_SERVER,	/* SERVER: one request */
	TA_SPAN_THREAD,		/* INTERNAL */
	TA_SPAN_SIGNAL,		/* INTERNAL: one delivery */
	TA_SPAN_API,		/* INTERNAL: opened by the program; name is the first named attribute "name" */
	TA_SPAN_HTTP_CLIENT,	/* CLIENT: one request to another server */
	TA_SPAN_COMMAND,	/* CLIENT: a command to a database, a cache ...; TA_ATTR_DB_* */
	TA_SPAN_COMMAND_SERVER,	/* SERVER: a command that this program was asked */
	TA_SPAN_CONNECT,	/* CLIENT: opening a connection */
	TA_SPAN_LOOKUP,		/* CLIENT: a name was looked up */
	TA_SPAN_TURN,		/* CLIENT: bytes of a protocol that is not known, until the answer's first byte */
	TA_SPAN_PROCESS,	/* INTERNAL: a program that was started, until it ends */
	TA_SPAN_UNIT,		/* work whose request is not known yet; never exported, see below */
};

/* A unit: what a thread does between two waits without a request of its own.  It is a span
 * that stands for nothing: its children are spans of the program.  Its end says what
 * became of it: TA_ATTR_ADOPTER_TRACE and TA_ATTR_ADOPTER_SPAN when an answer went out
 * that shows whose work it was: then its children, and whatever else is in its trace,
 * belong into that trace, the children below that span.  Otherwise its children are roots,
 * with a link to what its start linked to (a guess). */

enum ta_span_flags {
	TA_SPAN_REMOTE_PARENT = 1, /* the parent came over the network */
	TA_SPAN_NOT_SAMPLED = 2,   /* the parent said so */
	TA_SPAN_OF_THREAD = 4,	   /* a block of the thread that started it: it ends with that */
	TA_SPAN_LOOSE = 8,	   /* its trace does not wait for its end */
};

/* Levels of events and scopes: Sentry's names, in rising order. */
enum ta_level {
	TA_LEVEL_NONE,
	TA_LEVEL_TRACE,
	TA_LEVEL_DEBUG,
	TA_LEVEL_INFO,
	TA_LEVEL_WARNING,
	TA_LEVEL_ERROR,
	TA_LEVEL_FATAL,
};

enum ta_status { TA_STATUS_UNSET, TA_STATUS_OK, TA_STATUS_ERROR };

enum ta_end_reason {
	TA_END_NORMAL,
	TA_END_CLOSED_EARLY, /* the connection was closed before the answer was complete */
	TA_END_JUMPED,	     /* left by a long jump */
	TA_END_PROCESS_END,  /* the process ended in an orderly way with the span open */
};

enum ta_span_end_flags {
	TA_END_SCOPES_OF_START = 1, /* ended from elsewhere: its scopes are those of its start */
};

struct ta_record {
	uint16_t units; /* length / 8, with this head */
	uint8_t kind;	/* enum ta_record_kind */
	uint8_t flags;
	uint32_t seq; /* per lane, over both rings; tells their order */
};

struct ta_attr {
	uint8_t key;   /* enum ta_attr_key */
	uint8_t type;  /* enum ta_attr_type */
	uint16_t bytes; /* of the value, without padding */
};

/* First record of an owner in a lane: the records that follow are its. */
struct ta_record_thread {
	struct ta_record head;
	uint64_t proc_id; /* random, one per process; made before the fork */
	uint64_t parent_proc_id;
	uint64_t time_ns;
	uint32_t pid; /* 0: not known */
	uint32_t tid; /* 0: not known */
};

/* By the parent, after a fork: the child's pid, which a sandboxed child may not ask for. */
struct ta_record_fork {
	struct ta_record head;
	uint64_t child_proc_id;
	uint64_t time_ns;
	uint32_t child_pid;
	uint32_t reserved;
};

struct ta_record_process_end {
	struct ta_record head;
	uint64_t proc_id;
	uint64_t time_ns;
	int32_t status;
	uint32_t reserved;
};

/* About to exec.  If it fails the process simply goes on writing. */
struct ta_record_exec {
	struct ta_record head;
	uint64_t proc_id;
	uint64_t time_ns;
};

struct ta_record_span_start {
	struct ta_record head;
	uint64_t trace_hi, trace_lo; /* trace id, as two big-endian halves: hi is printed first */
	uint64_t span_id;
	uint64_t parent_id; /* 0: root */
	uint64_t start_ns;
	uint64_t isolation; /* scope versions in force */
	uint64_t current;
	uint64_t tags; /* scope version that holds the span's own and inherited tags */
	uint64_t link_trace_hi, link_trace_lo, link_span_id; /* link_span_id 0: no link */
	uint8_t type;					     /* enum ta_span_type */
	uint8_t flags;					     /* enum ta_span_flags */
	uint8_t reserved[6];
	/* attributes */
};

struct ta_record_span_attrs {
	struct ta_record head;
	uint64_t span_id;
	uint64_t time_ns; /* tells the order of those that came by several lanes */
	/* attributes: later ones win */
};

struct ta_record_span_end {
	struct ta_record head;
	uint64_t span_id;
	uint64_t end_ns;
	uint64_t isolation; /* scope versions at the end: tags set meanwhile */
	uint64_t current;
	uint64_t global;
	uint8_t status; /* enum ta_status; UNSET leaves what TA_ATTR_STATUS said */
	uint8_t reason; /* enum ta_end_reason */
	uint8_t flags;	/* enum ta_span_end_flags */
	uint8_t reserved[5];
	/* attributes */
};

/* The span is forgotten as if it had never started: a pipelined request that the
 * server read and then did not serve, because it closed the connection. */
struct ta_record_span_cancel {
	struct ta_record head;
	uint64_t span_id;
};

/* One change to a scope. */
enum ta_scope_change {
	TA_SCOPE_TAG = 1,     /* key, value: text */
	TA_SCOPE_EXTRA,	      /* key, value: JSON */
	TA_SCOPE_CONTEXT,     /* key, value: a JSON object */
	TA_SCOPE_USER,	      /* value: a JSON object */
	TA_SCOPE_LEVEL,	      /* level */
	TA_SCOPE_FINGERPRINT, /* value: a JSON array of strings */
	TA_SCOPE_TRANSACTION, /* value: text */
	TA_SCOPE_ATTRIBUTE,   /* key, value: as value_type says; for logs */
	TA_SCOPE_BREADCRUMB,  /* value: a row of attributes, TA_ATTR_CRUMB_*; appended */
	TA_SCOPE_CLEAR,	      /* everything */
	TA_SCOPE_CLEAR_BREADCRUMBS,
};

enum ta_scope_flags {
	TA_SCOPE_REMOVE = 1, /* takes the entry away; value is empty */
	TA_SCOPE_GLOBAL = 2, /* the new version is the process's global scope */
};

/* version = parent with one change.  cell: which scope of the process has that
 * version as its value now (and does not have its former one any more); what is
 * the value of some cell may be needed at any time.  0: no cell. */
struct ta_record_scope_set {
	struct ta_record head;
	uint64_t version;
	uint64_t parent;
	uint32_t cell;
	uint32_t value_bytes;
	uint16_t key_bytes;
	uint8_t change;	    /* enum ta_scope_change */
	uint8_t flags;	    /* enum ta_scope_flags */
	uint8_t level;	    /* enum ta_level; TA_SCOPE_LEVEL only */
	uint8_t value_type; /* enum ta_attr_type; TA_SCOPE_ATTRIBUTE only */
	uint8_t reserved[2];
	/* key, value */
};

enum ta_capture_type {
	TA_CAPTURE_MESSAGE = 1, /* TA_ATTR_EVENT_MESSAGE */
	TA_CAPTURE_ERROR,      /* TA_ATTR_EXCEPTION_TYPE, TA_ATTR_EXCEPTION_MESSAGE */
	TA_CAPTURE_CUSTOM,    /* TA_ATTR_EVENT_JSON: a Sentry event of the program's own */
	TA_CAPTURE_LOG,     /* TA_ATTR_EVENT_MESSAGE, TA_ATTR_EVENT_JSON: attributes */
	TA_CAPTURE_CRASH, /* the process dies of a signal: TA_ATTR_EXCEPTION_*, TA_ATTR_SIGNAL_* */
};

enum ta_capture_flags {
	TA_CAPTURE_HUB = 1, /* captured by a hub: `current` is its topmost scope, nothing else applies */
};

/* Something that was captured: with the trace and the scopes that were in force. */
struct ta_record_event {
	struct ta_record head;
	uint64_t id_hi, id_lo;
	uint64_t time_ns;
	uint64_t trace_hi, trace_lo;
	uint64_t span_id;   /* 0: outside any span */
	uint64_t parent_id; /* of that span */
	uint64_t global, isolation, current;
	uint8_t type;  /* enum ta_capture_type */
	uint8_t level; /* enum ta_level; the scopes' level wins */
	uint8_t flags; /* enum ta_capture_flags */
	uint8_t reserved[5];
	/* attributes */
};

/* Where an event was captured: registers (crash.h's order), loaded objects (rows of
 * struct ta_module), and the top of the stack, in this order behind the fixed part. */
struct ta_record_stack {
	struct ta_record head;
	uint64_t id_hi, id_lo; /* of the event */
	uint64_t stack_at;     /* address of the first byte */
	uint32_t stack_bytes, module_bytes;
	uint32_t register_count;
	uint32_t tid;
};

/* Something that happened in a span at one moment: TA_ATTR_NAME, then any. */
struct ta_record_span_event {
	struct ta_record head;
	uint64_t span_id;
	uint64_t time_ns;
	/* attributes */
};

struct ta_record_span_link {
	struct ta_record head;
	uint64_t span_id;
	uint64_t trace_hi, trace_lo, link_span_id;
	/* attributes */
};

enum ta_tags_of { TA_TAGS_OF_TRACE = 1, TA_TAGS_OF_SESSION };

/* Tags for every span of a trace that is not exported yet and all later ones; or
 * for the ended spans of a session that are not exported yet. */
struct ta_record_tags {
	struct ta_record head;
	uint64_t trace_hi, trace_lo; /* the trace; or one trace of the session */
	uint64_t time_ns; /* OF_SESSION: spans that ended later are left out; 0: not known */
	uint8_t of;	  /* enum ta_tags_of */
	uint8_t reserved[7];
	/* attributes: TA_ATTR_TAG */
};

_Static_assert(sizeof(struct ta_record) == 8, "wire format");
_Static_assert(sizeof(struct ta_attr) == 4, "wire format");
_Static_assert(sizeof(struct ta_record_thread) == 40, "wire format");
_Static_assert(sizeof(struct ta_record_fork) == 32, "wire format");
_Static_assert(sizeof(struct ta_record_process_end) == 32, "wire format");
_Static_assert(sizeof(struct ta_record_exec) == 24, "wire format");
_Static_assert(sizeof(struct ta_record_span_start) == 104, "wire format");
_Static_assert(sizeof(struct ta_record_span_attrs) == 24, "wire format");
_Static_assert(sizeof(struct ta_record_span_end) == 56, "wire format");
_Static_assert(sizeof(struct ta_record_scope_set) == 40, "wire format");
_Static_assert(sizeof(struct ta_record_span_cancel) == 16, "wire format");
_Static_assert(sizeof(struct ta_record_event) == 96, "wire format");
_Static_assert(sizeof(struct ta_record_span_event) == 24, "wire format");
_Static_assert(sizeof(struct ta_record_span_link) == 40, "wire format");
_Static_assert(sizeof(struct ta_record_tags) == 40, "wire format");
_Static_assert(sizeof(struct ta_record_stack) == 48, "wire format");

/* One attribute as read: key, type, and the value in place. */
struct ta_attr_view {
	uint8_t key;
	uint8_t type;
	uint16_t bytes;
	const char *value;
};

/* Whether the record of size bytes is one that this version knows and that is
 * long enough for its fixed part.  Attributes are checked as they are read. */
bool ta_record_valid(const struct ta_record *record, uint32_t size);

/* The attributes of a record as a byte range; empty for records without any. */
const char *ta_record_attrs(const struct ta_record *record, uint32_t *ret_bytes);

/* Reads the attribute at *cursor and moves the cursor behind it.  False at the
 * end, and for anything that would leave the range. */
static inline bool ta_attr_next(const char **cursor, const char *end,
				struct ta_attr_view *ret_attr)
{
	size_t left = (size_t)((uintptr_t)end - (uintptr_t)*cursor); /* both may be NULL */
	struct ta_attr attr;

	if (left < sizeof(attr))
		return false;
	memcpy(&attr, *cursor, sizeof(attr));
	if (attr.key == 0 || attr.bytes > left - sizeof(attr))
		return false;
	*ret_attr = (struct ta_attr_view){ .key = attr.key,
					   .type = attr.type,
					   .bytes = attr.bytes,
					   .value = *cursor + sizeof(attr) };
	size_t step = sizeof(attr) + (((size_t)attr.bytes + 3) & ~(size_t)3);

	*cursor += step < left ? step : left;
	return true;
}

/* The value of an INT or BOOL attribute; 0 for other types and odd lengths. */
int64_t ta_attr_int(const struct ta_attr_view *attr);

/* OpenTelemetry's (or our) name for a key of attr.def; NULL when unknown. */
const char *ta_attr_name(uint8_t key);

#endif
