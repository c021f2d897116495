/* SPDX-License-Identifier: MIT */
/*
 * process_span.h - the span of this program: from the start of the image to its end.
 *
 * An image that was started with a TRACEPARENT continues that trace: its span is a child of
 * that one, published at once, and is what its threads begin with.  Without one the span is
 * a root, which is published when something is going to name it: the program starts another
 * one.  Spans that the program opens by itself stay roots of their own then.
 *
 * Forked children are part of the program and name its span; they neither publish nor end
 * it, so it is published before a fork.  A program that serves others lends its span to
 * nobody: that would be one trace without an end.
 *
 * Runs: constructor, any host thread, forked and vfork children (which only read).
 */
#ifndef TA_CORE_PROCESS_SPAN_H
#define TA_CORE_PROCESS_SPAN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/core/runtime.h"

struct ta_context;
struct ta_thread;

/* In the constructor, after the settings and before the first thread attaches.
 * executable: a file name that stays where it is. */
void ta_process_span_init(const char *executable);

/* The ids that a thread without a creator begins with: this program's, the remote
 * parent's, or none. */
void ta_process_span_base(struct ta_context *base);

/* This program's span as parent of something at the base of a thread; *ret_span gets ids
 * only.  Publishes it where that is still to be done.  False: there is none to be had. */
bool ta_process_span_lend(struct ta_thread *thread, struct ta_context *ret_span);

/* What a program that is started now is a child of: what is current; in a forked child, what
 * was current when it was forked (servers close the connection before they exec a CGI
 * program); this program's span.  False: nothing that has been published or will be. */
bool ta_process_span_parent(struct ta_thread *thread, struct ta_context *ret_parent);

/* In a forked child, with the contexts that it got. */
void ta_process_span_forked(void);

/* The calling thread is about to make a process: what that one would name is published. */
void ta_process_span_forking(void);

/* The program ends; only in the process that began with the image. */
void ta_process_span_end(int status);

/* The program detaches itself (setsid in a forked child): what it starts from then on in
 * processes of its own has nothing to do with what it was started for. */
void ta_process_detaches(void);

void ta_process_serves_slow(void);

/* The program listens, or accepts connections. */
static inline void ta_process_serves(void)
{
	if (!atomic_load_explicit(&ta_runtime.serving, memory_order_relaxed))
		ta_process_serves_slow();
}

#endif
