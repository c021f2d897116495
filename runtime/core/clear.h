/* SPDX-License-Identifier: MIT */
/*
 * clear.h - zeroes for structs of some hundred bytes.
 *
 * Where the size is known compilers make "rep stos" of a memset, which takes longer to
 * start than libc takes for all of it.
 */
#ifndef TA_CORE_CLEAR_H
#define TA_CORE_CLEAR_H

#include <stddef.h>
#include <string.h>

static inline void ta_clear(void *at, size_t bytes)
{
	__asm__("" : "+r"(bytes));
	memset(at, 0, bytes);
}

#endif
