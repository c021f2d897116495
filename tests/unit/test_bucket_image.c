/* SPDX-License-Identifier: MIT */
/*
 * test_bucket_image.c - buckets saved and restored go on as if nothing had been.
 */
#include <errno.h>

#include "tests/unit/bucket_walk.h"
#include "tests/unit/buckets.h"

static void keep_image(void *user, const void *image, size_t bytes)
{
	struct fixture *again = user;

	check_same(ta_buckets_restore(&again->buckets, image, bytes), 0);
}

static void save_and_restore(struct fixture *f, struct fixture *again)
{
	init(again);
	ta_buckets_save(&f->buckets, keep_image, again);
}

static void everything_new(void)
{
	struct fixture f, again;
	struct made *root;

	init(&f);
	root = a_start(1, 1, 0);
	add_attr(root, TA_ATTR_SESSION_ID, "s-1", 3);
	add_attr(root, TA_ATTR_SESSION_NAME, "checkout", 8);
	((struct ta_record_span_start *)(void *)root->bytes)->tags = 5;
	send(&f, root);
	start(&f, 1, 2, 1);
	end(&f, 2);
	tag(&f, 2, "own=1");
	tag_many(&f, TA_TAGS_OF_TRACE, 1, 0, "plan=pro");
	tag_many(&f, TA_TAGS_OF_SESSION, 1, 0, "paid=yes");
	tag_many(&f, TA_TAGS_OF_TRACE, 9, 0, "a=b"); /* an orphan */
	tag(&f, 9, "c=d");
	save_and_restore(&f, &again);
	fini(&f);
	check_same(held_span(&again, 1)->tags, 5);
	start(&again, 9, 9, 0);
	end(&again, 9);
	end(&again, 1);
	tag(&again, 2, "own=2");
	settle(&again);
	ta_buckets_leaving(&again.buckets, 2);
	check_text(groups(&again), "1 2 | 9");
	check_text(tags_of(held_span(&again, 1)), "plan=pro");
	check_text(tags_of(held_span(&again, 2)), "own=1 plan=pro paid=yes own=2");
	check_text(tags_of(held_span(&again, 9)), "a=b c=d");
	check_text(session_of(held_span(&again, 2)), "s-1/checkout");
	fini(&again);
}

static void groups_that_leave(void)
{
	struct fixture f, again;

	init(&f);
	for (uint64_t id = 1; id <= 3; id++) {
		start(&f, id, id, 0);
		end(&f, id);
	}
	settle(&f);
	tag_many(&f, TA_TAGS_OF_TRACE, 1, 0, "a=1");
	ta_buckets_leaving(&f.buckets, 2);
	save_and_restore(&f, &again);
	fini(&f);
	check_same(again.buckets.leaving_count, 2);
	tag(&again, 2, "late=1");
	check_same(again.buckets.counters.late, 1);
	check_text(tags_of(held_span(&again, 1)), "a=1");
	check(!ta_buckets_settling(&again.buckets), "the passes are not the same");
	tag_many(&again, TA_TAGS_OF_TRACE, 1, 0, "b=2");
	ta_buckets_stay(&again.buckets);
	ta_buckets_leaving(&again.buckets, 1);
	check_text(tags_of(held_span(&again, 1)), "a=1 b=2");
	fini(&again);
}

/* Who remembers kept traces has to know which ones go on. */
static void groups_that_are_parts(void)
{
	struct fixture f, again;

	init(&f);
	start(&f, 1, 1, 0);
	start(&f, 1, 2, 1);
	end(&f, 2);
	ta_buckets_part(&f.buckets, ta_buckets_find(&f.buckets, 1, 1));
	start(&f, 2, 3, 0);
	end(&f, 3);
	settle(&f);
	save_and_restore(&f, &again);
	fini(&f);
	check_text(groups(&again), "2 | 3");
	check_same(held_span(&again, 2)->group->partial, true);
	check_same(held_span(&again, 3)->group->partial, false);
	fini(&again);
}

/* The process's segment is gone; the versions are still those of the segment. */
static void the_family_of_a_detached_process(void)
{
	struct fixture f, again;

	init(&f);
	start(&f, 1, 1, 0);
	ta_proc_detach(&f.procs, f.proc);
	init(&again);
	again.proc->segment_id = 0;
	ta_buckets_save(&f.buckets, keep_image, &again);
	check_same(held_span(&again, 1)->family, 1);
	fini(&f);
	fini(&again);
}

/* What the images of a full state look like, one after the other. */
struct images {
	char *at[64];
	size_t bytes[64];
	uint32_t count;
};

static void gather(void *user, const void *image, size_t bytes)
{
	struct images *images = user;

	check(images->count < 64, "too many images");
	images->at[images->count] = malloc(bytes);
	memcpy(images->at[images->count], image, bytes);
	images->bytes[images->count++] = bytes;
}

static void restore_damaged(const struct images *images, uint32_t which, size_t keep)
{
	struct fixture again;

	init(&again);
	for (uint32_t i = 0; i < images->count; i++) {
		size_t bytes = i == which ? keep : images->bytes[i];
		char *copy = malloc(bytes + 1); /* so that a read behind it is seen */

		memcpy(copy, images->at[i], bytes);
		ta_buckets_restore(&again.buckets, copy, bytes);
		free(copy);
	}
	fini(&again);
}

static void damaged_images(void)
{
	struct images images = { .count = 0 };
	struct fixture f;
	uint64_t unknown_kind = 99;

	init(&f);
	start(&f, 1, 1, 0);
	tag_many(&f, TA_TAGS_OF_TRACE, 1, 0, "plan=pro");
	end(&f, 1);
	tag_many(&f, TA_TAGS_OF_SESSION, 1, 0, "paid=yes");
	settle(&f);
	start(&f, 2, 2, 0);
	attrs(&f, 3);
	ta_buckets_save(&f.buckets, gather, &images);
	check(images.count >= 8, "%u images", images.count);
	check_same(ta_buckets_restore(&f.buckets, &unknown_kind, sizeof(unknown_kind)), -EINVAL);
	for (uint32_t i = 0; i < images.count; i++)
		for (size_t keep = 0; keep < images.bytes[i]; keep += 4)
			restore_damaged(&images, i, keep);
	for (uint32_t i = 0; i < images.count; i++)
		free(images.at[i]);
	fini(&f);
}

static void random_walks(void)
{
	uint8_t bytes[3 * 400];
	uint64_t state = 1;

	for (int walks = 0; walks < 300; walks++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			bytes[i] = (uint8_t)(state >> 56);
		}
		const char *fault = walk(bytes, sizeof(bytes));

		check(!fault, "walk %d: %s", walks, fault);
	}
}

int main(void)
{
	check_group("tags, sessions, orphans and late records are saved", everything_new);
	check_group("groups that leave still leave", groups_that_leave);
	check_group("groups that are parts", groups_that_are_parts);
	check_group("spans of a detached process", the_family_of_a_detached_process);
	check_group("damaged images", damaged_images);
	check_group("random walks with a restored twin", random_walks);
	return check_status();
}
