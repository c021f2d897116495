/* SPDX-License-Identifier: MIT */
/*
 * crumb_text.c - what a line is and says about itself, and what error numbers mean.
 *
 * libc's strerror translates, and may allocate: these are its words in the C locale
 * for the numbers that breadcrumbs have.
 *
 * Runs: any host thread, signal handlers.  Pure.
 */
#include "runtime/core/crumb.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define LOOK_BYTES 96u /* labels stand at the front */
#define TEXT_BYTES 64u /* of a line, to tell whether it is text */

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool ta_crumb_is_text(const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes && at < TEXT_BYTES; at++) {
		unsigned char c = (unsigned char)text[at];

		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 27) || c == 127)
			return false;
	}
	return true;
}

int ta_crumb_trim(struct iovec *pieces, int count)
{
	while (count && pieces[0].iov_len && is_blank(*(char *)pieces[0].iov_base)) {
		pieces[0].iov_base = (char *)pieces[0].iov_base + 1;
		pieces[0].iov_len--;
	}
	while (count) {
		struct iovec *last = &pieces[count - 1];

		if (last->iov_len && !is_blank(((char *)last->iov_base)[last->iov_len - 1]))
			break;
		if (last->iov_len)
			last->iov_len--;
		else
			count--;
	}
	return count;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_letter(char c)
{
	c = lower(c);
	return c >= 'a' && c <= 'z';
}

static const struct {
	const char *word;
	enum ta_level level;
} words[] = {
	{ "error", TA_LEVEL_ERROR },	 { "err", TA_LEVEL_ERROR },
	{ "critical", TA_LEVEL_ERROR },	 { "crit", TA_LEVEL_ERROR },
	{ "fatal", TA_LEVEL_FATAL },	 { "panic", TA_LEVEL_FATAL },
	{ "emerg", TA_LEVEL_FATAL },	 { "alert", TA_LEVEL_FATAL },
	{ "exception", TA_LEVEL_ERROR }, { "traceback", TA_LEVEL_ERROR },
	{ "failed", TA_LEVEL_ERROR },	 { "failure", TA_LEVEL_ERROR },
	{ "warning", TA_LEVEL_WARNING }, { "warn", TA_LEVEL_WARNING },
	{ "debug", TA_LEVEL_DEBUG },	 { "trace", TA_LEVEL_DEBUG },
};

static enum ta_level level_of(const char *word, size_t bytes)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t at = 0;

		while (at < bytes && words[i].word[at] && lower(word[at]) == words[i].word[at])
			at++;
		if (at == bytes && words[i].word[at] == '\0')
			return words[i].level;
	}
	return TA_LEVEL_NONE;
}

/* Whether a word is a label and not a part of a sentence: first on the line, before a
 * colon, in brackets, or in capitals. */
static bool is_label(const char *text, size_t bytes, size_t from, size_t to)
{
	char before = from ? text[from - 1] : '\0', after = to < bytes ? text[to] : '\0';

	if (from == 0 || after == ':' || (before == '[' && after == ']') ||
	    (before == '<' && after == '>'))
		return true;
	for (size_t at = from; at < to; at++)
		if (text[at] < 'A' || text[at] > 'Z')
			return false;
	return true;
}

enum ta_level ta_crumb_level(const char *text, size_t bytes)
{
	size_t end = bytes < LOOK_BYTES ? bytes : LOOK_BYTES;

	for (size_t from = 0, to; from < end; from = to + 1) {
		enum ta_level level;

		for (to = from; to < end && is_letter(text[to]);)
			to++;
		if (to - from < 3 || !is_label(text, bytes, from, to))
			continue;
		level = level_of(text + from, to - from);
		if (level != TA_LEVEL_NONE)
			return level;
	}
	return TA_LEVEL_INFO;
}

const char *ta_errno_text(int number)
{
	switch (number) {
	case EPERM:
		return "Operation not permitted";
	case ENOENT:
		return "No such file or directory";
	case EINTR:
		return "Interrupted system call";
	case EIO:
		return "Input/output error";
	case E2BIG:
		return "Argument list too long";
	case ENOEXEC:
		return "Exec format error";
	case EBADF:
		return "Bad file descriptor";
	case EAGAIN:
		return "Resource temporarily unavailable";
	case ENOMEM:
		return "Cannot allocate memory";
	case EACCES:
		return "Permission denied";
	case EEXIST:
		return "File exists";
	case ENOTDIR:
		return "Not a directory";
	case EISDIR:
		return "Is a directory";
	case EINVAL:
		return "Invalid argument";
	case EMFILE:
		return "Too many open files";
	case ETXTBSY:
		return "Text file busy";
	case ENOSPC:
		return "No space left on device";
	case EPIPE:
		return "Broken pipe";
	case EADDRINUSE:
		return "Address already in use";
	case EADDRNOTAVAIL:
		return "Cannot assign requested address";
	case ENETUNREACH:
		return "Network is unreachable";
	case ECONNABORTED:
		return "Software caused connection abort";
	case ECONNRESET:
		return "Connection reset by peer";
	case ENOTCONN:
		return "Transport endpoint is not connected";
	case ETIMEDOUT:
		return "Connection timed out";
	case ECONNREFUSED:
		return "Connection refused";
	case EHOSTUNREACH:
		return "No route to host";
	case EINPROGRESS:
		return "Operation now in progress";
	default:
		return NULL;
	}
}

const char *ta_signal_word(int number)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL", [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
		[SIGBUS] = "SIGBUS", [SIGFPE] = "SIGFPE", [SIGKILL] = "SIGKILL",
		[SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
		[SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
		[SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD", [SIGCONT] = "SIGCONT",
		[SIGSTOP] = "SIGSTOP", [SIGTSTP] = "SIGTSTP", [SIGTTIN] = "SIGTTIN",
		[SIGTTOU] = "SIGTTOU", [SIGURG] = "SIGURG", [SIGXCPU] = "SIGXCPU",
		[SIGXFSZ] = "SIGXFSZ", [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
		[SIGWINCH] = "SIGWINCH", [SIGIO] = "SIGIO", [SIGPWR] = "SIGPWR",
		[SIGSYS] = "SIGSYS",
	};

	return number > 0 && (size_t)number < sizeof(names) / sizeof(names[0]) ? names[number] :
										 NULL;
}
