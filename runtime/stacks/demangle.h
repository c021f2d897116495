/* SPDX-License-Identifier: MIT */
/*
 * demangle.h - names of functions as people write them.
 *
 * Runs: tagalong-stacks, one thread.
 */
#ifndef TA_STACKS_DEMANGLE_H
#define TA_STACKS_DEMANGLE_H

/* The name behind a C++ or Rust one, to be freed; NULL: it is no such name. */
char *ta_demangle(const char *name);
/* The same for the name of a type, as std::type_info has it. */
char *ta_demangle_type(const char *name);

#endif
