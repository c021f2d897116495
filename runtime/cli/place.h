/* SPDX-License-Identifier: MIT */
/*
 * place.h - where things are: ourselves, the library, the run directory, the
 * program that was named.
 *
 * Paths go to buffers of PATH_MAX bytes and are written only on success.
 */
#ifndef TA_CLI_PLACE_H
#define TA_CLI_PLACE_H

#include <stdint.h>

#include <stdbool.h>

#define TA_CLI_LIBRARY "libtagalong.so"

/* cwd/path, or path when it is absolute.  0 or -ENAMETOOLONG. */
int ta_cli_absolute(const char *cwd, const char *path, char *ret_path);

/* path without the leading cwd, for messages. */
const char *ta_cli_short_path(const char *cwd, const char *path);

/* This binary.  0 or -errno. */
int ta_cli_self(char *ret_path);

/* The library that belongs to this binary: beside it, or below ../lib.
 * 0 or -ENOENT. */
int ta_cli_library(char *ret_path);

/* configured, or the default for this user.  0 or -ENAMETOOLONG. */
int ta_cli_run_dir(const char *configured, const char *cwd, char *ret_path);

/* Makes the run directory.  NULL, or what is wrong and what to do, as a clause.
 * A directory that the user named is made, but never changed. */
const char *ta_cli_run_dir_make(const char *path, bool configured);

/* The same of one that should be there, without changing anything. */
const char *ta_cli_run_dir_wrong(const char *path, bool configured);

/* Free space there; UINT64_MAX where that cannot be known.  A program that finds
 * less than the least stays quiet. */
#define TA_CLI_ROOM_LEAST_KIB 256u
uint64_t ta_cli_room_kib(const char *dir);

/* What execvp would start.  0, -ENOENT, or -EACCES (found, not executable). */
int ta_cli_find_program(const char *name, const char *search_path, char *ret_path);

/* Whether spans can be appended to path.  0 or -errno, with the path at fault
 * (the file, or the nearest directory that exists). */
int ta_cli_can_write(const char *path, char *ret_culprit);

#endif
