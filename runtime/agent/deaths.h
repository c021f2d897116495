/* SPDX-License-Identifier: MIT */
/*
 * deaths.h - which processes have reported their own death.
 *
 * A parent that reaps a child says what it died of; where the child was traced it has
 * said so itself, and with more to show.  The last TA_DEATHS crashes are known by pid.
 *
 * Runs: agent, one thread.  Pure.
 */
#ifndef TA_AGENT_DEATHS_H
#define TA_AGENT_DEATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/record.h"

#define TA_DEATHS 256u

struct ta_deaths {
	struct {
		uint32_t pid; /* 0: none */
		uint64_t time_ns;
	} last[TA_DEATHS];
	uint32_t count;
};

/* A process has crashed. */
void ta_deaths_note(struct ta_deaths *deaths, uint32_t pid, const struct ta_record_event *crash);

/* Whether this event is the death of a child that has told it before. */
bool ta_deaths_told(const struct ta_deaths *deaths, const struct ta_record_event *event);

#endif
