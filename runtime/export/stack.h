/* SPDX-License-Identifier: MIT */
/*
 * stack.h - the stacks of an event, as runtime/stacks/protocol.h has them, for exporters.
 *
 * They were made of what a dying process had in its memory, by a program that read files of
 * every kind: each member is looked at before it is written, and numbers of threads and
 * frames are bounded.  Of a thread with too many frames both ends stay.
 *
 * Runs: agent, the exporter's thread.
 */
#ifndef TA_EXPORT_STACK_H
#define TA_EXPORT_STACK_H

#include "runtime/export/buf.h"
#include "runtime/protocol/json.h"

#define TA_STACK_FRAMES 250u
#define TA_STACK_THREADS 512u
#define TA_STACK_IMAGES 1024u
#define TA_STACK_TEXT_BYTES (64u << 10)

/* The members of the whole; what is missing or of another kind is empty. */
struct ta_stack {
	struct ta_json_slice threads; /* array; [] when there is none */
	struct ta_json_slice images;
	struct ta_json_slice abort_message;		    /* inside of a string, with escapes */
	struct ta_json_slice exception_type, exception_value; /* the same */
	const char *source; /* "ptrace" or "copy"; NULL: not told */
	bool has_exception;
};

struct ta_stack_thread {
	struct ta_json_slice id;     /* a number that is not negative, or empty */
	struct ta_json_slice name;   /* inside of a string */
	struct ta_json_slice frames; /* array, or empty */
	struct ta_json_slice registers;
	bool crashed, current;
};

/* Frames as they stand there: the oldest first. */
struct ta_stack_frames {
	struct ta_json_slice items[TA_STACK_FRAMES];
	uint32_t count;
	uint32_t left_out; /* behind items[gap - 1] */
	uint32_t gap;
};

/* Texts are insides of strings, with escapes; line 0: not known. */
struct ta_stack_frame {
	struct ta_json_slice address, function, file, package;
	int64_t line;
};

/* False when there is nothing that is a stack; then ret_stack is empty. */
bool ta_stack_read(const char *json, size_t bytes, struct ta_stack *ret_stack);

/* A walk over threads is a ta_json_walk over stack->threads; at most TA_STACK_THREADS count,
 * which is the caller's to see to. */
bool ta_stack_next_thread(struct ta_json_walk *walk, struct ta_stack_thread *ret_thread);
uint32_t ta_stack_count_threads(const struct ta_stack *stack);

/* At most most of them (and TA_STACK_FRAMES). */
void ta_stack_frames(struct ta_json_slice frames, uint32_t most,
		     struct ta_stack_frames *ret_frames);
void ta_stack_frame(struct ta_json_slice json, struct ta_stack_frame *ret_frame);

/* For people: a line each, "#0 0x.. function (file:line) [package]", the newest first; the
 * first thread, then the others below their names.  TA_STACK_TEXT_BYTES or little more. */
void ta_stack_text(struct ta_buf *buf, const struct ta_stack *stack);

/* ---- as JSON again: known members of the right kinds only ---- */

/* What is left out of stacks that are too large. */
struct ta_stack_cut {
	uint32_t frames, other_frames; /* of the first thread, of each of the others */
	uint32_t threads;
	uint32_t text_bytes; /* of each text */
	bool no_source; /* lines of the source */
	bool no_images;
};
extern const struct ta_stack_cut ta_stack_whole;

/* [...]; false, and nothing is written, when there are none. */
bool ta_stack_put_frames(struct ta_buf *buf, struct ta_json_slice frames, uint32_t most,
			 const struct ta_stack_cut *cut);
/* {...}; the same. */
bool ta_stack_put_registers(struct ta_buf *buf, struct ta_json_slice registers);
bool ta_stack_put_images(struct ta_buf *buf, const struct ta_stack *stack,
			 const struct ta_stack_cut *cut);
/* {"threads":[...]}, as the protocol has it, without images. */
void ta_stack_put(struct ta_buf *buf, const struct ta_stack *stack);

#endif
