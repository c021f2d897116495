/* SPDX-License-Identifier: MIT */
/*
 * process_start.h - telling a program whose environment libc makes what it is a child of.
 *
 * system() and popen() take no environment, and the program's own is not ours to change.
 * While they are under way the context stands in the segment's header (wire/segment.h,
 * struct ta_start), where the new program looks for it (preload/starter.c).
 *
 * Runs: any host thread, outside the guard.
 */
#ifndef TA_CORE_PROCESS_START_H
#define TA_CORE_PROCESS_START_H

#define TA_START_NONE (-1)

/* Puts what is current where a child finds it; a number to take it away with, or
 * TA_START_NONE: nothing is current, or no room (the child begins a trace of its own). */
int ta_start_open(void);
void ta_start_close(int start);

/* popen's stays as long as its stream: the call returns before the child has begun. */
void ta_start_keep(int start, const void *stream);
/* The one that was kept for the stream, or TA_START_NONE. */
int ta_start_kept(const void *stream);

#endif
