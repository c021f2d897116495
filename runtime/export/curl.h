/* SPDX-License-Identifier: MIT */
/*
 * curl.h - libcurl, loaded when something is to be sent over a network.
 *
 * Not linked: it brings 31 more objects, which every start of an agent would map and
 * relocate (milliseconds), and most agents write a file.  Its headers serve for types and
 * constants only.
 *
 * Runs: agent, the delivery thread.
 */
#ifndef TA_EXPORT_CURL_H
#define TA_EXPORT_CURL_H

#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION /* numbers of protocols: older libraries know no others */
#include <curl/curl.h>

/* What we call of it.  (The macros of curl.h would take the names of the variadic ones.) */
struct ta_curl {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_new)(void);
	CURLcode (*easy_set)(CURL *easy, CURLoption option, ...);
	CURLcode (*easy_get)(CURL *easy, CURLINFO info, ...);
	void (*easy_free)(CURL *easy);
	const char *(*easy_words)(CURLcode code);
	CURLM *(*multi_new)(void);
	CURLMcode (*multi_add)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_perform)(CURLM *multi, int *running);
	CURLMsg *(*multi_read)(CURLM *multi, int *left);
	CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd fds[], unsigned int count,
				int timeout_ms, int *ready);
	CURLMcode (*multi_free)(CURLM *multi);
	struct curl_slist *(*list_add)(struct curl_slist *list, const char *text);
	void (*list_free)(struct curl_slist *list);
};

/* The table, loaded by the first call that succeeds and kept; NULL and a sentence in
 * ret_error when it cannot be: what is missing, and what to do. */
const struct ta_curl *ta_curl_load(const char **ret_error);

#endif
