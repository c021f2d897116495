/* SPDX-License-Identifier: MIT */
/*
 * enrich_route.c - TAGALONG_HTTP_ROUTES: the routes that a program is known to have.
 *
 * A pattern is a path; {name} stands for one segment that is not empty, and
 * {name...}, as the last one, for all that follows.  Of several patterns that
 * match the most literal one wins, read from the left, so that /user/me beats
 * /user/{id} wherever it stands in the list; of equals the first.
 *
 * Runs: agent, one thread.  A pattern that cannot be used is reported and left out.
 */
#include "runtime/export/enrich_internal.h"

#include <stdlib.h>

#define SEGMENTS_MAX 32u

struct route {
	const char *text; /* in the configuration's own string */
	uint32_t bytes;
};

struct ta_routes {
	uint32_t count;
	struct route items[];
};

/* The segment at *at, which then stands behind it (and its slash); false at the end. */
static bool next_segment(const char **at, const char *end, const char **ret_text,
			 size_t *ret_bytes)
{
	const char *slash;

	if (*at > end)
		return false;
	slash = memchr(*at, '/', (size_t)(end - *at));
	*ret_text = *at;
	*ret_bytes = (size_t)((slash ? slash : end) - *at);
	*at = (slash ? slash : end) + 1;
	return true;
}

enum { REST, VARIABLE, LITERAL };

static int kind_of(const char *segment, size_t bytes)
{
	if (bytes < 3 || segment[0] != '{' || segment[bytes - 1] != '}')
		return LITERAL;
	return bytes > 5 && memcmp(segment + bytes - 4, "...", 3) == 0 ? REST : VARIABLE;
}

static const char *trouble_with(const char *text, size_t bytes)
{
	const char *at = text + 1, *end = text + bytes, *segment;
	size_t length, count = 0;
	bool rest = false;

	if (text[0] != '/')
		return "it does not begin with '/'";
	while (next_segment(&at, end, &segment, &length)) {
		if (rest)
			return "{name...} has to be its last segment";
		if (++count > SEGMENTS_MAX)
			return "it has more than 32 segments";
		rest = kind_of(segment, length) == REST;
		if (kind_of(segment, length) == LITERAL &&
		    (memchr(segment, '{', length) || memchr(segment, '}', length)))
			return "braces have to enclose a whole segment, as in /user/{id}";
	}
	return NULL;
}

static void add_route(struct ta_enrich *enrich, struct ta_routes *routes, const char *text,
		      size_t bytes)
{
	const char *trouble;

	while (bytes && (*text == ' ' || *text == '\t')) {
		text++;
		bytes--;
	}
	while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '\t'))
		bytes--;
	if (!bytes)
		return;
	trouble = trouble_with(text, bytes);
	if (trouble) {
		ta_enrich_warn(enrich, "TAGALONG_HTTP_ROUTES: '%.*s' is not used: %s.",
			       bytes > 100 ? 100 : (int)bytes, text, trouble);
		return;
	}
	routes->items[routes->count++] = (struct route){ text, (uint32_t)bytes };
}

struct ta_routes *ta_routes_new(struct ta_enrich *enrich, const char *list)
{
	size_t count = 1;
	struct ta_routes *routes;

	for (const char *c = list; *c; c++)
		count += *c == ',';
	routes = calloc(1, sizeof(*routes) + count * sizeof(routes->items[0]));
	if (!routes)
		return NULL;
	while (*list) {
		size_t bytes = strcspn(list, ",");

		add_route(enrich, routes, list, bytes);
		list += bytes + (list[bytes] == ',');
	}
	return routes;
}

void ta_routes_free(struct ta_routes *routes)
{
	free(routes);
}

/* How literally the pattern matches: two bits per segment from the top; 0: not at all. */
static uint64_t score(const struct route *route, const char *path, size_t bytes)
{
	const char *at = route->text + 1, *end = route->text + route->bytes;
	const char *path_at = path + 1, *path_end = path + bytes;
	const char *want, *have;
	size_t want_bytes, have_bytes;
	uint64_t points = 0;
	int shift = 64;

	while (next_segment(&at, end, &want, &want_bytes)) {
		int kind = kind_of(want, want_bytes);

		shift -= 2;
		if (kind == REST)
			return path_at <= path_end ? points | 1ull << shift : 0;
		if (!next_segment(&path_at, path_end, &have, &have_bytes))
			return 0;
		if (kind == VARIABLE ? !have_bytes :
				       have_bytes != want_bytes ||
					       memcmp(have, want, want_bytes) != 0)
			return 0;
		points |= (kind == LITERAL ? 3ull : 2ull) << shift;
	}
	return path_at > path_end ? points : 0;
}

const char *ta_routes_match(const struct ta_routes *routes, const char *path, size_t bytes,
			    uint32_t *ret_bytes)
{
	uint64_t best = 0;
	const char *found = NULL;

	if (!bytes || path[0] != '/')
		return NULL;
	for (uint32_t i = 0; i < routes->count; i++) {
		uint64_t points = score(&routes->items[i], path, bytes);

		if (points > best) {
			best = points;
			found = routes->items[i].text;
			*ret_bytes = routes->items[i].bytes;
		}
	}
	return found;
}
