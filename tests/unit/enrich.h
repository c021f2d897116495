/* SPDX-License-Identifier: MIT */
/*
 * enrich.h - one enricher, and spans that go through it.
 *
 * For the tests of the enricher: main() sets config and calls restart() first.
 */
#ifndef TA_TESTS_UNIT_ENRICH_H
#define TA_TESTS_UNIT_ENRICH_H

#include "tests/unit/spans.h"

#define ENRICH_UNUSED __attribute__((unused))

ENRICH_UNUSED static struct ta_config config;
static struct ta_enrich *enrich;
static struct ta_out_span out;

ENRICH_UNUSED static void restart(void)
{
	ta_enrich_free(enrich);
	enrich = ta_enrich_new(&config);
}

/* A request that was answered; attributes may be added before run(). */
ENRICH_UNUSED static void request(struct made_span *made, const char *method, const char *target, int status)
{
	span_make(made, TA_SPAN_HTTP_SERVER);
	put_text(made, TA_ATTR_HTTP_METHOD, method);
	put_text(made, TA_ATTR_HTTP_TARGET, target);
	put_int(made, TA_ATTR_HTTP_VERSION_MINOR, 1);
	if (status)
		put_int(made, TA_ATTR_HTTP_STATUS, status);
}

/* What comes out points into the records: they stay until the next run. */
ENRICH_UNUSED static void run(struct made_span *made)
{
	static struct made_span last;

	span_drop(&last);
	last = *made;
	ta_enrich_span(enrich, &made->span, &out);
}

ENRICH_UNUSED static const char *name_of(const char *method, const char *target)
{
	struct made_span made;

	request(&made, method, target, 200);
	run(&made);
	return out.name;
}

#endif
