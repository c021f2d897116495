/* SPDX-License-Identifier: MIT */
/*
 * cxx_type.h - types of C++ exceptions: names, and bases (Itanium C++ ABI, as gcc and clang
 * have it).
 *
 * Everything is read by ta_peek(): a program that dies may have broken what we look at.
 *
 * Runs: signal handlers, any host thread.
 */
#ifndef TA_CORE_CXX_TYPE_H
#define TA_CORE_CXX_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The encoded name of a type (std::type_info::name()), cut if it is long. */
bool ta_cxx_type_name(uintptr_t type, char *out, size_t out_bytes);

/* The address of a public base, by its encoded name, in an object of that type; the type
 * itself counts.  0: it has none, or it cannot be read. */
uintptr_t ta_cxx_base(uintptr_t type, uintptr_t object, const char *encoded);

/* An encoded name in words: "St13runtime_error" is std::runtime_error.  Names with parts
 * that are not known stay as they are. */
void ta_cxx_words(const char *encoded, char *out, size_t out_bytes);

#endif
