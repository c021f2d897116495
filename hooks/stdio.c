/* SPDX-License-Identifier: MIT */
/*
 * stdio.c - what the program says on standard error by way of stdio.
 *
 * libc writes past our names there, so its own names are hooked.  A call on any other stream
 * costs one comparison and goes on to libc by a jump.  On stderr libc writes first, with the
 * stream's own buffer, lock and orientation; then the piece joins the line that is under
 * way (runtime/core/crumb_line.h).  Formats are put into words once more with a small printf
 * of our own, from a copy of the arguments: libc could read them a moment ago.
 *
 * Wide characters, psignal and psiginfo, error and error_at_line, and the putc_unlocked that
 * compilers put in place leave nothing.
 *
 * Runs: any host thread, signal handlers.  No locks of ours, no heap.
 */
#define __NO_INLINE__ 1 /* stdio.h would define some of these itself */
#include "hooks/hook.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/crumb_line.h"
#include "runtime/core/format.h"

static bool wanted(void)
{
	return ta_runtime.enabled && ta_crumb_wanted(TA_CRUMB_STDERR);
}

static __attribute__((noinline)) void note(const char *text, size_t bytes)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread && bytes)
		ta_crumb_say(thread, text, bytes);
}

static void join_list(struct ta_thread *thread, int error, const char *format, va_list list)
{
	uint32_t room;
	char *to = ta_crumb_line_room(thread, &room);

	if (to)
		ta_crumb_line_said(thread, ta_format(to, room, format, list, error));
}

static void join(struct ta_thread *thread, int error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	join_list(thread, error, format, list);
	va_end(list);
}

/* error: errno before the call, for %m. */
static __attribute__((noinline)) void note_format(int error, const char *format, va_list list)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread)
		join_list(thread, error, format, list);
}

/* ---- text as it is ---- */

/* What takes the slow way: stderr, and a call that comes before our constructor. */
#define IS_SLOW(name) TA_UNLIKELY(stream == stderr || ta_real.name == NULL)

static bool is_said(const FILE *stream)
{
	return stream == stderr && wanted();
}

#define BLOCK(name)                                                                                \
	static __attribute__((noinline)) size_t slow_##name(const void *data, size_t size,         \
							    size_t count, FILE *stream)            \
	{                                                                                          \
		size_t written = TA_REAL(name)(data, size, count, stream);                         \
                                                                                                   \
		if (written && is_said(stream))                                                    \
			note(data, written * size);                                                \
		return written;                                                                    \
	}                                                                                          \
	TA_HOOK size_t name(const void *restrict data, size_t size, size_t count,                  \
			    FILE *restrict stream)                                                 \
	{                                                                                          \
		if (IS_SLOW(name))                                                                 \
			return slow_##name(data, size, count, stream);                             \
		return ta_real.name(data, size, count, stream);                                    \
	}

#define TEXT(name)                                                                                 \
	static __attribute__((noinline)) int slow_##name(const char *text, FILE *stream)           \
	{                                                                                          \
		int result = TA_REAL(name)(text, stream);                                          \
                                                                                                   \
		if (result >= 0 && is_said(stream))                                                \
			note(text, strnlen(text, TA_CRUMB_TEXT_MAX + 4));                          \
		return result;                                                                     \
	}                                                                                          \
	TA_HOOK int name(const char *restrict text, FILE *restrict stream)                         \
	{                                                                                          \
		return IS_SLOW(name) ? slow_##name(text, stream) : ta_real.name(text, stream);     \
	}

#define CHARACTER(name)                                                                            \
	static __attribute__((noinline)) int slow_##name(int character, FILE *stream)              \
	{                                                                                          \
		int result = TA_REAL(name)(character, stream);                                     \
                                                                                                   \
		if (result != EOF && is_said(stream))                                              \
			note(&(char){ (char)character }, 1);                                       \
		return result;                                                                     \
	}                                                                                          \
	TA_HOOK int name(int character, FILE *stream);                                             \
	TA_HOOK int name(int character, FILE *stream)                                              \
	{                                                                                          \
		return IS_SLOW(name) ? slow_##name(character, stream) :                            \
				       ta_real.name(character, stream);                            \
	}

BLOCK(fwrite)
BLOCK(fwrite_unlocked)
TEXT(fputs)
TEXT(fputs_unlocked)
CHARACTER(fputc)
CHARACTER(putc)
CHARACTER(_IO_putc)
CHARACTER(fputc_unlocked)
CHARACTER(putc_unlocked)

/* ---- formats ---- */

static __attribute__((noinline)) int say_format(FILE *stream, const char *format, va_list list)
{
	int error = errno;
	va_list again;

	va_copy(again, list);
	int result = TA_REAL(vfprintf)(stream, format, list);

	if (result > 0 && wanted())
		note_format(error, format, again);
	va_end(again);
	return result;
}

static __attribute__((noinline)) int say_format_checked(FILE *stream, int flag, const char *format,
							va_list list)
{
	int error = errno;
	va_list again;

	va_copy(again, list);
	int result = TA_REAL(__vfprintf_chk)(stream, flag, format, list);

	if (result > 0 && wanted())
		note_format(error, format, again);
	va_end(again);
	return result;
}

TA_HOOK int vfprintf(FILE *restrict stream, const char *restrict format, va_list list)
{
	if (TA_UNLIKELY(stream == stderr))
		return say_format(stream, format, list);
	return TA_REAL(vfprintf)(stream, format, list);
}

TA_HOOK int __vfprintf_chk(FILE *restrict stream, int flag, const char *restrict format,
			   va_list list);
TA_HOOK int __vfprintf_chk(FILE *restrict stream, int flag, const char *restrict format,
			   va_list list)
{
	if (TA_UNLIKELY(stream == stderr))
		return say_format_checked(stream, flag, format, list);
	return TA_REAL(__vfprintf_chk)(stream, flag, format, list);
}

TA_HOOK int fprintf(FILE *restrict stream, const char *restrict format, ...)
{
	va_list list;

	va_start(list, format);
	int result = TA_UNLIKELY(stream == stderr) ? say_format(stream, format, list) :
						     TA_REAL(vfprintf)(stream, format, list);

	va_end(list);
	return result;
}

TA_HOOK int __fprintf_chk(FILE *restrict stream, int flag, const char *restrict format, ...);
TA_HOOK int __fprintf_chk(FILE *restrict stream, int flag, const char *restrict format, ...)
{
	va_list list;

	va_start(list, format);
	int result = TA_UNLIKELY(stream == stderr) ?
			     say_format_checked(stream, flag, format, list) :
			     TA_REAL(__vfprintf_chk)(stream, flag, format, list);

	va_end(list);
	return result;
}

/* ---- with the program's name, or an error's ---- */

static __attribute__((noinline)) void note_perror(int error, const char *text)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	if (text && *text)
		join(thread, error, "%s: ", text);
	join(thread, error, "%m\n");
}

TA_HOOK void perror(const char *text)
{
	int error = errno;

	TA_REAL(perror)(text);
	if (wanted())
		note_perror(error, text);
}

/* As libc puts it: "PROGRAM: TEXT: ERROR". */
static __attribute__((noinline)) void note_warning(int error, bool with_error, const char *format,
						   va_list list)
{
	TA_GUARD(guard);
	struct ta_thread *thread = guard.entered ? ta_thread_self() : NULL;

	if (thread == NULL)
		return;
	join(thread, error, "%s: ", program_invocation_short_name);
	if (format)
		join_list(thread, error, format, list);
	if (format && with_error)
		join(thread, error, ": ");
	join(thread, error, with_error ? "%m\n" : "\n");
}

static void warn_and_note(const char *format, va_list list)
{
	int error = errno;
	va_list again;

	va_copy(again, list);
	TA_REAL(vwarn)(format, list);
	if (wanted())
		note_warning(error, true, format, again);
	va_end(again);
}

static void warnx_and_note(const char *format, va_list list)
{
	va_list again;

	va_copy(again, list);
	TA_REAL(vwarnx)(format, list);
	if (wanted())
		note_warning(0, false, format, again);
	va_end(again);
}

TA_HOOK void vwarn(const char *format, va_list list)
{
	warn_and_note(format, list);
}

TA_HOOK void vwarnx(const char *format, va_list list)
{
	warnx_and_note(format, list);
}

TA_HOOK void warn(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_and_note(format, list);
	va_end(list);
}

TA_HOOK void warnx(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warnx_and_note(format, list);
	va_end(list);
}

/* err is warn and exit, in libc as well. */
TA_HOOK void verr(int status, const char *format, va_list list)
{
	warn_and_note(format, list);
	exit(status);
}

TA_HOOK void verrx(int status, const char *format, va_list list)
{
	warnx_and_note(format, list);
	exit(status);
}

TA_HOOK void err(int status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_and_note(format, list);
	va_end(list);
	exit(status);
}

TA_HOOK void errx(int status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warnx_and_note(format, list);
	va_end(list);
	exit(status);
}
