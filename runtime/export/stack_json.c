/* SPDX-License-Identifier: MIT */
/*
 * stack_json.c - the stacks of an event written anew: what has the form that Sentry and
 * our reader expect, and nothing else.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_form.h"
#include "runtime/export/stack.h"

#define TEXT_BYTES 4096u /* names of templates have no end */

#define FIELDS(name) static const struct ta_sentry_field name[] =

FIELDS(frame_fields){ { "instruction_addr", TA_FORM_ADDRESS, NULL },
		      { "symbol_addr", TA_FORM_ADDRESS, NULL },
		      { "function", TA_FORM_STRING, NULL },
		      { "raw_function", TA_FORM_STRING, NULL },
		      { "filename", TA_FORM_STRING, NULL },
		      { "abs_path", TA_FORM_STRING, NULL },
		      { "lineno", TA_FORM_COUNT, NULL },
		      { "package", TA_FORM_STRING, NULL },
		      { "in_app", TA_FORM_BOOL, NULL },
		      { "context_line", TA_FORM_STRING, NULL },
		      { "pre_context", TA_FORM_LINES, NULL },
		      { "post_context", TA_FORM_LINES, NULL },
		      { 0 } };
/* Without the source, and without what says the same at greater length. */
FIELDS(bare_fields){ { "instruction_addr", TA_FORM_ADDRESS, NULL },
		     { "symbol_addr", TA_FORM_ADDRESS, NULL },
		     { "function", TA_FORM_STRING, NULL },
		     { "filename", TA_FORM_STRING, NULL },
		     { "lineno", TA_FORM_COUNT, NULL },
		     { "package", TA_FORM_STRING, NULL },
		     { "in_app", TA_FORM_BOOL, NULL },
		     { 0 } };
FIELDS(image_fields){ { "type", TA_FORM_STRING, NULL },	      { "image_addr", TA_FORM_ADDRESS, NULL },
		      { "image_size", TA_FORM_COUNT, NULL },  { "image_vmaddr", TA_FORM_ADDRESS, NULL },
		      { "code_id", TA_FORM_STRING, NULL },    { "debug_id", TA_FORM_STRING, NULL },
		      { "code_file", TA_FORM_STRING, NULL },  { "debug_file", TA_FORM_STRING, NULL },
		      { "arch", TA_FORM_STRING, NULL },	      { 0 } };

#define FRAME_NEEDS .needs = { "instruction_addr", "function", "filename" }
static const struct ta_sentry_form frame_form = { .fields = frame_fields, FRAME_NEEDS };
static const struct ta_sentry_form bare_form = { .fields = bare_fields, FRAME_NEEDS };
static const struct ta_sentry_form image_form = { .fields = image_fields,
						  .needs = { "image_addr" } };

const struct ta_stack_cut ta_stack_whole = { TA_STACK_FRAMES, TA_STACK_FRAMES, TA_STACK_THREADS,
					     TEXT_BYTES, false, false };

static void take_back(struct ta_buf *buf, size_t before)
{
	if (!buf->failed)
		buf->bytes = before;
}

/* An element of an array, if it fits. */
static bool put_element(struct ta_buf *buf, const struct ta_sentry_form *form,
			struct ta_json_slice value, uint32_t text_bytes)
{
	size_t before = buf->bytes;

	ta_sentry_comma(buf);
	if (ta_json_kind(value.text, value.bytes) == TA_JSON_OBJECT &&
	    ta_sentry_put_form(buf, form, value, text_bytes))
		return true;
	take_back(buf, before);
	return false;
}

bool ta_stack_put_frames(struct ta_buf *buf, struct ta_json_slice frames, uint32_t most,
			 const struct ta_stack_cut *cut)
{
	struct ta_stack_frames chosen;
	size_t before = buf->bytes;
	uint32_t written = 0;

	ta_stack_frames(frames, most, &chosen);
	ta_buf_putc(buf, '[');
	for (uint32_t i = 0; i < chosen.count; i++)
		written += put_element(buf, cut->no_source ? &bare_form : &frame_form,
				       chosen.items[i], cut->text_bytes);
	ta_buf_putc(buf, ']');
	if (!written)
		take_back(buf, before);
	return written != 0;
}

bool ta_stack_put_registers(struct ta_buf *buf, struct ta_json_slice registers)
{
	static const struct ta_sentry_field field = { "registers", TA_FORM_ADDRESSES, NULL };

	return registers.bytes && ta_sentry_put_field(buf, &field, registers, TEXT_BYTES);
}

bool ta_stack_put_images(struct ta_buf *buf, const struct ta_stack *stack,
			 const struct ta_stack_cut *cut)
{
	struct ta_json_slice key, value;
	size_t before = buf->bytes;
	struct ta_json_walk walk;
	uint32_t written = 0;

	if (cut->no_images || !ta_json_walk(&walk, stack->images.text, stack->images.bytes) ||
	    walk.object)
		return false;
	ta_buf_putc(buf, '[');
	while (written < TA_STACK_IMAGES && ta_json_next(&walk, &key, &value))
		written += put_element(buf, &image_form, value, cut->text_bytes);
	ta_buf_putc(buf, ']');
	if (!written)
		take_back(buf, before);
	return written != 0;
}

static void put_thread(struct ta_buf *buf, const struct ta_stack_thread *thread)
{
	size_t before;

	ta_sentry_comma(buf);
	ta_buf_putc(buf, '{');
	if (thread->id.bytes) {
		ta_sentry_key(buf, "id");
		ta_buf_put(buf, thread->id.text, thread->id.bytes);
	}
	if (thread->name.bytes) {
		ta_sentry_key(buf, "name");
		ta_sentry_inside(buf, thread->name, TEXT_BYTES);
	}
	if (thread->crashed) {
		ta_sentry_key(buf, "crashed");
		ta_buf_puts(buf, "true");
	}
	before = buf->bytes;
	ta_sentry_key(buf, "frames");
	if (!ta_stack_put_frames(buf, thread->frames, TA_STACK_FRAMES, &ta_stack_whole))
		take_back(buf, before);
	ta_stack_put_registers(buf, thread->registers);
	ta_buf_putc(buf, '}');
}

void ta_stack_put(struct ta_buf *buf, const struct ta_stack *stack)
{
	struct ta_stack_thread thread;
	struct ta_json_walk walk;
	uint32_t count = 0;

	ta_buf_puts(buf, "{\"threads\":[");
	ta_json_walk(&walk, stack->threads.text, stack->threads.bytes);
	while (count++ < TA_STACK_THREADS && ta_stack_next_thread(&walk, &thread))
		put_thread(buf, &thread);
	ta_buf_puts(buf, "]}");
}
