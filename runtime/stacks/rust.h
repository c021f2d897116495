/* SPDX-License-Identifier: MIT */
/*
 * rust.h - names of Rust's newer mangling ("_R...", RFC 2603).
 *
 * Runs: tagalong-stacks, one thread.  Pure.
 */
#ifndef TA_STACKS_RUST_H
#define TA_STACKS_RUST_H

/* The path that such a name stands for, to be freed: without hashes of crates, and without
 * generic arguments ("<shop::Cart as shop::Price>::total").  NULL: it is no such name. */
char *ta_rust_demangle(const char *name);

#endif
