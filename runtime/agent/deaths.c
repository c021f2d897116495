/* SPDX-License-Identifier: MIT */
/*
 * deaths.c - which processes have reported their own death.
 *
 * Runs: agent, one thread.  Pure.
 */
#include "runtime/agent/deaths.h"

/* A pid comes back; a child that crashed is reaped before long, as a rule. */
#define FORGET_NS (600ull * 1000000000ull)

void ta_deaths_note(struct ta_deaths *deaths, uint32_t pid, const struct ta_record_event *crash)
{
	uint32_t at = deaths->count++ % TA_DEATHS;

	deaths->last[at].pid = pid;
	deaths->last[at].time_ns = crash->time_ns;
}

/* 0: it is no child's death. */
static uint32_t child_of(const struct ta_record_event *event)
{
	uint32_t bytes;
	const char *cursor = ta_record_attrs(&event->head, &bytes), *end = cursor + bytes;
	struct ta_attr_view attr;

	while (ta_attr_next(&cursor, end, &attr))
		if (attr.key == TA_ATTR_CHILD_PID && attr.type == TA_ATTR_INT)
			return (uint32_t)ta_attr_int(&attr);
	return 0;
}

bool ta_deaths_told(const struct ta_deaths *deaths, const struct ta_record_event *event)
{
	uint32_t pid = event->type == TA_CAPTURE_ERROR ? child_of(event) : 0;

	for (uint32_t i = 0; pid && i < TA_DEATHS; i++)
		if (deaths->last[i].pid == pid && deaths->last[i].time_ns <= event->time_ns &&
		    event->time_ns - deaths->last[i].time_ns < FORGET_NS)
			return true;
	return false;
}
