/* SPDX-License-Identifier: MIT */
/*
 * show_stack.c - stacks, the newest frame first, with the source where it is known.
 *
 *     #0  charge  shop.c:12
 *             10  int *total = NULL;
 *           > 12  *total = 1;
 *     #1  handle  shop.c:40
 *           > 40  charge();
 *     #2  __libc_start_main  [libc.so.6]
 *     3 more threads (--all-threads shows them)
 *
 * The first frame with source has the lines around it; the others only their own.  A function
 * that calls itself again and again is one frame with a number.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/show.h"

#include <cjson/cJSON.h>
#include <string.h>

#define INDENT 4u
#define FRAMES_SHOWN 32 /* of one thread; with the oldest of them at the end */
#define OLDEST_SHOWN 4
#define AROUND 2 /* lines */
#define TAB 4u
#define FRAMES_WRITTEN 250 /* of one thread; then the middle is not in the file */

struct picture {
	const struct show_screen *screen;
	const struct show_margin *margin;
	bool source_shown; /* lines around a frame */
	bool bare;	   /* no source at all: other threads */
};

static const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text ? text : "";
}

static int line_of(const cJSON *frame)
{
	const cJSON *line = cJSON_GetObjectItemCaseSensitive(frame, "lineno");

	return cJSON_IsNumber(line) && line->valuedouble > 0 && line->valuedouble < 1e9 ?
		       line->valueint : 0;
}

/* A line of source without its tabs. */
static void put_source(const struct picture *picture, int number, const char *text, bool current)
{
	char plain[256];
	size_t at = 0;

	for (; *text && *text != '\n' && at < sizeof(plain) - TAB - 1; text++) {
		if (*text != '\t' || at % TAB == TAB - 1)
			plain[at++] = *text == '\t' ? ' ' : *text;
		else
			do
				plain[at++] = ' ';
			while (at % TAB);
	}
	plain[at] = '\0';
	ta_show_line(picture->screen, picture->margin, INDENT + 4, current ? "33" : "2",
		     "%c %5d  %s", current ? '>' : ' ', number, plain);
}

/* The last AROUND lines of those before, or the first of those after. */
static void put_around(const struct picture *picture, const cJSON *lines, int line, bool before)
{
	int count = cJSON_GetArraySize(lines), first = before && count > AROUND ? count - AROUND : 0;

	for (int i = first; i < count && i < first + AROUND; i++) {
		const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(lines, i));
		int number = before ? line - count + i : line + 1 + i;

		if (text && number > 0)
			put_source(picture, number, text, false);
	}
}

static void put_frame_source(struct picture *picture, const cJSON *frame)
{
	const cJSON *current = cJSON_GetObjectItemCaseSensitive(frame, "context_line");
	const cJSON *in_app = cJSON_GetObjectItemCaseSensitive(frame, "in_app");
	int line = line_of(frame);

	if (picture->bare || !line || !cJSON_IsString(current) ||
	    (picture->source_shown && cJSON_IsFalse(in_app)))
		return;
	if (!picture->source_shown)
		put_around(picture, cJSON_GetObjectItemCaseSensitive(frame, "pre_context"), line,
			   true);
	put_source(picture, line, current->valuestring, true);
	if (!picture->source_shown)
		put_around(picture, cJSON_GetObjectItemCaseSensitive(frame, "post_context"), line,
			   false);
	picture->source_shown = true;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void put_frame(struct picture *picture, const cJSON *frame, int number)
{
	const char *function = text_of(frame, "function"), *file = text_of(frame, "filename");
	const char *package = base_name(text_of(frame, "package"));
	const char *name = function[0] ? function : text_of(frame, "instruction_addr");
	char where[512] = "";
	int line = line_of(frame);

	if (file[0] && line)
		snprintf(where, sizeof(where), "  %s:%d", file, line);
	else if (file[0] || package[0])
		snprintf(where, sizeof(where), file[0] ? "  %s" : "  [%s]",
			 file[0] ? file : package);
	ta_show_line(picture->screen, picture->margin, INDENT,
		     cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(frame, "in_app")) ? "1" : NULL,
		     "#%-2d %s%s", number, name[0] ? name : "??", where);
	put_frame_source(picture, frame);
}

static bool same_place(const cJSON *a, const cJSON *b)
{
	return text_of(a, "function")[0] && line_of(a) == line_of(b) &&
	       strcmp(text_of(a, "function"), text_of(b, "function")) == 0 &&
	       strcmp(text_of(a, "package"), text_of(b, "package")) == 0;
}

static void put_again(const struct picture *picture, int times, bool cut)
{
	if (times)
		ta_show_line(picture->screen, picture->margin, INDENT + 4, "2",
			     "the same %d more time%s%s", times, times == 1 ? "" : "s",
			     cut ? ", or more" : "");
}

/* They stand there with the oldest first; a cJSON list's first points to its last. */
static void put_frames(struct picture *picture, const cJSON *frames)
{
	int count = cJSON_GetArraySize(frames), shown = 0, again = 0;
	bool cut = count >= FRAMES_WRITTEN;
	const cJSON *frame = frames && frames->child ? frames->child->prev : NULL, *above = NULL;

	for (int number = 0; number < count; number++, frame = frame->prev) {
		if (above && same_place(frame, above)) {
			again++;
			continue;
		}
		put_again(picture, again, cut);
		again = 0;
		above = frame;
		if (shown >= FRAMES_SHOWN && count - number > OLDEST_SHOWN) {
			ta_show_line(picture->screen, picture->margin, INDENT, "2",
				     "... %d more frames", count - number - OLDEST_SHOWN);
			while (count - number > OLDEST_SHOWN) {
				number++;
				frame = frame->prev;
			}
		}
		put_frame(picture, frame, number);
		shown++;
	}
	put_again(picture, again, cut);
}

static void put_other_thread(struct picture *picture, const cJSON *thread)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(thread, "id");
	const char *name = text_of(thread, "name");

	ta_show_line(picture->screen, picture->margin, INDENT, NULL,
		     name[0] ? "thread %.0f \"%s\"" : "thread %.0f",
		     cJSON_IsNumber(id) ? id->valuedouble : 0.0, name);
	picture->bare = true;
	put_frames(picture, cJSON_GetObjectItemCaseSensitive(thread, "frames"));
}

static void put_threads(struct picture *picture, const cJSON *threads)
{
	const cJSON *thread = threads ? threads->child : NULL;
	int others = cJSON_GetArraySize(threads) - 1;

	if (!thread)
		return;
	put_frames(picture, cJSON_GetObjectItemCaseSensitive(thread, "frames"));
	if (others > 0 && !picture->screen->all_threads)
		ta_show_line(picture->screen, picture->margin, INDENT, "2",
			     "%d more thread%s (--all-threads shows %s)", others,
			     others == 1 ? "" : "s", others == 1 ? "it" : "them");
	while (picture->screen->all_threads && (thread = thread->next) != NULL)
		put_other_thread(picture, thread);
}

/* As other tracers write it; an empty line ends the first thread in ours. */
static void put_text(const struct picture *picture, const char *text)
{
	while (*text) {
		size_t bytes = strcspn(text, "\n");

		if (!bytes && !picture->screen->all_threads)
			return;
		if (bytes)
			ta_show_line(picture->screen, picture->margin, INDENT, NULL, "%.*s",
				     bytes < 512 ? (int)bytes : 512, text);
		text += bytes + (text[bytes] == '\n');
	}
}

void ta_show_stack(const struct show_screen *screen, const struct show_margin *margin,
		   const char *json, const char *text)
{
	struct picture picture = { .screen = screen, .margin = margin };
	cJSON *stack = json[0] ? cJSON_Parse(json) : NULL;

	if (stack)
		put_threads(&picture, cJSON_GetObjectItemCaseSensitive(stack, "threads"));
	else
		put_text(&picture, text);
	cJSON_Delete(stack);
}
