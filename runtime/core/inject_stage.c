/* SPDX-License-Identifier: MIT */
/*
 * inject_stage.c - see inject_stage.h.
 *
 * Runs: any host thread, inside the guard.  No locks but the connection's busy bit.
 */
#include "runtime/core/inject_stage.h"

#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/client.h"
#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

static void give(struct ta_stage *stage)
{
	ta_pool_give(&ta_arena.stage_pool, (uint32_t)(stage - ta_arena.stages));
}

void ta_stage_give_back(struct ta_conn *conn)
{
	if (conn->stage && ta_loan_take_back(&conn->stage->loan))
		give(conn->stage);
	conn->stage = NULL;
}

/* The plan's headers go to the stage, and its own memory back. */
static void fill(struct ta_stage *stage, const struct ta_inject_plan *plan, const char *data,
		 uint64_t bytes, uint32_t most)
{
	const struct ta_injection *what = plan->what;
	bool fits = plan->at + what->bytes <= most;

	stage->passed = 0;
	stage->before = fits ? 0 : (uint32_t)plan->at;
	data += stage->before;
	bytes -= stage->before;
	stage->header = fits ? (uint32_t)plan->at : 0;
	stage->header_bytes = what->bytes;
	memcpy(stage->text, data, stage->header);
	memcpy(stage->text + stage->header, what->text, what->bytes);
	stage->bytes = stage->header + what->bytes;
	bytes -= stage->header;
	if (bytes > most - stage->bytes)
		bytes = most - stage->bytes;
	memcpy(stage->text + stage->bytes, data + stage->header, bytes);
	stage->bytes += (uint32_t)bytes;
}

static struct ta_stage *make(struct ta_conn *conn, struct ta_thread *thread,
			     const struct iovec *iov, uint32_t most, bool whole)
{
	struct ta_inject_plan plan;
	struct ta_stage *stage = NULL;
	int index = -1;

	if (!ta_inject_plan_held(conn, thread, true, iov, 1, &plan))
		return NULL;
	if (plan.at < UINT32_MAX && (whole || plan.at + plan.what->bytes <= most))
		index = ta_pool_take(&ta_arena.stage_pool);
	if (index >= 0) {
		stage = &ta_arena.stages[index];
		ta_loan_begin(&stage->loan);
		fill(stage, &plan, iov->iov_base, iov->iov_len, most);
	} else {
		ta_lost(TA_LOSS_INJECT);
	}
	ta_inject_drop(conn);
	conn->stage = stage;
	return stage;
}

/* What was begun goes on, if it can be the same call. */
static struct ta_stage *resume(struct ta_stage *stage, uint64_t bytes)
{
	return bytes >= stage->passed + stage->before && ta_loan_use(&stage->loan) ? stage : NULL;
}

struct ta_stage *ta_stage_open(uint64_t word, const void *data, uint64_t bytes, uint32_t most,
			       bool whole)
{
	struct iovec iov = { .iov_base = (void *)data, .iov_len = bytes };
	struct ta_thread *thread = ta_thread_self();
	struct ta_conn *conn = thread ? ta_conn_hold(word) : NULL;
	struct ta_stage *stage = NULL;

	if (conn == NULL)
		return NULL;
	if (most > TA_STAGE_BYTES || most == 0)
		most = TA_STAGE_BYTES;
	if (conn->stage)
		stage = whole ? resume(conn->stage, bytes) : resume(conn->stage, UINT64_MAX);
	else if (bytes && ta_inject_plausible(data, bytes))
		stage = make(conn, thread, &iov, most, whole);
	ta_conn_release(conn);
	return stage;
}

/* Bytes of the headers are not counted. */
uint32_t ta_stage_took(struct ta_stage *stage, uint32_t bytes)
{
	uint32_t before = bytes < stage->header ? bytes : stage->header;
	uint32_t rest = bytes - before;
	uint32_t ours = rest < stage->header_bytes ? rest : stage->header_bytes;

	stage->header -= before;
	stage->header_bytes -= ours;
	stage->bytes -= bytes;
	memmove(stage->text, stage->text + bytes, stage->bytes);
	return bytes - ours;
}

void ta_stage_close(uint64_t word, struct ta_stage *stage, bool done)
{
	struct ta_conn *conn = ta_conn_hold(word);
	bool mine = conn && conn->stage == stage;

	if (mine && stage->header_bytes == 0)
		conn->next.injected = true;
	if (done)
		stage->before = stage->bytes = 0, stage->passed = 0;
	if ((mine && done) || !ta_loan_put_down(&stage->loan)) {
		if (mine)
			conn->stage = NULL;
		give(stage);
	}
	if (conn)
		ta_conn_release(conn);
}
