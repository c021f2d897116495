/* SPDX-License-Identifier: MIT */
/*
 * storm.c - handlers that do what the interrupted thread is doing.
 *
 *     storm SECONDS
 *
 * Two threads and their handlers write to one isolation scope, through its handle,
 * and now and then to attributes of one span (which keeps so many, not all).  What was
 * written last is told in attributes "want.*", so that the runner sees what was lost.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static tagalong_scope_t scope;
static tagalong_span_t span;
static volatile sig_atomic_t handled, handled_attribute;
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
	if (handled % 256 == 0) {
		tagalong_span_set_int(span, "handler", handled);
		handled_attribute = handled;
		tagalong_scope_add_breadcrumb(scope, NOTHING);
		tagalong_add_breadcrumb("signal", text);
		tagalong_scope_clear_breadcrumbs(scope);
		tagalong_scope_set_extra(scope, "extra", text);
		tagalong_span_set_name(span, "stormed");
	}
	if (number != SIGALRM || errno != saved_errno)
		check_failures++;
}

/* The last values: of the tag, of the attribute. */
struct last {
	long tag, attribute;
};

static struct last write_until(const char *name)
{
	struct last last = { 0, 0 };
	char text[24];

	while (!stop) {
		number_text(text, ++last.tag);
		if (tagalong_scope_set_tag(scope, name, text) != 0)
			check_failures++;
		if (last.tag % 16384 == 1) {
			last.attribute = last.tag;
			if (tagalong_span_set_int(span, name, last.attribute) != 0)
				check_failures++;
		}
		/* Slower than the agent: what is lost because a lane is full proves nothing. */
		for (volatile int spin = 0; spin < 2000; spin = spin + 1)
			;
	}
	return last;
}

static void *other_thread(void *last)
{
	*TAGALONG_CAST_(struct last *, last) = write_until("other");
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
	struct last last, other_last = { 0, 0 };

	memset(&action, 0, sizeof(action));
	memset(&often, 0, sizeof(often));
	memset(&never, 0, sizeof(never));
	action.sa_handler = handle;
	often.it_interval.tv_usec = often.it_value.tv_usec = 300;
	sigaction(SIGALRM, &action, NOTHING);
	scope = tagalong_scope_get(TAGALONG_SCOPE_ISOLATION);
	span = tagalong_span_begin("result", NOTHING);
	if (pthread_create(&clock, NOTHING, end_later, &seconds) != 0 ||
	    pthread_create(&other, NOTHING, other_thread, &other_last) != 0)
		abort();
	setitimer(ITIMER_REAL, &often, NOTHING);
	last = write_until("main");
	setitimer(ITIMER_REAL, &never, NOTHING);
	pthread_join(other, NOTHING);
	pthread_join(clock, NOTHING);
	tagalong_span_set_int(span, "want.main", last.tag);
	tagalong_span_set_int(span, "want.other", other_last.tag);
	tagalong_span_set_int(span, "want.handler", handled);
	tagalong_span_set_int(span, "want.attribute.main", last.attribute);
	tagalong_span_set_int(span, "want.attribute.other", other_last.attribute);
	tagalong_span_set_int(span, "want.attribute.handler", handled_attribute);
	CALL(tagalong_span_end(), 0);
	HOLDS(handled > 100);
	return check_failures != 0;
}
