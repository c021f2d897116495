/* SPDX-License-Identifier: MIT */
/*
 * ends.h - processes that end badly: this one, and its children.
 *
 * A status that is not 0 is an event only on request (TAGALONG_EXIT_STATUS): to many
 * programs it is an answer (grep, diff, test).
 *
 * A child that dies of a signal is an event if somebody would want to look into it; one
 * that was asked to go (SIGTERM and the like), or that this process killed itself, is a
 * breadcrumb, and so is one that exits with a status.
 *
 * Runs: any host thread, signal handlers.  No locks, no heap; errno is kept.
 */
#ifndef TA_CORE_ENDS_H
#define TA_CORE_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#define TA_CHILD_EVENTS_A_MINUTE 10u

enum ta_exit_events {
	TA_EXIT_EVENTS_NONE,
	TA_EXIT_EVENTS_PROGRAM, /* of what nobody traced has started */
	TA_EXIT_EVENTS_ALL,
};

/* TAGALONG_EXIT_STATUS, in words. */
enum ta_exit_events ta_exit_events(const char *word);

/* This process is about to exit with a status. */
void ta_exit_report(int status);

/* A child was reaped: what it exited with, or what signal it died of. */
void ta_child_exited(int pid, int status);
void ta_child_died(int pid, int number);

/* This process sent SIGKILL, as kill() takes it. */
void ta_child_killed(int pid);

/* Whether a death by this signal is worth an event. */
bool ta_death_matters(int number);

#endif
