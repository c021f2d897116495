/* SPDX-License-Identifier: MIT */
/*
 * segment.h - the one mapping that a host and its agent share.
 *
 * A process image creates one segment file and maps it shared; forked children
 * keep the mapping and write to lanes of their own.  Layout of the file:
 *
 *     struct ta_segment                 identity, futex word, loss counters
 *     uint64_t owner[lane_count]        0 free, TA_OWNER_AGENT, or a claim token
 *     uint8_t  ready[lane_count]        1: every page of the lane exists
 *     (padding to a page)
 *     struct ta_lane, lane_count times  lane_bytes each, page aligned
 *     struct ta_crash                   see crash.h; no pages before somebody crashes
 *
 * The header is complete once magic is visible (release store, written last).
 * The agent treats every byte as hostile: sizes are checked against the file
 * before anything is read, see ta_segment_check().
 *
 * Bump TA_WIRE_VERSION when an offset, a size or a record's meaning changes.
 */
#ifndef TA_WIRE_SEGMENT_H
#define TA_WIRE_SEGMENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TA_WIRE_MAGIC 0x3147414C41474154ull /* "TAGALAG1", little endian */
#ifndef TA_WIRE_VERSION /* a test makes a library of another one */
#define TA_WIRE_VERSION 4u
#endif
#define TA_WIRE_PAGE 4096u
#define TA_CACHE_LINE 64
#define TA_SEGMENT_SUFFIX ".seg"

#define TA_LANES_MAX 1024u	     /* most lanes that a segment can have */
#define TA_LANE_BYTES_MIN 16384u     /* header, signal ring and a useful main ring */
#define TA_LANE_BYTES_MAX (1u << 20)
#define TA_OWNER_FREE 0ull
#define TA_OWNER_AGENT 1ull /* the agent works on the lane's pages; nobody claims it */

/* Why something was not recorded.  Order is wire format; add at the end. */
#define TA_LOSS_MAP(X)                                                                             \
	X(LANE_FULL, "lane_full", "a lane had no room; the agent was slower than the host")        \
	X(NO_LANE, "no_lane", "a thread found no free lane")                                       \
	X(SIGNAL_NESTED, "signal_nested", "a signal handler interrupted a handler while it wrote") \
	X(CONN_POOL, "conn_pool", "more connections open at once than there is room for")          \
	X(FD_RANGE, "fd_range", "a file descriptor above the table")                               \
	X(CONN_BUSY, "conn_busy", "a thread was at a connection and did not get on for 50 ms")       \
	X(HTTP_DESYNC, "http_desync", "HTTP could not be followed; the connection was given up")   \
	X(PIPELINE, "pipeline", "more requests in flight on a connection than there is room for")  \
	X(THREAD_POOL, "thread_pool", "no room to start a traced thread")                          \
	X(CONTEXT_DEPTH, "context_depth", "spans or scopes nested too deep")                       \
	X(GUARD_BUSY, "guard_busy", "a signal handler used a traced fd while a hook was at work")  \
	X(HEAD_POOL, "head_pool", "too many requests with an unfinished head at once")             \
	X(SCOPE_POOL, "scope_pool", "more scopes, hubs or contexts in use than there is room for") \
	X(SPAN_POOL, "span_pool", "more spans opened by the program at once than there is room for") \
	X(TOO_LONG, "too_long", "text of the program that was cut, or too long to be recorded")    \
	X(BREADCRUMB, "breadcrumb", "automatic breadcrumbs beyond 200 a second of one thread")      \
	X(AMBIGUOUS, "ambiguous", "outward work whose request could not be told for certain")      \
	X(UNIT_POOL, "unit_pool", "more work in flight without a request than there is room for")  \
	X(DIALOGUE_POOL, "dialogue_pool", "more connections to databases and the like than there is room for") \
	X(COMMAND_DESYNC, "command_desync", "commands that could not be followed; the connection was given up") \
	X(INJECT, "inject", "requests that went out without a traceparent that they should have had")

enum ta_loss {
#define X(name, word, text) TA_LOSS_##name,
	TA_LOSS_MAP(X)
#undef X
		TA_LOSS_COUNT
};

/* A start that libc makes the environment for (system, popen): who is at it, and the span
 * that the new program is a child of.  Read by that program, which finds out by the
 * kernel's list of children which of them is its own; see preload/starter.c. */
enum ta_start_state { TA_START_FREE, TA_START_FILLING, TA_START_SET };

struct ta_start {
	_Atomic uint32_t state; /* enum ta_start_state */
	uint32_t pid;		/* of the process that starts */
	uint32_t tid;		/* of its thread */
	uint8_t flags;		/* as in traceparent */
	uint8_t reserved[3];
	uint64_t trace_hi, trace_lo;
	uint64_t span_id; /* 0: it is a child of nothing, whatever its environment says */
};

#define TA_STARTS_MAX 16u

/* What a host may ask: bits, joined when several threads ask at once.  Whatever is
 * asked, everything that was published before is taken into account. */
enum ta_ask {
	TA_ASK_COUNTS = 1,
	TA_ASK_FLUSH = 2,    /* export what is complete; answered when it is out */
	TA_ASK_SHUTDOWN = 4, /* the same, with another reason in the log */
};

enum ta_segment_flags {
	TA_SEGMENT_CREATOR_ENDED = 1, /* the creating process ran its destructor */
	TA_SEGMENT_CRASHED = 2,	      /* somebody has filled the crash area */
};

struct ta_segment {
	_Atomic uint64_t magic;
	uint32_t wire_version;
	uint32_t header_bytes; /* offset of the first lane */
	uint32_t lane_count;
	uint32_t lane_bytes;	    /* stride, with the lane's header and both rings */
	uint32_t signal_ring_bytes; /* taken from the end of each lane */
	uint32_t pid;		    /* of the creator, in its own pid namespace */
	uint64_t total_bytes;
	uint64_t proc_id;    /* of the creator; see struct ta_record_thread */
	uint64_t created_ns; /* CLOCK_MONOTONIC */
	uint64_t created_wall_ns;
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid, 0 unknown */
	uint32_t uid;
	uint32_t key; /* which agent serves it; also in the file's name */
	/* Questions to the agent; see enum ta_ask.  asked counts them, answered is the
	 * number of the last one that was answered (a futex). */
	_Atomic uint32_t asked;
	_Atomic uint32_t ask_what;
	_Atomic uint32_t answered;
	/* The answer: what the agent holds, all programs together. */
	_Atomic uint32_t complete_spans; /* of complete traces, not exported */
	_Atomic uint32_t open_traces;	 /* with an open span */
	_Atomic uint32_t open_buckets;	 /* those of them that have ended spans */
	uint8_t reserved[16];

	/* Written by writers and by the agent; a line of its own. */
	_Alignas(TA_CACHE_LINE) _Atomic uint32_t agent_waiting; /* futex: 1 asleep, 0 awake */
	_Atomic uint32_t agent_pid;
	_Atomic uint64_t agent_seen_ns; /* last pass of the agent */
	_Atomic uint32_t live_processes; /* as the agent last counted them */

	/* Written rarely by hosts. */
	_Alignas(TA_CACHE_LINE) _Atomic uint32_t forks; /* fork, clone, daemon: counted before */
	_Atomic uint32_t flags;				 /* enum ta_segment_flags */
	_Atomic uint32_t lanes_wanted;			 /* a thread found no ready lane */
	/* What was seen of the program's way to work, by all its processes (core/outward.h). */
	_Atomic uint32_t loop_calls, queue_calls;
	_Atomic uint32_t defers;      /* an event loop of it asks others by timers, or queues */
	_Atomic uint32_t interleaves; /* it asks others for a request while an older one waits */
	_Atomic uint32_t fans_out;    /* it asks several at a time for one request */
	_Atomic uint32_t hands_on;    /* what it asks others carries trace headers of its own */
	_Alignas(TA_CACHE_LINE) _Atomic uint64_t lost[32]; /* by enum ta_loss */

	_Alignas(TA_CACHE_LINE) char exe[512];	/* NUL-terminated, cut when longer */
	char traceparent[64];			/* TRACEPARENT that the image was started with, or "" */

	_Alignas(TA_CACHE_LINE) struct ta_start starts[TA_STARTS_MAX];
};

_Static_assert(TA_LOSS_COUNT <= 32, "loss counters outgrow the header");
_Static_assert(offsetof(struct ta_segment, wire_version) == 8, "wire format");
_Static_assert(offsetof(struct ta_segment, total_bytes) == 32, "wire format");
_Static_assert(offsetof(struct ta_segment, agent_waiting) == 128, "wire format");
_Static_assert(offsetof(struct ta_segment, forks) == 192, "wire format");
_Static_assert(offsetof(struct ta_segment, lost) == 256, "wire format");
_Static_assert(offsetof(struct ta_segment, exe) == 512, "wire format");
_Static_assert(sizeof(struct ta_start) == 40, "wire format");
_Static_assert(offsetof(struct ta_segment, starts) == 1088, "wire format");
_Static_assert(sizeof(struct ta_segment) == 1728, "wire format");

/* Bytes of header and directory before the first lane, rounded to a page. */
static inline uint32_t ta_segment_header_bytes(uint32_t lane_count)
{
	uint32_t bytes = (uint32_t)sizeof(struct ta_segment) + lane_count * 9u;

	return (bytes + TA_WIRE_PAGE - 1) & ~(TA_WIRE_PAGE - 1);
}

static inline _Atomic uint64_t *ta_segment_owners(struct ta_segment *segment)
{
	return (_Atomic uint64_t *)(void *)((char *)segment + sizeof(*segment));
}

static inline _Atomic uint8_t *ta_segment_ready(struct ta_segment *segment)
{
	return (_Atomic uint8_t *)(void *)((char *)segment + sizeof(*segment) +
					   (size_t)segment->lane_count * 8);
}

/* Whether a mapping of mapped_bytes holds a segment that can be read without
 * leaving it.  Reads only the header.  Returns 0, -EAGAIN (header not complete
 * yet), -EPROTO (another wire version) or -EINVAL (sizes that do not fit). */
int ta_segment_check(const struct ta_segment *segment, uint64_t mapped_bytes);

/* A short word and a sentence for a loss counter; "unknown" out of range. */
const char *ta_loss_word(enum ta_loss loss);
const char *ta_loss_text(enum ta_loss loss);
/* What to do about it; a clause. */
const char *ta_loss_advice(enum ta_loss loss);

#endif
