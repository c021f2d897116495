/* SPDX-License-Identifier: MIT */
/*
 * demangle.c - C++ by the C++ library where there is one, Rust's older form on top of it; the newer
 * one is rust.c's.
 *
 * libstdc++ is loaded when there is a name for it, and never linked: a machine without it
 * has few names to demangle.  Then the plain nested ones ("_ZN3foo3barE") are still taken
 * apart here, which is also all that Rust's older form is made of.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/stacks/rust.h"

#define NAME_MAX_BYTES 4096u

typedef char *demangler(const char *, char *, size_t *, int *);

static demangler *library(void)
{
	static demangler *found;
	static bool tried;
	void *handle;

	if (tried)
		return found;
	tried = true;
	handle = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
	if (!handle)
		handle = dlopen("libc++abi.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (handle)
		found = (demangler *)dlsym(handle, "__cxa_demangle");
	return found;
}

/* One "3foo"; *at moves behind it. */
static bool take_part(const char **at, const char **ret_part, size_t *ret_bytes)
{
	char *end;
	unsigned long bytes;

	if (**at < '1' || **at > '9')
		return false;
	bytes = strtoul(*at, &end, 10);
	if (bytes > strnlen(end, NAME_MAX_BYTES))
		return false;
	*ret_part = end;
	*ret_bytes = bytes;
	*at = end + bytes;
	return true;
}

/* "_ZN" parts "E" and nothing but what follows in parameters. */
static char *plain_nested(const char *name)
{
	size_t used = 0, bytes;
	const char *part;
	char *out;

	if (strncmp(name, "_ZN", 3) != 0)
		return NULL;
	out = malloc(strlen(name) * 2 + 1);
	name += 3;
	while (out && take_part(&name, &part, &bytes)) {
		if (used) {
			memcpy(out + used, "::", 2);
			used += 2;
		}
		memcpy(out + used, part, bytes);
		used += bytes;
	}
	if (out && *name == 'E' && used) {
		out[used] = '\0';
		return out;
	}
	free(out);
	return NULL;
}

/* Rust's older names end in "::h" and 16 hexadecimal digits. */
static bool is_rust(const char *text, size_t *ret_bytes)
{
	size_t bytes = strlen(text);

	if (bytes < 20 || strncmp(text + bytes - 19, "::h", 3) != 0 ||
	    strspn(text + bytes - 16, "0123456789abcdef") != 16)
		return false;
	*ret_bytes = bytes - 19;
	return true;
}

static const struct escape {
	const char *from, *to;
} escapes[] = {
	{ "$LT$", "<" }, { "$GT$", ">" }, { "$RF$", "&" }, { "$BP$", "*" }, { "$LP$", "(" },
	{ "$RP$", ")" }, { "$C$", "," }, { "$SP$", "@" }, { "$u20$", " " }, { "$u22$", "\"" },
	{ "$u27$", "'" }, { "$u2b$", "+" }, { "$u3b$", ";" }, { "$u5b$", "[" }, { "$u5d$", "]" },
	{ "$u7b$", "{" }, { "$u7d$", "}" }, { "$u7e$", "~" }, { "..", "::" },
};

static const struct escape *escape_at(const char *text)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
		if (strncmp(text, escapes[i].from, strlen(escapes[i].from)) == 0)
			return &escapes[i];
	return NULL;
}

/* No escape is shorter than what it means: in place. */
static void undo_rust(char *text, size_t bytes)
{
	char *to = text, *end = text + bytes;

	for (char *at = text; at < end;) {
		const struct escape *escape = escape_at(at);

		if (at[0] == '_' && at[1] == '$' && (at == text || at[-1] == ':')) {
			at++; /* a part may not begin with "$" */
		} else if (escape) {
			size_t length = strlen(escape->to);

			memcpy(to, escape->to, length);
			to += length;
			at += strlen(escape->from);
		} else {
			*to++ = *at++;
		}
	}
	*to = '\0';
}

static char *by_library(const char *name)
{
	demangler *demangle = library();
	int status = 0;
	char *text = demangle ? demangle(name, NULL, NULL, &status) : NULL;

	return status == 0 ? text : NULL;
}

char *ta_demangle(const char *name)
{
	size_t bytes;
	char *text;

	if (strlen(name) > NAME_MAX_BYTES)
		return NULL;
	if (strncmp(name, "_R", 2) == 0)
		return ta_rust_demangle(name);
	if (strncmp(name, "_Z", 2) != 0)
		return NULL;
	text = plain_nested(name);
	if (text && is_rust(text, &bytes)) {
		undo_rust(text, bytes);
		return text;
	}
	if (library()) {
		free(text);
		text = by_library(name);
	}
	return text;
}

char *ta_demangle_type(const char *name)
{
	return strlen(name) <= NAME_MAX_BYTES ? by_library(name) : NULL;
}
