/* SPDX-License-Identifier: MIT */
/*
 * adopt.h - what unit.c and adopt.c share; see unit.h.
 *
 * Runs: agent, one thread.
 */
#ifndef TA_AGENT_ADOPT_H
#define TA_AGENT_ADOPT_H

#include "runtime/agent/unit.h"

/* Remembers what became of a unit; the oldest make room.  NULL without memory. */
struct ta_unit *ta_units_add(struct ta_buckets *buckets, const struct ta_unit *like);
void ta_units_forget(struct ta_buckets *buckets, struct ta_unit *unit);

#endif
