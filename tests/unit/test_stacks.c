/* SPDX-License-Identifier: MIT */
/*
 * test_stacks.c - the agent's side of tagalong-stacks, against programs that misbehave.
 *
 * Most of them are shell scripts; the real one is asked about this test itself.
 */
#include "runtime/agent/stacks.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/protocol/json.h"
#include "tests/unit/check.h"

#define OK_JSON "{\"threads\":[]}"

static char folder[] = "/tmp/ta-stacks-XXXXXX";
static char program[128], count_file[128];

/* A script in the place of the program.  Each start of it adds a byte to count_file. */
static void script(const char *body)
{
	FILE *file;

	unlink(program);
	unlink(count_file);
	file = fopen(program, "w");
	if (!file)
		exit(1);
	fprintf(file, "#!/bin/bash\nprintf x >>%s\n%s\n", count_file, body);
	fclose(file);
	chmod(program, 0755);
}

static int starts(void)
{
	struct stat stat_of;

	return stat(count_file, &stat_of) == 0 ? (int)stat_of.st_size : 0;
}

static struct ta_stacks_request request_of(enum ta_stacks_kind kind)
{
	return (struct ta_stacks_request){
		.magic = TA_STACKS_MAGIC, .kind = kind, .register_count = TA_REGISTERS
	};
}

/* Takes one request without modules and stack, and answers with these. */
#define TAKE "head -c 832 >/dev/null\n"
#define RELEASE "printf 'TAK1\\x01\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0'\n"
#define ANSWER(size, text) "printf 'TAK1\\x02\\0\\0\\0\\x" size "\\0\\0\\0\\0\\0\\0\\0" text "'\n"
#define GOOD ANSWER("0e", "{\"threads\":[]}")

static int copy(struct ta_stacks *stacks, int timeout_ms, struct ta_buf *json)
{
	struct ta_stacks_request request = request_of(TA_STACKS_COPY);

	ta_buf_clear(json);
	return ta_stacks_copy(stacks, &request, "", "", timeout_ms, json);
}

static bool is_good(const struct ta_buf *json)
{
	return json->bytes == strlen(OK_JSON) && memcmp(json->data, OK_JSON, json->bytes) == 0;
}

static void answers(void)
{
	struct ta_buf json = { 0 };
	struct ta_stacks stacks;

	_Static_assert(sizeof(struct ta_stacks_request) == 832, "TAKE");
	script(TAKE GOOD TAKE GOOD);
	ta_stacks_init(&stacks, program);
	check_same(copy(&stacks, 20000, &json), 0);
	check(is_good(&json), "%.*s", (int)json.bytes, json.data);
	check_same(copy(&stacks, 20000, &json), 0);
	check(is_good(&json), "%.*s", (int)json.bytes, json.data);
	check_same(starts(), 1);
	ta_stacks_fini(&stacks);
	ta_buf_fini(&json);
}

/* One that has ended since is started again, at once. */
static void starts_again(void)
{
	struct ta_buf json = { 0 };
	struct ta_stacks stacks;

	script(TAKE GOOD);
	ta_stacks_init(&stacks, program);
	for (int i = 1; i <= 6; i++) {
		check_same(copy(&stacks, 20000, &json), 0);
		check(is_good(&json), "%.*s", (int)json.bytes, json.data);
		check_same(starts(), i);
	}
	ta_stacks_fini(&stacks);
	ta_buf_fini(&json);
}

static void fails(const char *body, int timeout_ms, int error)
{
	struct ta_buf json = { 0 };
	struct ta_stacks stacks;

	script(body);
	ta_stacks_init(&stacks, program);
	for (int i = 1; i <= 3; i++) {
		check_same(copy(&stacks, timeout_ms, &json), error);
		check_same(json.bytes, 0);
		check_same(stacks.link.pid, 0);
	}
	/* It is left alone for now. */
	check_same(copy(&stacks, timeout_ms, &json), -EAGAIN);
	stacks.resting_until_ns = 0;
	check_same(copy(&stacks, timeout_ms, &json), error);
	ta_stacks_fini(&stacks);
	ta_buf_fini(&json);
}

static void dies(void)
{
	fails(TAKE "exit 1", 20000, -EPIPE);
	fails(TAKE "printf TAK1", 20000, -EPIPE);
	fails(TAKE ANSWER("0f", "{\"threads\":[]}"), 20000, -EPIPE);
}

static void hangs(void)
{
	fails(TAKE "sleep 600 </dev/null >/dev/null & wait", 50, -ETIMEDOUT);
}

static void speaks_nonsense(void)
{
	fails(TAKE "echo 'usage: something else entirely'; sleep 1", 20000, -EPROTO);
	fails(TAKE ANSWER("0e", "{\"threads\":[}}"), 20000, -EPROTO);
	fails(TAKE ANSWER("0e", "[\"threads\",[]]"), 20000, -EPROTO);
	fails(TAKE ANSWER("0e", "{\"thr\\xff\\xfeds\":[]}"), 20000, -EPROTO);
	fails(TAKE RELEASE "sleep 1", 20000, -EPROTO);
	/* Longer than allowed. */
	fails(TAKE "printf 'TAK1\\x02\\0\\0\\0\\x01\\0\\x10\\0\\0\\0\\0\\0'; sleep 1", 20000, -EPROTO);
}

/* An error of the program's is no failure. */
static void says_no(void)
{
	struct ta_buf json = { 0 };
	struct ta_stacks stacks;

	script(TAKE "printf 'TAK1\\x02\\0\\0\\0\\0\\0\\0\\0\\xf4\\xff\\xff\\xff'\n" TAKE GOOD);
	ta_stacks_init(&stacks, program);
	check_same(copy(&stacks, 20000, &json), -ENOMEM);
	check_same(copy(&stacks, 20000, &json), 0);
	check_same(starts(), 1);
	ta_stacks_fini(&stacks);
	ta_stacks_init(&stacks, "/nonexistent/tagalong-stacks");
	check_same(copy(&stacks, 20000, &json), -ENOENT);
	ta_stacks_fini(&stacks);
	ta_buf_fini(&json);
}

static struct ta_stacks_live *start(void)
{
	struct ta_stacks_request request = request_of(TA_STACKS_LIVE);

	return ta_stacks_live_start_as(program, &request, "", "");
}

static struct ta_stacks_news wait_for(struct ta_stacks_live *live, bool done)
{
	struct ta_stacks_news news = ta_stacks_live_step(live);

	while (!news.done && (done || !news.released)) {
		struct pollfd input = { .fd = ta_stacks_live_fd(live), .events = POLLIN };

		poll(&input, 1, 100);
		news = ta_stacks_live_step(live);
	}
	return news;
}

static void live(void)
{
	struct ta_stacks_live *asked;
	struct ta_stacks_news news;
	char body[512];

	snprintf(body, sizeof(body), TAKE "%s until [ -e %s/go ]; do sleep 0.02; done; %s",
		 RELEASE, folder, GOOD);
	script(body);
	asked = start();
	if (!check(asked != NULL, "not started"))
		return;
	news = wait_for(asked, false);
	check(news.released && !news.done, "%d %d", news.released, news.done);
	snprintf(body, sizeof(body), "%s/go", folder);
	fclose(fopen(body, "w"));
	news = wait_for(asked, true);
	unlink(body);
	check(news.released && news.done && news.error == 0, "error %d", news.error);
	check_same(news.json_bytes, strlen(OK_JSON));
	check(memcmp(news.json, OK_JSON, news.json_bytes) == 0, "%.*s", (int)news.json_bytes, news.json);
	ta_stacks_live_free(asked);
}

/* However it fails, the process is let go. */
static void live_fails(void)
{
	static const struct {
		const char *body;
		int error;
	} cases[] = {
		{ TAKE "exit 1", -EPIPE },
		{ TAKE RELEASE "exit 1", -EPIPE },
		{ TAKE RELEASE RELEASE "sleep 1", -EPROTO },
		{ TAKE "echo nonsense of sixteen bytes", -EPROTO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ta_stacks_live *asked;
		struct ta_stacks_news news;

		script(cases[i].body);
		asked = start();
		if (!check(asked != NULL, "not started"))
			return;
		news = wait_for(asked, true);
		check(news.released && news.done && news.error == cases[i].error && !news.json_bytes,
		      "%zu: error %d", i, news.error);
		ta_stacks_live_free(asked);
	}
	unlink(program);
	check(start() == NULL, "started what is not there");
}

/* The program that was built, about a stack that is made up. */
static void real(void)
{
	struct ta_stacks_request request = request_of(TA_STACKS_COPY);
	struct ta_buf json = { 0 };
	char stack[256] = { 0 };
	struct ta_stacks stacks;

	request.registers[TA_REGISTER_IP] = 0x4242;
	request.registers[TA_REGISTER_SP] = request.stack_at = 0x7ff000;
	request.stack_bytes = sizeof(stack);
	request.pid = (uint32_t)getpid();
	request.tid = request.pid;
	ta_stacks_init(&stacks, NULL);
	for (int i = 0; i < 2; i++) {
		int error = ta_stacks_copy(&stacks, &request, "", stack, 60000, &json);

		if (error == -ENOENT)
			break; /* not built together with this test */
		check_same(error, 0);
		ta_buf_putc(&json, '\0');
		check(!json.failed && strstr(json.data, "\"instruction_addr\":\"0x4242\"") != NULL, "%s",
		      json.data);
		check(strstr(json.data, "unit_stacks") != NULL, "no image: %s", json.data);
		ta_buf_clear(&json);
	}
	ta_stacks_fini(&stacks);
	ta_buf_fini(&json);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(program, sizeof(program), "%s/program", folder);
	snprintf(count_file, sizeof(count_file), "%s/starts", folder);
	check_group("stacks/answers", answers);
	check_group("stacks/starts again", starts_again);
	check_group("stacks/dies", dies);
	check_group("stacks/hangs", hangs);
	check_group("stacks/speaks nonsense", speaks_nonsense);
	check_group("stacks/says no", says_no);
	check_group("stacks/live", live);
	check_group("stacks/live fails", live_fails);
	check_group("stacks/real", real);
	unlink(program);
	unlink(count_file);
	rmdir(folder);
	return check_status();
}
