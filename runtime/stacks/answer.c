/* SPDX-License-Identifier: MIT */
/*
 * answer.c - one thread as JSON.
 *
 * Frames are made from the newest one on, so that it is the oldest that are missing when the
 * answer becomes too long, and then put in their order.  Lines of source are for those that
 * somebody will read first.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/stacks/name.h"

#define THREADS_MAX_BYTES (TA_STACKS_JSON_MAX - (160u << 10)) /* the rest is for images */
#define FIRST_MAX_BYTES (THREADS_MAX_BYTES * 3 / 4)
#define CONTEXT_MAX_BYTES (256u << 10)
#define CONTEXT_FRAMES 48u
#define BARE_THREAD_BYTES 256u /* what each thread gets at least: its id, its name */
#define PIECES_MAX (TA_STACKS_FRAMES_MAX * 4)

struct frames {
	struct ta_answer *answer;
	struct ta_buf text;
	struct {
		size_t from, bytes;
	} pieces[PIECES_MAX]; /* newest first */
	unsigned int count;
	size_t limit, used;
};

static void put_address(struct ta_buf *buf, const char *key, uint64_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "\"%s\":\"0x%" PRIx64 "\"", key, value);
	ta_buf_puts(buf, text);
}

static bool below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	return strncmp(path, folder, bytes) == 0;
}

static bool is_ours(const struct ta_place *place)
{
	const char *slash = strrchr(place->path, '/');

	return slash && strcmp(slash, "/libtagalong.so") == 0;
}

/* The program itself always is, wherever it lies. */
static bool in_app(const struct ta_place *place)
{
	return place->program ||
	       (place->path[0] == '/' && !below(place->path, "/lib") && !below(place->path, "/usr/lib") &&
		!is_ours(place));
}

static void put_place(struct ta_buf *buf, const struct ta_place *place)
{
	ta_buf_puts(buf, ",\"package\":");
	ta_buf_put_json(buf, place->path, strlen(place->path));
	ta_buf_puts(buf, in_app(place) ? ",\"in_app\":true" : ",\"in_app\":false");
}

static void put_trust(struct ta_buf *buf, enum ta_trust trust)
{
	if (trust == TA_TRUST_FP)
		ta_buf_puts(buf, ",\"trust\":\"fp\"");
	else if (trust == TA_TRUST_SCAN)
		ta_buf_puts(buf, ",\"trust\":\"scan\"");
}

/* Ends a piece; one that does not fit any more is taken back. */
static bool end_piece(struct frames *frames, size_t from)
{
	size_t bytes;

	ta_buf_putc(&frames->text, '}');
	bytes = frames->text.bytes - from;
	if (frames->text.failed || frames->count == PIECES_MAX || frames->used + bytes + 1 > frames->limit) {
		frames->text.bytes = from;
		frames->answer->truncated = true;
		return false;
	}
	frames->pieces[frames->count].from = from;
	frames->pieces[frames->count++].bytes = bytes;
	frames->used += bytes + 1;
	return true;
}

/* As debuggers call it; there is no other name for it. */
static const struct ta_named *signal_frame(void)
{
	static char text[] = ",\"function\":\"<signal handler called>\"";
	static struct ta_named_frame frame = { .text = text };
	static const struct ta_named named = { .count = 1, .frames = &frame };

	return &named;
}

static bool put_bare(struct frames *frames, const struct ta_frame *frame, const struct ta_place *place)
{
	size_t from = frames->text.bytes;

	ta_buf_putc(&frames->text, '{');
	put_address(&frames->text, "instruction_addr", frame->ip);
	if (place)
		put_place(&frames->text, place);
	put_trust(&frames->text, frame->trust);
	return end_piece(frames, from);
}

static bool put_named(struct frames *frames, const struct ta_frame *frame, const struct ta_place *place,
		      const struct ta_named *named, bool context)
{
	for (unsigned int i = named->count; i-- > 0;) {
		const struct ta_named_frame *one = &named->frames[i];
		size_t from = frames->text.bytes;

		ta_buf_putc(&frames->text, '{');
		put_address(&frames->text, "instruction_addr", frame->ip);
		if (named->symbol) {
			ta_buf_putc(&frames->text, ',');
			put_address(&frames->text, "symbol_addr", named->symbol + place->base);
		}
		if (one->text)
			ta_buf_puts(&frames->text, one->text);
		if (context && one->context)
			ta_buf_puts(&frames->text, one->context);
		put_place(&frames->text, place);
		put_trust(&frames->text, frame->trust);
		if (frames->answer->threads == 0 && one->terminates)
			frames->answer->terminates = true;
		if (!end_piece(frames, from))
			return false;
	}
	return true;
}

/* Unpacking the debug information of libc takes half a second, which is too long where
 * somebody waits for the answer. */
static bool symbols_only(const struct ta_answer *answer, const struct ta_place *place)
{
	return (answer->own_lines_only && !in_app(place)) || ta_stacks_now_ns() > answer->hurry_ns;
}

static bool put_frame(struct frames *frames, const struct ta_frame *frame, bool context)
{
	uint64_t pc = frame->ip - (frame->exact ? 0 : 1);
	const struct ta_place *place = ta_space_at(frames->answer->space, pc);
	const struct ta_named *named = NULL;

	if (place && frame->signal)
		named = signal_frame();
	else if (place && place->object)
		named = ta_name(place->object, pc - place->base,
				symbols_only(frames->answer, place));
	return named ? put_named(frames, frame, place, named, context) : put_bare(frames, frame, place);
}

/* How many frames on top are our library's, which is not what anybody asked for. */
static unsigned int own_frames(const struct ta_answer *answer, const struct ta_stack *stack)
{
	unsigned int own = 0;

	while (own < stack->count) {
		const struct ta_frame *frame = &stack->frames[own];
		const struct ta_place *place = ta_space_at(answer->space, frame->ip - (frame->exact ? 0 : 1));

		if (!place || !is_ours(place))
			break;
		own++;
	}
	return own < stack->count ? own : 0;
}

static void put_frames(struct ta_answer *answer, const struct ta_answer_thread *thread, size_t limit)
{
	const struct ta_stack *stack = thread->stack;
	unsigned int first = thread->skip_own ? own_frames(answer, stack) : 0;
	struct frames frames = { .answer = answer, .limit = limit };

	for (unsigned int i = first; i < stack->count; i++)
		if (!put_frame(&frames, &stack->frames[i],
			       i - first < CONTEXT_FRAMES &&
				       answer->json->bytes + frames.used < CONTEXT_MAX_BYTES))
			break;
	ta_buf_puts(answer->json, ",\"frames\":[");
	for (unsigned int i = frames.count; i-- > 0;) {
		ta_buf_put(answer->json, frames.text.data + frames.pieces[i].from, frames.pieces[i].bytes);
		if (i)
			ta_buf_putc(answer->json, ',');
	}
	ta_buf_putc(answer->json, ']');
	ta_buf_fini(&frames.text);
}

/* Sentry's: which frames are missing, counted from the oldest one. */
static void put_left_out(struct ta_answer *answer, const struct ta_stack *stack)
{
	char text[96];
	uint64_t first = stack->count - stack->cut_at;

	if (!stack->left_out)
		return;
	snprintf(text, sizeof(text), ",\"frames_omitted\":[%" PRIu64 ",%" PRIu64 "]", first,
		 first + stack->left_out);
	ta_buf_puts(answer->json, text);
}

static void put_registers(struct ta_buf *buf, const struct ta_registers *registers)
{
#if defined(__x86_64__)
	static const char *const names[TA_REGISTERS] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi",
							 "rbp", "rsp", "r8",  "r9",  "r10", "r11",
							 "r12", "r13", "r14", "r15", "rip" };
#endif
	ta_buf_puts(buf, ",\"registers\":{");
	for (unsigned int i = 0; i < TA_REGISTERS; i++) {
		if (i)
			ta_buf_putc(buf, ',');
#if defined(__x86_64__)
		put_address(buf, names[i], registers->value[i]);
#else
		char name[8];

		snprintf(name, sizeof(name), "x%u", i);
		put_address(buf, i == TA_REGISTER_SP ? "sp" : i == TA_REGISTER_IP ? "pc" : name,
			    registers->value[i]);
#endif
	}
	ta_buf_putc(buf, '}');
}

void ta_answer_thread(struct ta_answer *answer, const struct ta_answer_thread *thread)
{
	size_t end = answer->threads ? THREADS_MAX_BYTES : FIRST_MAX_BYTES;
	size_t reserved = BARE_THREAD_BYTES * 4;

	ta_buf_puts(answer->json, answer->threads ? ",{\"id\":" : "{\"id\":");
	ta_buf_put_u64(answer->json, thread->tid);
	if (thread->name[0]) {
		ta_buf_puts(answer->json, ",\"name\":");
		ta_buf_put_json(answer->json, thread->name, strlen(thread->name));
	}
	ta_buf_puts(answer->json, thread->crashed ? ",\"crashed\":true" : ",\"crashed\":false");
	ta_buf_puts(answer->json, thread->current ? ",\"current\":true" : ",\"current\":false");
	if (thread->registers)
		put_registers(answer->json, thread->registers);
	if (thread->stack && answer->json->bytes + reserved < end) {
		put_left_out(answer, thread->stack);
		put_frames(answer, thread, end - answer->json->bytes - reserved);
		answer->truncated |= thread->stack->truncated || thread->stack->left_out;
	} else {
		answer->truncated = true;
	}
	ta_buf_putc(answer->json, '}');
	answer->threads++;
}
