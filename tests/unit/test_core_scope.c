/* SPDX-License-Identifier: MIT */
/*
 * test_core_scope.c - which scope is which, and which span is current.
 *
 * A scope is told by its version number: a write that reaches it makes a new one.
 */
#include <errno.h>

#include "runtime/core/now.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

static struct ta_versions versions(void)
{
	return ta_versions_at(ta_tls.thread, ta_tls.thread->stack->depth);
}

static const tagalong_span_t no_span;

/* ---- handles ---- */

static void handles(void)
{
	tagalong_scope_t isolation = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);
	tagalong_scope_t current = tagalong_scope_get(TAGALONG_SCOPE_CURRENT);

	check(isolation && current && isolation != current, "%llx %llx",
	      (unsigned long long)isolation, (unsigned long long)current);
	check_same(tagalong_scope_get(TAGALONG_SCOPE_ISOLATION), isolation);
	tagalong_scope_push();
	check_same(tagalong_scope_get(TAGALONG_SCOPE_ISOLATION), isolation);
	tagalong_scope_t forked = tagalong_scope_get(TAGALONG_SCOPE_CURRENT);

	check(forked != current, "a block without a scope of its own");
	check_same(tagalong_scope_get(TAGALONG_SCOPE_CURRENT), forked);
	tagalong_scope_pop();
	check_same(tagalong_scope_get(TAGALONG_SCOPE_CURRENT), current);
	check_same(tagalong_scope_set_tag(forked, "key", "value"), -ESTALE);
	check_same(tagalong_scope_fork(forked), 0);
}

/* A stale handle stays stale when its number is in use again. */
static void stale_handles(void)
{
	tagalong_scope_t first = 0;

	for (int i = 0; i < 50; i++) {
		tagalong_isolation_push();
		tagalong_scope_t now = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);

		check_same(tagalong_scope_set_tag(now, "key", "value"), 0);
		if (first) {
			check_same((uint32_t)now == (uint32_t)first, 1);
			check_same(tagalong_scope_set_tag(first, "key", "value"), -ESTALE);
		}
		first = first ? first : now;
		tagalong_isolation_pop();
		check_same(tagalong_scope_set_tag(now, "key", "value"), -ESTALE);
	}
	check_same(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, "text", first), -ESTALE);
	check_same(tagalong_scope_set_tag(0xffffffffffffffffull, "key", "value"), -ESTALE);
	check_same(tagalong_scope_set_tag(77, "key", "value"), -ESTALE);
	check_same(tagalong_scope_set_tag(0, "key", "value"), 0);
}

/* The parent of a fork can be written to meanwhile; the fork does not see it. */
static void parents_of_forks(void)
{
	tagalong_scope_t parent = tagalong_scope_get(TAGALONG_SCOPE_CURRENT);
	uint64_t before = versions().current, forked;

	tagalong_scope_push();
	forked = versions().current;
	check_same(forked, before);
	check_same(tagalong_scope_set_tag(parent, "key", "value"), 0);
	check_same(versions().current, forked);
	tagalong_scope_pop();
	check(versions().current != before, "the parent's write is lost");
}

static void forks_in_no_role(void)
{
	struct core_use before = core_use(), now;
	tagalong_scope_t fork = tagalong_scope_fork(TAGALONG_SCOPE_CURRENT);

	check(fork != 0, "no fork");
	check_same(tagalong_scope_set_tag(fork, "key", "value"), 0);
	check_same(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, "text", fork), 0);
	check_same(tagalong_scope_free(fork), 0);
	check_same(tagalong_scope_free(fork), 0);
	check_same(tagalong_scope_set_tag(fork, "key", "value"), -ESTALE);
	check_same(tagalong_scope_free(TAGALONG_SCOPE_CURRENT), -EINVAL);
	now = core_use();
	check_text(core_use_difference(&before, &now), "");
}

/* Freeing is for forks: a scope that is in force is not the program's to free. */
static void freeing_what_is_in_force(void)
{
	tagalong_isolation_push();
	tagalong_scope_t held = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);

	tagalong_scope_free(held);
	check_same(tagalong_scope_set_tag(held, "key", "value"), 0);
	check_same(tagalong_set_tag("key", "value"), 0);
	check_same(tagalong_scope_get(TAGALONG_SCOPE_ISOLATION), held);
	tagalong_isolation_pop();
}

/* ---- isolation ---- */

static void isolation_through_spans(void)
{
	uint64_t outer, inside;

	tagalong_isolation_push();
	tagalong_set_tag("key", "outside");
	outer = versions().isolation;
	tagalong_span_begin("one", NULL);
	tagalong_scope_push();
	tagalong_span_begin("two", NULL);
	check_same(versions().isolation, outer);
	tagalong_set_tag("key", "inside");
	inside = versions().isolation;
	check(inside != outer, "a tag that changed nothing");
	tagalong_span_end();
	tagalong_scope_pop();
	check_same(versions().isolation, inside);
	tagalong_span_end();
	check_same(versions().isolation, inside);
	tagalong_isolation_pop();
	check(versions().isolation != inside, "a fork that reached its parent");
}

static void isolation_in_isolation(void)
{
	uint64_t base = versions().isolation, current = versions().current;

	tagalong_isolation_push();
	check_same(versions().isolation, base);
	check_same(versions().current, current);
	tagalong_set_tag("key", "one");
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "one");
	uint64_t first = versions().isolation;

	tagalong_isolation_push();
	check_same(versions().isolation, first);
	tagalong_set_tag("key", "two");
	tagalong_isolation_pop();
	check_same(versions().isolation, first);
	tagalong_isolation_pop();
	check_same(versions().isolation, base);
	check_same(versions().current, current);
}

static void global(void)
{
	uint64_t before = ta_global_version();

	check_same(tagalong_scope_set_tag(TAGALONG_SCOPE_GLOBAL, "key", "value"), 0);
	check(ta_global_version() != before, "a tag that changed nothing");
	check_same(tagalong_scope_get(TAGALONG_SCOPE_GLOBAL), TA_GLOBAL_CELL);
	check_same(tagalong_scope_free(tagalong_scope_get(TAGALONG_SCOPE_GLOBAL)), -EINVAL);
	check_same(tagalong_scope_set_tag(TA_GLOBAL_CELL, "key", "value"), 0);
}

/* ---- depth ---- */

#define DEEP 300

static void deep_blocks(void)
{
	uint64_t before = versions().current, isolation = versions().isolation;
	uint64_t lost = core_lost(TA_LOSS_CONTEXT_DEPTH);
	struct core_use use = core_use(), now;
	int opened = 0;

	for (int i = 0; i < DEEP; i++) {
		opened += tagalong_isolation_push() == 0;
		check_same(tagalong_set_tag("key", "value"), 0);
	}
	check_same(opened, (int)TA_FRAMES_MAX - 1);
	check_same(core_lost(TA_LOSS_CONTEXT_DEPTH) - lost, (uint64_t)(DEEP - opened));
	for (int i = 0; i < DEEP; i++)
		check_same(tagalong_isolation_pop(), 0);
	check_same(tagalong_isolation_pop(), -ENOENT);
	check_same(versions().isolation, isolation);
	check_same(versions().current, before);
	now = core_use();
	check_text(core_use_difference(&use, &now), "");
	core_skip();
}

/* Too deep for a frame: no span, but every begin has its end. */
static void deep_spans(void)
{
	tagalong_span_t spans[DEEP], innermost = no_span;
	const struct ta_record_span_end *end;
	int recorded = 0;

	core_skip();
	for (int i = 0; i < DEEP; i++) {
		spans[i] = tagalong_span_begin("deep", NULL);
		recorded += spans[i].id != 0;
		innermost = spans[i].id ? spans[i] : innermost;
	}
	check_same(recorded, (int)TA_FRAMES_MAX - 1);
	check_same(tagalong_current_span().id, innermost.id);
	for (int i = DEEP - 1; i >= 0; i--) {
		check_same(tagalong_span_end(), 0);
		if (i > 0 && spans[i - 1].id)
			check_same(tagalong_current_span().id, spans[i - 1].id);
	}
	check_same(tagalong_span_end(), -ENOENT);
	core_take();
	for (int i = 0; i < DEEP; i++)
		if (spans[i].id)
			check_same(core_ends(spans[i].id, &end), 1);
}

/* ---- spans ---- */

static void finished_blocks(void)
{
	const struct ta_record_span_end *end;
	tagalong_span_t outer = tagalong_span_begin("outer", NULL);
	tagalong_span_t inner = tagalong_span_begin("inner", NULL);

	core_skip();
	check_same(tagalong_span_finish(inner), 0);
	check_same(tagalong_current_span().id, outer.id);
	check_same(tagalong_span_finish(inner), -ESTALE);
	check_same(tagalong_span_end(), 0); /* inner's block */
	check_same(tagalong_current_span().id, outer.id);
	core_take();
	check_same(core_ends(inner.id, &end), 1);
	check_same(core_ends(outer.id, &end), 0);
	check_same(tagalong_span_end(), 0);
	core_take();
	check_same(core_ends(outer.id, &end), 1);
	check_same(tagalong_span_end(), -ENOENT);
}

/* Pushed spans: every order in which four can be finished. */
static void finish_in_order(const int *order)
{
	tagalong_span_t spans[4];
	bool open[4] = { true, true, true, true };

	for (int i = 0; i < 4; i++)
		spans[i] = tagalong_span_push("pushed", NULL);
	for (int i = 0; i < 4; i++) {
		int innermost = 3;

		check_same(tagalong_span_finish(spans[order[i]]), 0);
		open[order[i]] = false;
		while (innermost >= 0 && !open[innermost])
			innermost--;
		check_same(tagalong_current_span().id, innermost < 0 ? 0 : spans[innermost].id);
	}
	check_same(ta_tls.thread->stack->depth, 0);
}

static void pushed(void)
{
	for (int i = 0; i < 256; i++) {
		int order[4] = { i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6 & 3 };

		if ((1 << order[0] | 1 << order[1] | 1 << order[2] | 1 << order[3]) == 15)
			finish_in_order(order);
	}
	core_skip();
}

static void enters(void)
{
	tagalong_span_t open = tagalong_span_start("open", NULL);
	tagalong_span_t ended = tagalong_span_start("ended", NULL);
	tagalong_span_t remote = { .trace_hi = 1, .trace_lo = 2, .id = 3, .ref = 0 };

	tagalong_span_finish(ended);
	check_same(tagalong_span_enter(open), 0);
	check_same(tagalong_current_span().id, open.id);
	tagalong_span_enter(ended);
	check_same(tagalong_current_span().id, open.id);
	tagalong_span_enter(no_span);
	check_same(tagalong_current_span().id, 0);
	tagalong_span_t root = tagalong_span_start("root", NULL);

	check(root.trace_lo != open.trace_lo, "a hidden span is a parent");
	tagalong_span_enter(remote);
	check_same(tagalong_current_span().id, 3);
	tagalong_span_leave();
	check_same(tagalong_current_span().id, 0);
	tagalong_span_leave();
	tagalong_span_leave();
	check_same(tagalong_current_span().id, open.id);
	tagalong_span_finish(open); /* while it is entered */
	check_same(tagalong_current_span().id, 0);
	check_same(tagalong_span_leave(), 0);
	check_same(tagalong_span_leave(), -ENOENT);
	tagalong_span_finish(root);
	core_skip();
}

/* Roots are current without being entered; of more than four the newest four. */
static void roots(void)
{
	struct tagalong_span_options root = { .parent = TAGALONG_NO_PARENT };
	tagalong_span_t spans[6], child;

	for (int i = 0; i < 6; i++) {
		spans[i] = tagalong_span_create("root", &root);
		check_same(tagalong_current_span().id, spans[i].id);
		check_same(tagalong_root_span().id, spans[i].id);
	}
	child = tagalong_span_create("child", NULL);
	check(child.trace_lo == spans[5].trace_lo && child.id != spans[5].id, "another root");
	check_same(tagalong_current_span().id, spans[5].id);
	tagalong_span_finish(child);
	for (int i = 5; i >= 2; i--) {
		check_same(tagalong_current_span().id, spans[i].id);
		check_same(tagalong_span_finish(spans[i]), 0);
	}
	check_same(tagalong_current_span().id, 0);
	check_same(tagalong_root_span().id, 0);
	check_same(tagalong_span_finish(spans[0]), 0);
	check_same(tagalong_span_finish(spans[1]), 0);
	core_skip();
}

/* A root in the middle of the row ends: the others stay where they are. */
static void roots_in_any_order(void)
{
	struct tagalong_span_options root = { .parent = TAGALONG_NO_PARENT };
	tagalong_span_t spans[4];

	for (int i = 0; i < 4; i++)
		spans[i] = tagalong_span_create("root", &root);
	tagalong_span_finish(spans[1]);
	check_same(tagalong_current_span().id, spans[3].id);
	tagalong_span_finish(spans[3]);
	check_same(tagalong_current_span().id, spans[2].id);
	tagalong_span_t newer = tagalong_span_create("newer", &root);

	tagalong_span_finish(newer);
	tagalong_span_finish(spans[2]);
	check_same(tagalong_current_span().id, spans[0].id);
	tagalong_span_finish(spans[0]);
	check_same(tagalong_current_span().id, 0);
	core_skip();
}

static void sessions(void)
{
	struct tagalong_span_options given = { .session_id = "s-1", .session_name = "name" };
	tagalong_span_t root = tagalong_span_push("root", &given);
	tagalong_span_t child = tagalong_span_start("child", NULL);
	char id[64], name[64];

	check_same(tagalong_span_session(child, id, sizeof(id), name, sizeof(name)), 0);
	check_text(id, "s-1");
	check_text(name, "name");
	tagalong_span_finish(root);
	check_same(tagalong_span_session(child, id, 3, NULL, 0), 0);
	check_text(id, "s-");
	tagalong_span_finish(child);
	check_same(tagalong_span_session(child, id, sizeof(id), name, sizeof(name)), -ESTALE);
	core_skip();
}

int main(void)
{
	core_start();
	tagalong_hub_current();
	check_group("one handle per scope", handles);
	check_group("handles of scopes that are over", stale_handles);
	check_group("writes to a fork's parent", parents_of_forks);
	check_group("forks that are in no role", forks_in_no_role);
	check_group("freeing a scope that is in force", freeing_what_is_in_force);
	check_group("the isolation scope through nested spans", isolation_through_spans);
	check_group("isolation in isolation", isolation_in_isolation);
	check_group("the global scope", global);
	check_group("more blocks than frames", deep_blocks);
	check_group("more spans than frames", deep_spans);
	check_group("a block's span finished by its handle", finished_blocks);
	check_group("pushed spans, finished in any order", pushed);
	check_group("entering spans", enters);
	check_group("roots that are current", roots);
	check_group("roots that end in any order", roots_in_any_order);
	check_group("sessions", sessions);
	return check_status();
}
