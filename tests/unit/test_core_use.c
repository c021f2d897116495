/* SPDX-License-Identifier: MIT */
/*
 * test_core_use.c - what scopes, spans, contexts and hubs take, they give back.
 *
 * Every group ends with as much taken out of every pool as it began with; forking a
 * scope takes the same time whatever is in it (printed, not asserted).
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "runtime/core/now.h"
#include "tests/unit/check.h"
#include "tests/unit/support_host.h"

#define MILLION (1000000u / CORE_SLOW)
#define SKIP_EVERY 32u /* requests; a lane has room for more */

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check_use(const struct core_use *before, uint64_t lost)
{
	struct core_use now = core_use();

	check_text(core_use_difference(before, &now), "");
	check_same(core_lost(TA_LOSS_LANE_FULL) + core_lost(TA_LOSS_SCOPE_POOL) +
			   core_lost(TA_LOSS_SPAN_POOL),
		   lost);
}

/* Runs work in a thread of its own; when that has ended nothing may be left. */
static void check_work(void (*work)(void *), void *argument)
{
	struct core_use before = core_use();

	core_in_thread(work, argument);
	check_use(&before, 0);
	core_skip();
}

/* ---- forks ---- */

static double seconds_of_forks(int isolation, unsigned int tags)
{
	char key[32];

	tagalong_isolation_push();
	for (unsigned int i = 0; i < tags; i++) {
		snprintf(key, sizeof(key), "key %u", i);
		tagalong_set_tag(key, "value");
		tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, key, "value");
	}
	core_skip();
	double start = now_seconds();

	for (unsigned int i = 0; i < MILLION; i++) {
		if (isolation) {
			check_same(tagalong_isolation_push(), 0);
			check_same(tagalong_isolation_pop(), 0);
		} else {
			check_same(tagalong_scope_push(), 0);
			check_same(tagalong_scope_pop(), 0);
		}
	}
	double seconds = now_seconds() - start;

	tagalong_isolation_pop();
	return seconds;
}

static void fork_much(void *unused)
{
	(void)unused;
	for (int isolation = 0; isolation < 2; isolation++) {
		double without = seconds_of_forks(isolation, 0);
		double with = seconds_of_forks(isolation, 100);

		printf("# %s: %.0f ns a fork, %.0f ns with 100 tags: %.2f times\n",
		       isolation ? "isolation" : "scope", without / MILLION * 1e9,
		       with / MILLION * 1e9, with / without);
	}
}

static void forks(void)
{
	check_work(fork_much, NULL);
}

/* A fork that is written to has a cell; it goes with the block. */
static void fork_and_write(void *unused)
{
	struct core_use before, now;

	(void)unused;
	tagalong_set_tag("here", "from the start");
	before = core_use();
	for (unsigned int i = 0; i < MILLION / 10; i++) {
		tagalong_isolation_push();
		tagalong_set_tag("key", "value");
		tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value");
		tagalong_isolation_pop();
		if (i % SKIP_EVERY == 0)
			core_skip();
	}
	now = core_use();
	check_text(core_use_difference(&before, &now), "");
}

static void written_forks(void)
{
	check_work(fork_and_write, NULL);
}

/* ---- requests ---- */

static void one_request(void)
{
	static const char *const keys[] = { "user", "tenant", "region", "route", "shard" };

	tagalong_isolation_push();
	for (int i = 0; i < 5; i++)
		tagalong_set_tag(keys[i], "value");
	tagalong_add_breadcrumb("query", "select");
	tagalong_span_begin("work", NULL);
	tagalong_capture_message(TAGALONG_LEVEL_INFO, "a message");
	tagalong_span_end();
	tagalong_isolation_pop();
}

static void serve(void *unused)
{
	struct core_use before = core_use(), now;

	(void)unused;
	for (unsigned int i = 0; i < MILLION; i++) {
		one_request();
		if (i % SKIP_EVERY == 0)
			core_skip();
	}
	now = core_use();
	before.lanes = now.lanes; /* this thread's */
	before.births = now.births;
	check_text(core_use_difference(&before, &now), "");
}

static void requests(void)
{
	check_work(serve, NULL);
}

/* ---- what is left open, and in what order it ends ---- */

static void leave_open(void)
{
	tagalong_span_begin("one", NULL);
	tagalong_scope_push();
	tagalong_scope_set_tag(TAGALONG_SCOPE_CURRENT, "key", "value");
	tagalong_span_begin("two", NULL);
	tagalong_isolation_push();
	tagalong_set_tag("key", "value");
	tagalong_span_enter(tagalong_current_span());
	tagalong_hub_enter(tagalong_hub_current());
	tagalong_hub_push_scope();
	tagalong_span_begin("three", NULL);
}

static void unbalanced(void *unused)
{
	(void)unused;
	for (unsigned int i = 0; i < MILLION / 20; i++) {
		tagalong_isolation_push();
		leave_open();
		if (i % 3 == 1)
			tagalong_scope_pop();
		else if (i % 3 == 2)
			tagalong_span_leave();
		tagalong_isolation_pop();
		if (i % 3 == 0)
			tagalong_isolation_pop(); /* the first one took the inner */
		if (i % SKIP_EVERY == 0)
			core_skip();
	}
	leave_open(); /* the thread ends with it */
}

static void nested(void)
{
	check_work(unbalanced, NULL);
}

/* Spans that end in another order than they began, with sessions and tags. */
static void detach(void *unused)
{
	const char *const tags[] = { "plan", "free", "team", "blue", NULL };
	struct tagalong_span_options root = { .tags = tags, .session_id = "session" };
	tagalong_span_t spans[8], own = tagalong_current_span();

	(void)unused;
	for (unsigned int i = 0; i < MILLION / 50; i++) {
		spans[0] = tagalong_span_push("root", &root);
		for (int at = 1; at < 8; at++)
			spans[at] = at % 3 == 0 ? tagalong_span_push("pushed", NULL) :
				    at % 3 == 1 ? tagalong_span_start("detached", NULL) :
						  tagalong_span_create("created", NULL);
		for (unsigned int at = 0; at < 8; at++) {
			unsigned int next = (at * 3 + i) % 8;

			check_same(tagalong_span_finish(spans[next]), 0);
			check_same(tagalong_span_finish(spans[next]), -ESTALE);
		}
		check_same(tagalong_current_span().id, own.id);
		if (i % 8 == 0)
			core_skip();
	}
}

static void detached(void)
{
	check_work(detach, NULL);
}

static void make_hubs(void *unused)
{
	(void)unused;
	for (unsigned int i = 0; i < MILLION / 50; i++) {
		tagalong_hub_t hub = tagalong_hub_new(tagalong_hub_current(), i % 2);

		check(hub != 0, "turn %u", i);
		tagalong_hub_enter(hub);
		tagalong_hub_push_scope();
		tagalong_scope_set_tag(TAGALONG_SCOPE_HUB, "key", "value");
		tagalong_hub_push_scope();
		tagalong_hub_capture_message(TAGALONG_LEVEL_INFO, "by a hub", 0);
		if (i % 4 == 0)
			tagalong_hub_pop_scope();
		tagalong_hub_free(hub); /* while it is current */
		check_same(tagalong_hub_current() == hub, 1);
		tagalong_hub_leave();
		tagalong_hub_free(hub);
		tagalong_scope_free(tagalong_scope_fork(TAGALONG_SCOPE_CURRENT));
		if (i % SKIP_EVERY == 0)
			core_skip();
	}
}

static void hubs(void)
{
	check_work(make_hubs, NULL);
}

/* ---- across threads ---- */

#define HANDED 20

struct load {
	tagalong_context_t *contexts[HANDED];
	tagalong_span_t spans[HANDED];
};

static void finish_load(void *argument)
{
	struct load *load = argument;

	for (int i = 0; i < HANDED; i++) {
		check_same(tagalong_context_attach(load->contexts[i]), 0);
		tagalong_set_tag("seen", "elsewhere");
		if (i % 3 == 0)
			leave_open();
		if (i % 2)
			check_same(tagalong_span_finish(load->spans[i]), 0);
		check_same(tagalong_context_detach(load->contexts[i]), 0);
		if (i % 4)
			check_same(tagalong_context_free(load->contexts[i]), 0);
	}
}

static void hand_over(void *unused)
{
	struct load load;

	(void)unused;
	for (unsigned int turn = 0; turn < 400 / CORE_SLOW + 20; turn++) {
		for (int i = 0; i < HANDED; i++) {
			tagalong_isolation_push();
			load.spans[i] = i % 5 ? tagalong_span_push("handed", NULL) :
						tagalong_span_start("handed", NULL);
			load.contexts[i] = tagalong_context_capture();
			tagalong_isolation_pop();
		}
		core_in_thread(finish_load, &load);
		for (int i = 0; i < HANDED; i++) {
			if (i % 4 == 0)
				check_same(tagalong_context_free(load.contexts[i]), 0);
			if (i % 2 == 0)
				check_same(tagalong_span_finish(load.spans[i]), 0);
		}
		core_skip();
	}
}

static void handed_over(void)
{
	check_work(hand_over, NULL);
}

/* A thread that ends with a context attached leaves it to others. */
static void end_attached(void *context)
{
	tagalong_context_attach(context);
	tagalong_span_begin("open in it", NULL);
}

static void abandon(void *unused)
{
	(void)unused;
	for (unsigned int turn = 0; turn < 50; turn++) {
		tagalong_context_t *context = tagalong_context_capture();

		core_in_thread(end_attached, context);
		check_same(tagalong_context_free(context), 0);
		core_skip();
	}
}

static void abandoned(void)
{
	check_work(abandon, NULL);
}

/* ---- all at once ---- */

#define WORKERS 8
#define BOXES 8

static struct {
	_Atomic uint64_t spans[BOXES]; /* refs */
	_Atomic uintptr_t contexts[BOXES];
	_Atomic unsigned int working, wrong;
	tagalong_scope_t shared;
} market;

/* A child of a span that another thread may be ending inherits its session, or not. */
static void start_below(uint64_t ref)
{
	tagalong_span_t parent = { 1, 1, 1, ref };
	struct tagalong_span_options below = { .parent = &parent };

	tagalong_span_finish(tagalong_span_start("below", &below));
}

static void trade_span(unsigned int box)
{
	struct tagalong_span_options root = { .parent = TAGALONG_NO_PARENT, .session_id = "s" };
	tagalong_span_t mine = tagalong_span_start("traded", &root), other = { 0, 0, 1, 0 };

	start_below(atomic_load(&market.spans[(box + 1) % BOXES]));
	other.ref = atomic_exchange(&market.spans[box], mine.ref);
	if (other.ref && tagalong_span_finish(other) != 0)
		atomic_fetch_add(&market.wrong, 1);
}

static void trade_context(unsigned int box)
{
	uintptr_t mine = (uintptr_t)tagalong_context_capture();
	tagalong_context_t *other =
		(tagalong_context_t *)atomic_exchange(&market.contexts[box], mine);

	if (tagalong_context_attach(other) != 0)
		atomic_fetch_add(&market.wrong, 1);
	tagalong_span_begin("in another's context", NULL);
	tagalong_set_tag("key", "value");
	tagalong_context_detach(other);
	if (tagalong_context_free(other) != 0)
		atomic_fetch_add(&market.wrong, 1);
}

static void trade(void *number)
{
	unsigned int at = (unsigned int)(uintptr_t)number;

	for (unsigned int i = 0; i < MILLION / 50; i++) {
		tagalong_isolation_push();
		tagalong_span_begin("around", NULL);
		tagalong_set_tag("key", "value");
		tagalong_scope_set_tag(market.shared, "key", "value");
		trade_span((i * 7 + at) % BOXES);
		trade_context((i * 5 + at) % BOXES);
		tagalong_isolation_pop();
	}
	atomic_fetch_sub(&market.working, 1);
}

/* Contexts and spans change hands all the time; the scope of one thread is written to by
 * all of them. */
static void open_market(void *unused)
{
	struct core_thread workers[WORKERS];
	tagalong_span_t left = { 0, 0, 1, 0 };

	(void)unused;
	market.shared = tagalong_scope_get(TAGALONG_SCOPE_CURRENT);
	atomic_store(&market.working, WORKERS);
	for (unsigned int i = 0; i < WORKERS; i++)
		core_thread_start(&workers[i], trade, (void *)(uintptr_t)i);
	while (atomic_load(&market.working))
		core_skip();
	for (unsigned int i = 0; i < WORKERS; i++)
		core_thread_join(&workers[i]);
	for (unsigned int i = 0; i < BOXES; i++) {
		left.ref = market.spans[i];
		check_same(tagalong_span_finish(left), left.ref ? 0 : -ESTALE);
		check_same(tagalong_context_free((tagalong_context_t *)market.contexts[i]), 0);
	}
	check_same(market.wrong, 0);
}

/* With more threads than processors a lane may fill up; only what was recorded is lost. */
static void traded(void)
{
	struct core_use before = core_use(), now;

	core_in_thread(open_market, NULL);
	now = core_use();
	check_text(core_use_difference(&before, &now), "");
	core_skip();
}

int main(void)
{
	core_start();
	check_group("a million forks, with tags and without", forks);
	check_group("forks that are written to", written_forks);
	check_group("a million requests", requests);
	check_group("blocks that are left open", nested);
	check_group("spans that end in any order", detached);
	check_group("hubs", hubs);
	check_group("contexts and spans that end on other threads", handed_over);
	check_group("contexts whose thread ends", abandoned);
	check_group("threads that trade what they open", traded);
	return check_status();
}
