/* SPDX-License-Identifier: MIT */
/*
 * crumbs_stdio.c - stdio on standard error, and on streams that are not: results, errno,
 * what %n was told and what comes out, with a stream that is wide,
 * buffered, locked, reopened, closed or full, in small stacks and in handlers.
 *
 * Victim: args='forms|other|wide|buffered|locked|reopened|closed|full|leaving|handler|exits 3|exits 0|cancel' runs=2 libs='-pthread'
 */
#define __NO_INLINE__ 1
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <wchar.h>

#include "victim.h"

int __fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __vfprintf_chk(FILE *stream, int flag, const char *format, va_list list);
int _IO_putc(int character, FILE *stream);

static int call_vfprintf(FILE *stream, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	int result = vfprintf(stream, format, list);
	va_end(list);
	return result;
}

static int call_checked(FILE *stream, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	int result = __vfprintf_chk(stream, 1, format, list);
	va_end(list);
	return result;
}

static void call_vwarn(int with_error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (with_error)
		vwarn(format, list);
	else
		vwarnx(format, list);
	va_end(list);
}

/* Everything that is hooked, with arguments that only libc understands among them. */
static void all_forms(FILE *stream)
{
	const char *words[] = {"a", "", "per%cent", "two\nlines", "\x80\xff not utf-8"};
	int count = -1;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		TRY(fputs(words[i], stream) >= 0);
		TRY((fputs_unlocked)(words[i], stream) >= 0);
		TRY(fwrite(words[i], 1, strlen(words[i]), stream));
		TRY((fwrite_unlocked)(words[i], 2, strlen(words[i]) / 2, stream));
	}
	TRY(fwrite("x", 0, 5, stream));
	TRY(fwrite(NULL, 1, 0, stream));
	TRY(fputc('c', stream));
	TRY(putc(0x1ff, stream));
	TRY(_IO_putc('\n', stream));
	TRY((fputc_unlocked)('c', stream));
	TRY((putc_unlocked)(0, stream));
	errno = ENOENT;
	TRY(fprintf(stream, "%m %5d|%-5s|%.2s|%*d %lu %p %c%%\n", 3, "ab", "abcd", 7, 1, 5ul, (void *)0, 'c'));
	TRY(fprintf(stream, "%2$s %1$d%3$n\n", 1, "positional", &count));
	say("%%n said %d\n", count);
	TRY(fprintf(stream, "%g %e %a %Lf %ls %hhd\n", 1.5, 2.5, 3.0, 1.5L, L"wide", 300));
	TRY(fprintf(stream, "%s\n", (char *)NULL));
	TRY(fprintf(stream, "%.3s|\n", (char[]){'a', 'b', 'c'}));
	TRY(fprintf(stream, "%600d|%-600s|\n", 1, "x"));
	TRY(fprintf(stream, "%s", ""));
	TRY(call_vfprintf(stream, "%d %.1f\n", 7, 2.25));
	TRY(__fprintf_chk(stream, 1, "%d %s\n", 8, "checked"));
	TRY(call_checked(stream, "%d %s\n", 9, "checked"));
}

static void forms(void)
{
	all_forms(stderr);
	errno = EACCES;
	perror("perror");
	perror("");
	perror(NULL);
	errno = 12345;
	perror("no such number");
	errno = ENOENT;
	warn("%d warned", 1);
	warn(NULL);
	warnx("%s plain", "x");
	warnx(NULL);
	errno = EPERM;
	call_vwarn(1, "%d", 5);
	call_vwarn(0, "%d", 6);
	say("errno %s\n", errno_word(errno));
}

static void other(void)
{
	FILE *null = fopen("/dev/null", "w"), *copy = tmpfile();
	char line[256];

	NEED(null && copy);
	all_forms(null);
	all_forms(stdout);
	all_forms(copy);
	rewind(copy);
	while (fgets(line, sizeof(line), copy))
		say("%zu\n", strlen(line));
	fclose(copy);
	fclose(null);
}

static void wide(void)
{
	NEED(fwide(stderr, 0) == 0);
	NEED(fwprintf(stderr, L"%ls %d\n", L"wide", 1) > 0);
	NEED(fputws(L"more\n", stderr) >= 0);
	say("orientation %d\n", fwide(stderr, 0) > 0);
	all_forms(stderr);
	perror("perror");
	warn("warn");
	say("orientation %d\n", fwide(stderr, 0) > 0);
}

/* Only what was flushed is there when the process ends without exit(). */
static void buffered(void)
{
	static char room[4096];

	NEED(setvbuf(stderr, room, _IOFBF, sizeof(room)) == 0);
	fprintf(stderr, "flushed %d\n", 1);
	fputs("as well", stderr);
	NEED(fflush(stderr) == 0);
	fprintf(stderr, "never seen\n");
	fputs("nor this\n", stderr);
	_exit(0);
}

static void *say_often(void *argument)
{
	for (int i = 0; i < 20; i++) {
		flockfile(stderr);
		fprintf(stderr, "%s", "one ");
		(fputs_unlocked)((const char *)argument, stderr);
		(putc_unlocked)('\n', stderr);
		funlockfile(stderr);
	}
	return NULL;
}

static void locked(void)
{
	pthread_t thread;

	flockfile(stderr);
	flockfile(stderr);
	fprintf(stderr, "twice locked\n");
	funlockfile(stderr);
	NEED(ftrylockfile(stderr) == 0);
	funlockfile(stderr);
	funlockfile(stderr);
	NEED(pthread_create(&thread, NULL, say_often, "line") == 0);
	say_often("line");
	NEED(pthread_join(thread, NULL) == 0);
}

static void reopened(void)
{
	FILE *first = stderr, *other_one = tmpfile();
	char line[256];

	fputs("begun ", stderr);
	NEED(freopen("/dev/null", "w", stderr) == first);
	all_forms(stderr);
	stderr = other_one;
	fprintf(stderr, "to the other one %d\n", 1);
	fprintf(first, "to the first one\n");
	stderr = first;
	rewind(other_one);
	while (fgets(line, sizeof(line), other_one))
		say("%s", line);
}

static void closed(void)
{
	close(2);
	all_forms(stderr);
	perror("perror");
	errno = ENOENT;
	warn("warn");
	TRY(fclose(stderr));
}

static void full(void)
{
	int fd = open("/dev/full", O_WRONLY);

	NEED(dup2(fd, 2) == 2);
	all_forms(stderr);
	perror("perror");
	say("error flag %d\n", ferror(stderr) != 0);
}

static void leaving(void)
{
	fputs("before ", stderr);
	pid_t child = fork();

	if (child == 0) {
		fputs("the child\n", stderr);
		errx(7, "%d", 1);
	}
	int status;

	NEED(waitpid(child, &status, 0) == child);
	say("child %d\n", WEXITSTATUS(status));
	fputs("the parent\n", stderr);
	child = vfork();
	if (child == 0) {
		fputs("vfork\n", stderr);
		_exit(8);
	}
	NEED(waitpid(child, &status, 0) == child);
	say("child %d\n", WEXITSTATUS(status));
}

static void on_signal(int number)
{
	fprintf(stderr, "signal %d\n", number);
	errno = ERRNO_MARK;
}

static void handler(void)
{
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < 10; i++) {
		fprintf(stderr, "half ");
		NEED(raise(SIGUSR1) == 0);
		fprintf(stderr, "other half\n");
	}
}

static void last_words(void)
{
	fprintf(stderr, "atexit\n");
}

static void exits(int status)
{
	atexit(last_words);
	errno = ENOENT;
	err(status, "%s", "leaving");
}

static void *say_for_ever(void *argument)
{
	for (;;)
		fprintf(stderr, "%s", (const char *)argument);
	return NULL;
}

static void cancel(void)
{
	NEED(freopen("/dev/null", "w", stderr) != NULL);
	NEED(setvbuf(stderr, NULL, _IONBF, 0) == 0);
	for (int i = 0; i < 50; i++) {
		pthread_t thread;
		void *result;

		NEED(pthread_create(&thread, NULL, say_for_ever, "x") == 0);
		usleep(500);
		NEED(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
		NEED(result == PTHREAD_CANCELED);
	}
	fprintf(stderr, "still there\n");
	say("cancelled 50 times\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {{"forms", forms},	   {"other", other},	   {"wide", wide},
		     {"buffered", buffered}, {"locked", locked},   {"reopened", reopened},
		     {"closed", closed},   {"full", full},	   {"leaving", leaving},
		     {"handler", handler}, {"cancel", cancel}};

	NEED(argc >= 2);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(argv[1], parts[i].name) == 0)
			parts[i].run();
	if (strcmp(argv[1], "exits") == 0)
		exits(atoi(argv[2]));
	return 0;
}
