/* SPDX-License-Identifier: MIT */
/*
 * storm.c - handlers that do what the interrupted thread is doing.
 *
 *     storm SECONDS
 *
 * Two threads and their handlers write to one isolation scope, through its handle,
 * and to attributes of one span.  The last value of every tag is also an attribute of
 * the span "result", so that the runner can tell whether one was lost.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static tagalong_scope_t scope;
static tagalong_span_t span;
static volatile sig_atomic_t handled;
static volatile int stop;

static void number_text(char *out, long number)
{
	char digits[24];
	int count = 0, at = 0;

	do {
		digits[count++] = TAGALONG_CAST_(char, '0' + number % 10);
		number /= 10;
	} while (number);
	while (count)
		out[at++] = digits[--count];
	out[at] = '\0';
}

static void handle(int number)
{
	char text[24];
	int saved_errno = errno;

	number_text(text, handled + 1);
	tagalong_scope_set_tag(scope, "handler", text);
	handled = handled + 1;
	tagalong_set_tag("of.delivery", text);
	tagalong_span_set_int(span, "handler", handled);
	if (handled % 64 == 0) {
		tagalong_scope_add_breadcrumb(scope, NOTHING);
		tagalong_add_breadcrumb("signal", text);
		tagalong_scope_clear_breadcrumbs(scope);
		tagalong_scope_set_extra(scope, "extra", text);
		tagalong_span_set_name(span, "stormed");
	}
	if (number != SIGALRM || errno != saved_errno)
		check_failures++;
}

static long write_until(const char *tag, const char *attribute)
{
	char text[24] = "";
	long turns = 0;

	while (!stop) {
		number_text(text, ++turns);
		if (tagalong_scope_set_tag(scope, tag, text) != 0)
			check_failures++;
		if (tagalong_span_set_int(span, attribute, turns) != 0)
			check_failures++;
		/* Slower than the agent: what is lost because a lane is full proves nothing. */
		for (volatile int spin = 0; spin < 2000; spin = spin + 1)
			;
	}
	return turns;
}

static void *other_thread(void *turns)
{
	*TAGALONG_CAST_(long *, turns) = write_until("other", "other");
	return NOTHING;
}

static void *end_later(void *seconds)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NOTHING);
	sleep(*TAGALONG_CAST_(unsigned *, seconds));
	stop = 1;
	return NOTHING;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? TAGALONG_CAST_(unsigned, atoi(argv[1])) : 1;
	struct sigaction action;
	struct itimerval often, never;
	pthread_t other, clock;
	long turns, other_turns = 0;

	memset(&action, 0, sizeof(action));
	memset(&often, 0, sizeof(often));
	memset(&never, 0, sizeof(never));
	action.sa_handler = handle;
	often.it_interval.tv_usec = often.it_value.tv_usec = 300;
	sigaction(SIGALRM, &action, NOTHING);
	scope = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);
	span = tagalong_span_begin("result", NOTHING);
	if (pthread_create(&clock, NOTHING, end_later, &seconds) != 0 ||
	    pthread_create(&other, NOTHING, other_thread, &other_turns) != 0)
		abort();
	setitimer(ITIMER_REAL, &often, NOTHING);
	turns = write_until("main", "main");
	setitimer(ITIMER_REAL, &never, NOTHING);
	pthread_join(other, NOTHING);
	pthread_join(clock, NOTHING);
	tagalong_span_set_int(span, "want.main", turns);
	tagalong_span_set_int(span, "want.other", other_turns);
	tagalong_span_set_int(span, "want.handler", handled);
	CALL(tagalong_span_end(), 0);
	HOLDS(handled > 100);
	return check_failures != 0;
}
