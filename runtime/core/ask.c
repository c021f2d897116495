/* SPDX-License-Identifier: MIT */
/*
 * ask.c - asking, and sleeping on the answer's futex.
 *
 * Runs: any host thread, outside the guard.
 */
#include "runtime/core/ask.h"

#include <errno.h>
#include <linux/futex.h>
#include <time.h>

#include "runtime/core/clock.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"

#define NAP_NS 20000000u /* then the agent is woken once more: it may have been about to sleep */

static void sleep_on(_Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec timeout = { .tv_sec = (time_t)(ns / 1000000000u),
				    .tv_nsec = (long)(ns % 1000000000u) };

	ta_sys(SYS_futex, word, FUTEX_WAIT, value, &timeout);
}

int ta_ask(uint32_t what, int timeout_ms, struct ta_counts *ret_counts)
{
	struct ta_segment *segment = ta_runtime.segment;
	uint64_t deadline = ta_now_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;

	if (atomic_load_explicit(&ta_runtime.sandboxed, memory_order_relaxed))
		return -EAGAIN;
	atomic_fetch_or(&segment->ask_what, what);
	uint32_t number = atomic_fetch_add(&segment->asked, 1) + 1;

	for (;;) {
		uint32_t answered = atomic_load(&segment->answered);
		uint64_t now = ta_now_ns();

		if ((int32_t)(answered - number) >= 0)
			break;
		if (now >= deadline)
			return atomic_load(&segment->agent_pid) ? -ETIMEDOUT : -EAGAIN;
		ta_agent_wake();
		sleep_on(&segment->answered, answered,
			 deadline - now < NAP_NS ? deadline - now : NAP_NS);
	}
	if (ret_counts)
		*ret_counts = (struct ta_counts){
			.complete_spans = atomic_load(&segment->complete_spans),
			.open_traces = atomic_load(&segment->open_traces),
			.open_buckets = atomic_load(&segment->open_buckets),
		};
	return 0;
}
