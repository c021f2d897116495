/* SPDX-License-Identifier: MIT */
/*
 * event_own.h - what the JSON of a captured event holds: Sentry's event payload.
 *
 * Only event_merge.c includes this.  Runs: agent, one thread.
 */
#ifndef TA_EXPORT_EVENT_OWN_H
#define TA_EXPORT_EVENT_OWN_H

#include "runtime/export/event_merge.h"

/* The members that count, as slices of the text; not looked at yet. */
struct ta_own {
	struct ta_json_slice message, logentry, exception, tags, extra, user, contexts;
	struct ta_json_slice fingerprint, transaction, breadcrumbs;
	uint8_t level;
};

enum ta_own_kind {
	TA_OWN_TEXT = 1, /* values become plain texts; null takes the entry away */
	TA_OWN_JSON,	 /* values stay; null is one */
	TA_OWN_THING,	 /* values stay; null takes the entry away */
};

/* Memory that lives as long as data; NULL when there is none. */
void *ta_event_alloc(struct ta_event_data *data, size_t bytes);

void ta_own_read(struct ta_json_slice json, struct ta_own *ret_own);

/* Puts what the event itself holds over what data has of the scopes.  0 or -ENOMEM. */
int ta_own_merge(struct ta_event_data *data, const struct ta_own *own);

/* The members of object over count entries, by key.  0 or -ENOMEM. */
int ta_own_over(struct ta_event_data *data, const struct ta_entry *entries, uint32_t count,
		struct ta_json_slice object, enum ta_own_kind kind,
		const struct ta_entry **ret_entries, uint32_t *ret_count);

/* "breadcrumbs": an array, or an object with one as "values".  views has room for count. */
uint32_t ta_own_crumbs_count(struct ta_json_slice breadcrumbs);
int ta_own_crumbs(struct ta_event_data *data, struct ta_json_slice breadcrumbs,
		  struct ta_crumb_view *views, uint32_t count);

#endif
