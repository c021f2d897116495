/* SPDX-License-Identifier: MIT */
/*
 * crumb.h - breadcrumbs that nobody had to write: what hooks saw, on the isolation
 * scope that is current.
 *
 * A breadcrumb is one change of a scope, put together in the lane out of pieces, some
 * of which are the program's own memory: at most TA_CRUMB_TEXT_MAX bytes of text.  A
 * thread leaves at most TA_CRUMBS_A_SECOND of them; what is beyond is counted.
 *
 * Runs: any host thread, inside the guard; signal handlers.  No locks, no heap.
 */
#ifndef TA_CORE_CRUMB_H
#define TA_CORE_CRUMB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/core/runtime.h"
#include "runtime/core/thread.h"

#define TA_CRUMB_TEXT_MAX 512u
#define TA_CRUMB_ROOM 96u /* for the data's JSON */
#define TA_CRUMBS_A_SECOND 200u

/* TAGALONG_BREADCRUMBS, as bits. */
#define TA_CRUMB_KINDS(X)                                                                          \
	X(SYSLOG, "syslog", 1)                                                                     \
	X(STDERR, "stderr", 2)                                                                     \
	X(CONNECT, "connect", 4)                                                                   \
	X(DNS, "dns", 8)                                                                           \
	X(EXEC, "exec", 16)                                                                        \
	X(SIGNAL, "signal", 32)                                                                    \
	X(HTTP, "http", 64)

enum ta_crumb_kind {
#define X(NAME, word, bit) TA_CRUMB_##NAME = bit,
	TA_CRUMB_KINDS(X)
#undef X
};

struct ta_crumb_facts {
	const char *category;
	enum ta_level level;
	const struct iovec *text; /* in pieces */
	uint32_t text_count;
	const char *data; /* a JSON object, or NULL */
	uint32_t data_bytes;
};

/* The setting as bits: words of the list above, all, none; "" is all but signal. */
uint32_t ta_crumb_kinds(const char *list);

static inline bool ta_crumb_wanted(enum ta_crumb_kind kind)
{
	return __builtin_expect((ta_runtime.breadcrumbs & (uint32_t)kind) != 0, 1);
}

/* Leaves it on the isolation scope that is current on this thread. */
void ta_crumb_leave(struct ta_thread *thread, const struct ta_crumb_facts *facts);
/* The same on a scope that was current; nothing when that is over. */
void ta_crumb_leave_in(struct ta_thread *thread, uint64_t cell, const struct ta_crumb_facts *facts);

/* {"NAME":NUMBER}, or nothing to append to; for names without escapes. */
struct ta_crumb_data {
	char json[TA_CRUMB_ROOM];
	uint32_t bytes;
};
void ta_crumb_number(struct ta_crumb_data *data, const char *name, int64_t number);
void ta_crumb_word(struct ta_crumb_data *data, const char *name, const char *word);

static inline struct iovec ta_piece(const char *text)
{
	return (struct iovec){ .iov_base = (void *)text, .iov_len = text ? strlen(text) : 0 };
}

/* Whether it looks like text: its first bytes have nothing that terminals do not print. */
bool ta_crumb_is_text(const char *text, size_t bytes);

/* Takes blanks off both ends of what is in pieces.  Returns how many pieces are left. */
int ta_crumb_trim(struct iovec *pieces, int count);

/* What a line says about itself: "error: ...", "[warn] ...", "FATAL: ...".  INFO when
 * it says nothing. */
enum ta_level ta_crumb_level(const char *text, size_t bytes);

/* "SIGTERM"; NULL for real-time signals and what is none. */
const char *ta_signal_word(int number);

/* "Connection refused", as perror has it in the C locale; "error 200" would be for the
 * caller to say: NULL when the number has no words here. */
const char *ta_errno_text(int number);

#endif
