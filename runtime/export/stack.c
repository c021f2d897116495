/* SPDX-License-Identifier: MIT */
/*
 * stack.c - the stacks of an event taken apart.
 *
 * Runs: agent, the exporter's thread.  Pure.
 */
#include "runtime/export/stack.h"

#include <string.h>

static const struct ta_json_slice nothing = { "", 0 };

static enum ta_json_kind kind_of(struct ta_json_slice value)
{
	return ta_json_kind(value.text, value.bytes);
}

static struct ta_json_slice of_kind(struct ta_json_slice value, enum ta_json_kind kind)
{
	return kind_of(value) == kind ? value : nothing;
}

static struct ta_json_slice text_of(struct ta_json_slice value)
{
	return kind_of(value) == TA_JSON_STRING ? ta_json_string(value) : nothing;
}

static bool is_true(struct ta_json_slice value)
{
	return kind_of(value) == TA_JSON_BOOL && value.text[0] == 't';
}

static const char *source_of(struct ta_json_slice how)
{
	return ta_json_key_is(how, "ptrace") ? "ptrace" : ta_json_key_is(how, "copy") ? "copy" : NULL;
}

static void read_exception(struct ta_json_slice object, struct ta_stack *stack)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	if (!ta_json_walk(&walk, object.text, object.bytes) || !walk.object)
		return;
	while (ta_json_next(&walk, &key, &value)) {
		if (ta_json_key_is(key, "type"))
			stack->exception_type = text_of(value);
		else if (ta_json_key_is(key, "value"))
			stack->exception_value = text_of(value);
	}
	stack->has_exception = stack->exception_type.bytes != 0;
}

bool ta_stack_read(const char *json, size_t bytes, struct ta_stack *ret_stack)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	*ret_stack = (struct ta_stack){ .threads = { "[]", 2 }, .images = nothing,
					.abort_message = nothing, .exception_type = nothing,
					.exception_value = nothing };
	if (!json || !bytes || !ta_json_valid(json, bytes) || !ta_json_walk(&walk, json, bytes) ||
	    !walk.object)
		return false;
	while (ta_json_next(&walk, &key, &value)) {
		if (ta_json_key_is(key, "threads") && kind_of(value) == TA_JSON_ARRAY)
			ret_stack->threads = value;
		else if (ta_json_key_is(key, "images"))
			ret_stack->images = of_kind(value, TA_JSON_ARRAY);
		else if (ta_json_key_is(key, "abort_message"))
			ret_stack->abort_message = text_of(value);
		else if (ta_json_key_is(key, "exception"))
			read_exception(value, ret_stack);
		else if (ta_json_key_is(key, "how"))
			ret_stack->source = source_of(text_of(value));
	}
	return true;
}

static void read_thread(struct ta_json_slice object, struct ta_stack_thread *thread)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	int64_t number;

	ta_json_walk(&walk, object.text, object.bytes);
	while (ta_json_next(&walk, &key, &value)) {
		if (ta_json_key_is(key, "id") && ta_json_int(value, &number) && number >= 0)
			thread->id = value;
		else if (ta_json_key_is(key, "name"))
			thread->name = text_of(value);
		else if (ta_json_key_is(key, "crashed"))
			thread->crashed = is_true(value);
		else if (ta_json_key_is(key, "current"))
			thread->current = is_true(value);
		else if (ta_json_key_is(key, "frames"))
			thread->frames = of_kind(value, TA_JSON_ARRAY);
		else if (ta_json_key_is(key, "registers"))
			thread->registers = of_kind(value, TA_JSON_OBJECT);
	}
}

bool ta_stack_next_thread(struct ta_json_walk *walk, struct ta_stack_thread *ret_thread)
{
	struct ta_json_slice key, value;

	while (ta_json_next(walk, &key, &value)) {
		if (kind_of(value) != TA_JSON_OBJECT)
			continue;
		*ret_thread = (struct ta_stack_thread){ .id = nothing, .name = nothing,
							.frames = nothing, .registers = nothing };
		read_thread(value, ret_thread);
		return true;
	}
	return false;
}

uint32_t ta_stack_count_threads(const struct ta_stack *stack)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	uint32_t count = 0;

	ta_json_walk(&walk, stack->threads.text, stack->threads.bytes);
	while (ta_json_next(&walk, &key, &value))
		count += kind_of(value) == TA_JSON_OBJECT;
	return count;
}

static uint32_t count_frames(struct ta_json_slice frames)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	uint32_t count = 0;

	if (ta_json_walk(&walk, frames.text, frames.bytes) && !walk.object)
		while (ta_json_next(&walk, &key, &value))
			count += kind_of(value) == TA_JSON_OBJECT;
	return count;
}

/* The newest say where it happened, the oldest how it began: half of each. */
void ta_stack_frames(struct ta_json_slice frames, uint32_t most, struct ta_stack_frames *ret_frames)
{
	uint32_t total = count_frames(frames), number = 0, room;
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	room = most < TA_STACK_FRAMES ? most : TA_STACK_FRAMES;
	ret_frames->count = 0;
	ret_frames->left_out = total > room ? total - room : 0;
	ret_frames->gap = room / 2;
	if (!total)
		return;
	ta_json_walk(&walk, frames.text, frames.bytes);
	while (ta_json_next(&walk, &key, &value) && ret_frames->count < room) {
		if (kind_of(value) != TA_JSON_OBJECT)
			continue;
		if (number < ret_frames->gap || number >= ret_frames->gap + ret_frames->left_out)
			ret_frames->items[ret_frames->count++] = value;
		number++;
	}
}

void ta_stack_frame(struct ta_json_slice json, struct ta_stack_frame *ret_frame)
{
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	*ret_frame = (struct ta_stack_frame){ nothing, nothing, nothing, nothing, 0 };
	if (!ta_json_walk(&walk, json.text, json.bytes) || !walk.object)
		return;
	while (ta_json_next(&walk, &key, &value)) {
		if (ta_json_key_is(key, "instruction_addr"))
			ret_frame->address = text_of(value);
		else if (ta_json_key_is(key, "function"))
			ret_frame->function = text_of(value);
		else if (ta_json_key_is(key, "filename"))
			ret_frame->file = text_of(value);
		else if (ta_json_key_is(key, "package"))
			ret_frame->package = text_of(value);
		else if (ta_json_key_is(key, "lineno") &&
			 (!ta_json_int(value, &ret_frame->line) || ret_frame->line < 0))
			ret_frame->line = 0;
	}
}
