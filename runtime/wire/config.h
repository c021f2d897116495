/* SPDX-License-Identifier: MIT */
/*
 * config.h - settings from environment variables, the same on both sides.
 *
 * Pure: reads a given environment, allocates nothing, prints nothing; a caller
 * who wants to tell the user about a bad value gives a warning function.  An
 * empty value means "not set".  A bad value is reported and the default is used
 * (OpenTelemetry, environment variable specification).
 *
 * Text settings point into the environment they were read from; "" when unset.
 */
#ifndef TA_WIRE_CONFIG_H
#define TA_WIRE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Compiled for the host (TA_CONFIG_HOST) config.c fills in what the host reads, and leaves
 * the rest alone. */
struct ta_config {
#define FLAG(who, field, variable, dflt, text) bool field;
#define NUMBER(who, field, variable, dflt, min, max, unit, text) uint64_t field;
#define TEXT(who, field, variable, text) const char *field;
#define RATE(who, field, variable, dflt, text) double field;
#define CHOICE(who, field, variable, dflt, allowed, text) const char *field;
#include "runtime/wire/config.def"
#undef FLAG
#undef NUMBER
#undef TEXT
#undef RATE
#undef CHOICE
};

/* A value that was not taken.  allowed and used are words for a person; all
 * strings live as long as the call. */
struct ta_config_warning {
	const char *variable;
	const char *value;
	const char *allowed;
	const char *used;
};

typedef void ta_config_warn_fn(void *user, const struct ta_config_warning *warning);

/* Fills *config from envp ("NAME=value" strings, NULL at the end; NULL is an
 * empty environment).  warn may be NULL.  A variable that begins with TAGALONG_
 * and is in no list is reported too, with the nearest name as `used`. */
void ta_config_load(struct ta_config *config, char *const *envp, ta_config_warn_fn *warn,
		    void *user);

/* Number under which hosts find their agent: a hash of the TAGALONG_*, OTEL_*
 * and SENTRY_* variables that are not the host's alone, of HOME and XDG_STATE_HOME where
 * a default place depends on them, and of cwd where TAGALONG_FILE is relative.  Never 0. */
uint32_t ta_config_key(const struct ta_config *config, char *const *envp, const char *cwd);

/* Whether name matches one of the comma-separated patterns (* and ?). */
bool ta_config_matches(const char *patterns, const char *name);

/* Whether a program of this file name is to be traced (disabled, include, exclude). */
bool ta_config_wants(const struct ta_config *config, const char *program);

/* A share, 0 to 1, as settings have it: "0.25", "1", ".5"; false for anything else. */
bool ta_config_rate(const char *value, double *ret_rate);

/* One row of config.def, for documents and help. */
struct ta_config_row {
	const char *variable;
	const char *dflt;
	const char *allowed;
	const char *text;
};

/* Row number index, or NULL after the last. */
const struct ta_config_row *ta_config_row(size_t index);

#endif
