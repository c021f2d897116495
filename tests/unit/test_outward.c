/* SPDX-License-Identifier: MIT */
/*
 * test_outward.c - units of an event loop: who was guessed for one is guessed for the next, whoever
 * takes the place of the one that is left.
 */
#include "runtime/core/outward.h"

#include "runtime/core/runtime.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

static struct ta_thread *thread;

static const struct ta_context someone = { .trace_hi = 1, .trace_lo = 2, .span_id = 3 };

static uint64_t guessed(const struct ta_owner *unit)
{
	check(unit->kind == TA_OWNER_UNIT, "not in a unit");
	return ta_unit_of(unit)->link.span_id;
}

/* Others could go on as well: what it asks between its connections is for anybody of them. */
static void loop(bool others)
{
	thread->looped = true;
	atomic_store(&ta_runtime.serving, true);
	atomic_store(&ta_runtime.parked, others);
	atomic_store(&ta_runtime.segment->defers, others);
}

static void over(void)
{
	loop(false);
	thread->looped = false;
	ta_unit_leave(thread);
	core_skip();
}

static void the_next_is_guessed_as_well(void)
{
	struct ta_asking asking;
	struct ta_owner first;

	ta_unit_now(thread, &someone, TA_GUESS_LOOP);
	first = ta_unit_owner(thread);
	check_same(guessed(&first), someone.span_id);
	loop(true);
	check(ta_outward_asks(thread, NULL, &asking), "asks nobody");
	check(asking.alone, "two calls in one unit");
	check(!ta_owner_same(&asking.owner, &first), "in the same unit");
	check_same(asking.owner.index, first.index); /* in its place */
	check_same(guessed(&asking.owner), someone.span_id);
	over();
}

static void it_stays_while_nobody_else_could_go_on(void)
{
	struct ta_asking asking;
	struct ta_owner first;

	ta_unit_now(thread, &someone, TA_GUESS_LOOP);
	first = ta_unit_owner(thread);
	loop(false);
	check(ta_outward_asks(thread, NULL, &asking), "asks nobody");
	check(!asking.alone && ta_owner_same(&asking.owner, &first), "in another unit");
	over();
}

int main(void)
{
	core_start();
	thread = ta_thread_self();
	check_group("the next is guessed as well", the_next_is_guessed_as_well);
	check_group("it stays while nobody else could go on", it_stays_while_nobody_else_could_go_on);
	return check_status();
}
