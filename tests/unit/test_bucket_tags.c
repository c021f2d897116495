/* SPDX-License-Identifier: MIT */
/*
 * test_bucket_tags.c - tags of whole traces and of sessions; sessions.
 */
#include "runtime/wire/session.h"
#include "tests/unit/buckets.h"

#define OF_TRACE TA_TAGS_OF_TRACE
#define OF_SESSION TA_TAGS_OF_SESSION

static void leave(struct fixture *f)
{
	settle(f);
	ta_buckets_leaving(&f->buckets, f->buckets.group_count);
}

static void start_in(struct fixture *f, uint64_t trace, uint64_t span, uint64_t parent,
		     const char *id, const char *name)
{
	struct made *record = a_start(trace, span, parent);

	if (id)
		add_attr(record, TA_ATTR_SESSION_ID, id, strlen(id));
	if (name)
		add_attr(record, TA_ATTR_SESSION_NAME, name, strlen(name));
	send(f, record);
}

static void a_trace_and_its_later_spans(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	start(&f, 9, 9, 0);
	end(&f, 2);
	tag(&f, 1, "plan=own");
	tag_many(&f, OF_TRACE, 1, 0, "plan=pro");
	tag_many(&f, OF_TRACE, 1, 0, "b=1");
	start(&f, 1, 3, 1);
	tag(&f, 3, "plan=mine");
	for (uint64_t id = 1; id <= 3; id++)
		end(&f, id);
	end(&f, 9);
	settle(&f);
	tag_many(&f, OF_TRACE, 1, 0, "b=2"); /* complete, not exported */
	leave(&f);
	check_text(tags_of(held_span(&f, 1)), "plan=own plan=pro b=2");
	check_text(kinds_of(held_span(&f, 1)), "5 6 6 7");
	check_text(tags_of(held_span(&f, 2)), "plan=pro b=2");
	check_text(tags_of(held_span(&f, 3)), "plan=pro b=1 plan=mine b=2");
	check_text(tags_of(held_span(&f, 9)), "");
	check_same(f.buckets.counters.refused, 0);
	fini(&f);
}

static void parts_that_leave(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	ta_buckets_leaving(&f.buckets, 1);
	tag_many(&f, OF_TRACE, 1, 0, "a=1");
	check_text(tags_of(held_span(&f, 2)), "");
	ta_buckets_stay(&f.buckets);
	ta_buckets_leaving(&f.buckets, 1);
	check_text(tags_of(held_span(&f, 2)), "a=1"); /* it stayed after all */
	ta_buckets_drop_groups(&f.buckets, 1);
	start(&f, 1, 3, 1);
	end(&f, 3);
	end(&f, 1);
	leave(&f);
	check_text(tags_of(held_span(&f, 3)), "a=1");
	fini(&f);
}

static void tags_of_nobody(void)
{
	struct fixture f;

	init(&f);
	tag_many(&f, OF_TRACE, 1, 0, "a=early"); /* its lane was read first */
	start(&f, 1, 1, 0);
	tag_many(&f, OF_TRACE, 2, 0, "a=b");
	tag_many(&f, OF_SESSION, 2, 0, "a=b");
	tag_many(&f, (enum ta_tags_of)7, 1, 0, "a=b");
	check_same(f.buckets.counters.unknown, 1);
	check_same(f.buckets.orphan_count, 2);
	end(&f, 1);
	settle(&f);
	check_same(f.buckets.counters.unknown, 3);
	check_same(f.buckets.orphan_count, 0);
	check_same(f.buckets.orphans_by_trace.count, 0);
	leave(&f);
	check_text(tags_of(held_span(&f, 1)), "a=early");
	ta_buckets_drop_groups(&f.buckets, 1);
	tag_many(&f, OF_TRACE, 1, 0, "a=too late");
	settle(&f);
	check_same(f.buckets.counters.unknown, 4);
	fini(&f);
}

static void what_is_no_tag(void)
{
	struct fixture f;

	init(&f);
	start(&f, 1, 1, 0);
	tag_many(&f, OF_TRACE, 1, 0, "no value");
	tag_many(&f, OF_TRACE, 1, 0, "=no key");
	check_same(f.buckets.counters.refused, 2);
	tag_many(&f, OF_TRACE, 1, 0, "empty=");
	for (uint32_t i = 0; i < 2 * TA_TRACE_TAGS_MAX; i++) {
		char text[32];

		snprintf(text, sizeof(text), "key%u=%u", i, i);
		tag_many(&f, OF_TRACE, 1, 0, text);
		tag_many(&f, OF_TRACE, 1, 0, text); /* a key that is known needs no room */
	}
	check_same(ta_buckets_find(&f.buckets, 1, 1)->tags.count, TA_TRACE_TAGS_MAX);
	check_same(f.buckets.counters.refused, 2 + 2 * (TA_TRACE_TAGS_MAX + 1));
	end(&f, 1);
	leave(&f);
	check(strncmp(tags_of(held_span(&f, 1)), "empty= key0=0 key1=1 ", 21) == 0, "%s",
	      tags_of(held_span(&f, 1)));
	check_same(held_span(&f, 1)->span.records.count, 3);
	fini(&f);
}

/* A host that sets tags of a trace with many spans pays once per tag, not per span. */
static void many_tags_many_spans(void)
{
	struct fixture f;

	init(&f);
	for (uint64_t id = 1; id <= 20000; id++) {
		start(&f, 1, id, id - 1);
		if (id > 1)
			end(&f, id);
	}
	for (int i = 0; i < 100000; i++) {
		tag_many(&f, OF_TRACE, 1, 0, i % 2 ? "a=odd" : "a=even");
		tag_many(&f, OF_SESSION, 1, 0, i % 2 ? "b=odd" : "b=even");
	}
	end(&f, 1);
	leave(&f);
	check_text(tags_of(held_span(&f, 20000)), "a=odd b=odd");
	check_text(tags_of(held_span(&f, 1)), "a=odd");
	fini(&f);
}

static void a_session_is_the_roots(void)
{
	struct fixture f;
	char made_of_2[TA_SESSION_ID_TEXT];

	init(&f);
	ta_session_of_trace(2, 2, made_of_2);
	start_in(&f, 1, 11, 1, "child", "its own"); /* read first; the root has the say */
	start_in(&f, 1, 1, 0, "s-1", "checkout");
	start_in(&f, 1, 12, 1, "other", NULL);
	start_in(&f, 1, 13, 0, "of a second root", NULL);
	start(&f, 2, 2, 0);
	start_at(&f, 3, 3, 0, 3, TA_SPAN_HTTP_SERVER, 1);
	start(&f, 3, 31, 3);
	start_in(&f, 4, 41, 4, "from elsewhere", NULL); /* the root is in another machine */
	start_in(&f, 5, 5, 0, NULL, "named");
	for (uint64_t id = 1; id <= 41; id++)
		if (held_span(&f, id))
			end(&f, id);
	leave(&f);
	for (uint64_t id = 11; id <= 13; id++)
		check_text(session_of(held_span(&f, id)), "s-1/checkout");
	check_text(session_of(held_span(&f, 2)), made_of_2);
	check_text(session_of(held_span(&f, 31)), "");
	check_text(session_of(held_span(&f, 41)), "from elsewhere");
	char want[64];

	ta_session_of_trace(5, 5, want);
	strcat(want, "/named");
	check_text(session_of(held_span(&f, 5)), want);
	ta_buckets_drop_groups(&f.buckets, 99);
	check_same(f.buckets.sessions.count, 0);
	fini(&f);
}

/* The spans that leave point to the session that they had then. */
static void a_session_that_changes(void)
{
	struct fixture f;

	init(&f);
	start_in(&f, 1, 11, 1, "first", "name");
	start(&f, 1, 12, 1);
	end(&f, 11);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	ta_buckets_leaving(&f.buckets, 1);
	start_in(&f, 1, 1, 0, "root's", NULL);
	check_text(session_of(held_span(&f, 11)), "first/name");
	ta_buckets_stay(&f.buckets);
	ta_buckets_leaving(&f.buckets, 1);
	check_text(session_of(held_span(&f, 11)), "root's");
	check_same(f.buckets.sessions.count, 1);
	fini(&f);
}

static void long_sessions_are_cut(void)
{
	struct fixture f;
	char id[300];

	init(&f);
	memset(id, 'x', sizeof(id));
	memcpy(id + 198, "\xe2\x82\xac", 3); /* the euro sign would end behind the limit */
	id[299] = '\0';
	start_in(&f, 1, 1, 0, id, id);
	end(&f, 1);
	leave(&f);
	check_same(held_span(&f, 1)->span.session_id_bytes, 198);
	check_same(held_span(&f, 1)->span.session_name_bytes, 198);
	fini(&f);
}

static void tags_of_a_session(void)
{
	struct fixture f;

	init(&f);
	start_in(&f, 1, 1, 0, "s", NULL);
	start_in(&f, 2, 2, 0, "s", "with a name");
	start_in(&f, 3, 3, 0, "t", NULL);
	start(&f, 1, 11, 1);
	end(&f, 11);
	end(&f, 2);
	end(&f, 3);
	settle(&f); /* 2 is complete */
	tag_many(&f, OF_SESSION, 1, 0, "paid=yes");
	end(&f, 1);
	tag(&f, 11, "paid=no");
	tag_many(&f, OF_TRACE, 1, 0, "x=1");
	tag_many(&f, OF_SESSION, 2, 0, "paid=maybe");
	tag_many(&f, OF_TRACE, 2, 0, "paid=never");
	leave(&f);
	check_text(tags_of(held_span(&f, 11)), "paid=yes paid=no x=1 paid=maybe");
	check_text(tags_of(held_span(&f, 2)), "paid=maybe paid=never");
	check_text(tags_of(held_span(&f, 1)), "x=1 paid=maybe");
	check_text(tags_of(held_span(&f, 3)), "");
	fini(&f);
}

/* What ended before the tags were set has them, whichever lane is read first. */
static void the_time_of_session_tags(void)
{
	struct fixture f;

	init(&f);
	tag_many(&f, OF_SESSION, 1, 150, "a=1"); /* before the start is read */
	tag_many(&f, OF_TRACE, 1, 150, "t=1");
	start(&f, 1, 2, 1); /* the trace is known now, its session is not */
	start_in(&f, 1, 1, 0, "s", NULL);
	start(&f, 1, 3, 1);
	tag(&f, 2, "own=1"); /* takes up what there is, while it is open */
	end_at(&f, 2, 100);
	end_at(&f, 3, 200);
	tag_many(&f, OF_SESSION, 1, 120, "a=older");
	end_at(&f, 1, 300);
	leave(&f);
	check_text(tags_of(held_span(&f, 2)), "t=1 own=1 a=1");
	check_text(tags_of(held_span(&f, 3)), "t=1");
	check_text(tags_of(held_span(&f, 1)), "t=1");
	fini(&f);
}

int main(void)
{
	check_group("tags of a trace reach its spans and the later ones", a_trace_and_its_later_spans);
	check_group("tags and parts of a trace that leave", parts_that_leave);
	check_group("tags for nobody are counted", tags_of_nobody);
	check_group("what is no tag, and too many", what_is_no_tag);
	check_group("many tags for many spans", many_tags_many_spans);
	check_group("the session of a trace is its root's", a_session_is_the_roots);
	check_group("a session that changes while spans leave", a_session_that_changes);
	check_group("long sessions are cut behind a character", long_sessions_are_cut);
	check_group("tags of a session reach what has ended", tags_of_a_session);
	check_group("session tags and the time of the end", the_time_of_session_tags);
	return check_status();
}
