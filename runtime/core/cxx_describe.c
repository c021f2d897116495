/* SPDX-License-Identifier: MIT */
/*
 * cxx_describe.c - what an exception says of itself.
 *
 * std::runtime_error and std::logic_error keep their text where it can be read.  what() of
 * other classes is the program's own code: it is called only if the caller says so.
 *
 * Runs: signal handlers, any host thread.
 */
#include "runtime/core/cxx_uncaught.h"

#include <string.h>

#include "runtime/core/cxx_type.h"
#include "runtime/core/peek.h"

#define WORD sizeof(uintptr_t)
#define WHAT_SLOT 2 /* of std::exception's table, behind two destructors */

typedef const char *what_function(const void *);

/* The text that it was made with; 0: it is no such class. */
static uintptr_t kept_text(uintptr_t type, uintptr_t object)
{
	uintptr_t base = ta_cxx_base(type, object, "St13runtime_error"), text;

	if (!base)
		base = ta_cxx_base(type, object, "St11logic_error");
	return base && ta_peek_word(&text, base + WORD) ? text : 0;
}

/* What what() says; 0: it is no std::exception. */
static uintptr_t said(uintptr_t type, uintptr_t object)
{
	uintptr_t base = ta_cxx_base(type, object, "St9exception"), table, function;

	if (!base || !ta_peek_word(&table, base) ||
	    !ta_peek_word(&function, table + WHAT_SLOT * WORD) || !function)
		return 0;
	return (uintptr_t)((what_function *)function)((const void *)base);
}

static void put_number(char *out, int number)
{
	char digits[12];
	size_t at = sizeof(digits);
	unsigned int left = number < 0 ? 0u - (unsigned int)number : (unsigned int)number;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		digits[--at] = '-';
	memcpy(out, digits + at, sizeof(digits) - at);
	out[sizeof(digits) - at] = '\0';
}

/* Exceptions that are no classes: the value is the message. */
static void read_plain(const char *encoded, uintptr_t object, char *out, size_t out_bytes)
{
	uintptr_t text;
	int number;

	if (strcmp(encoded, "i") == 0 && ta_peek(&number, object, sizeof(number)))
		put_number(out, number);
	else if ((strcmp(encoded, "PKc") == 0 || strcmp(encoded, "Pc") == 0 ||
		  strncmp(encoded, "NSt7__cxx1112basic_stringIc", 27) == 0) &&
		 ta_peek_word(&text, object))
		ta_peek_text(out, out_bytes, text);
}

void ta_cxx_describe(uintptr_t type, uintptr_t object, bool may_call,
		     struct ta_cxx_exception *ret_exception)
{
	struct ta_cxx_exception *to = ret_exception;
	char encoded[192];
	uintptr_t text;

	to->type[0] = to->message[0] = '\0';
	if (!ta_cxx_type_name(type, encoded, sizeof(encoded)))
		return;
	ta_cxx_words(encoded, to->type, sizeof(to->type));
	text = may_call ? said(type, object) : 0;
	if (!text)
		text = kept_text(type, object);
	if (text)
		ta_peek_text(to->message, sizeof(to->message), text);
	else
		read_plain(encoded, object, to->message, sizeof(to->message));
}
