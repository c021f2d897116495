/* SPDX-License-Identifier: MIT */
/*
 * filter.h - what is left out of records before anything is kept of them: secrets, and
 * breadcrumbs that nobody wants.
 *
 * Done once, when a record is applied: so whatever is exported, and however often, has
 * been through here, and what is dropped takes no other breadcrumb's place.  Tags, users,
 * contexts, extras and attributes are the program's own words and stay as they are.
 *
 * Runs: agent, one thread.  The settings are part of the agent's key: a journal is read
 * under those that it was written under.
 */
#ifndef TA_AGENT_FILTER_H
#define TA_AGENT_FILTER_H

#include "runtime/export/buf.h"
#include "runtime/wire/config.h"
#include "runtime/wire/record.h"

struct ta_filter {
	bool scrub;
	const char *keys; /* TAGALONG_SCRUB_KEYS */
	const char *drop; /* TAGALONG_BREADCRUMBS_DROP */
	struct ta_buf record, text;
	uint64_t scrubbed, dropped; /* records that were changed, breadcrumbs left out */
};

/* config's strings must outlive the filter.  Zeroed, it lets everything pass. */
void ta_filter_init(struct ta_filter *filter, const struct ta_config *config);
void ta_filter_fini(struct ta_filter *filter);

/* The record to be applied in place of a valid one: itself, or a changed copy that lives
 * until the next call.  A breadcrumb that is dropped becomes a change of nothing, so
 * that its scope's version is there all the same.  NULL: no memory. */
const struct ta_record *ta_filter_record(struct ta_filter *filter, const struct ta_record *record);

#endif
