/* SPDX-License-Identifier: MIT */
/*
 * event_merge.h - a captured event together with its scopes: what goes out.
 *
 * Who wins (seen in Sentry's SDKs): of tags, extras, contexts and user the event's own,
 * by key, and a context is replaced as a whole; of level and transaction the scopes'.
 * Fingerprints are joined and breadcrumbs follow one another, the event's own first.  A
 * crash is fatal, whatever the scopes say.  A log has its own attributes over those of the
 * scopes, and nothing else of them.
 *
 * Runs: agent, one thread.  Shared by all exporters of events.
 */
#ifndef TA_EXPORT_EVENT_MERGE_H
#define TA_EXPORT_EVENT_MERGE_H

#include "runtime/agent/model.h"
#include "runtime/export/stack.h"
#include "runtime/protocol/json.h"

/* Of each kind (tags, extras ...) an event's own JSON may bring so many. */
#define TA_EVENT_OWN_MAX 128u
#define TA_EVENT_OWN_CRUMBS_MAX 1000u

/* Texts are plain (no JSON escapes), not terminated; text NULL: not there. */
struct ta_crumb_view {
	uint64_t time_ns; /* Unix time; 0: not known */
	struct ta_json_slice message, category, type;
	struct ta_json_slice data; /* a JSON value */
	uint8_t level;		   /* enum ta_level */
	bool automatic;		   /* left by a hook */
};

struct ta_exception_view {
	struct ta_json_slice type, value; /* plain texts */
};

/* What a signal was about; of crashes. */
struct ta_signal_view {
	int64_t number, code, sender_pid;
	uint64_t address;
	bool has_number, has_code, has_sender, has_address;
};

struct ta_event_data {
	struct ta_json_slice message, transaction; /* plain texts */
	const struct ta_exception_view *exceptions;
	const struct ta_entry *tags;	    /* STRING */
	const struct ta_entry *extras;	    /* JSON */
	const struct ta_entry *contexts;    /* JSON */
	const struct ta_entry *user;	    /* JSON */
	const struct ta_entry *attributes;  /* of logs; any type */
	const struct ta_entry *fingerprint; /* JSON, without keys */
	const struct ta_crumb_view *crumbs;
	uint32_t exception_count, tag_count, extra_count, context_count, user_count;
	uint32_t attribute_count, fingerprint_count, crumb_count;
	struct ta_signal_view signal;
	struct ta_stack stack; /* points into the event */
	bool has_stack;
	uint8_t level; /* enum ta_level */
	void *memory;
};

/* wall_offset_ns: Unix time less CLOCK_MONOTONIC.  What comes out points into the event,
 * its scopes and memory of its own; it is given back by ta_event_data_fini(), also after
 * an error.  Returns 0 or -ENOMEM. */
int ta_event_merge(const struct ta_event *event, int64_t wall_offset_ns,
		   struct ta_event_data *ret_data);
void ta_event_data_fini(struct ta_event_data *data);

#endif
