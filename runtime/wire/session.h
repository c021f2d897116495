/* SPDX-License-Identifier: MIT */
/*
 * session.h - the session that a trace has when nobody gave it one.
 *
 * Host and agent make it of the trace id, each for itself, so that a program that
 * asks for its session and the spans that are exported agree.
 *
 * Runs: hosts (any thread, also in a signal handler), agent.  Pure; calls nothing.
 */
#ifndef TA_WIRE_SESSION_H
#define TA_WIRE_SESSION_H

#include <stdint.h>

#define TA_SESSION_ID_TEXT 37u /* a UUID as text, and its NUL */

/* Writes a UUID of version 4 (36 lower case characters and a NUL) that belongs to
 * the trace: the same trace gives the same text.  It does not look like the trace
 * id, but it is no secret either: who knows the trace id can compute it. */
void ta_session_of_trace(uint64_t trace_hi, uint64_t trace_lo, char out[TA_SESSION_ID_TEXT]);

#endif
