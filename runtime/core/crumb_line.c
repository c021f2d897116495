/* SPDX-License-Identifier: MIT */
/*
 * crumb_line.c - see crumb_line.h.
 *
 * A line belongs to the thread's state, of which there is one for each lane: a thread that
 * takes over a state finds its predecessor's last words there, under a scope that is not
 * its own.
 *
 * Runs: any host thread, inside the guard; signal handlers.  No locks, no heap.
 */
#include "runtime/core/crumb_line.h"

#include <string.h>

#include "runtime/core/arena.h"
#include "runtime/core/now.h"

static struct ta_crumb_line *line_of(const struct ta_thread *thread)
{
	return &ta_arena.lines[thread->index];
}

/* Emptied first: what is left of it is in facts, and the text stays where it is. */
static void leave(struct ta_thread *thread, struct ta_crumb_line *line)
{
	struct iovec piece = { .iov_base = line->text, .iov_len = line->bytes };
	int count = ta_crumb_trim(&piece, 1);

	line->bytes = 0;
	if (count == 0)
		return;
	struct ta_crumb_facts facts = { .category = "stderr",
					.level = ta_crumb_level(piece.iov_base, piece.iov_len),
					.text = &piece,
					.text_count = 1 };

	ta_crumb_leave_in(thread, line->cell, &facts);
}

static bool is_complete(const struct ta_crumb_line *line)
{
	return line->bytes &&
	       (line->bytes == sizeof(line->text) || line->text[line->bytes - 1] == '\n');
}

/* The line that goes on, or begins, in the scope that is current; NULL: there is none. */
static struct ta_crumb_line *line_here(struct ta_thread *thread)
{
	struct ta_crumb_line *line = line_of(thread);
	uint64_t cell = ta_slot_cell(ta_isolation_slot(thread, thread->stack->depth));

	if (line->bytes && line->cell != cell)
		leave(thread, line);
	line->cell = cell;
	return cell ? line : NULL;
}

char *ta_crumb_line_room(struct ta_thread *thread, uint32_t *ret_bytes)
{
	struct ta_crumb_line *line = line_here(thread);

	if (line == NULL)
		return NULL;
	*ret_bytes = (uint32_t)sizeof(line->text) - line->bytes;
	return line->text + line->bytes;
}

void ta_crumb_line_said(struct ta_thread *thread, uint32_t bytes)
{
	struct ta_crumb_line *line = line_of(thread);

	if (!ta_crumb_is_text(line->text + line->bytes, bytes))
		return;
	line->bytes += bytes;
	if (is_complete(line))
		leave(thread, line);
}

void ta_crumb_say(struct ta_thread *thread, const char *text, size_t bytes)
{
	uint32_t room;
	char *to = ta_crumb_line_room(thread, &room);

	if (to == NULL)
		return;
	room = bytes < room ? (uint32_t)bytes : room;
	memcpy(to, text, room);
	ta_crumb_line_said(thread, room);
}

void ta_crumb_line_finish(struct ta_thread *thread)
{
	struct ta_crumb_line *line = line_of(thread);

	if (line->bytes)
		leave(thread, line);
}
