/* SPDX-License-Identifier: MIT */
/*
 * test_unit_state.c - units as the agent's state has them: the same comes out when the agent
 * is killed behind any record, and events that were captured in a unit get its adopter.
 */
#include "runtime/agent/state.h"
#include "runtime/agent/unit.h"
#include "tests/unit/check.h"

#define SEGMENT 9
#define PROC 77
#define STEPS_MAX 64
#define STEP_BYTES 512

/* Events as a journal would have them. */
struct script {
	uint32_t count;
	struct {
		uint32_t kind;
		size_t bytes;
		_Alignas(8) char payload[STEP_BYTES + sizeof(struct ta_event_attach)];
	} steps[STEPS_MAX];
};

static void put(struct script *script, uint32_t kind, const void *payload, size_t bytes)
{
	uint32_t at = script->count++;

	script->steps[at].kind = kind;
	script->steps[at].bytes = bytes;
	if (bytes)
		memcpy(script->steps[at].payload, payload, bytes);
}

static void put_attach(struct script *script)
{
	struct ta_event_attach attach = {
		.segment_id = SEGMENT, .proc_id = PROC, .created_ns = 1, .pid = 42, .lane_count = 8
	};

	put(script, TA_EVENT_ATTACH, &attach, sizeof(attach));
}

static void put_record(struct script *script, uint32_t lane, const void *record, size_t bytes)
{
	struct {
		struct ta_event_records head;
		char record[256];
	} both = { .head = { .lane = { .segment_id = SEGMENT, .lane = lane, .tid = 3,
				       .tail = script->count, .proc_id = PROC } } };

	memcpy(both.record, record, bytes);
	((struct ta_record *)(void *)both.record)->units = (uint16_t)(bytes / 8);
	put(script, TA_EVENT_RECORDS, &both, sizeof(both.head) + bytes);
}

static void put_start(struct script *script, uint64_t trace, uint64_t span, uint64_t parent,
		      enum ta_span_type type, uint64_t link)
{
	struct ta_record_span_start start = { .head = { .kind = TA_RECORD_SPAN_START },
					      .trace_hi = trace,
					      .trace_lo = trace,
					      .span_id = span,
					      .parent_id = parent,
					      .start_ns = span,
					      .link_trace_lo = link,
					      .link_span_id = link,
					      .type = (uint8_t)type };

	put_record(script, 1, &start, sizeof(start));
}

/* trace 0: nobody adopts it. */
static void put_end(struct script *script, uint64_t span, uint64_t trace, uint64_t adopter)
{
	struct {
		struct ta_record_span_end end;
		struct ta_attr trace_head;
		uint64_t trace[2] __attribute__((packed, aligned(4)));
		struct ta_attr span_head;
		uint64_t span __attribute__((packed, aligned(4)));
	} record = { .end = { .head = { .kind = TA_RECORD_SPAN_END },
			      .span_id = span,
			      .end_ns = 1000 + span },
		     .trace_head = { TA_ATTR_ADOPTER_TRACE, TA_ATTR_BYTES, 16 },
		     .trace = { trace, trace },
		     .span_head = { TA_ATTR_ADOPTER_SPAN, TA_ATTR_INT, 8 },
		     .span = adopter };

	put_record(script, 2, &record, trace ? sizeof(record) : sizeof(record.end));
}

static void put_event(struct script *script, uint64_t id, uint64_t trace, uint64_t span,
		      uint64_t parent)
{
	struct ta_record_event event = { .head = { .kind = TA_RECORD_EVENT },
					 .id_hi = id,
					 .id_lo = id,
					 .time_ns = 100 + id,
					 .trace_hi = trace,
					 .trace_lo = trace,
					 .span_id = span,
					 .parent_id = parent,
					 .type = TA_CAPTURE_MESSAGE };

	put_record(script, 3, &event, sizeof(event));
}

static void put_pass(struct script *script)
{
	put(script, TA_EVENT_PASS, NULL, 0);
}

static void put_dead(struct script *script)
{
	struct ta_event_dead dead = { .proc_id = PROC, .time_ns = 6000 };

	put(script, TA_EVENT_DEAD, &dead, sizeof(dead));
}

/* ---- what came of it ---- */

static const char *say(struct ta_state *state)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	TA_LIST_EACH(at, &state->buckets.groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		for (uint32_t i = 0; i < group->count; i++) {
			const struct ta_span *span = &group->spans[i]->span;

			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "%llu/%llu:%llu%s>%llu ",
						 (unsigned long long)span->trace_lo,
						 (unsigned long long)span->span_id,
						 (unsigned long long)span->parent_id,
						 span->orphan ? "*" : "",
						 (unsigned long long)span->hint_span_id);
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, "| ");
	}
	TA_LIST_EACH(event_at, &state->events.ready) {
		const struct ta_record_event *event =
			TA_CONTAINER(event_at, struct ta_held_event, link)->event.record;

		used += (size_t)snprintf(text + used, sizeof(text) - used, "e%llu=%llu/%llu:%llu ",
					 (unsigned long long)event->id_lo,
					 (unsigned long long)event->trace_lo,
					 (unsigned long long)event->span_id,
					 (unsigned long long)event->parent_id);
	}
	return text;
}

struct emitted {
	struct ta_state *state;
};

static void apply_emitted(void *user, uint32_t kind, const void *head, size_t head_bytes,
			  const void *tail, size_t tail_bytes)
{
	struct emitted *emitted = user;
	char *both = malloc(head_bytes + tail_bytes + 1);

	if (head_bytes)
		memcpy(both, head, head_bytes);
	if (tail_bytes)
		memcpy(both + head_bytes, tail, tail_bytes);
	check_same(ta_state_apply(emitted->state, kind, both, head_bytes + tail_bytes), 0);
	free(both);
}

static void apply(struct ta_state *state, const struct script *script, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		check_same(ta_state_apply(state, script->steps[i].kind, script->steps[i].payload,
					  script->steps[i].bytes),
			   0);
}

static void finish(struct ta_state *state)
{
	for (int i = 0; i < 4; i++)
		ta_state_apply(state, TA_EVENT_PASS, NULL, 0);
}

/* The script, with a new agent that starts from a snapshot behind each of its steps in
 * turn; and one that starts anew behind every step. */
static void run(const struct script *script, const char *want)
{
	static struct ta_state states[STEPS_MAX + 2];

	for (uint32_t cut = 0; cut <= script->count; cut++) {
		struct ta_state *first = &states[0], *second = &states[1];

		ta_state_init(first);
		ta_state_init(second);
		apply(first, script, 0, cut);
		ta_state_snapshot(first, apply_emitted, &(struct emitted){ second });
		ta_state_fini(first);
		apply(second, script, cut, script->count);
		finish(second);
		check_text(say(second), want);
		ta_state_fini(second);
	}
	ta_state_init(&states[0]);
	for (uint32_t i = 0; i < script->count; i++) {
		apply(&states[i], script, i, i + 1);
		ta_state_init(&states[i + 1]);
		ta_state_snapshot(&states[i], apply_emitted, &(struct emitted){ &states[i + 1] });
		ta_state_fini(&states[i]);
	}
	finish(&states[script->count]);
	check_text(say(&states[script->count]), want);
	ta_state_fini(&states[script->count]);
}

static void killed_behind_any_record(void)
{
	static struct script script;

	script.count = 0;
	put_attach(&script);
	put_start(&script, 1, 1, 0, TA_SPAN_HTTP_SERVER, 0);
	put_start(&script, 5, 51, 50, TA_SPAN_HTTP_CLIENT, 0); /* read before its unit */
	put_pass(&script);
	put_start(&script, 5, 50, 0, TA_SPAN_UNIT, 1);
	put_start(&script, 6, 60, 0, TA_SPAN_UNIT, 1);
	put_start(&script, 6, 61, 60, TA_SPAN_COMMAND, 0);
	put_start(&script, 5, 52, 51, TA_SPAN_HTTP_SERVER, 0);
	put_end(&script, 52, 0, 0);
	put_event(&script, 1, 5, 50, 0);
	put_event(&script, 2, 5, 51, 50);
	put_event(&script, 3, 6, 61, 60);
	put_pass(&script);
	put_end(&script, 50, 1, 1);
	put_pass(&script);
	put_end(&script, 51, 0, 0);
	put_end(&script, 61, 0, 0);
	put_pass(&script);
	put_end(&script, 60, 0, 0);
	put_start(&script, 5, 54, 50, TA_SPAN_LOOKUP, 0);
	put_end(&script, 54, 0, 0);
	put_pass(&script);
	put_end(&script, 1, 0, 0);
	put_start(&script, 7, 70, 0, TA_SPAN_UNIT, 0);
	put_start(&script, 7, 71, 70, TA_SPAN_CONNECT, 0);
	put_end(&script, 71, 0, 0);
	put_pass(&script);
	put_dead(&script);
	run(&script, "1/1:0>0 1/51:1>0 1/52:51>0 1/54:1>0 | 6/61:0*>1 | 7/71:0*>0 | "
		     "e1=1/1:0 e2=1/51:1 e3=6/61:0 ");
}

/* They go out all the same when the unit takes too long. */
static void events_do_not_wait_for_ever(void)
{
	static struct script script;
	struct ta_event_decide decide = { .count = 1 };

	script.count = 0;
	put_attach(&script);
	put_start(&script, 1, 1, 0, TA_SPAN_HTTP_SERVER, 0);
	put_start(&script, 5, 50, 0, TA_SPAN_UNIT, 0);
	put_event(&script, 1, 5, 50, 0);
	put_event(&script, 2, 5, 50, 0);
	put_event(&script, 3, 8, 80, 0);
	put_pass(&script);
	put_pass(&script);
	put(&script, TA_EVENT_DECIDE, &decide, sizeof(decide));
	put_end(&script, 50, 1, 1);
	put_pass(&script);
	put_end(&script, 1, 0, 0);
	put_pass(&script);
	run(&script, "1/1:0>0 | e3=8/80:0 e1=5/0:0 e2=1/1:0 ");
}

static void events_of_a_unit_that_dies(void)
{
	static struct script script;

	script.count = 0;
	put_attach(&script);
	put_start(&script, 5, 50, 0, TA_SPAN_UNIT, 0);
	put_event(&script, 1, 5, 50, 0);
	put_pass(&script);
	put_pass(&script);
	put_dead(&script);
	put_pass(&script);
	run(&script, "e1=5/0:0 ");
}

int main(void)
{
	check_group("killed behind any record", killed_behind_any_record);
	check_group("events do not wait for ever", events_do_not_wait_for_ever);
	check_group("events of a unit that dies", events_of_a_unit_that_dies);
	return check_status();
}
