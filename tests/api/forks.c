/* SPDX-License-Identifier: MIT */
/*
 * forks.c - scopes, spans and handles in forked children.
 *
 * A child starts with everything that its parent had, as copies: what it writes is
 * its own, and what the parent has open stays the parent's to end.
 */
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 10

static tagalong_scope_t isolation, fork_scope;
static tagalong_span_t opened, detached;
static tagalong_context_t *context;

static void write_as(const char *who)
{
	CALL(tagalong_set_tag("who", who), 0);
	CALL(tagalong_scope_set_tag(isolation, "by.handle", who), 0);
	CALL(tagalong_scope_set_tag(fork_scope, "fork", who), 0);
	CALL(tagalong_scope_set_tag(TAGALONG_SCOPE_GLOBAL, "global", who), 0);
}

static void child(int number)
{
	char who[32];

	snprintf(who, sizeof(who), "child-%d", number);
	HOLDS(tagalong_current_span().id == opened.id);
	write_as(who);
	TAGALONG_SPAN(who) HOLDS(tagalong_current_span().id != opened.id);
	CALL(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, who, fork_scope), 0);
	CALL(tagalong_context_attach(context), 0);
	TAGALONG_SPAN("in context") {}
	CALL(tagalong_context_detach(context), 0);
	CALL(tagalong_span_set_str(opened, who, "a word of the child"), 0);
	CALL(tagalong_span_end(), 0); /* leaves it; the parent ends it */
	HOLDS(tagalong_current_span().id == 0);
	CALL(tagalong_span_end(), -ENOENT);
	CALL(tagalong_context_free(context), 0);
	CALL(tagalong_scope_free(fork_scope), 0);
	fflush(stdout);
	_exit(check_failures != 0);
}

int main(void)
{
	pid_t children[CHILDREN];
	int status;

	isolation = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);
	fork_scope = tagalong_scope_fork(TAGALONG_SCOPE_CURRENT);
	detached = tagalong_span_start("detached", NOTHING);
	opened = tagalong_span_begin("parent", NOTHING);
	context = tagalong_context_capture();
	write_as("parent");
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = fork();
		if (children[i] == 0)
			child(i);
	}
	for (int i = 0; i < CHILDREN; i++)
		HOLDS(waitpid(children[i], &status, 0) == children[i] && status == 0);
	HOLDS(tagalong_current_span().id == opened.id);
	CALL(tagalong_capture_message_with(TAGALONG_LEVEL_INFO, "parent", fork_scope), 0);
	CALL(tagalong_span_end(), 0);
	CALL(tagalong_span_finish(detached), 0);
	CALL(tagalong_context_free(context), 0);
	CALL(tagalong_scope_free(fork_scope), 0);
	return check_failures != 0;
}
