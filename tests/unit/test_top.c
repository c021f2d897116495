/* SPDX-License-Identifier: MIT */
/*
 * test_top.c - what agents show to who looks: the file among hostile ones, buckets and
 * quantiles; and what `tagalong top` makes of several files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/live.h"
#include "runtime/cli/top.h"
#include "tests/unit/check.h"

#define KEY 0x0badcafeu
#define NAME "0badcafe.live"
#define SECOND 1000000000ull

static char place[] = "/tmp/ta-top-XXXXXX";
static int dir_fd;
static struct ta_live_page page, copy;

static void make_page(uint32_t rows)
{
	page = (struct ta_live_page){ .head = { .magic = TA_LIVE_MAGIC,
						.row_bytes = sizeof(struct ta_live_row),
						.open_bytes = sizeof(struct ta_live_open),
						.key = KEY,
						.row_count = rows } };
	for (uint32_t i = 0; i < rows; i++) {
		snprintf(page.rows[i].name, TA_LIVE_NAME, "GET /%u", i);
		strcpy(page.rows[i].service, "shop");
	}
}

static void written_and_read(void)
{
	struct stat found;

	make_page(3);
	page.head.open_count = 1;
	strcpy(page.open[0].name, "GET /slow");
	check_same(ta_live_read(dir_fd, KEY, &copy), -ENOENT);
	check_same(ta_live_write(dir_fd, &page), 0);
	check_same(ta_live_read(dir_fd, KEY, &copy), 0);
	check(copy.head.row_count == 3 && strcmp(copy.rows[2].name, "GET /2") == 0, "rows");
	check(copy.head.open_count == 1 && strcmp(copy.open[0].name, "GET /slow") == 0, "open");
	check_same(fstatat(dir_fd, NAME, &found, 0), 0);
	check(found.st_size == (off_t)(sizeof(page.head) + 3 * sizeof(page.rows[0]) +
				       sizeof(page.open[0])), "only what is in use is written");
	ta_live_remove(dir_fd, KEY);
	check_same(ta_live_read(dir_fd, KEY, &copy), -ENOENT);
}

/* The file with one change, and what reading it says. */
static int read_changed(size_t at, const void *bytes, size_t count)
{
	make_page(2);
	if (ta_live_write(dir_fd, &page) != 0)
		return -EIO;
	int fd = openat(dir_fd, NAME, O_WRONLY);
	int error = pwrite(fd, bytes, count, (off_t)at) == (ssize_t)count ? 0 : -EIO;

	close(fd);
	return error ? error : ta_live_read(dir_fd, KEY, &copy);
}

static void hostile(void)
{
	uint32_t many = TA_LIVE_ROWS + 1, size = 8, more = 3;
	uint64_t magic = 1;
	char junk[sizeof(struct ta_live_row)];

	check_same(read_changed(offsetof(struct ta_live_head, row_count), &many, 4), -EPROTO);
	check_same(read_changed(offsetof(struct ta_live_head, open_count), &many, 4), -EPROTO);
	check_same(read_changed(offsetof(struct ta_live_head, row_bytes), &size, 4), -EPROTO);
	check_same(read_changed(offsetof(struct ta_live_head, magic), &magic, 8), -EPROTO);
	check_same(read_changed(offsetof(struct ta_live_head, row_count), &more, 4), -EPROTO);
	memset(junk, 0xff, sizeof(junk));
	check_same(read_changed(sizeof(struct ta_live_head), junk, sizeof(junk)), 0);
	check(strlen(copy.rows[0].name) < TA_LIVE_NAME && copy.rows[0].kind < TA_LIVE_KINDS,
	      "texts end, kinds are known");
	ta_live_remove(dir_fd, KEY);
	check_same(symlinkat("/etc/passwd", dir_fd, NAME), 0);
	check_same(ta_live_read(dir_fd, KEY, &copy), -EPROTO);
	make_page(1);
	check_same(ta_live_write(dir_fd, &page), 0);
	check_same(ta_live_read(dir_fd, KEY, &copy), 0);
	ta_live_remove(dir_fd, KEY);
	check_same(mkfifoat(dir_fd, NAME, 0600), 0);
	check_same(ta_live_read(dir_fd, KEY, &copy), -EPROTO);
	ta_live_remove(dir_fd, KEY);
}

static void buckets(void)
{
	double counts[TA_LIVE_BUCKETS] = { 0 };
	uint32_t before = 0;

	for (uint64_t ns = 1; ns < 1ull << 62; ns += ns / 16 + 1) {
		uint32_t bucket = ta_live_bucket(ns);

		if (!check(bucket >= before && bucket < TA_LIVE_BUCKETS, "%llu", (unsigned long long)ns))
			return;
		before = bucket;
	}
	check_same(ta_live_quantile(counts, 0.5), 0);
	for (uint64_t us = 1; us <= 10000; us++)
		counts[ta_live_bucket(us * 1000)]++;
	uint64_t half = ta_live_quantile(counts, 0.5), most = ta_live_quantile(counts, 0.99);

	check(half > 4500000 && half < 5500000, "p50 of 1 us to 10 ms: %llu", (unsigned long long)half);
	check(most > 8900000 && most < 11000000, "p99: %llu", (unsigned long long)most);
}

static void count(uint32_t row, uint64_t requests, uint64_t errors)
{
	page.rows[row].count += requests;
	page.rows[row].errors += errors;
	page.rows[row].buckets[ta_live_bucket(1500000)] += (uint32_t)requests;
}

static void sums(void)
{
	struct top_model model;
	struct top_view view = { .sort = TOP_RATE, .kind = TA_LIVE_REQUEST };
	uint32_t shown;

	check_same(ta_top_init(&model), 0);
	make_page(2);
	page.head.since_ns = model.began_ns + 1;
	page.head.time_ns = page.head.since_ns + SECOND;
	model.now_ns = page.head.time_ns;
	count(0, 10, 1);
	ta_top_take(&model, "/run/a", &page);
	/* Another agent that somebody else looked at before us: only what is new counts. */
	page.head.since_ns = model.began_ns - SECOND;
	ta_top_take(&model, "/run/b", &page);
	page.head.time_ns += SECOND / 2;
	count(1, 100, 0);
	ta_top_take(&model, "/run/b", &page);
	ta_top_sum(&model);
	check_same(model.kinds[TA_LIVE_REQUEST].total, 110);
	check_same(model.kinds[TA_LIVE_REQUEST].errors, 1);
	check(model.kinds[TA_LIVE_REQUEST].rate > 209 && model.kinds[TA_LIVE_REQUEST].rate < 211,
	      "10 and 200 a second, not %f", model.kinds[TA_LIVE_REQUEST].rate);
	check(model.row_count == 2 && model.rows[0].flow.total == 10, "names of two agents are one row");
	check(model.rows[0].flow.p50_ns > 1200000 && model.rows[0].flow.p50_ns < 1800000, "p50");

	const struct top_row **rows = ta_top_sorted(&model, &view, &shown);

	check(rows && shown == 2 && strcmp(rows[0]->name, "GET /1") == 0, "the fastest first");
	free(rows);
	view.sort = TOP_ERRORS;
	rows = ta_top_sorted(&model, &view, &shown);
	check(rows && shown == 2 && strcmp(rows[0]->name, "GET /0") == 0, "the worst first");
	free(rows);
	/* An agent that began anew. */
	make_page(1);
	page.head.since_ns = model.began_ns + 2 * SECOND;
	page.head.time_ns = page.head.since_ns + SECOND;
	count(0, 5, 0);
	ta_top_take(&model, "/run/b", &page);
	ta_top_sum(&model);
	check_same(model.kinds[TA_LIVE_REQUEST].total, 115);
	ta_top_zero(&model);
	ta_top_sum(&model);
	check_same(model.kinds[TA_LIVE_REQUEST].total, 0);
	ta_top_fini(&model);
}

/* Names without end find their sums, if not their rows. */
static void bounded(void)
{
	struct top_model model;

	check_same(ta_top_init(&model), 0);
	for (uint32_t agent = 0; agent < 12; agent++) {
		char run_dir[32];

		make_page(TA_LIVE_ROWS);
		page.head.since_ns = model.began_ns + 1;
		page.head.time_ns = page.head.since_ns + SECOND;
		for (uint32_t i = 0; i < TA_LIVE_ROWS; i++) {
			snprintf(page.rows[i].name, TA_LIVE_NAME, "%u of %u", i, agent);
			count(i, 1, 0);
		}
		snprintf(run_dir, sizeof(run_dir), "/run/%u", agent);
		ta_top_take(&model, run_dir, &page);
	}
	ta_top_sum(&model);
	check_same(model.row_count, TA_TOP_ROWS);
	check_same(model.kinds[TA_LIVE_REQUEST].total, 12 * TA_LIVE_ROWS);
	ta_top_fini(&model);
}

/* No line is wider than the screen, and there are as many as it has. */
static void sheets(void)
{
	struct top_model model;
	struct top_view view = { .sort = TOP_RATE, .kind = TA_LIVE_KINDS, .interval_s = 1 };
	char text[65536];

	check_same(ta_top_init(&model), 0);
	make_page(TA_LIVE_ROWS);
	page.head.since_ns = model.began_ns + 1;
	page.head.time_ns = page.head.since_ns + SECOND;
	page.head.open_count = page.head.open_all = TA_LIVE_OPEN;
	for (uint32_t i = 0; i < TA_LIVE_ROWS; i++)
		count(i, UINT32_MAX, 1);
	strcpy(page.rows[0].name, "\033[2J\nhostile");
	ta_top_take(&model, "/run/a", &page);
	ta_top_sum(&model);
	for (unsigned int width = 1; width < 220; width += 3)
		for (unsigned int height = 1; height < 60; height += 7) {
			struct show_screen screen = { .width = width, .cut = true };

			memset(text, 0, sizeof(text));
			screen.out = fmemopen(text, sizeof(text) - 1, "w");
			ta_top_sheet(&screen, &model, &view, height, "\n");
			fclose(screen.out);
			unsigned int lines = 1, longest = 0, own = 0;

			for (const char *at = text; *at; at++) {
				lines += *at == '\n';
				own = *at == '\n' ? 0 : own + 1;
				longest = own > longest ? own : longest;
			}
			/* The numbers of one column have to stand somewhere. */
			unsigned int most = width < 40 ? 40 : width;

			if (!check(lines == height && longest <= most && !strchr(text, 033),
				   "%ux%u: %u lines of up to %u", width, height, lines, longest))
				goto out;
		}
out:
	ta_top_fini(&model);
}

int main(void)
{
	if (!mkdtemp(place))
		return 1;
	dir_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_group("top/written_and_read", written_and_read);
	check_group("top/hostile", hostile);
	check_group("top/buckets", buckets);
	check_group("top/sums", sums);
	check_group("top/bounded", bounded);
	check_group("top/sheets", sheets);
	close(dir_fd);
	rmdir(place);
	return check_status();
}
