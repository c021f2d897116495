/* SPDX-License-Identifier: MIT */
/*
 * baggage.h - W3C tracestate and baggage: is it one?
 *
 * Both are handed on as they are, so all that has to be known is whether they may be.
 * Pure.  What is not valid is dropped as a whole.
 */
#ifndef TA_PROTOCOL_BAGGAGE_H
#define TA_PROTOCOL_BAGGAGE_H

#include <stdbool.h>
#include <stddef.h>

#define TA_TRACESTATE_MAX 512u /* W3C trace context, 3.3.1.5: what has to be handed on */
#define TA_TRACESTATE_MEMBERS_MAX 32u
#define TA_BAGGAGE_MAX 8192u /* W3C baggage, 3.3.2 */
#define TA_BAGGAGE_MEMBERS_MAX 64u

/* A list of key=value; keys of lower-case letters, digits and _-*"/@, each but once; values
 * printable.  Empty members are allowed, an empty list is not. */
bool ta_tracestate_valid(const char *text, size_t bytes);

/* A list of key=value;properties; keys are tokens, values printable without spaces,
 * quotes, commas, semicolons and backslashes. */
bool ta_baggage_valid(const char *text, size_t bytes);

/* How much of a list is there for certain, when it may have been cut behind any byte: all
 * members but the last. */
size_t ta_list_whole(const char *text, size_t bytes);

#endif
