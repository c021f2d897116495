/* SPDX-License-Identifier: MIT */
/*
 * crumb_line.h - lines that are said piece by piece, put together again.
 *
 * fprintf(stderr, "cannot open "); fputs(name, stderr); putc('\n', stderr) is one line, and
 * one breadcrumb.  A thread has room for one line that is under way.  It is left as a
 * breadcrumb when a piece ends with a newline, when there is no more room, when something
 * is captured, and when the thread goes on in another isolation scope: what was said in one
 * request never shows on another.
 *
 * Runs: any host thread, inside the guard; signal handlers.  No locks, no heap.
 */
#ifndef TA_CORE_CRUMB_LINE_H
#define TA_CORE_CRUMB_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/core/crumb.h"

struct ta_crumb_line {
	uint64_t cell; /* of the isolation scope that it was begun in */
	uint32_t bytes;
	/* More than is taken, so that the cut is made between characters. */
	char text[TA_CRUMB_TEXT_MAX + 4];
};

/* A piece was said: what does not look like text is left out. */
void ta_crumb_say(struct ta_thread *thread, const char *text, size_t bytes);

/* The same in two steps, for what is formatted: where the piece may be written and how much
 * of it (NULL: nowhere), and that so many bytes were. */
char *ta_crumb_line_room(struct ta_thread *thread, uint32_t *ret_bytes);
void ta_crumb_line_said(struct ta_thread *thread, uint32_t bytes);

/* Whatever is under way becomes a breadcrumb now. */
void ta_crumb_line_finish(struct ta_thread *thread);

#endif
