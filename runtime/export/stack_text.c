/* SPDX-License-Identifier: MIT */
/*
 * stack_text.c - the stacks of an event as a trace that people read.
 *
 *     #0 0x0000000000401136 charge (shop.c:12) [/usr/bin/shop]
 *     #1 0x00007f1c5d3a0d0a __libc_start_main [/usr/lib/x86_64-linux-gnu/libc.so.6]
 *
 *     thread 4712 "worker"
 *     #0 ...
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/stack.h"

#define NAME_BYTES 512u /* of functions, files and the like: names of templates have no end */

/* One line, whatever it says. */
static void put(struct ta_buf *buf, struct ta_json_slice inside)
{
	char text[NAME_BYTES];
	size_t bytes = ta_json_unescape(inside.text, inside.bytes, text, sizeof(text));

	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)text[i] < 0x20)
			text[i] = ' ';
	ta_buf_put(buf, text, bytes);
}

static void put_frame(struct ta_buf *buf, uint32_t number, struct ta_json_slice json)
{
	struct ta_stack_frame frame;

	ta_stack_frame(json, &frame);
	ta_buf_putc(buf, '#');
	ta_buf_put_u64(buf, number);
	ta_buf_putc(buf, ' ');
	put(buf, frame.address);
	ta_buf_puts(buf, frame.address.bytes ? " " : "");
	put(buf, frame.function.bytes ? frame.function : (struct ta_json_slice){ "??", 2 });
	if (frame.file.bytes) {
		ta_buf_puts(buf, " (");
		put(buf, frame.file);
		if (frame.line) {
			ta_buf_putc(buf, ':');
			ta_buf_put_i64(buf, frame.line);
		}
		ta_buf_putc(buf, ')');
	}
	if (frame.package.bytes) {
		ta_buf_puts(buf, " [");
		put(buf, frame.package);
		ta_buf_putc(buf, ']');
	}
	ta_buf_putc(buf, '\n');
}

static void put_left_out(struct ta_buf *buf, uint32_t count, const char *what)
{
	ta_buf_puts(buf, "... ");
	ta_buf_put_u64(buf, count);
	ta_buf_puts(buf, " more ");
	ta_buf_puts(buf, what);
	ta_buf_puts(buf, count == 1 ? "\n" : "s\n");
}

static void put_frames(struct ta_buf *buf, struct ta_json_slice json, size_t end)
{
	struct ta_stack_frames frames;
	uint32_t number = 0;

	ta_stack_frames(json, TA_STACK_FRAMES, &frames);
	for (uint32_t i = frames.count; i-- > 0; number++) {
		if (buf->bytes >= end) {
			put_left_out(buf, i + 1 + (i >= frames.gap ? frames.left_out : 0), "frame");
			return;
		}
		put_frame(buf, number, frames.items[i]);
		if (frames.left_out && i == frames.gap) {
			put_left_out(buf, frames.left_out, "frame");
			number += frames.left_out;
		}
	}
}

static void put_title(struct ta_buf *buf, const struct ta_stack_thread *thread)
{
	ta_buf_puts(buf, "\nthread ");
	put(buf, thread->id);
	if (thread->name.bytes) {
		ta_buf_puts(buf, thread->id.bytes ? " \"" : "\"");
		put(buf, thread->name);
		ta_buf_putc(buf, '"');
	}
	ta_buf_putc(buf, '\n');
}

void ta_stack_text(struct ta_buf *buf, const struct ta_stack *stack)
{
	size_t end = buf->bytes + TA_STACK_TEXT_BYTES;
	uint32_t total = ta_stack_count_threads(stack), count = 0;
	struct ta_stack_thread thread;
	struct ta_json_walk walk;

	ta_json_walk(&walk, stack->threads.text, stack->threads.bytes);
	while (count < TA_STACK_THREADS && buf->bytes < end && ta_stack_next_thread(&walk, &thread)) {
		if (count++)
			put_title(buf, &thread);
		put_frames(buf, thread.frames, end);
	}
	if (count < total) {
		ta_buf_putc(buf, '\n');
		put_left_out(buf, total - count, "thread");
	}
}
