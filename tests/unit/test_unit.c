/* SPDX-License-Identifier: MIT */
/*
 * test_unit.c - units: what is in their trace goes to whose work it was, in whatever order
 * the records come, and stays where it is when nobody adopts them.
 */
#include "runtime/agent/unit.h"
#include "tests/unit/buckets.h"

/* The cast: a request (span 1 of trace 1), a unit (span 50 of trace 5) with two children,
 * 51 and 52, and a grandchild, 53, of another process.  The hint is span 9 of trace 9. */
enum { REQUEST = 1, UNIT = 50, CHILD = 51, OTHER = 52, GRANDCHILD = 53 };
#define UNIT_TRACE 5
#define REQUEST_TRACE 1

static struct made *a_unit(uint64_t trace, uint64_t span, uint64_t link)
{
	struct ta_record_span_start record = { .trace_hi = trace,
					       .trace_lo = trace,
					       .span_id = span,
					       .start_ns = span,
					       .link_trace_hi = link,
					       .link_trace_lo = link,
					       .link_span_id = link,
					       .type = TA_SPAN_UNIT };

	return made(&record, sizeof(record), TA_RECORD_SPAN_START);
}

static void unit(struct fixture *f, uint64_t trace, uint64_t span, uint64_t link)
{
	send(f, a_unit(trace, span, link));
}

static void adopt(struct fixture *f, uint64_t span, uint64_t trace, uint64_t adopter)
{
	struct ta_record_span_end end = { .span_id = span, .end_ns = 1000 + span };
	struct made *record = made(&end, sizeof(end), TA_RECORD_SPAN_END);
	uint64_t ids[2] = { trace, trace };

	add_attr(record, TA_ATTR_ADOPTER_TRACE, (const char *)ids, sizeof(ids));
	add_attr(record, TA_ATTR_ADOPTER_SPAN, (const char *)&adopter, sizeof(adopter));
	((struct ta_attr *)(void *)(record->bytes + sizeof(end) + 20))->type = TA_ATTR_INT;
	send(f, record);
}

/* "1:0 51:1 | 9:0": spans and parents of all groups, by trace. */
static const char *tree(const struct fixture *f)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	TA_LIST_EACH(at, &f->buckets.groups) {
		struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);

		for (uint32_t i = 0; i < group->count; i++) {
			const struct ta_span *span = &group->spans[i]->span;

			check_same(span->trace_hi, span->trace_lo);
			check_same(span->trace_lo, group->bucket->trace_lo);
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s%llu/%llu:%llu%s",
				i ? " " : used ? " | " : "", (unsigned long long)span->trace_lo,
				(unsigned long long)span->span_id,
				(unsigned long long)span->parent_id, span->orphan ? "*" : "");
		}
	}
	return text;
}

static void nothing_is_left(struct fixture *f)
{
	check_same(f->buckets.open_units, 0);
	check_same(f->buckets.counters.unknown, 0);
	check_same(f->buckets.counters.twice, 0);
	check_same(f->buckets.counters.refused, 0);
	ta_buckets_drop_groups(&f->buckets, f->buckets.group_count);
	check_same(f->buckets.held_count, 0);
	check_same(f->buckets.traces.count, 0);
	check_same(ta_buckets_counts(&f->buckets).active_traces, 0);
}

/* ---- any order ---- */

typedef void step_fn(struct fixture *f);

static void start_request(struct fixture *f) { start(f, REQUEST_TRACE, REQUEST, 0); }
static void start_unit(struct fixture *f) { unit(f, UNIT_TRACE, UNIT, 9); }
static void start_child(struct fixture *f) { start(f, UNIT_TRACE, CHILD, UNIT); }
static void start_grandchild(struct fixture *f) { start(f, UNIT_TRACE, GRANDCHILD, CHILD); }
static void end_unit(struct fixture *f) { adopt(f, UNIT, REQUEST_TRACE, REQUEST); }
static void end_alone(struct fixture *f) { end(f, UNIT); }
static void end_child(struct fixture *f) { end(f, CHILD); }
static void end_grandchild(struct fixture *f) { end(f, GRANDCHILD); }
static void end_request(struct fixture *f) { end(f, REQUEST); }

static void keep_image(void *user, const void *image, size_t bytes)
{
	struct fixture *again = user;

	check_same(ta_buckets_restore(&again->buckets, image, bytes), 0);
}

/* Goes on with a restored copy. */
static void restart(struct fixture *f)
{
	static struct fixture again;

	init(&again);
	ta_buckets_save(&f->buckets, keep_image, &again);
	fini(f);
	init(f); /* lists point to themselves: a fixture cannot be copied */
	ta_buckets_save(&again.buckets, keep_image, f);
	fini(&again);
}

struct play {
	step_fn *const *steps;
	uint32_t count;
	const char *want;
	uint32_t plays;
};

/* One order; a pass is over behind step pass_at, and a restart behind step restart_at. */
static void play(struct play *play, const uint32_t *order, uint32_t pass_at, uint32_t restart_at)
{
	struct fixture f;

	init(&f);
	for (uint32_t i = 0; i < play->count; i++) {
		play->steps[order[i]](&f);
		if (i == restart_at)
			restart(&f);
		if (i == pass_at)
			ta_buckets_settle(&f.buckets);
	}
	settle(&f);
	ta_buckets_leaving(&f.buckets, 10);
	check_text(tree(&f), play->want);
	ta_buckets_stay(&f.buckets);
	nothing_is_left(&f);
	fini(&f);
	play->plays++;
}

static void permute(struct play *all, uint32_t *order, uint32_t at)
{
	if (at == all->count) {
		for (uint32_t restart_at = 0; restart_at <= all->count; restart_at += 2)
			play(all, order, restart_at % 3 ? all->count : all->plays % all->count,
			     restart_at);
		return;
	}
	for (uint32_t i = at; i < all->count; i++) {
		uint32_t kept = order[at];

		order[at] = order[i];
		order[i] = kept;
		permute(all, order, at + 1);
		order[i] = order[at];
		order[at] = kept;
	}
}

static void play_all(step_fn *const *steps, uint32_t count, const char *want)
{
	struct play all = { .steps = steps, .count = count, .want = want };
	uint32_t order[16];

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	permute(&all, order, 0);
	check(all.plays >= 1000, "too few orders were tried");
}

/* Whatever is read first: lanes are not in order. */
static void adopted_in_any_order(void)
{
	static step_fn *const steps[] = { start_request, start_unit, start_child, end_child,
					  end_unit,	 end_request };
	static step_fn *const deep[] = { start_unit, start_child,    start_grandchild,
					 end_child,  end_grandchild, end_unit };

	play_all(steps, 6, "1/1:0 1/51:1");
	play_all(deep, 6, "1/51:1 1/53:51");
}

static void alone_in_any_order(void)
{
	static step_fn *const steps[] = { start_unit, start_child,    start_grandchild,
					  end_child,  end_grandchild, end_alone };

	play_all(steps, 6, "5/51:0* 5/53:51");
}

/* ---- one at a time ---- */

static void what_is_open_moves_too(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	unit(&f, 5, 50, 0);
	start(&f, 5, 51, 50);
	start(&f, 5, 53, 51);
	adopt(&f, 50, 1, 1);
	end(&f, 1);
	settle(&f);
	check_text(tree(&f), ""); /* the request's trace waits for them */
	tag(&f, 51, "a=b");
	end(&f, 51);
	tag_many(&f, TA_TAGS_OF_TRACE, 5, 0, "who=unit");
	end(&f, 53);
	settle(&f);
	ta_buckets_leaving(&f.buckets, 1);
	check_text(tree(&f), "1/1:0 1/51:1 1/53:51");
	check_text(tags_of(held_span(&f, 51)), "a=b who=unit");
	check_text(tags_of(held_span(&f, 1)), "who=unit");
	nothing_is_left(&f);
	fini(&f);
}

/* Another process goes on with the unit's trace long after. */
static void late_ones_find_their_trace(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	unit(&f, 5, 50, 0);
	adopt(&f, 50, 1, 1);
	end(&f, 1);
	settle(&f);
	ta_buckets_leaving(&f.buckets, 1);
	ta_buckets_drop_groups(&f.buckets, 1);
	check_same(f.buckets.traces.count, 0);
	for (int i = 0; i < 5; i++)
		ta_buckets_settle(&f.buckets);
	start(&f, 5, 53, 51);
	start(&f, 5, 52, 50);
	end(&f, 52);
	end(&f, 53);
	settle(&f);
	check_text(tree(&f), "1/52:1 1/53:51");
	nothing_is_left(&f);
	fini(&f);
}

/* A unit of a process that was asked by one: 6 -> 5 -> 1, whichever ends first. */
static void chains(bool inner_first, bool late)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	unit(&f, 5, 50, 0);
	start(&f, 5, 51, 50);
	start(&f, 5, 54, 51); /* the request that the other process serves */
	unit(&f, 6, 60, 0);
	if (!late)
		start(&f, 6, 61, 60);
	if (inner_first)
		adopt(&f, 60, 5, 54);
	adopt(&f, 50, 1, 1);
	if (!inner_first)
		adopt(&f, 60, 5, 54);
	if (late)
		start(&f, 6, 61, 60);
	for (uint64_t id = 1; id < 70; id++)
		if (held_span(&f, id))
			end(&f, id);
	settle(&f);
	check_text(tree(&f), "1/1:0 1/51:1 1/54:51 1/61:54");
	nothing_is_left(&f);
	fini(&f);
}

static void all_chains(void)
{
	for (int i = 0; i < 4; i++)
		chains(i & 1, i & 2);
}

static void the_link_of_an_orphan(void)
{
	struct fixture f;
	const struct ta_span *span;

	init(&f);
	unit(&f, 5, 50, 9);
	start(&f, 5, 51, 50);
	end(&f, 50);
	start(&f, 5, 52, 50); /* late */
	end(&f, 51);
	end(&f, 52);
	settle(&f);
	ta_buckets_leaving(&f.buckets, 1);
	check_text(tree(&f), "5/51:0* 5/52:0*");
	for (uint64_t id = 51; id <= 52; id++) {
		span = &held_span(&f, id)->span;
		check_same(span->hint_trace_hi, 9);
		check_same(span->hint_trace_lo, 9);
		check_same(span->hint_span_id, 9);
	}
	check(session_of(held_span(&f, 51))[0] != '\0', "a root of the program has no session");
	fini(&f);
}

/* A guess that led into another unit leads to whose work that was. */
static void links_follow(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	unit(&f, 5, 50, 0);
	unit(&f, 6, 60, 50); /* of trace 50: not the unit's */
	((struct ta_record_span_start *)(void *)a_unit(7, 70, 50)->bytes)->link_trace_hi = 5;
	struct made *record = a_unit(7, 70, 50);

	((struct ta_record_span_start *)(void *)record->bytes)->link_trace_hi = 5;
	((struct ta_record_span_start *)(void *)record->bytes)->link_trace_lo = 5;
	send(&f, record);
	start(&f, 6, 61, 60);
	start(&f, 7, 71, 70);
	end(&f, 60);
	end(&f, 70);
	adopt(&f, 50, 1, 1);
	end(&f, 61);
	end(&f, 71);
	end(&f, 1);
	settle(&f);
	ta_buckets_leaving(&f.buckets, 5);
	check_same(held_span(&f, 61)->span.hint_trace_lo, 50);
	check_same(held_span(&f, 61)->span.hint_span_id, 50);
	check_same(held_span(&f, 71)->span.hint_trace_lo, 1);
	check_same(held_span(&f, 71)->span.hint_span_id, 1);
	fini(&f);
}

/* A part of a trace whose unit goes on: roots, until it turns out otherwise. */
static void parts(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 9);
	start(&f, 5, 51, 50);
	end(&f, 51);
	settle(&f);
	check_same(f.buckets.group_count, 0);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 5, 5));
	check_text(tree(&f), "5/51:0*");
	start(&f, 5, 52, 50);
	end(&f, 52);
	adopt(&f, 50, 1, 1); /* the part is still here */
	settle(&f);
	check_text(tree(&f), "1/51:1 | 1/52:1");
	nothing_is_left(&f);
	fini(&f);
}

static void what_leaves_stays(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 9);
	start(&f, 5, 51, 50);
	end(&f, 51);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 5, 5));
	ta_buckets_leaving(&f.buckets, 1);
	adopt(&f, 50, 1, 1);
	settle(&f);
	check_text(tree(&f), "5/51:0*");
	nothing_is_left(&f);
	fini(&f);
}

static void death_of_the_process(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 9);
	start(&f, 5, 51, 50);
	unit(&f, 6, 60, 9); /* without children */
	ta_buckets_close_thread(&f.buckets, f.proc, 1, 2000);
	check_same(f.buckets.open_units, 2); /* other threads may end it */
	ta_buckets_close_process(&f.buckets, f.proc, 3000);
	check_same(f.buckets.counters.given_up, 0);
	settle(&f);
	check_text(tree(&f), "5/51:0*");
	check_same(held_span(&f, 51)->span.end, TA_SPAN_HOST_DIED);
	adopt(&f, 60, 1, 1); /* was in a lane that is read only now */
	adopt(&f, 50, 1, 1);
	check_text(tree(&f), "1/51:1");
	nothing_is_left(&f);
	fini(&f);
}

static void given_up(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 9);
	ta_buckets_give_up(&f.buckets, ta_buckets_find(&f.buckets, 5, 5), 2000);
	check_same(f.buckets.traces.count, 0);
	unit(&f, 6, 60, 9);
	start(&f, 6, 61, 60);
	ta_buckets_give_up(&f.buckets, ta_buckets_find(&f.buckets, 6, 6), 2000);
	check_same(f.buckets.counters.given_up, 1);
	settle(&f);
	check_text(tree(&f), "6/61:0*");
	nothing_is_left(&f);
	fini(&f);
}

static void a_unit_is_no_span(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 0);
	check_same(ta_buckets_counts(&f.buckets).active_traces, 0);
	tag(&f, 50, "a=b");
	attrs(&f, 50);
	end(&f, 50);
	attrs(&f, 50);
	end(&f, 50);
	settle(&f);
	check_same(f.buckets.group_count, 0);
	unit(&f, 6, 60, 0);
	cancel(&f, 60);
	nothing_is_left(&f);
	fini(&f);
}

/* ---- hosts that lie ---- */

static void into_itself(void)
{
	struct fixture f;

	init(&f);
	unit(&f, 5, 50, 9);
	start(&f, 5, 51, 50);
	adopt(&f, 50, 5, 51);
	unit(&f, 6, 60, 9);
	start(&f, 6, 61, 60);
	adopt(&f, 60, 6, 60);
	end(&f, 51);
	end(&f, 61);
	settle(&f);
	check_text(tree(&f), "5/51:0* | 6/61:0*");
	nothing_is_left(&f);
	fini(&f);
}

static void circles(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t i = 5; i <= 7; i++) {
		unit(&f, i, i * 10, 0);
		start(&f, i, i * 10 + 1, i * 10);
	}
	adopt(&f, 50, 6, 61);
	adopt(&f, 60, 7, 71);
	adopt(&f, 70, 5, 51); /* 5 is 7 by now */
	for (uint64_t i = 5; i <= 7; i++)
		end(&f, i * 10 + 1);
	settle(&f);
	check_text(tree(&f), "7/71:0* 7/61:71 7/51:61");
	nothing_is_left(&f);
	fini(&f);
}

/* A trace with several units moves with the first that is adopted; nothing else of the
 * adopter's trace ever does. */
static void several_in_a_trace(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 2, 2, 0);
	unit(&f, 5, 50, 0);
	unit(&f, 5, 60, 0);
	start(&f, 5, 51, 50);
	start(&f, 5, 61, 60);
	adopt(&f, 50, 1, 1);
	adopt(&f, 60, 2, 2);
	unit(&f, 5, 70, 0); /* too late */
	start(&f, 5, 71, 70);
	adopt(&f, 70, 2, 2);
	for (int i = 0; i < 3; i++)
		ta_buckets_settle(&f.buckets);
	for (uint64_t id = 1; id < 80; id++)
		if (held_span(&f, id))
			end(&f, id);
	settle(&f);
	check_text(tree(&f), "2/2:0 | 1/1:0 1/51:1 1/61:0* 1/71:70");
	fini(&f);
}

/* A row of adoptions costs no more than so many moves of a span. */
static void long_chains(void)
{
	struct fixture f;
	uint64_t count = 20000;

	init(&f);
	for (uint64_t i = 1; i <= count; i++) {
		unit(&f, i, i * 10, 0);
		start(&f, i, i * 10 + 1, i * 10);
	}
	for (uint64_t i = 1; i < count; i++)
		adopt(&f, i * 10, i + 1, (i + 1) * 10 + 1);
	for (uint64_t i = 1; i <= count; i++) {
		check(held_span(&f, i * 10 + 1)->bucket->depth <= TA_MOVES_MAX + 1, "moved too often");
		end(&f, i * 10 + 1);
	}
	end(&f, count * 10);
	settle(&f);
	check(f.buckets.group_count >= count / (TA_MOVES_MAX + 2), "all moved");
	nothing_is_left(&f);
	fini(&f);
}

static void very_many(void)
{
	struct fixture f;
	uint64_t spans = 0;

	init(&f);
	f.buckets.bytes_max = 24u << 20;
	start(&f, 1, 1, 0);
	for (uint64_t i = 1; i <= 400000; i++) {
		unit(&f, i << 8, i << 8 | 1, 9);
		if (i % 1000 == 0)
			start(&f, i << 8, i << 8 | 2, i << 8 | 1);
		if (i % 2)
			adopt(&f, i << 8 | 1, 1, 1);
		else
			end(&f, i << 8 | 1);
		if (i % 1000 == 0)
			end(&f, i << 8 | 2);
		if (i % 4096 == 0) {
			ta_buckets_settle(&f.buckets);
			for (uint32_t j = 0; j < f.buckets.group_count; j++)
				spans += nth_group(&f, j)->count;
			ta_buckets_drop_groups(&f.buckets, f.buckets.group_count);
		}
		if (i % 65536 == 0)
			check(ta_buckets_bytes(&f.buckets) < f.buckets.bytes_max / 4,
			      "units are remembered without bounds");
	}
	end(&f, 1);
	settle(&f);
	for (uint32_t j = 0; j < f.buckets.group_count; j++)
		spans += nth_group(&f, j)->count;
	check_same(spans, 401);
	check_same(f.buckets.counters.refused, 0);
	nothing_is_left(&f);
	fini(&f);
}

/* ---- spans that their trace does not wait for ---- */

static void loose(struct fixture *f, uint64_t trace, uint64_t span, uint64_t parent)
{
	struct made *record = a_start(trace, span, parent);

	((struct ta_record_span_start *)(void *)record->bytes)->flags = TA_SPAN_LOOSE;
	send(f, record);
}

static void loose_ones_end_with_their_trace(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	loose(&f, 1, 2, 1);
	start(&f, 1, 3, 2);
	end_at(&f, 3, 500);
	end_at(&f, 1, 700);
	settle(&f);
	check_text(tree(&f), "1/1:0 1/2:1 1/3:2");
	check_same(held_span(&f, 2)->span.end, TA_SPAN_LET_GO);
	check_same(held_span(&f, 2)->span.end_ns, 700);
	restart(&f);
	check_same(held_span(&f, 2)->span.end, TA_SPAN_LET_GO);
	check_same(held_span(&f, 2)->span.end_ns, 700);
	end_at(&f, 2, 900); /* before it went out */
	check_same(held_span(&f, 2)->span.end, TA_SPAN_ENDED);
	check_same(held_span(&f, 2)->span.end_ns, 900);
	nothing_is_left(&f);
	fini(&f);
}

/* Most end long after they are out. */
static void ends_of_loose_ones_come_late(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	loose(&f, 1, 2, 1);
	end(&f, 1);
	settle(&f);
	ta_buckets_drop_groups(&f.buckets, 1);
	restart(&f);
	attrs(&f, 2);
	end(&f, 2);
	start(&f, 1, 3, 2); /* still its child */
	end(&f, 3);
	settle(&f);
	check_text(tree(&f), "1/3:2");
	nothing_is_left(&f);
	fini(&f);
}

static void loose_ones_alone_wait(void)
{
	struct fixture f;

	init(&f);
	loose(&f, 1, 1, 0);
	settle(&f);
	check_text(tree(&f), "");
	check_same(ta_buckets_counts(&f.buckets).active_traces, 1);
	end(&f, 1);
	settle(&f);
	check_text(tree(&f), "1/1:0");
	check_same(held_span(&f, 1)->span.end, TA_SPAN_ENDED);
	nothing_is_left(&f);
	fini(&f);
}

int main(void)
{
	check_group("adopted in any order", adopted_in_any_order);
	check_group("alone in any order", alone_in_any_order);
	check_group("what is open moves too", what_is_open_moves_too);
	check_group("late ones find their trace", late_ones_find_their_trace);
	check_group("chains", all_chains);
	check_group("the link of an orphan", the_link_of_an_orphan);
	check_group("links follow", links_follow);
	check_group("parts", parts);
	check_group("what leaves stays", what_leaves_stays);
	check_group("death of the process", death_of_the_process);
	check_group("given up", given_up);
	check_group("a unit is no span", a_unit_is_no_span);
	check_group("into itself", into_itself);
	check_group("circles", circles);
	check_group("several in a trace", several_in_a_trace);
	check_group("long chains", long_chains);
	check_group("very many", very_many);
	check_group("loose ones end with their trace", loose_ones_end_with_their_trace);
	check_group("ends of loose ones come late", ends_of_loose_ones_come_late);
	check_group("loose ones alone wait", loose_ones_alone_wait);
	return check_status();
}
