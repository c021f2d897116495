/* SPDX-License-Identifier: MIT */
/*
 * format.h - printf for what is called in hooks: no heap, no locale, no stdio.
 *
 * It knows what log lines use: %s %d %i %u %x %X %o %c %p %m %% and %f with flags, widths and
 * precisions, also from arguments, and the lengths hh h l ll z j t.
 *
 * Runs: any host thread, signal handlers.  Pure.
 */
#ifndef TA_CORE_FORMAT_H
#define TA_CORE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most size bytes, cut, not terminated; error is what %m stands for.  Returns
 * how many.  A format with anything else in it is written as it is: nothing behind
 * what is not understood can be read. */
uint32_t ta_format(char *out, uint32_t size, const char *format, va_list list, int error);

#endif
