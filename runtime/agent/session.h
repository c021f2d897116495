/* SPDX-License-Identifier: MIT */
/*
 * session.h - the sessions of traces.
 *
 * A trace has the session of its root: given by the program, or, for a root that
 * the program opened without one, made of the trace id (runtime/wire/session.h).
 * Traces with one session id share one struct ta_session; a name belongs to a trace.
 * Both are counted, because a trace may learn its true session while spans that
 * point to the former one are on their way out.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_SESSION_H
#define TA_AGENT_SESSION_H

#include "runtime/agent/map.h"
#include "runtime/agent/model.h"
#include "runtime/agent/tags.h"

#define TA_SESSION_BYTES_MAX 200u /* of an id, of a name; longer ones are cut */

struct ta_session {
	struct ta_map_node node; /* by hash of the id */
	struct ta_tag_list tags; /* set for what has ended in it; gone with its last trace */
	uint32_t refs;
	uint32_t traces; /* those of refs that are no copies */
	uint32_t saved; /* the number of the snapshot that has its tags */
	uint32_t bytes;
	char id[];
};

struct ta_session_name {
	uint32_t refs;
	uint32_t bytes;
	char text[];
};

/* How sure we are of a trace's session; a higher one replaces a lower one. */
enum ta_session_rank {
	TA_SESSION_NONE,
	TA_SESSION_OF_FIRST, /* of the span that came first: its root is elsewhere */
	TA_SESSION_OF_ROOT,
};

struct ta_trace_session {
	struct ta_session *session;   /* or NULL */
	struct ta_session_name *name; /* or NULL */
	uint8_t rank;		      /* enum ta_session_rank */
	bool copy;		      /* only so that the texts stay */
};

/* Takes the session that the start of a span gives its trace, if it gives one; first:
 * no other span of the trace is held.  True when the trace has another session now. */
bool ta_session_learn(struct ta_map *sessions, struct ta_trace_session *trace,
		      const struct ta_record_span_start *start, bool first);

/* Sets it outright; empty texts mean none. */
void ta_session_set(struct ta_map *sessions, struct ta_trace_session *trace, const char *id,
		    uint32_t id_bytes, const char *name, uint32_t name_bytes);

/* to (zeroed, or set like this before) becomes a copy of from. */
void ta_session_copy(struct ta_map *sessions, struct ta_trace_session *to,
		     const struct ta_trace_session *from);
void ta_session_drop(struct ta_map *sessions, struct ta_trace_session *trace);

/* Points a span to it. */
void ta_session_show(const struct ta_trace_session *trace, struct ta_span *span);

struct ta_session *ta_session_find(const struct ta_map *sessions, const char *id, uint32_t bytes);

#endif
