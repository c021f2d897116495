/* SPDX-License-Identifier: MIT */
/*
 * journal.c - fuzzes what an agent takes over from the one before: events of any kind with any
 * payload, whole in their frames, and bytes behind them that are none.
 *
 * Input: a byte of kind, two of length and a payload, as often as there are; what is left over is
 * appended as it is.  What was read can be written, and read again.
 */
#include "runtime/agent/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static char path[] = "/tmp/tagalong-fuzz-journal-XXXXXX";

static void remove_directory(void)
{
	rmdir(path);
}

static int directory(void)
{
	static int fd = -1;

	if (fd < 0) {
		demand(mkdtemp(path) != NULL);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		demand(fd >= 0);
		atexit(remove_directory);
	}
	return fd;
}

static void write_events(struct ta_journal *journal, const uint8_t *data, size_t bytes)
{
	size_t length;

	while (bytes >= 3 && (length = (size_t)data[1] | (size_t)data[2] << 8) <= bytes - 3) {
		ta_journal_put(journal, data[0], data + 3, length, NULL, 0);
		data += 3 + length;
		bytes -= 3 + length;
	}
	demand(ta_journal_write(journal) == 0);
	demand(bytes == 0 || write(journal->fd, data, bytes) == (ssize_t)bytes);
}

static void read_back(int dir_fd)
{
	struct ta_journal journal;
	struct ta_state state;

	ta_journal_init(&journal, dir_fd, KEY);
	ta_state_init(&state);
	demand(ta_journal_replay(&journal, &state) == 0);
	demand(ta_journal_rewrite(&journal, &state) == 0);
	ta_state_fini(&state);
	ta_journal_fini(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ta_journal journal;
	struct ta_state state;
	int dir_fd = directory();

	ta_journal_init(&journal, dir_fd, KEY);
	ta_state_init(&state);
	demand(ta_journal_rewrite(&journal, &state) == 0);
	write_events(&journal, data, bytes);
	ta_state_fini(&state);
	ta_journal_fini(&journal);
	read_back(dir_fd);
	read_back(dir_fd);
	ta_journal_init(&journal, dir_fd, KEY);
	ta_journal_remove(&journal);
	ta_journal_fini(&journal);
	return 0;
}
