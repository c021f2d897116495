/* SPDX-License-Identifier: MIT */
/*
 * signal_name.h - signals and their codes (si_code) in words, for all exporters and the
 * command line.
 *
 * Runs: agent, the exporter's thread; the command line.  Pure.
 */
#ifndef TA_EXPORT_SIGNAL_NAME_H
#define TA_EXPORT_SIGNAL_NAME_H

#include <stdint.h>

struct ta_signal_code {
	const char *name; /* "SEGV_MAPERR" */
	const char *text; /* "address not mapped" */
};

/* "SIGSEGV"; NULL for numbers without a name. */
const char *ta_signal_name(int64_t number);

/* NULL when nobody knows it. */
const struct ta_signal_code *ta_signal_code(int64_t number, int64_t code);

/* Whether somebody sent it, so that there is a sender and no address. */
static inline int ta_signal_was_sent(int64_t code)
{
	return code <= 0;
}

#endif
