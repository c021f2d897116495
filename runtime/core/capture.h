/* SPDX-License-Identifier: MIT */
/*
 * capture.h - events: what the program captures, with the trace and the scopes that
 * are in force.
 *
 * Runs: any host thread, inside the guard.
 */
#ifndef TA_CORE_CAPTURE_H
#define TA_CORE_CAPTURE_H

#include "runtime/core/span.h"

struct ta_capture {
	enum ta_capture_type type;
	enum ta_level level;
	bool hub;	/* by the current hub */
	uint64_t scope; /* cell instead of the current scope; 0 none */
	struct ta_text error_type, message, json;
};

/* Time, trace, scopes and a new id of an event; nothing is recorded yet.  0 or -ESTALE. */
int ta_capture_fill(struct ta_thread *thread, const struct ta_capture *capture,
		    struct ta_record_event *ret_event);

/* 0, -ESTALE (that scope is over) or -ENOBUFS (counted). */
int ta_capture_publish(struct ta_thread *thread, const struct ta_capture *capture);

#endif
