/* SPDX-License-Identifier: MIT */
/*
 * preloaded.h - the command itself as a program that is watched.
 *
 * `tagalong span` and `tagalong tag` record by the public API, as any program does.
 * For that they execute themselves once more, with the library preloaded and
 * TA_CLI_PRELOADED as first argument.
 */
#ifndef TA_CLI_PRELOADED_H
#define TA_CLI_PRELOADED_H

#include <stdbool.h>

#include "runtime/cli/env.h"

#define TA_CLI_PRELOADED "--preloaded"

/* argv[0] is the verb.  Does not return when it can start again with the library.
 * Returns true when this process has it already (or would be quiet with it); false,
 * after one line on stderr, when it cannot be had. */
bool ta_cli_have_library(int argc, char **argv);

/* Whether argv is of a second start; then the verb's own arguments begin at argv + 1. */
bool ta_cli_is_preloaded(int argc, char **argv);

/* Takes the library that the second start put into LD_PRELOAD out again: what the
 * command starts is watched only if its caller was. */
int ta_cli_env_without_library(struct ta_cli_env *env);

#endif
