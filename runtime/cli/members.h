/* SPDX-License-Identifier: MIT */
/*
 * members.h - members of JSON objects, one after the other; commas come by themselves.
 *
 * What fails for want of memory is remembered by the buffer.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_MEMBERS_H
#define TA_CLI_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/export/buf.h"

/* name NULL, everywhere: an element of an array. */

/* An object or array begins.  Ended by ta_buf_putc(). */
void ta_member_open(struct ta_buf *buf, const char *name, char bracket);
void ta_member_number(struct ta_buf *buf, const char *name, uint64_t value);
/* Three digits behind the point; 0 for what is no number. */
void ta_member_real(struct ta_buf *buf, const char *name, double value);
void ta_member_truth(struct ta_buf *buf, const char *name, bool value);
void ta_member_words(struct ta_buf *buf, const char *name, const char *value);

#endif
