/* SPDX-License-Identifier: MIT */
/*
 * sampler.h - head sampling: whether a trace is exported, decided from its id.
 *
 * The host decides when a trace begins, for the flag that it hands on (traceparent); the
 * agent decides when spans of it are complete, for what it exports.  Both ask the same
 * pure function with the same answers to the same questions, so they never differ.
 *
 * Consistent by trace id: the share of traces whose lowest 56 bits, which are random
 * (W3C trace context level 2), are at or above a threshold.  Every program of a trace, and
 * every sampler that keeps to OpenTelemetry's rule, decides alike.
 *
 * Runs: host and agent, any thread, in signal handlers too.  No allocation, no locks.
 */
#ifndef TA_WIRE_SAMPLER_H
#define TA_WIRE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/wire/config.h"

struct ta_sampler {
	uint64_t threshold; /* below: not sampled; 0: all are, 1 << 56: none is */
	bool parent_based;  /* a caller's decision goes first */
};

/* From OTEL_TRACES_SAMPLER and its argument; else parent-based with
 * TAGALONG_TRACES_SAMPLE_RATE.  What is not understood is reported by warn, which may be
 * NULL, and treated as not set. */
struct ta_sampler ta_sampler_load(const struct ta_config *config, ta_config_warn_fn *warn,
				  void *user);

/* The threshold of a share from 0 to 1, as above. */
uint64_t ta_sampler_threshold(double share);

enum ta_parent_decision { TA_PARENT_NONE, TA_PARENT_SAMPLED, TA_PARENT_NOT_SAMPLED };

/* parent: what a caller in another process decided, if there was one. */
static inline bool ta_sampler_takes(const struct ta_sampler *sampler, uint64_t trace_lo,
				    enum ta_parent_decision parent)
{
	if (sampler->parent_based && parent != TA_PARENT_NONE)
		return parent == TA_PARENT_SAMPLED;
	return (trace_lo & 0x00ffffffffffffffull) >= sampler->threshold;
}

#endif
