/* SPDX-License-Identifier: MIT */
/*
 * order.h - the order of spans within a trace.
 *
 * Runs: agent.  Pure.
 */
#ifndef TA_AGENT_ORDER_H
#define TA_AGENT_ORDER_H

#include "runtime/agent/bucket.h"

/* Sorts spans in place: every parent before its children, siblings by start.  A
 * span whose parent is not among them counts as a top.  Spans that are their own
 * ancestors (a host may claim so) are cut open at the earliest.  Without memory
 * the order is by start alone. */
void ta_spans_order(struct ta_held **spans, uint32_t count);

#endif
