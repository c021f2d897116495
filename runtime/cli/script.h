/* SPDX-License-Identifier: MIT */
/*
 * script.h - which program a script is run by.
 */
#ifndef TA_CLI_SCRIPT_H
#define TA_CLI_SCRIPT_H

/* Reads the #! line of path and looks through /usr/bin/env.  ret_interpreter has
 * PATH_MAX bytes.  Returns 0, -ENOEXEC (no #! line), -ENOENT (the interpreter
 * was not found; its name is in ret_interpreter), or -errno. */
int ta_cli_script_interpreter(const char *path, const char *search_path, char *ret_interpreter);

#endif
