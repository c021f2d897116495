/* SPDX-License-Identifier: MIT */
/*
 * test_core_blocks.c - blocks and spans against a model, in every order.
 *
 * Every row of LONG operations out of all there are is run, and long random rows.
 * After each operation the library and the model agree on: what the call returned,
 * the current span, the versions of both scopes (so: which scope they are), and, at
 * the end, which spans ended, once each, under which versions and why.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/core/now.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define LONG (CORE_SLOW > 1 ? 4u : 5u)
#define FRAMES_MAX 128u /* that the library keeps; index 0 is the base */
#define SPANS_MAX 1024u
#define RANDOM_ROWS (400u / CORE_SLOW + 10u)
#define RANDOM_LONG 700u

enum kind { BASE, SPAN, PUSHED, ENTER, SCOPE, ISOLATION, HUB, KINDS };

struct span {
	tagalong_span_t handle;
	bool open;
	bool ended_by_us; /* a record has to tell */
	bool versions_known;
	bool jumped;
	uint64_t isolation, current; /* at its end */
};

struct frame {
	enum kind kind;
	int span; /* SPAN, PUSHED, ENTER: number; -1 none */
	bool hides;
	uint64_t isolation; /* ISOLATION and BASE */
	uint64_t current;
};

/* What should be. */
static struct {
	struct frame frames[FRAMES_MAX];
	unsigned int depth;
	unsigned int overflow; /* blocks without a frame */
	struct span spans[SPANS_MAX];
	int span_count;
} model;

static struct ta_thread *thread;
static char row[4096]; /* what was done, for the message */
static size_t row_bytes;

static void note(const char *what, int number)
{
	if (row_bytes < sizeof(row) - 32)
		row_bytes += (size_t)snprintf(row + row_bytes, sizeof(row) - row_bytes,
					      number < 0 ? "%s " : "%s(%d) ", what, number);
}

/* ---- the model ---- */

static struct frame *top(void)
{
	return &model.frames[model.depth];
}

/* The frame whose isolation scope is in force. */
static struct frame *isolation_at(unsigned int at)
{
	while (at > 0 && model.frames[at].kind != ISOLATION)
		at--;
	return &model.frames[at];
}

static int current_span(void)
{
	for (unsigned int at = model.depth; at > 0; at--) {
		struct frame *frame = &model.frames[at];

		if (frame->hides)
			return -1;
		if (frame->span >= 0 && model.spans[frame->span].open)
			return frame->span;
	}
	return -1;
}

/* False: too deep. */
static bool model_push(enum kind kind, int span)
{
	if (model.depth + 1 == FRAMES_MAX) {
		model.overflow += kind != PUSHED;
		return false;
	}
	struct frame frame = { .kind = kind,
			       .span = span,
			       .isolation = isolation_at(model.depth)->isolation,
			       .current = top()->current };

	model.frames[++model.depth] = frame;
	return true;
}

static void model_end(int number, unsigned int at, bool jumped)
{
	struct span *span = &model.spans[number];

	if (!span->open)
		return;
	span->open = false;
	span->ended_by_us = true;
	span->versions_known = true;
	span->jumped = jumped;
	span->isolation = isolation_at(at)->isolation;
	span->current = model.frames[at].current;
}

static void model_settle(void)
{
	while (top()->kind == PUSHED && !model.spans[top()->span].open)
		model.depth--;
}

/* Ends a block and what was opened in it; pushed spans stay active while they are open. */
static void model_close(unsigned int at)
{
	unsigned int to = at;

	for (unsigned int i = model.depth; i >= at; i--)
		if (model.frames[i].kind == SPAN)
			model_end(model.frames[i].span, i, i > at);
	for (unsigned int i = at + 1; i <= model.depth; i++)
		if (model.frames[i].kind == PUSHED && model.spans[model.frames[i].span].open)
			model.frames[to++] = model.frames[i];
	model.depth = to - 1;
}

static bool model_pop(enum kind kind)
{
	unsigned int at = model.depth;

	if (model.overflow) {
		model.overflow--;
		return true;
	}
	while (at > 0 && model.frames[at].kind != kind)
		at--;
	if (at > 0)
		model_close(at);
	model_settle();
	return at > 0;
}

/* ---- comparing ---- */

static void compare(void)
{
	int expected = current_span();
	tagalong_span_t now = tagalong_current_span();
	struct ta_versions versions = ta_versions_at(thread, thread->stack->depth);

	check(now.id == (expected < 0 ? 0 : model.spans[expected].handle.id),
	      "current span is %016llx, not span %d, after %s", (unsigned long long)now.id, expected,
	      row);
	check(thread->stack->depth == model.depth && thread->stack->overflow == model.overflow,
	      "%u frames and %u, not %u and %u, after %s", thread->stack->depth,
	      thread->stack->overflow, model.depth, model.overflow, row);
	check(versions.isolation == isolation_at(model.depth)->isolation,
	      "another isolation scope after %s", row);
	check(versions.current == top()->current, "another current scope after %s", row);
}

static void compare_result(int result, bool there)
{
	check(result == (there ? 0 : -ENOENT), "answered %d after %s", result, row);
}

/* ---- operations, on both ---- */

static int add_span(tagalong_span_t handle)
{
	struct span *span = &model.spans[model.span_count];

	check(handle.id != 0, "no span after %s", row);
	*span = (struct span){ .handle = handle, .open = true };
	return model.span_count++;
}

/* Every new frame gets data of its own, so that scopes can be told apart. */
static void mark_current(void)
{
	check_same(tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value"), 0);
	top()->current = ta_versions_at(thread, thread->stack->depth).current;
}

static void mark_isolation(void)
{
	check_same(tagalong_set_tag("key", "value"), 0);
	isolation_at(model.depth)->isolation =
		ta_versions_at(thread, thread->stack->depth).isolation;
}

static void begin(bool pushed)
{
	int parent = current_span();
	tagalong_span_t handle;

	note(pushed ? "push_span" : "begin", -1);
	handle = pushed ? tagalong_span_push("span", NULL) : tagalong_span_begin("span", NULL);
	if (!pushed && model.depth + 1 == FRAMES_MAX) {
		check(handle.id == 0, "a span without room after %s", row);
		model.overflow++;
		return;
	}
	int span = add_span(handle);

	if (parent >= 0)
		check(handle.trace_hi == model.spans[parent].handle.trace_hi &&
			      handle.trace_lo == model.spans[parent].handle.trace_lo,
		      "not in its parent's trace after %s", row);
	model_push(pushed ? PUSHED : SPAN, span);
}

static void enter(void)
{
	int number = model.span_count ? model.span_count / 2 : -1;
	tagalong_span_t none = { 0, 0, 0, 0 };

	note("enter", number);
	check_same(tagalong_span_enter(number < 0 ? none : model.spans[number].handle), 0);
	if (model_push(ENTER, number))
		top()->hides = number < 0;
}

static void push(enum kind kind)
{
	static const char *const names[] = { [SCOPE] = "scope", [ISOLATION] = "isolation",
					     [HUB] = "hub" };
	int result = kind == SCOPE ? tagalong_scope_push() :
		     kind == HUB   ? tagalong_hub_enter(tagalong_hub_current()) :
				     tagalong_isolation_push();

	note(names[kind], -1);
	check(result == (model_push(kind, -1) ? 0 : -ENOBUFS), "answered %d after %s", result, row);
}

static void pop(enum kind kind)
{
	static const char *const names[] = { [SPAN] = "end",
					     [ENTER] = "leave",
					     [SCOPE] = "scope_pop",
					     [ISOLATION] = "isolation_pop",
					     [HUB] = "hub_leave" };
	int result = kind == SPAN  ? tagalong_span_end() :
		     kind == ENTER ? tagalong_span_leave() :
		     kind == SCOPE ? tagalong_scope_pop() :
		     kind == HUB   ? tagalong_hub_leave() :
				     tagalong_isolation_pop();

	note(names[kind], -1);
	compare_result(result, model_pop(kind));
}

/* A span by its handle, wherever it is. */
static void finish(int number)
{
	struct span *span = &model.spans[number];
	bool open = span->open;

	note("finish", number);
	int result = tagalong_span_finish(span->handle);

	check(result == (open ? 0 : -ESTALE), "answered %d after %s", result, row);
	if (open)
		span->ended_by_us = true;
	for (unsigned int at = model.depth; open && at > 0; at--)
		if (model.frames[at].kind == SPAN && model.frames[at].span == number)
			model_end(number, at, false);
	span->open = false;
	model_settle();
}

enum { OPERATIONS = 13 };

static void operate(unsigned int operation)
{
	static const enum kind popped[] = { SPAN, ENTER, SCOPE, ISOLATION, HUB };
	unsigned int depth = model.depth;

	if (operation < 2)
		begin(operation == 1);
	else if (operation == 2)
		enter();
	else if (operation < 6)
		push((enum kind)(SCOPE + operation - 3));
	else if (operation < 11)
		pop(popped[operation - 6]);
	else if (model.span_count)
		finish(operation == 11 ? model.span_count - 1 : model.span_count / 2);
	compare();
	if (model.depth > depth) {
		mark_current();
		mark_isolation();
	}
	compare();
}

/* ---- rows ---- */

static void start_row(void)
{
	memset(&model.frames[0], 0, sizeof(model.frames[0]));
	model.frames[0].span = -1;
	model.depth = model.overflow = 0;
	model.span_count = 0;
	row_bytes = 0;
	row[0] = '\0';
	mark_current();
	mark_isolation();
}

static void check_end(const struct span *span)
{
	const struct ta_record_span_end *end;
	unsigned int ends = core_ends(span->handle.id, &end);

	if (!check(ends == 1, "%u ends of a span after %s", ends, row))
		return;
	check((end->reason == TA_END_JUMPED) == span->jumped, "reason %u after %s", end->reason,
	      row);
	if (span->versions_known)
		check(end->isolation == span->isolation && end->current == span->current,
		      "a span ended under other scopes after %s", row);
}

/* Closes what is left and looks at the records. */
static void end_row(void)
{
	while (model.overflow || model.depth) {
		enum kind kind = top()->kind;

		if (kind == PUSHED && !model.overflow)
			finish(top()->span);
		else
			pop(kind == PUSHED ? SPAN : kind);
		compare();
	}
	for (int i = 0; i < model.span_count; i++)
		if (model.spans[i].open)
			finish(i);
	core_take();
	for (int i = 0; i < model.span_count; i++)
		check_end(&model.spans[i]);
}

static void every_row(void)
{
	unsigned int rows = 1;

	for (unsigned int i = 0; i < LONG; i++)
		rows *= OPERATIONS;
	for (unsigned int i = 0; i < rows && !check_state.failed; i++) {
		start_row();
		for (unsigned int left = i, step = 0; step < LONG; step++, left /= OPERATIONS)
			operate(left % OPERATIONS);
		end_row();
	}
	printf("# %u rows of %u operations\n", rows, LONG);
}

static uint32_t random_below(uint32_t bound)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % bound;
}

/* Rows that dive below the last frame and come up again. */
static void random_rows(void)
{
	unsigned int deepest = 0;

	for (unsigned int i = 0; i < RANDOM_ROWS && !check_state.failed; i++) {
		start_row();
		for (unsigned int step = 0; step < RANDOM_LONG && !check_state.failed; step++) {
			bool dive = i % 2 && step < FRAMES_MAX + 30;
			bool down = dive || random_below(RANDOM_LONG) > step;

			if (model.span_count + 1 == SPANS_MAX)
				break;
			operate(!dive && random_below(10) == 0 ? random_below(OPERATIONS) :
				down			       ? random_below(6) :
								 6 + random_below(OPERATIONS - 6));
			if (model.overflow > deepest)
				deepest = model.overflow;
		}
		end_row();
	}
	check(deepest > 10, "never deeper than the last frame: %u", deepest);
}

static void use_is_back(void (*work)(void))
{
	struct core_use before = core_use(), now;

	work();
	start_row();
	end_row();
	now = core_use();
	check_text(core_use_difference(&before, &now), "");
}

static void every(void)
{
	use_is_back(every_row);
}

static void at_random(void)
{
	use_is_back(random_rows);
}

int main(void)
{
	core_start();
	tagalong_hub_current(); /* once a thread */
	thread = ta_tls.thread;
	start_row();
	end_row();
	check_group("every row of operations", every);
	check_group("long random rows", at_random);
	return check_status();
}
