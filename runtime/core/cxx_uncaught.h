/* SPDX-License-Identifier: MIT */
/*
 * cxx_uncaught.h - the C++ exception that a program dies of.
 *
 * No function of the C++ runtime is replaced for it: exported from here, __cxa_throw would
 * also be what private copies of that runtime call (libraries that were opened with
 * RTLD_LOCAL), and nobody could tell which one they had meant.
 *
 * Seen are runtimes that are shared libraries: libstdc++.so, libc++abi.so.  One that is
 * linked statically does not export what is looked for; its abort is an abort.
 *
 * Runs: the handler of a SIGABRT that abort() sent.
 */
#ifndef TA_CORE_CXX_UNCAUGHT_H
#define TA_CORE_CXX_UNCAUGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ta_cxx_exception {
	char type[192];	   /* in words; "": std::terminate was called without an exception */
	char message[512]; /* what() */
};

/* Whether std::terminate was called on the stack that begins at stack, and with what. */
bool ta_cxx_uncaught(uintptr_t stack, struct ta_cxx_exception *ret_exception);

/* What an exception says: its type, and text or value where it has one.  may_call: what()
 * can be called (it was already, or the program is well). */
void ta_cxx_describe(uintptr_t type, uintptr_t object, bool may_call,
		     struct ta_cxx_exception *ret_exception);

#endif
