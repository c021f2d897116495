/* SPDX-License-Identifier: MIT */
/*
 * process_carried.h - what this program was started with: TRACEPARENT and its company.
 *
 * Copies, because programs write over the place where their environment stood (their
 * titles go there).  Kept as whole entries, "NAME=value", ready for other programs.
 *
 * Runs: written by the constructor, read by any host thread and vfork children.
 */
#ifndef TA_CORE_PROCESS_CARRIED_H
#define TA_CORE_PROCESS_CARRIED_H

#include <stdbool.h>
#include <stdint.h>

enum ta_carried { TA_CARRIED_TRACEPARENT, TA_CARRIED_TRACESTATE, TA_CARRIED_BAGGAGE, TA_CARRIED_COUNT };

/* Values as the environment has them; "" when not there.  follows: the program continues
 * the trace of that TRACEPARENT; a tracestate without one means nothing. */
void ta_carried_set(const char *const values[TA_CARRIED_COUNT], bool follows);

/* Whether the entry is one that the program was started with, unchanged.  *ret_which is
 * written for every entry of one of these names; false: of none. */
bool ta_carried_names(const char *entry, enum ta_carried *ret_which);
bool ta_carried_is(enum ta_carried which, const char *entry);

/* The entry for another program of the same trace; NULL: there is none that is valid. */
char *ta_carried_entry(enum ta_carried which);

/* For spans of the same trace; NULL and 0 bytes: none. */
const char *ta_carried_tracestate(uint32_t *ret_bytes);
const char *ta_carried_baggage(uint32_t *ret_bytes);

#endif
