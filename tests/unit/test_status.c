/* SPDX-License-Identifier: MIT */
/*
 * test_status.c - the status page: made among hostile files, read as a copy; and what
 * `tagalong status` says of pages, segments and spools made by hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/status.h"
#include "runtime/cli/status.h"
#include "runtime/wire/crash.h"
#include "tests/unit/check.h"

#define KEY 0x0badcafeu
#define NAME "0badcafe.status"

static char place[] = "/tmp/ta-status-XXXXXX";
static int dir_fd;

static bool is_file(void)
{
	struct stat found;

	return fstatat(dir_fd, NAME, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode) &&
	       (found.st_mode & 0777) == 0600 && found.st_nlink == 1 &&
	       found.st_size == (off_t)sizeof(struct ta_status_page);
}

/* A page that is written is what a reader sees. */
static bool works(void)
{
	struct ta_status_page *page = ta_status_new(dir_fd, KEY);
	const struct ta_status_page *copy;
	bool good;

	if (!page)
		return false;
	ta_count_add(&page->records, 41);
	ta_count_add(&page->records, 1);
	copy = ta_status_open(dir_fd, KEY);
	good = copy && copy != page && ta_count_get(&copy->records) == 42 && is_file();
	ta_status_close(copy);
	ta_status_free(page);
	return good;
}

static void made_and_read(void)
{
	check(works(), "first");
	check(works(), "again, over the old one");
	const struct ta_status_page *left = ta_status_open(dir_fd, KEY);

	check(left != NULL, "it stays when the agent ends");
	ta_status_close(left);
	struct ta_status_page *memory = ta_status_new(-1, KEY);

	check(memory && memory->key == KEY, "without a directory");
	ta_status_free(memory);
}

static void put_file(const char *data, size_t bytes)
{
	unlinkat(dir_fd, NAME, 0);
	int fd = openat(dir_fd, NAME, O_WRONLY | O_CREAT | O_EXCL, 0644);

	check(write(fd, data, bytes) == (ssize_t)bytes, "write");
	close(fd);
}

static void hostile_files(void)
{
	struct stat victim;

	int fd = openat(dir_fd, "victim", O_WRONLY | O_CREAT, 0644);

	check(write(fd, "mine", 4) == 4, "write");
	close(fd);
	unlinkat(dir_fd, NAME, 0);
	check_same(symlinkat("victim", dir_fd, NAME), 0);
	check(works(), "a symbolic link is replaced");
	unlinkat(dir_fd, NAME, 0);
	check_same(linkat(dir_fd, "victim", dir_fd, NAME, 0), 0);
	check(works(), "a hard link is replaced");
	check_same(fstatat(dir_fd, "victim", &victim, 0), 0);
	check_same(victim.st_size, 4);
	unlinkat(dir_fd, NAME, 0);
	check_same(mkfifoat(dir_fd, NAME, 0600), 0);
	check(works(), "a pipe is replaced");
	unlinkat(dir_fd, NAME, 0);
	check_same(mkdirat(dir_fd, NAME, 0700), 0);
	struct ta_status_page *page = ta_status_new(dir_fd, KEY);

	check(page != NULL, "a directory cannot be: memory");
	ta_status_free(page);
	unlinkat(dir_fd, NAME, AT_REMOVEDIR);
	char left[64];

	snprintf(left, sizeof(left), NAME ".%d", (int)getpid());
	check(faccessat(dir_fd, left, F_OK, 0) != 0, "nothing is left under the other name");
}

static void bad_pages(void)
{
	struct ta_status_page *page = calloc(1, sizeof(*page) + 1);

	unlinkat(dir_fd, NAME, 0);
	check(!ta_status_open(dir_fd, KEY) && errno == ENOENT, "none: %s", strerror(errno));
	put_file("", 0);
	check(!ta_status_open(dir_fd, KEY) && errno == EPROTO, "empty: %s", strerror(errno));
	*page = (struct ta_status_page){ .magic = TA_STATUS_MAGIC, .bytes = sizeof(*page),
					 .key = KEY };
	memset(page->exe.text, 'x', sizeof(page->exe.text)); /* no end */
	page->exe.text[1] = '\033';
	put_file((char *)page, sizeof(*page) - 1);
	check(!ta_status_open(dir_fd, KEY) && errno == EPROTO, "cut");
	put_file((char *)page, sizeof(*page));
	const struct ta_status_page *copy = ta_status_open(dir_fd, KEY);
	char text[TA_STATUS_TEXT];

	if (check(copy != NULL, "good: %s", strerror(errno))) {
		ta_status_get(&copy->exe, text);
		check_same(strlen(text), TA_STATUS_TEXT - 1);
		check(text[1] == '?', "%d", text[1]);
	}
	ta_status_close(copy);
	page->bytes++;
	put_file((char *)page, sizeof(*page));
	check(!ta_status_open(dir_fd, KEY), "another size");
	page->bytes--, page->key++;
	put_file((char *)page, sizeof(*page));
	check(!ta_status_open(dir_fd, KEY), "another key");
	page->key--, page->magic++;
	put_file((char *)page, sizeof(*page));
	check(!ta_status_open(dir_fd, KEY), "another magic");
	free(page);
}

static void texts(void)
{
	struct ta_status_page *page = ta_status_new(-1, KEY);
	struct ta_status_text *text = &page->file;
	char out[TA_STATUS_TEXT], words[TA_STATUS_TEXT + 8];

	ta_status_get(text, out);
	check_text(out, "");
	ta_status_set(text, "a\nb\033c\177d", 5);
	ta_status_get(text, out);
	check_text(out, "a?b?c?d");
	check_same(ta_count_get(&text->time_ns), 5);
	memset(words, 'a', sizeof(words));
	memcpy(words + TA_STATUS_TEXT - 3, "\xe2\x82\xac", 4); /* does not fit by one byte */
	ta_status_set(text, words, 6);
	ta_status_get(text, out);
	check_same(strlen(out), TA_STATUS_TEXT - 3);
	memcpy(words + TA_STATUS_TEXT - 4, "\xe2\x82\xac", 4);
	ta_status_set(text, words, 6);
	ta_status_get(text, out);
	check_same(strlen(out), TA_STATUS_TEXT - 1);
	/* One that is being written, for ever: nothing, and nobody waits. */
	atomic_fetch_add(&text->sequence, 1);
	ta_status_get(text, out);
	check_text(out, "");
	ta_status_set(text, "no", 7);
	check_same(ta_count_get(&text->time_ns), 6);
	ta_status_free(page);
}

static _Atomic bool done;

static void *write_texts(void *user)
{
	struct ta_status_text *text = user;
	char words[201];

	for (int i = 0; !atomic_load(&done); i++) {
		memset(words, 'a' + i % 26, sizeof(words) - 1);
		words[100 + i % 100] = '\0';
		ta_status_set(text, words, 1);
	}
	return NULL;
}

static bool whole(const char *text)
{
	return strspn(text, (char[]){ text[0], 0 }) == strlen(text);
}

/* Never half of one text and half of another, in place and in copies; two writers. */
static void texts_are_whole(void)
{
	struct ta_status_page *page = ta_status_new(dir_fd, KEY);
	char out[TA_STATUS_TEXT];
	pthread_t threads[2];

	if (!check(page != NULL, "page"))
		return;
	ta_status_set(&page->exe, "aaaa", 1);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, write_texts, &page->exe);
	for (int i = 0; i < 20000; i++) {
		ta_status_get(&page->exe, out);
		check(whole(out), "%s", out);
	}
	for (int i = 0; i < 2000; i++) {
		const struct ta_status_page *copy = ta_status_open(dir_fd, KEY);

		if (!check(copy != NULL, "copy"))
			break;
		ta_status_get(&copy->exe, out);
		check(whole(out), "copy %s", out);
		ta_status_close(copy);
	}
	atomic_store(&done, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* Nobody was left in the middle. */
	ta_status_set(&page->exe, "bbbb", 2);
	ta_status_get(&page->exe, out);
	check_text(out, "bbbb");
	ta_status_free(page);
}

/* ---- the command ---- */

static char *printed(const struct status_view *view, const struct status_view *from, bool json)
{
	char *text = NULL;
	size_t bytes;
	struct show_screen screen = { .out = open_memstream(&text, &bytes), .width = 100 };

	if (json)
		ta_cli_status_json(screen.out, view, from);
	else
		ta_cli_status_text(&screen, view, from);
	fclose(screen.out);
	return text;
}

static bool says(const char *text, const char *part)
{
	return check(strstr(text, part) != NULL, "no \"%s\" in %s", part, text);
}

static void fill(struct ta_status_page *page, uint64_t now_ns)
{
	struct ta_status_queue *queue = &page->queues[TA_QUEUE_OTLP_TRACES];

	ta_count_set(&page->pid, (uint64_t)getpid());
	ta_count_set(&page->started_ns, now_ns - 10000000000ull);
	ta_count_set(&page->alive_ns, now_ns);
	ta_count_set(&page->records, 1000);
	ta_count_set(&page->spans_ended, 500);
	ta_count_set(&page->lost_records, 3);
	ta_count_set(&page->file_spans, 490);
	ta_status_set(&page->file, "/var/spans.jsonl", now_ns);
	ta_count_set(&queue->wanted, 1);
	ta_status_set(&queue->shown, "http://collector:4318/v1/traces", now_ns);
	ta_count_set(&queue->sent[TA_SPANS], 400);
	ta_count_set(&queue->waiting_messages, 2);
	ta_count_set(&queue->waiting_spans, 90);
	ta_count_set(&queue->waiting_points, 7);
	ta_count_set(&queue->waiting_bytes, 2048);
	ta_count_set(&queue->oldest_ns, now_ns - 3000000000ull);
	ta_count_set(&queue->next_try_ns, now_ns + 4500000000ull);
	ta_count_set(&queue->dropped[TA_DROP_SPOOL_FULL][TA_SPANS], 10);
	ta_status_set(&queue->error, "503 \xe2\x82\xac \033[31m", now_ns - 2000000000ull);
}

static void make_segment(const char *name)
{
	struct ta_segment *segment = calloc(1, ta_segment_header_bytes(4));
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	segment->magic = TA_WIRE_MAGIC;
	segment->wire_version = TA_WIRE_VERSION;
	segment->lane_count = 4;
	segment->lane_bytes = TA_LANE_BYTES_MIN;
	segment->signal_ring_bytes = 1024;
	segment->header_bytes = ta_segment_header_bytes(4);
	segment->total_bytes = segment->header_bytes + 4ull * TA_LANE_BYTES_MIN + TA_CRASH_BYTES;
	segment->pid = (uint32_t)getpid();
	segment->lost[TA_LOSS_LANE_FULL] = 7;
	memset(segment->exe, 'n', sizeof(segment->exe)); /* no end */
	memcpy(segment->exe, "/usr/sbin/nginx", 16);
	ta_segment_owners(segment)[0] = 77;
	ta_segment_owners(segment)[1] = TA_OWNER_AGENT;
	ta_segment_ready(segment)[0] = ta_segment_ready(segment)[1] = 1;
	check(write(fd, segment, segment->header_bytes) == (ssize_t)segment->header_bytes, "write");
	check_same(ftruncate(fd, (off_t)segment->total_bytes), 0);
	close(fd);
	free(segment);
}

static struct ta_cli_settings settings;

static void put_spool(void)
{
	mkdirat(dir_fd, "spool", 0700);
	mkdirat(dir_fd, "spool/0123456789abcdef-0badcafe", 0700);
	int fd = openat(dir_fd, "spool/0123456789abcdef-0badcafe/7.batch",
			O_WRONLY | O_CREAT, 0600);

	check(write(fd, "12345", 5) == 5, "write");
	close(fd);
	fd = openat(dir_fd, "spool/0123456789abcdef-0badcafe/lock", O_WRONLY | O_CREAT, 0600);
	check(write(fd, "otlp-traces\n", 12) == 12, "write");
	close(fd);
	mkdirat(dir_fd, "spool/not-a-spool", 0700);
}

static void command(void)
{
	struct timespec now;
	struct status_view view, before;

	clock_gettime(CLOCK_REALTIME, &now);
	struct ta_status_page *page = ta_status_new(dir_fd, KEY);
	int lock = openat(dir_fd, "0badcafe.agent", O_RDWR | O_CREAT, 0600);

	if (!check(page && flock(lock, LOCK_EX) == 0, "page and lock"))
		return;
	fill(page, (uint64_t)now.tv_sec * 1000000000ull);
	make_segment("0badcafe-4711-0123456789abcdef.seg");
	put_spool();
	ta_cli_status_look(&before, &settings, place);
	ta_count_add(&page->spans_ended, 1000000);
	ta_cli_status_look(&view, &settings, place);
	check_same(ta_cli_status_alive(&view), 1);
	check_same(ta_cli_status_alive(&before), 1);
	if (!check(view.agents && view.agents->program_count == 1, "one program"))
		return;
	struct status_program *program = view.agents->programs;

	check_same(program->lanes_used, 1);
	check_same(program->lanes_ready, 2);
	check_same(program->lost[TA_LOSS_LANE_FULL], 7);
	check_text(program->exe, "/usr/sbin/nginx");
	check(program->alive, "this process");
	/* Since the start, and since a moment ago. */
	struct status_rates mean = ta_cli_status_rates(&view, view.agents, NULL);
	struct status_rates moment = ta_cli_status_rates(&view, view.agents, &before);

	check(mean.over_s >= 9 && mean.spans > 0, "%f", mean.over_s);
	check(moment.spans > mean.spans && moment.records == 0, "%f %f", moment.spans,
	      moment.records);
	char *text = printed(&view, NULL, false);

	says(text, "agent 0badcafe  running");
	says(text, "nginx");
	says(text, "1 of 4 lanes");
	says(text, "lane_full 7");
	says(text, "http://collector:4318/v1/traces  sent 400 spans");
	says(text, "waiting: 90 spans, 7 points in 2 messages, 2.0 KiB");
	says(text, "dropped: 10 spans, spool_full");
	says(text, "next try in");
	says(text, "left over  for otlp-traces: 1 file, 5 B");
	check(!strchr(text, '\033'), "an escape: %s", text);
	free(text);
	text = printed(&view, NULL, true);
	says(text, "\"running\":1,");
	says(text, "\"alive\":true,");
	says(text, "\"spool_full\":{\"spans\":10,\"events\":0,\"points\":0}");
	says(text, "\"waiting\":{\"messages\":2,\"bytes\":2048,\"spans\":90,\"events\":0,"
		   "\"points\":7,");
	says(text, "\"identity\":\"0123456789abcdef\",\"key\":\"0badcafe\",\"owned\":false,\"files\":1,");
	check(strstr(text, "not-a-spool") == NULL, "not a spool");
	free(text);
	ta_cli_status_free(&view);
	ta_cli_status_free(&before);
	/* kill -9: the page says that it was alive a moment ago, the lock says it is not. */
	close(lock);
	ta_cli_status_look(&view, &settings, place);
	check_same(ta_cli_status_alive(&view), 0);
	text = printed(&view, NULL, false);
	says(text, "not running");
	says(text, "tagalong drain");
	says(text, "no agent is running");
	free(text);
	ta_cli_status_free(&view);
	ta_status_free(page);
}

static void hostile_segments(void)
{
	struct status_view view;

	int fd = openat(dir_fd, "0badcafe-1-0123456789abcdee.seg", O_WRONLY | O_CREAT, 0600);

	close(fd);
	check_same(symlinkat("/etc/passwd", dir_fd, "0badcafe-2-0123456789abcdee.seg"), 0);
	check_same(mkfifoat(dir_fd, "0badcafe-3-0123456789abcdee.seg", 0600), 0);
	/* A header that says more lanes than there are bytes. */
	make_segment("0badcafe-4-0123456789abcdee.seg");
	fd = openat(dir_fd, "0badcafe-4-0123456789abcdee.seg", O_RDWR);
	check_same(ftruncate(fd, 8192), 0);
	close(fd);
	ta_cli_status_look(&view, &settings, place);
	if (check(view.agents != NULL, "agent")) {
		check_same(view.agents->program_count, 1);
		check_same(view.agents->unreadable, 4);
	}
	ta_cli_status_free(&view);
}

static void remove_place(void)
{
	char command_line[128];

	snprintf(command_line, sizeof(command_line), "rm -rf '%s'", place);
	check(system(command_line) == 0, "rm");
}

int main(void)
{
	if (!mkdtemp(place) || (dir_fd = open(place, O_RDONLY | O_DIRECTORY)) < 0)
		check_skip("no directory in /tmp");
	ta_cli_settings_init(&settings);
	ta_cli_settings_load(&settings, NULL);
	check_group("made and read", made_and_read);
	check_group("hostile files", hostile_files);
	check_group("bad pages", bad_pages);
	check_group("texts", texts);
	check_group("texts are whole", texts_are_whole);
	unlinkat(dir_fd, "victim", 0);
	check_group("command", command);
	check_group("hostile segments", hostile_segments);
	remove_place();
	return check_status();
}
