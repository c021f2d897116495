/* SPDX-License-Identifier: MIT */
/*
 * scrub.h - finds secrets in text and in JSON, so that they can be left out.
 *
 * What is a secret: the value of a key that looks secret (password, passwd, secret, token,
 * api_key, auth, credential, session id, private key, cookie, a URL's signature ...; in any case, as k=v, k: v
 * and "k":"v"); Authorization, Cookie and Set-Cookie to the end of their line; the
 * password in scheme://user:password@host; bearer and JSON web tokens, AWS access
 * keys, private key blocks; 13 to 19 digits that could be a card's (Luhn's sum).
 *
 * Pure, and linear: a walk gives the ranges in order; they do not overlap.  In JSON a
 * range is the inside of a string, or a whole value that is none (then the quotes have to be
 * put); what is put in its place leaves the text valid JSON.
 *
 * Runs: agent, any thread.
 */
#ifndef TA_PROTOCOL_SCRUB_H
#define TA_PROTOCOL_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TA_SCRUBBED "[Filtered]"

struct ta_scrub_walk {
	const char *text, *keys; /* keys: more of them, comma-separated words; or NULL */
	size_t bytes, at;
	bool json, in_string;
};

struct ta_secret {
	size_t at, bytes;
	bool bare; /* in JSON, a value without quotes: its substitute needs them */
};

void ta_scrub_begin(struct ta_scrub_walk *walk, const char *text, size_t bytes, bool json,
		    const char *keys);
/* The next secret; false at the end. */
bool ta_scrub_next(struct ta_scrub_walk *walk, struct ta_secret *ret_secret);

/* Whether a name is one whose value is to be kept secret; keys as above. */
bool ta_scrub_is_secret(const char *name, size_t bytes, const char *keys);

#endif
