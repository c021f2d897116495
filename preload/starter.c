/* SPDX-License-Identifier: MIT */
/*
 * starter.c - looking for our parent's word in the segments of the run directory.
 *
 * A word says which thread left it.  The kernel knows which thread made us
 * (/proc/PID/task/TID/children), so with several words there is still only one for us.  Where
 * the kernel does not tell, words count if all of them say the same.
 *
 * A parent that has made its segment itself is found by the file's name; one that is a
 * forked child of who did, by a look into all of them (bounded).  Files are read, never
 * mapped: whatever is in them, it cannot hurt.
 *
 * Runs: constructor.  Raw system calls only.
 */
#include "preload/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "preload/segment_file.h"
#include "preload/text.h"
#include "runtime/core/sys.h"

#define FILES_MAX 256u
#define CHILDREN_MAX 65536u /* bytes of a list of children that are looked at */

struct search {
	const struct ta_starter_query *query;
	uint32_t files;
	struct ta_start found;
	uint32_t words;	  /* for this process, so far as is known */
	bool unconfirmed; /* the kernel did not tell of at least one */
	bool contrary;
};

/* ---- the kernel's word ---- */

/* Looks for a number in a list of numbers that comes in pieces. */
struct numbers {
	uint64_t number;
	bool inside;
};

static bool holds(struct numbers *numbers, const char *text, long bytes, uint32_t wanted)
{
	for (long at = 0; at < bytes; at++) {
		if (text[at] >= '0' && text[at] <= '9') {
			numbers->number = numbers->number * 10 + (uint64_t)(text[at] - '0');
			numbers->inside = true;
			continue;
		}
		if (numbers->inside && numbers->number == wanted)
			return true;
		*numbers = (struct numbers){ .number = 0 };
	}
	return false;
}

/* Whether this kernel keeps such lists at all; then one that is not there says no. */
static bool keeps_lists(void)
{
	return ta_sys(SYS_faccessat, AT_FDCWD, "/proc/thread-self/children", 0) == 0;
}

/* 1: that thread has made us; 0: it has not; -1: the kernel does not say. */
static int is_child_of(const struct ta_start *start, uint32_t pid)
{
	struct numbers numbers = { .number = 0 };
	char path[64], piece[512];
	struct ta_text text = ta_text(path, sizeof(path));
	uint32_t read = 0;
	long bytes = 0;
	bool found = false;

	ta_text_put(&text, "/proc/");
	ta_text_put_decimal(&text, start->pid);
	ta_text_put(&text, "/task/");
	ta_text_put_decimal(&text, start->tid);
	ta_text_put(&text, "/children");
	int fd = (int)ta_sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return keeps_lists() ? 0 : -1;
	while (!found && read < CHILDREN_MAX &&
	       (bytes = ta_sys(SYS_read, fd, piece, sizeof(piece))) > 0) {
		found = holds(&numbers, piece, bytes, pid);
		read += (uint32_t)bytes;
	}
	if (!found && bytes == 0)
		found = holds(&numbers, " ", 1, pid);
	ta_sys(SYS_close, fd);
	return found;
}

/* ---- segments ---- */

static bool says_the_same(const struct ta_start *a, const struct ta_start *b)
{
	return a->trace_hi == b->trace_hi && a->trace_lo == b->trace_lo &&
	       a->span_id == b->span_id && a->flags == b->flags;
}

static void note_word(struct search *search, const struct ta_start *start)
{
	int ours = is_child_of(start, search->query->pid);

	if (ours == 0)
		return;
	search->unconfirmed |= ours < 0;
	search->contrary |= search->words && !says_the_same(&search->found, start);
	search->found = *start;
	search->words++;
}

/* Read twice: what changes meanwhile is not for us, our parent waits until we run. */
static void read_starts(struct search *search, int fd)
{
	struct ta_start starts[TA_STARTS_MAX], again[TA_STARTS_MAX];
	long at = offsetof(struct ta_segment, starts);

	if (ta_sys(SYS_pread64, fd, starts, sizeof(starts), at) != sizeof(starts) ||
	    ta_sys(SYS_pread64, fd, again, sizeof(again), at) != sizeof(again))
		return;
	for (uint32_t i = 0; i < TA_STARTS_MAX; i++)
		if (starts[i].state == TA_START_SET && starts[i].pid == search->query->parent_pid &&
		    memcmp(&starts[i], &again[i], sizeof(starts[i])) == 0)
			note_word(search, &starts[i]);
}

static void look_into(struct search *search, const char *name)
{
	struct {
		uint64_t magic;
		uint32_t wire_version;
	} head;
	int fd = (int)ta_sys(SYS_openat, search->query->dir_fd, name,
			     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (ta_sys(SYS_pread64, fd, &head, sizeof(head), 0) == sizeof(head) &&
	    head.magic == TA_WIRE_MAGIC && head.wire_version == TA_WIRE_VERSION)
		read_starts(search, fd);
	ta_sys(SYS_close, fd);
}

static bool visit(void *user, const char *name)
{
	struct search *search = user;

	look_into(search, name);
	return ++search->files < FILES_MAX;
}

bool ta_starter_find(const struct ta_starter_query *query, struct ta_traceparent *ret_parent)
{
	struct search search = { .query = query };

	if (query->parent_pid == 0)
		return false;
	if (!ta_run_dir_visit(query->dir_fd, query->parent_pid, visit, &search))
		ta_run_dir_visit(query->dir_fd, 0, visit, &search);
	if (search.words == 0 || search.contrary || (search.unconfirmed && query->certain))
		return false;
	*ret_parent = (struct ta_traceparent){ .trace_hi = search.found.trace_hi,
					       .trace_lo = search.found.trace_lo,
					       .span_id = search.found.span_id,
					       .flags = search.found.flags & 1 };
	if (ret_parent->trace_hi == 0 && ret_parent->trace_lo == 0)
		ret_parent->span_id = 0;
	return true;
}
