/* SPDX-License-Identifier: MIT */
/*
 * sentry_form.h - what a program's own event may hold, in the form of Sentry's schema.
 *
 * Receivers check events strictly and refuse what they do not know; programs write them by
 * hand.  What fits a form is written, what does not is left out, so an event never fails
 * for one member.
 *
 * Runs: agent, the exporter's thread.  Recursion is as deep as the forms.
 */
#ifndef TA_EXPORT_SENTRY_FORM_H
#define TA_EXPORT_SENTRY_FORM_H

#include "runtime/export/sentry_json.h"

enum ta_sentry_form_kind {
	TA_FORM_STRING = 1, /* numbers become strings */
	TA_FORM_INTEGER,
	TA_FORM_COUNT, /* one that is not negative */
	TA_FORM_BOOL,
	TA_FORM_ID,	 /* a string, or an integer that is not negative */
	TA_FORM_ADDRESS, /* "0x..." */
	TA_FORM_OBJECT,	 /* any members */
	TA_FORM_TEXTS,	 /* an object of strings */
	TA_FORM_ADDRESSES,
	TA_FORM_LINES, /* an array of strings, not too many */
	TA_FORM_PART,  /* an object of its own form */
	TA_FORM_PARTS, /* an array of those */
	TA_FORM_VALUES, /* the same as {"values":[...]}, given like that, as an array, or as one */
	TA_FORM_OBJECTS, /* an array of objects of any kind */
};

struct ta_sentry_form {
	const struct ta_sentry_field {
		const char *name;
		uint8_t kind;
		const struct ta_sentry_form *part;
	} *fields; /* up to one without a name */
	const char *needs[4]; /* one of these has to be there; none: nothing has to */
};

extern const struct ta_sentry_form ta_sentry_event_form;

/* "name":value behind a comma, if it fits the field.  Returns whether it did. */
bool ta_sentry_put_field(struct ta_buf *buf, const struct ta_sentry_field *field,
			 struct ta_json_slice value, size_t most);
/* An object of that form, with its braces; false (and rubbish at the end of buf) when
 * nothing of what the form needs is there.  value is an object. */
bool ta_sentry_put_form(struct ta_buf *buf, const struct ta_sentry_form *form,
			struct ta_json_slice value, size_t most);
/* The field of that name (with escapes), or NULL. */
const struct ta_sentry_field *ta_sentry_field(const struct ta_sentry_form *form,
					      struct ta_json_slice key);

#endif
