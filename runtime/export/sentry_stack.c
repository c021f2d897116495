/* SPDX-License-Identifier: MIT */
/*
 * sentry_stack.c - exceptions, the stacks of threads, and the images that they run in.
 *
 * The exception has the stack of its thread, and names that thread; threads has all
 * threads, that one without its stack: so Sentry wants it.  What was captured without an
 * exception (a message) has its stack below threads, of the one that is current.
 *
 * Runs: agent, the exporter's thread.
 */
#include "runtime/export/sentry_internal.h"
#include "runtime/export/signal_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PUT TA_SENTRY_PUT

/* One event, and the thread that it is about. */
struct item {
	const struct ta_event *event;
	const struct ta_event_data *data;
	const struct ta_sentry_shrink *shrink;
	struct ta_stack_thread first;
	bool has_first; /* out of the stack */
};

static bool has_text(struct ta_json_slice text)
{
	return text.text && text.bytes;
}

static bool is_crash(const struct item *item)
{
	return item->event->record->type == TA_CAPTURE_CRASH;
}

static void take_back(struct ta_buf *buf, size_t before)
{
	if (!buf->failed)
		buf->bytes = before;
}

/* ---- mechanism ---- */

static void put_number(struct ta_buf *buf, const char *name, int64_t number)
{
	ta_sentry_key(buf, name);
	ta_buf_put_i64(buf, number);
}

static void put_literal(struct ta_buf *buf, const char *name, const char *text)
{
	if (text)
		ta_sentry_member(buf, name, text, strlen(text), TA_SENTRY_WHOLE);
}

static void put_signal(struct ta_buf *buf, const struct ta_signal_view *signal)
{
	const struct ta_signal_code *code =
		signal->has_code ? ta_signal_code(signal->number, signal->code) : NULL;

	PUT(buf, ",\"meta\":{\"signal\":{");
	put_number(buf, "number", signal->number);
	if (signal->has_code)
		put_number(buf, "code", signal->code);
	put_literal(buf, "name", ta_signal_name(signal->number));
	put_literal(buf, "code_name", code ? code->name : NULL);
	PUT(buf, "}}");
}

static void put_crash_data(struct ta_buf *buf, const struct ta_event_data *data)
{
	const struct ta_signal_view *signal = &data->signal;
	char address[24];

	if (!signal->has_address && !signal->has_sender && !data->stack.source)
		return;
	PUT(buf, ",\"data\":{");
	snprintf(address, sizeof(address), "0x%" PRIx64, signal->address);
	if (signal->has_address)
		put_literal(buf, "relevant_address", address);
	if (signal->has_sender)
		put_number(buf, "sender_pid", signal->sender_pid);
	put_literal(buf, "stack_source", data->stack.source);
	ta_buf_putc(buf, '}');
}

/* synthetic: the exception is only a name for the signal. */
static void put_mechanism(struct ta_buf *buf, const struct item *item)
{
	if (!is_crash(item)) {
		PUT(buf, ",\"mechanism\":{\"type\":\"generic\",\"handled\":true,\"synthetic\":false}");
		return;
	}
	PUT(buf, ",\"mechanism\":{\"type\":\"signalhandler\",\"handled\":false,\"synthetic\":");
	ta_buf_puts(buf, item->data->stack.has_exception ? "false" : "true");
	put_crash_data(buf, item->data);
	if (item->data->signal.has_number)
		put_signal(buf, &item->data->signal);
	ta_buf_putc(buf, '}');
}

/* ---- stacks ---- */

static void put_stacktrace(struct ta_buf *buf, const struct ta_stack_thread *thread, uint32_t most,
			   const struct ta_stack_cut *cut)
{
	size_t before = buf->bytes;

	PUT(buf, ",\"stacktrace\":{\"frames\":");
	if (!ta_stack_put_frames(buf, thread->frames, most, cut)) {
		take_back(buf, before);
		return;
	}
	ta_stack_put_registers(buf, thread->registers);
	ta_buf_putc(buf, '}');
}

/* False when nobody knows. */
static bool put_first_id(struct ta_buf *buf, const struct item *item, const char *name)
{
	if (item->has_first && item->first.id.bytes) {
		ta_sentry_key(buf, name);
		ta_buf_put(buf, item->first.id.text, item->first.id.bytes);
		return true;
	}
	if (!item->event->tid || item->has_first)
		return false;
	put_number(buf, name, item->event->tid);
	return true;
}

/* first: the newest exception, which has the stack. */
static void put_exception(struct ta_buf *buf, const struct item *item,
			  const struct ta_exception_view *view, bool first)
{
	size_t most = item->shrink->text_bytes;

	ta_sentry_comma(buf);
	ta_buf_putc(buf, '{');
	if (has_text(view->type))
		ta_sentry_member(buf, "type", view->type.text, view->type.bytes, most);
	else if (!has_text(view->value))
		ta_sentry_member(buf, "type", "Error", 5, most);
	if (has_text(view->value))
		ta_sentry_member(buf, "value", view->value.text, view->value.bytes, most);
	put_mechanism(buf, item);
	if (first && (is_crash(item) || item->has_first))
		put_first_id(buf, item, "thread_id");
	if (first && item->has_first)
		put_stacktrace(buf, &item->first, item->shrink->stack.frames, &item->shrink->stack);
	ta_buf_putc(buf, '}');
}

static bool put_exceptions(struct ta_buf *buf, const struct item *item)
{
	uint32_t count = item->data->exception_count;

	if (!count)
		return false;
	ta_sentry_key(buf, "exception");
	PUT(buf, "{\"values\":[");
	for (uint32_t i = 0; i < count && i < item->shrink->entries; i++)
		put_exception(buf, item, &item->data->exceptions[i], i == 0);
	PUT(buf, "]}");
	return true;
}

/* ---- threads ---- */

static void put_flag(struct ta_buf *buf, const char *name, bool value)
{
	ta_sentry_key(buf, name);
	ta_buf_puts(buf, value ? "true" : "false");
}

static void put_thread(struct ta_buf *buf, const struct item *item,
		       const struct ta_stack_thread *thread, bool first, bool with_stack)
{
	const struct ta_stack_cut *cut = &item->shrink->stack;

	ta_sentry_comma(buf);
	ta_buf_putc(buf, '{');
	if (thread->id.bytes) {
		ta_sentry_key(buf, "id");
		ta_buf_put(buf, thread->id.text, thread->id.bytes);
	}
	if (thread->name.bytes) {
		ta_sentry_key(buf, "name");
		ta_sentry_inside(buf, thread->name, cut->text_bytes);
	}
	put_flag(buf, "crashed", first && is_crash(item));
	put_flag(buf, "current", first);
	if (with_stack)
		put_stacktrace(buf, thread, first ? cut->frames : cut->other_frames, cut);
	ta_buf_putc(buf, '}');
}

/* A crash whose stacks nobody could read has its thread at least. */
static void put_only_thread(struct ta_buf *buf, const struct item *item)
{
	if (!is_crash(item) || !item->event->tid)
		return;
	ta_sentry_key(buf, "threads");
	PUT(buf, "{\"values\":[{");
	put_number(buf, "id", item->event->tid);
	PUT(buf, ",\"crashed\":true,\"current\":true}]}");
}

static void put_threads(struct ta_buf *buf, const struct item *item, bool stack_is_written)
{
	uint32_t most = item->shrink->stack.threads, count = 0;
	struct ta_stack_thread thread;
	struct ta_json_walk walk;

	if (!item->has_first) {
		put_only_thread(buf, item);
		return;
	}
	ta_sentry_key(buf, "threads");
	PUT(buf, "{\"values\":[");
	ta_json_walk(&walk, item->data->stack.threads.text, item->data->stack.threads.bytes);
	for (; count < most && ta_stack_next_thread(&walk, &thread); count++)
		put_thread(buf, item, &thread, count == 0, count || !stack_is_written);
	PUT(buf, "]}");
}

static void put_images(struct ta_buf *buf, const struct item *item)
{
	size_t before = buf->bytes;

	ta_sentry_key(buf, "debug_meta");
	PUT(buf, "{\"images\":");
	if (ta_stack_put_images(buf, &item->data->stack, &item->shrink->stack))
		ta_buf_putc(buf, '}');
	else
		take_back(buf, before);
}

void ta_sentry_put_stacks(struct ta_buf *buf, const struct ta_event *event,
			  const struct ta_event_data *data, unsigned int own,
			  const struct ta_sentry_shrink *shrink)
{
	struct item item = { .event = event, .data = data, .shrink = shrink };
	struct ta_json_walk walk;
	bool written = false;

	if (data->has_stack) {
		ta_json_walk(&walk, data->stack.threads.text, data->stack.threads.bytes);
		item.has_first = ta_stack_next_thread(&walk, &item.first);
	}
	if (!(own & TA_SENTRY_OWN_EXCEPTION))
		written = put_exceptions(buf, &item);
	if (!(own & TA_SENTRY_OWN_THREADS))
		put_threads(buf, &item, written);
	if (data->has_stack && !(own & TA_SENTRY_OWN_IMAGES))
		put_images(buf, &item);
}
