/* SPDX-License-Identifier: MIT */
/*
 * pairs.h - lists as environment variables have them: k=v,k2=v2, percent-encoded.
 *
 * Both sides of a pair are trimmed, then decoded (W3C baggage, without properties).  A
 * percent sign without two hexadecimal digits, and %00, cannot be decoded.
 *
 * Runs: agent, any thread; cli.
 */
#ifndef TA_EXPORT_PAIRS_H
#define TA_EXPORT_PAIRS_H

#include "runtime/export/buf.h"

/* A walk over a list. */
struct ta_pairs {
	const char *rest;
	const char *text; /* of this pair, as it is written */
	size_t text_bytes;
	struct ta_buf key, value; /* of this pair: decoded, with a NUL behind them */
	uint32_t number;	  /* of this pair: 1, 2 ... */
	bool good;		  /* it is one; else key is as much of it as could be read */
	bool failed;		  /* out of memory; the walk has ended */
};

void ta_pairs_begin(struct ta_pairs *pairs, const char *list);
/* The next pair; empty ones (a comma too many) are passed over.  False at the end. */
bool ta_pairs_next(struct ta_pairs *pairs);
void ta_pairs_end(struct ta_pairs *pairs);

/* The last value of key, malloc'd: *ret_value is NULL when it is not there or empty, and
 * when anything in the list cannot be read (then all of it counts as not there).
 * Returns 0 or -ENOMEM. */
int ta_pairs_find(const char *list, const char *key, char **ret_value);

/* Without the spaces and tabs around it. */
void ta_trim(const char **text, size_t *bytes);

/* Appends what text stands for; false when it cannot be decoded. */
bool ta_percent_decode(struct ta_buf *buf, const char *text, size_t bytes);

#endif
