/* SPDX-License-Identifier: MIT */
/*
 * image.c - all that is held, as bytes and back: for the journal's snapshot.
 *
 * Order of the images: the counters; units that are remembered; traces, oldest first, each session's tags
 * behind the first trace that has it; groups, oldest first, each with its spans;
 * spans that are not grouped; orphans; the end.  A restored state behaves as the
 * saved one would have: the journal goes on with events that count its groups and
 * passes.
 *
 * Images come from a file: every length is checked.
 *
 * Runs: agent, one thread.  No clock, no I/O.
 */
#include <errno.h>
#include <string.h>

#include "runtime/agent/held.h"
#include "runtime/agent/orphan.h"
#include "runtime/agent/unit.h"
#include "runtime/export/buf.h"

enum image_kind {
	IMAGE_COUNTERS = 1,
	IMAGE_TRACE,   /* id of its session, name, tags */
	IMAGE_SESSION, /* id, tags */
	IMAGE_GROUP,
	IMAGE_SPAN, /* records */
	IMAGE_ORPHAN, /* record */
	IMAGE_END,
	IMAGE_UNIT,
};

struct image {
	uint32_t kind; /* enum image_kind */
	uint32_t reserved;
};

struct image_counters {
	struct image head;
	uint64_t pass, age, tag_seq;
};

struct image_unit {
	struct image head;
	uint64_t trace_hi, trace_lo, span_id;
	uint64_t to_hi, to_lo, to_span;
	uint8_t adopted, closed, loose, spared;
	uint8_t reserved[4];
};

struct image_trace {
	struct image head;
	uint64_t trace_hi, trace_lo;
	uint64_t age;
	uint32_t id_bytes, name_bytes, tag_count;
	uint8_t rank;	/* enum ta_session_rank */
	uint8_t parent; /* enum ta_parent_decision */
	uint8_t units_started, depth;
};

struct image_session {
	struct image head;
	uint32_t id_bytes, tag_count;
};

struct image_tag {
	uint64_t seq, time_ns;
	uint32_t bytes;
	uint32_t reserved;
};

struct image_group {
	struct image head;
	uint64_t trace_hi, trace_lo;
	uint8_t unsampled;
	uint8_t partial;
	uint8_t reserved[6];
};

struct image_span {
	struct image head;
	uint64_t proc_id, family, global;
	uint64_t end_ns;
	uint64_t tags_seen, session_seen, ended_seq;
	uint64_t zero_pass; /* of its bucket */
	uint64_t unit_id, hint_hi, hint_lo, hint_span; /* of an orphan */
	uint32_t tid;
	uint8_t end;	 /* enum ta_span_end */
	uint8_t grouped; /* at the end of the newest group */
	uint16_t thinned_units; /* thinned_bytes / 8 */
};

struct image_orphan {
	struct image head;
	uint64_t pass;
};

struct image_end {
	struct image head;
	uint32_t leaving;
	uint32_t reserved;
};

/* ---- saving ---- */

struct out {
	struct ta_buckets *buckets;
	ta_image_fn *emit;
	void *user;
	struct ta_buf buf;
};

static void begin(struct out *out, void *image, size_t bytes, enum image_kind kind)
{
	struct image head = { .kind = kind };

	memcpy(image, &head, sizeof(head));
	ta_buf_clear(&out->buf);
	ta_buf_put(&out->buf, image, bytes);
}

static void put_padded(struct out *out, const void *data, size_t bytes)
{
	static const char zeros[8];

	ta_buf_put(&out->buf, data, bytes);
	ta_buf_put(&out->buf, zeros, -bytes & 7);
}

static void end(struct out *out)
{
	if (!out->buf.failed)
		out->emit(out->user, out->buf.data, out->buf.bytes);
}

static void put_tags(struct out *out, const struct ta_tag_list *tags)
{
	TA_LIST_EACH(at, &tags->list) {
		const struct ta_tag_entry *entry = TA_CONTAINER(at, struct ta_tag_entry, link);
		struct image_tag image = { .seq = entry->seq,
					   .time_ns = entry->time_ns,
					   .bytes = entry->bytes };

		ta_buf_put(&out->buf, &image, sizeof(image));
		put_padded(out, entry->text, entry->bytes);
	}
}

static void save_session(struct out *out, struct ta_session *session)
{
	struct image_session image = { .id_bytes = session->bytes,
				       .tag_count = session->tags.count };

	if (session->saved == out->buckets->saves || session->tags.count == 0)
		return;
	session->saved = out->buckets->saves;
	begin(out, &image, sizeof(image), IMAGE_SESSION);
	put_padded(out, session->id, session->bytes);
	put_tags(out, &session->tags);
	end(out);
}

static void save_trace(struct out *out, const struct ta_bucket *bucket)
{
	struct ta_session *session = bucket->session.session;
	const struct ta_session_name *name = bucket->session.name;
	struct image_trace image = { .trace_hi = bucket->trace_hi,
				     .trace_lo = bucket->trace_lo,
				     .age = bucket->age,
				     .id_bytes = session ? session->bytes : 0,
				     .name_bytes = name ? name->bytes : 0,
				     .tag_count = bucket->tags.count,
				     .rank = bucket->session.rank,
				     .parent = bucket->parent,
				     .units_started = bucket->units_started,
				     .depth = bucket->depth };

	begin(out, &image, sizeof(image), IMAGE_TRACE);
	put_padded(out, session ? session->id : "", image.id_bytes);
	put_padded(out, name ? name->text : "", image.name_bytes);
	put_tags(out, &bucket->tags);
	end(out);
	if (session)
		save_session(out, session);
}

static void save_unit(void *user, const struct ta_unit *unit)
{
	struct out *out = user;
	struct image_unit image = { .trace_hi = unit->trace_hi,
				    .trace_lo = unit->trace_lo,
				    .span_id = unit->span_id,
				    .to_hi = unit->to_hi,
				    .to_lo = unit->to_lo,
				    .to_span = unit->to_span,
				    .adopted = unit->adopted,
				    .closed = unit->closed,
				    .loose = unit->loose,
				    .spared = unit->spared };

	begin(out, &image, sizeof(image), IMAGE_UNIT);
	end(out);
}

static void save_traces(struct out *out)
{
	struct ta_buckets *buckets = out->buckets;

	TA_LIST_EACH(group_at, &buckets->groups) {
		struct ta_group *group = TA_CONTAINER(group_at, struct ta_group, link);

		if (ta_list_empty(&group->bucket->link) &&
		    group->bucket->groups.next == &group->trace_link)
			save_trace(out, group->bucket);
	}
	TA_LIST_EACH(at, &buckets->all)
		save_trace(out, TA_CONTAINER(at, struct ta_bucket, link));
}

static void save_span(struct out *out, const struct ta_held *held)
{
	struct image_span image = { .proc_id = held->span.process->proc_id,
				    .family = held->family,
				    .global = held->global,
				    .end_ns = held->span.end_ns,
				    .tags_seen = held->tags_seen,
				    .session_seen = held->session_seen,
				    .ended_seq = held->ended_seq,
				    .zero_pass = held->bucket->zero_pass,
				    .unit_id = held->unit_id,
				    .hint_hi = held->span.hint_trace_hi,
				    .hint_lo = held->span.hint_trace_lo,
				    .hint_span = held->span.hint_span_id,
				    .tid = held->span.tid,
				    .end = held->span.end,
				    .grouped = held->group != NULL,
				    .thinned_units = (uint16_t)(held->thinned_bytes / 8) };

	begin(out, &image, sizeof(image), IMAGE_SPAN);
	for (uint32_t i = 0; i < held->span.records.count; i++) {
		const struct ta_record *record = held->span.records.items[i];

		ta_buf_put(&out->buf, record, (size_t)record->units * 8);
	}
	end(out);
}

static void save_list(struct out *out, const struct ta_list *spans)
{
	TA_LIST_EACH(at, spans)
		save_span(out, TA_CONTAINER(at, struct ta_held, link));
}

static void save_groups(struct out *out)
{
	TA_LIST_EACH(at, &out->buckets->groups) {
		const struct ta_group *group = TA_CONTAINER(at, struct ta_group, link);
		struct image_group image = { .trace_hi = group->bucket->trace_hi,
					     .trace_lo = group->bucket->trace_lo,
					     .unsampled = group->unsampled,
					     .partial = group->partial };

		begin(out, &image, sizeof(image), IMAGE_GROUP);
		end(out);
		for (uint32_t i = 0; i < group->count; i++)
			save_span(out, group->spans[i]);
	}
}

static void save_orphan(void *user, const struct ta_record *record, uint64_t pass)
{
	struct out *out = user;
	struct image_orphan image = { .pass = pass };

	begin(out, &image, sizeof(image), IMAGE_ORPHAN);
	ta_buf_put(&out->buf, record, (size_t)record->units * 8);
	end(out);
}

void ta_buckets_save(struct ta_buckets *buckets, ta_image_fn *emit, void *user)
{
	struct out out = { .buckets = buckets, .emit = emit, .user = user };
	struct image_counters counters = { .pass = buckets->pass,
					   .age = buckets->age,
					   .tag_seq = buckets->tag_seq };
	struct image_end last = { .leaving = buckets->leaving_count };

	buckets->saves++;
	begin(&out, &counters, sizeof(counters), IMAGE_COUNTERS);
	end(&out);
	ta_units_visit(buckets, save_unit, &out);
	save_traces(&out);
	save_groups(&out);
	TA_LIST_EACH(at, &buckets->all) {
		save_list(&out, &TA_CONTAINER(at, struct ta_bucket, link)->open);
		save_list(&out, &TA_CONTAINER(at, struct ta_bucket, link)->ended);
	}
	ta_orphans_visit(buckets, save_orphan, &out);
	begin(&out, &last, sizeof(last), IMAGE_END);
	end(&out);
	ta_buf_fini(&out.buf);
}

/* ---- restoring ---- */

struct in {
	const char *at;
	size_t left;
};

/* The next bytes, with their padding; NULL when there are not so many. */
static const void *take(struct in *in, size_t bytes)
{
	const char *at = in->at;
	size_t padded = (bytes + 7) & ~(size_t)7;

	if (padded > in->left)
		return NULL;
	in->at += padded;
	in->left -= padded;
	return at;
}

static int take_tags(struct in *in, struct ta_tag_list *tags, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct image_tag *image = take(in, sizeof(*image));
		const char *text = image ? take(in, image->bytes) : NULL;

		if (!text)
			return -EINVAL;
		if (!ta_tag_list_put(tags, text, image->bytes, image->seq, image->time_ns))
			return -EINVAL;
	}
	return 0;
}

static int restore_counters(struct ta_buckets *buckets, struct in *in)
{
	const struct image_counters *image = take(in, sizeof(*image));

	if (!image)
		return -EINVAL;
	buckets->pass = image->pass;
	buckets->age = image->age;
	buckets->tag_seq = image->tag_seq;
	return 0;
}

static int restore_unit(struct ta_buckets *buckets, struct in *in)
{
	const struct image_unit *image = take(in, sizeof(*image));

	if (!image)
		return -EINVAL;
	return ta_units_restore(buckets, &(struct ta_unit){ .trace_hi = image->trace_hi,
							    .trace_lo = image->trace_lo,
							    .span_id = image->span_id,
							    .to_hi = image->to_hi,
							    .to_lo = image->to_lo,
							    .to_span = image->to_span,
							    .adopted = image->adopted & 1,
							    .closed = image->closed & 1,
							    .loose = image->loose & 1,
							    .spared = image->spared });
}

static int restore_trace(struct ta_buckets *buckets, struct in *in)
{
	const struct image_trace *image = take(in, sizeof(*image));
	const char *id = image ? take(in, image->id_bytes) : NULL;
	const char *name = id ? take(in, image->name_bytes) : NULL;
	struct ta_bucket *bucket;
	uint64_t age = buckets->age;

	if (!name || ta_buckets_find(buckets, image->trace_hi, image->trace_lo))
		return -EINVAL;
	bucket = ta_bucket_of(buckets, image->trace_hi, image->trace_lo);
	if (!bucket)
		return -ENOMEM;
	buckets->age = age;
	bucket->age = image->age;
	ta_session_set(&buckets->sessions, &bucket->session, id, image->id_bytes, name,
		       image->name_bytes);
	bucket->session.rank = image->rank;
	bucket->parent = image->parent;
	bucket->units_started = image->units_started;
	bucket->depth = image->depth;
	return take_tags(in, &bucket->tags, image->tag_count);
}

static int restore_session(struct ta_buckets *buckets, struct in *in)
{
	const struct image_session *image = take(in, sizeof(*image));
	const char *id = image ? take(in, image->id_bytes) : NULL;
	struct ta_session *session =
		id ? ta_session_find(&buckets->sessions, id, image->id_bytes) : NULL;

	return session ? take_tags(in, &session->tags, image->tag_count) : -EINVAL;
}

static int restore_group(struct ta_buckets *buckets, struct in *in)
{
	const struct image_group *image = take(in, sizeof(*image));
	struct ta_bucket *bucket =
		image ? ta_buckets_find(buckets, image->trace_hi, image->trace_lo) : NULL;

	if (!bucket)
		return -EINVAL;
	struct ta_group *group = ta_group_new(buckets, bucket, 0);

	if (!group)
		return -ENOMEM;
	group->unsampled = image->unsampled;
	group->partial = image->partial;
	return 0;
}

static struct ta_held *restore_records(struct ta_buckets *buckets, struct ta_proc *proc,
				       const struct image_span *image, struct in *in)
{
	struct ta_held *held = NULL;

	while (in->left >= sizeof(struct ta_record)) {
		const struct ta_record *record = (const void *)in->at;
		size_t size = (size_t)record->units * 8;

		if (size > in->left || !ta_record_valid(record, (uint32_t)size))
			break;
		if (record->kind == TA_RECORD_SPAN_START && !held)
			held = ta_bucket_start(buckets, proc, image->family, image->tid,
					       (const struct ta_record_span_start *)record, NULL);
		else if (held && held->span.type != TA_SPAN_UNIT && ta_record_span_id(record) && record->kind != TA_RECORD_SPAN_CANCEL)
			ta_bucket_apply(buckets, held, record);
		if (!held)
			break;
		held->tags_seen = held->session_seen = UINT64_MAX; /* all of them are here */
		take(in, size);
	}
	return held;
}

static void restore_orphanage(struct ta_held *held, const struct image_span *image)
{
	struct ta_place place = { .trace = { held->span.trace_hi, held->span.trace_lo },
				  .parent_id = held->span.parent_id,
				  .unit_id = image->unit_id,
				  .hint_hi = image->hint_hi,
				  .hint_lo = image->hint_lo,
				  .hint_span = image->hint_span };

	ta_held_put(held, &place);
}

static int restore_span(struct ta_buckets *buckets, struct in *in)
{
	const struct image_span *image = take(in, sizeof(*image));
	struct ta_proc *proc = image ? ta_procs_find(buckets->procs, image->proc_id) : NULL;
	struct ta_held *held = proc ? restore_records(buckets, proc, image, in) : NULL;
	struct ta_list *groups = &buckets->groups;
	bool unit = held && held->span.type == TA_SPAN_UNIT;

	if (!held || image->end > TA_SPAN_LET_GO)
		return -EINVAL;
	ta_held_set_global(buckets, held, image->global);
	if (image->unit_id)
		restore_orphanage(held, image);
	held->bucket->units_started -= unit; /* the trace says how many there were */
	if (unit && (image->end != TA_SPAN_OPEN || image->grouped))
		return -EINVAL;
	if (image->end != TA_SPAN_OPEN && held->span.end == TA_SPAN_OPEN)
		ta_bucket_close(buckets, held, image->end_ns, (enum ta_span_end)image->end);
	held->tags_seen = image->tags_seen;
	held->session_seen = image->session_seen;
	held->ended_seq = image->ended_seq;
	held->thinned_bytes = (uint32_t)image->thinned_units * 8;
	held->bucket->zero_pass = image->zero_pass;
	if (!image->grouped)
		return 0;
	struct ta_group *group = TA_CONTAINER(groups->prev, struct ta_group, link);

	if (ta_list_empty(groups) || group->bucket != held->bucket || held->span.end == TA_SPAN_OPEN)
		return -EINVAL;
	if (!ta_group_take(buckets, group, held))
		return -ENOMEM;
	ta_bucket_count(buckets, held->bucket);
	if (held->bucket->ended_count > 0)
		return 0;
	held->bucket->last_end_ns = 0;
	ta_list_remove(&held->bucket->settling);
	return 0;
}

static int restore_orphan(struct ta_buckets *buckets, struct in *in)
{
	const struct image_orphan *image = take(in, sizeof(*image));
	const struct ta_record *record = (const void *)in->at;

	if (!image || !ta_record_valid(record, (uint32_t)in->left) ||
	    (record->kind != TA_RECORD_TAGS && ta_record_span_id(record) == 0))
		return -EINVAL;
	ta_orphans_keep(buckets, record, image->pass);
	return 0;
}

/* Traces of which only groups are left are put aside, as they were. */
static int restore_end(struct ta_buckets *buckets, struct in *in)
{
	const struct image_end *image = take(in, sizeof(*image));

	if (!image)
		return -EINVAL;
	TA_LIST_EACH(at, &buckets->all)
		ta_bucket_release(buckets, TA_CONTAINER(at, struct ta_bucket, link));
	ta_groups_leave(buckets, image->leaving, false);
	return 0;
}

int ta_buckets_restore(struct ta_buckets *buckets, const void *image, size_t bytes)
{
	struct in in = { .at = image, .left = bytes };

	if (bytes < sizeof(struct image))
		return -EINVAL;
	switch (((const struct image *)image)->kind) {
	case IMAGE_COUNTERS:
		return restore_counters(buckets, &in);
	case IMAGE_TRACE:
		return restore_trace(buckets, &in);
	case IMAGE_SESSION:
		return restore_session(buckets, &in);
	case IMAGE_GROUP:
		return restore_group(buckets, &in);
	case IMAGE_SPAN:
		return restore_span(buckets, &in);
	case IMAGE_ORPHAN:
		return restore_orphan(buckets, &in);
	case IMAGE_UNIT:
		return restore_unit(buckets, &in);
	case IMAGE_END:
		return restore_end(buckets, &in);
	default:
		return -EINVAL;
	}
}
