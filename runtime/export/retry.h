/* SPDX-License-Identifier: MIT */
/*
 * retry.h - what becomes of a message after an answer, and when a queue tries again.
 *
 * Pure: no clock, no randomness but what is handed in.  OTLP: OpenTelemetry protocol
 * specification, "OTLP/HTTP Response" (429, 502, 503, 504 are tried again, and no other
 * answer).  Sentry: every answer is final; only what got none is tried again.
 *
 * Runs: agent, the delivery thread.
 */
#ifndef TA_EXPORT_RETRY_H
#define TA_EXPORT_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define TA_RETRY_MIN_NS 1000000000u
#define TA_RETRY_MAX_NS 30000000000u
/* A receiver that asks for more is asked again after a day. */
#define TA_RETRY_AFTER_MAX_NS 86400000000000u

enum ta_verdict {
	TA_VERDICT_SENT,
	TA_VERDICT_RETRY,
	TA_VERDICT_REFUSED,   /* dropped, TA_DROP_REFUSED */
	TA_VERDICT_TOO_LARGE, /* dropped, TA_DROP_TOO_LARGE */
	TA_VERDICT_LIMITED,   /* dropped, TA_DROP_RATE_LIMITED */
};

/* status: of HTTP.  Any 2xx is taken for success, as SDKs do: some receivers say 202. */
enum ta_verdict ta_verdict_otlp(int status);
enum ta_verdict ta_verdict_sentry(int status);

/* How long a Retry-After asks to wait: seconds, or a date (RFC 9110, 10.2.3: the form that
 * senders have to use, and the two old ones), compared with unix_ns.  False when text is
 * neither; bounded by TA_RETRY_AFTER_MAX_NS. */
bool ta_retry_after(const char *text, uint64_t unix_ns, uint64_t *ret_ns);

/* Of one queue. */
struct ta_retry {
	uint32_t failures;	     /* in a row */
	bool told;		     /* the receiver named the time: also a flush waits for it */
	uint64_t failed_ns, next_ns; /* by the agent's clock; 0: now */
};

/* How long to wait after so many failures: 1 s, doubled up to 20 s, and up to half of it on
 * top, so that the many do not come back at once. */
uint64_t ta_retry_delay_ns(uint32_t failures, uint64_t random);

/* A request that was begun at started_ns got no answer, or one that says "later": after_ns,
 * if that is not 0.  Requests that were under way together are one failure. */
void ta_retry_failed(struct ta_retry *retry, uint64_t started_ns, uint64_t now_ns,
		     uint64_t after_ns, uint64_t random);
/* It was answered; older failures are forgotten. */
void ta_retry_answered(struct ta_retry *retry, uint64_t started_ns);
/* Tries at once, unless the receiver named a time. */
void ta_retry_hurry(struct ta_retry *retry);

static inline bool ta_retry_backs_off(const struct ta_retry *retry)
{
	return retry->failures > 0;
}

#endif
