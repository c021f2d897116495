/* SPDX-License-Identifier: MIT */
/*
 * curl.c - libcurl by dlopen, and the few of its functions that we call.
 *
 * Runs: agent, the delivery thread (one at a time).
 */
#include "runtime/export/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

/* Debian's flavours, whichever is there: they have the same interface. */
static const char *const libraries[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };

static const char *const symbols[] = {
	"curl_global_init",   "curl_easy_init",	       "curl_easy_setopt",
	"curl_easy_getinfo",  "curl_easy_cleanup",     "curl_easy_strerror",
	"curl_multi_init",    "curl_multi_add_handle", "curl_multi_remove_handle",
	"curl_multi_perform", "curl_multi_info_read",  "curl_multi_poll",
	"curl_multi_cleanup", "curl_slist_append",     "curl_slist_free_all",
};

#define SYMBOLS (sizeof(symbols) / sizeof(symbols[0]))

/* One pointer a symbol, in this order. */
_Static_assert(sizeof(struct ta_curl) == SYMBOLS * sizeof(void *), "symbols of the table");

static struct ta_curl loaded;
static bool is_loaded;

static void *open_library(void)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);

		if (library)
			return library;
	}
	return NULL;
}

static bool fill(void *library)
{
	void *found[SYMBOLS];

	for (size_t i = 0; i < SYMBOLS; i++)
		if (!(found[i] = dlsym(library, symbols[i])))
			return false;
	memcpy(&loaded, found, sizeof(loaded));
	return true;
}

/* It stays loaded: its threads and its libraries' handlers may outlive any use of ours. */
const struct ta_curl *ta_curl_load(const char **ret_error)
{
	if (is_loaded)
		return &loaded;
	void *library = open_library();

	if (!library) {
		*ret_error = "nothing can be sent, because libcurl.so.4 is missing or cannot be "
			     "loaded: install libcurl4; what waits is kept";
		return NULL;
	}
	if (!fill(library)) {
		dlclose(library);
		*ret_error = "nothing can be sent, because this libcurl is older than 7.66: "
			     "install a newer libcurl4; what waits is kept";
		return NULL;
	}
	if (loaded.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		*ret_error = "nothing can be sent, because libcurl does not start: is there "
			     "memory, and a TLS library? what waits is kept";
		return NULL;
	}
	is_loaded = true;
	return &loaded;
}
