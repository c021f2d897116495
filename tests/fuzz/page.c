/* SPDX-License-Identifier: MIT */
/*
 * page.c - fuzzes what reads the pages of agents: `tagalong status`, `tagalong top`, and what
 * `tagalong run` says at its end.
 *
 * Input: a byte that says how (bits 0, 1: width, UTF-8; bit 2: the files are cut, where the next
 * two bytes say; bit 3: further ones stand at their end), then changes of two sound pages: two
 * bytes of place (the highest bit: in the file of `top`, whose place is times 16), one of
 * length, the bytes.  Nothing but printable characters and line ends goes to the terminal, what is
 * made as JSON is JSON.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/cli/sent.h"
#include "runtime/cli/status.h"
#include "runtime/cli/top.h"
#include "runtime/protocol/json.h"

#define KEY 7u
#define NOW_NS 1700000000000000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct ta_status_page status;
static struct ta_live_page live, found;
static struct top_model model;
static char folder[] = "/dev/shm/ta-fuzz-page-XXXXXX";
static int dir_fd = -1;

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void remove_all(void)
{
	unlinkat(dir_fd, "00000007.status", 0);
	unlinkat(dir_fd, "00000007.live", 0);
	rmdir(folder);
}

static void make_directory(void)
{
	if (dir_fd >= 0)
		return;
	demand(mkdtemp(folder) != NULL);
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	demand(dir_fd >= 0);
	atexit(remove_all);
}

static void make_sound(void)
{
	memset(&status, 0, sizeof(status));
	status.magic = TA_STATUS_MAGIC;
	status.bytes = sizeof(status);
	status.key = KEY;
	for (int i = 0; i < TA_QUEUES; i++)
		ta_count_set(&status.queues[i].wanted, 1);
	memset(&live, 0, sizeof(live));
	live.head = (struct ta_live_head){ .magic = TA_LIVE_MAGIC,
					   .row_bytes = sizeof(struct ta_live_row),
					   .open_bytes = sizeof(struct ta_live_open),
					   .key = KEY,
					   .row_count = 4,
					   .open_count = 2,
					   .since_ns = NOW_NS - 5000000000u,
					   .time_ns = NOW_NS };
}

static void change(const uint8_t *data, size_t bytes)
{
	while (bytes >= 3) {
		size_t place = (size_t)data[0] | (size_t)(data[1] & 0x7f) << 8, length = data[2];
		char *page = data[1] & 0x80 ? (char *)&live : (char *)&status;
		size_t size = data[1] & 0x80 ? sizeof(live) : sizeof(status);

		if (data[1] & 0x80)
			place = place < sizeof(live.head) ? place : place * 16;
		data += 3, bytes -= 3;
		length = length < bytes ? length : bytes;
		if (place < size)
			memcpy(page + place, data, length < size - place ? length : size - place);
		data += length, bytes -= length;
	}
}

static void write_page(const char *name, const void *page, size_t size)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	demand(fd >= 0 && write(fd, page, size) == (ssize_t)size);
	close(fd);
}

struct output {
	char *text;
	size_t bytes;
	struct show_screen screen;
};

static void begin(struct output *output, uint8_t how)
{
	output->text = NULL;
	output->screen = (struct show_screen){ .out = open_memstream(&output->text, &output->bytes),
					       .width = how & 1 ? 40 : 120,
					       .utf8 = how & 2,
					       .cut = how & 1 };
}

static void end(struct output *output, bool json)
{
	fclose(output->screen.out);
	for (size_t i = 0; i < output->bytes; i++)
		demand(output->text[i] == '\n' || !iscntrl((unsigned char)output->text[i]));
	demand(!json || ta_json_valid(output->text, output->bytes));
	free(output->text);
}

static void read_status(uint8_t how)
{
	struct status_agent agent = { .run_dir = "/run/x", .key = KEY, .alive = true, .pid = 9 };
	struct status_view *view = calloc(1, sizeof(*view));
	struct output output;

	agent.page = ta_status_open(dir_fd, KEY);
	agent.other_version = !agent.page;
	view->now_ns = NOW_NS;
	view->agents = &agent;
	begin(&output, how);
	ta_cli_status_text(&output.screen, view, NULL);
	ta_cli_status_text(&output.screen, view, view);
	end(&output, false);
	begin(&output, how);
	ta_cli_status_json(output.screen.out, view, view);
	end(&output, true);
	ta_status_close(agent.page);
	free(view);
}

static void read_live(uint8_t how)
{
	const struct top_view view = { .sort = how % TOP_SORTS, .kind = TA_LIVE_KINDS, .interval_s = 1 };
	struct output output;

	if (ta_live_read(dir_fd, KEY, &found) != 0)
		return;
	demand(ta_top_init(&model) == 0);
	for (int i = 0; i < 2; i++) {
		model.now_ns = NOW_NS + (uint64_t)i * 1000000000u;
		found.head.time_ns += (uint64_t)i * 1000000000u;
		ta_top_take(&model, "/run/x", &found);
		ta_top_sum(&model);
	}
	begin(&output, how);
	ta_top_sheet(&output.screen, &model, &view, how & 4 ? 10 : 0, "\n");
	end(&output, false);
	begin(&output, how);
	ta_top_json(output.screen.out, &model, &view);
	end(&output, true);
	ta_top_fini(&model);
}

/* It goes to standard error, which is a file for that long. */
static void read_sent(uint8_t how)
{
	int kept = dup(STDERR_FILENO), fd = memfd_create("said", MFD_CLOEXEC);
	struct ta_cli_sent sent;
	char said[8192];

	demand(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	ta_cli_sent_start(&sent, folder, KEY);
	sent.agent += how & 1; /* another one since */
	ta_cli_sent_end(&sent, 0);
	dup2(kept, STDERR_FILENO);
	close(kept);
	ssize_t bytes = pread(fd, said, sizeof(said), 0);

	demand(bytes >= 0 && (bytes == 0 || said[bytes - 1] == '\n'));
	for (ssize_t i = 0; i < bytes; i++)
		demand(said[i] == '\n' || !iscntrl((unsigned char)said[i]));
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 3)
		return 0;
	size_t live_bytes = sizeof(live.head) + 4 * sizeof(live.rows[0]), at = (size_t)data[1] << 4;
	bool cut = data[0] & 4;

	make_directory();
	make_sound();
	change(data + 3, bytes - 3);
	/* The file has its rows and what is under way one behind the other. */
	memcpy(&live.rows[4], live.open, 2 * sizeof(live.open[0]));
	live_bytes += data[0] & 8 ? sizeof(live) - live_bytes : 2 * sizeof(live.open[0]);
	write_page("00000007.status", &status, cut && at < sizeof(status) ? at : sizeof(status));
	write_page("00000007.live", &live, cut && at < live_bytes ? at : live_bytes);
	read_status(data[0]);
	read_live(data[0]);
	read_sent(data[0]);
	return 0;
}
