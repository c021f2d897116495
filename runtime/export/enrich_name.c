/* SPDX-License-Identifier: MIT */
/*
 * enrich_name.c - paths as names of low cardinality.
 *
 * A segment that looks like a value (a number, an id, a token) becomes '*' at
 * once.  The others are remembered in a tree, prefix by prefix: when a position
 * behind one prefix has shown more than ten different segments, it was a value
 * after all, and becomes '*' for good.
 *
 * Servers are asked for the same paths again and again: the last answers are kept, until
 * a position collapses.
 *
 * Runs: agent, one thread.  Memory is bounded: at most NODES_MAX segments of at
 * most SEGMENT_MAX bytes; when they are used up, what is new is '*'.
 */
#include "runtime/export/enrich_internal.h"

#include <stdlib.h>

#define VALUES_MAX 10u	 /* different segments at one position */
#define NODES_MAX 4096u
#define SEGMENT_MAX 64u
#define DEPTH_MAX 24u	 /* deeper segments are one '*' together */
#define ANSWERS 256u	 /* paths whose names are kept */
#define ANSWER_BYTES 120u /* of a path, and of its name */

struct node {
	struct node *children; /* literal segments */
	struct node *star;     /* what follows a '*' */
	struct node *next;
	uint32_t child_count;
	bool collapsed;
	uint8_t bytes;
	char text[SEGMENT_MAX];
};

/* The name of a path, as the tree had it after so many collapses. */
struct answer {
	uint32_t collapses;
	uint8_t path_bytes, name_bytes; /* 0: none */
	char path[ANSWER_BYTES], name[ANSWER_BYTES];
};

struct ta_path_names {
	struct node root;
	uint32_t node_count;
	uint32_t collapses;
	struct answer answers[ANSWERS];
};

struct ta_path_names *ta_path_names_new(void)
{
	return calloc(1, sizeof(struct ta_path_names));
}

/* Frees what hangs below; the depth is bounded by DEPTH_MAX. */
static void free_children(struct ta_path_names *names, struct node *node)
{
	struct node *child = node->children;

	while (child) {
		struct node *next = child->next;

		free_children(names, child);
		free(child);
		names->node_count--;
		child = next;
	}
	node->children = NULL;
	node->child_count = 0;
	if (!node->star)
		return;
	free_children(names, node->star);
	free(node->star);
	names->node_count--;
	node->star = NULL;
}

void ta_path_names_free(struct ta_path_names *names)
{
	if (names)
		free_children(names, &names->root);
	free(names);
}

uint32_t ta_path_names_age(const struct ta_path_names *names)
{
	return names->collapses;
}

struct shape {
	size_t digits, upper, lower, hex, other, marks;
};

static struct shape shape_of(const char *segment, size_t bytes)
{
	struct shape shape = { 0 };

	for (size_t i = 0; i < bytes; i++) {
		char c = segment[i];
		bool digit = c >= '0' && c <= '9';

		shape.digits += digit;
		shape.upper += c >= 'A' && c <= 'Z';
		shape.lower += c >= 'a' && c <= 'z';
		shape.hex += digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		shape.marks += c == '-' || c == '.' || c == '_' || c == ':' || c == ',' || c == '+';
		shape.other += c == '@' || c == '=';
	}
	return shape;
}

static bool is_uuid(const char *segment, size_t bytes, const struct shape *shape)
{
	return bytes == 36 && shape->hex == 32 && segment[8] == '-' && segment[13] == '-' &&
	       segment[18] == '-' && segment[23] == '-';
}

bool ta_segment_is_variable(const char *segment, size_t bytes)
{
	struct shape shape = shape_of(segment, bytes);
	size_t letters = shape.upper + shape.lower;

	if (bytes == 0)
		return false;
	if (bytes > SEGMENT_MAX || shape.other)
		return true; /* tokens, addresses, key=value */
	if (shape.digits && shape.digits + shape.marks == bytes)
		return true; /* 42, 2024-01-31, 1.5 */
	if (bytes >= 6 && shape.hex == bytes)
		return true;
	if (is_uuid(segment, bytes, &shape))
		return true;
	/* Long and mixed: ids of databases, base64; but not bootstrap-4.5.2.min.js */
	return bytes >= 16 && letters && (shape.digits >= 4 ||
					  (shape.digits >= 2 && shape.upper && shape.lower));
}

static struct node *new_node(struct ta_path_names *names)
{
	struct node *node;

	if (names->node_count == NODES_MAX)
		return NULL;
	node = calloc(1, sizeof(*node));
	if (node)
		names->node_count++;
	return node;
}

static struct node *star_of(struct ta_path_names *names, struct node *node)
{
	if (!node->star)
		node->star = new_node(names);
	return node->star;
}

static struct node *find_child(struct node *node, const char *segment, size_t bytes)
{
	for (struct node *child = node->children; child; child = child->next)
		if (child->bytes == bytes && memcmp(child->text, segment, bytes) == 0)
			return child;
	return NULL;
}

/* The node of a literal segment; NULL when the segment is to be '*'. */
static struct node *literal(struct ta_path_names *names, struct node *node, const char *segment,
			    size_t bytes)
{
	struct node *child;

	if (node->collapsed || ta_segment_is_variable(segment, bytes))
		return NULL;
	child = find_child(node, segment, bytes);
	if (child)
		return child;
	if (node->child_count == VALUES_MAX) {
		free_children(names, node);
		node->collapsed = true;
		names->collapses++;
		return NULL;
	}
	child = new_node(names);
	if (!child)
		return NULL;
	memcpy(child->text, segment, bytes);
	child->bytes = (uint8_t)bytes;
	child->next = node->children;
	node->children = child;
	node->child_count++;
	return child;
}

static size_t put(char *out, size_t at, size_t room, const char *text, size_t bytes)
{
	if (bytes > room - at)
		bytes = room - at;
	memcpy(out + at, text, bytes);
	return at + bytes;
}

static size_t walk(struct ta_path_names *names, const char *path, size_t bytes, char *out,
		   size_t out_bytes)
{
	struct node *node = &names->root;
	size_t at = 0, done = 0;

	if (!bytes || path[0] != '/')
		return put(out, 0, out_bytes, "*", 1); /* of OPTIONS; others are no paths */
	for (unsigned int depth = 0; done < bytes; depth++) {
		const char *segment = path + done + 1;
		const char *slash = memchr(segment, '/', bytes - done - 1);
		size_t length = slash ? (size_t)(slash - segment) : bytes - done - 1;
		struct node *child = NULL;

		at = put(out, at, out_bytes, "/", 1);
		if (depth == DEPTH_MAX)
			return put(out, at, out_bytes, "*", 1);
		if (node && length)
			child = literal(names, node, segment, length);
		if (!length)
			child = node; /* "//" and a slash at the end are no segments */
		else if (child)
			at = put(out, at, out_bytes, segment, length);
		else
			at = put(out, at, out_bytes, "*", 1);
		if (node && !child)
			child = star_of(names, node);
		node = child;
		done += length + 1;
	}
	return at;
}

/* Where the answer for a path is, if it is known.  Not against malice: paths that fall
 * together are walked. */
static struct answer *place_of(struct ta_path_names *names, const char *path, size_t bytes)
{
	uint64_t hash = bytes, word;

	for (size_t at = 0; at < bytes; at += 8) {
		word = 0;
		memcpy(&word, path + at, bytes - at < 8 ? bytes - at : 8);
		hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
		hash ^= hash >> 32;
	}
	return &names->answers[hash % ANSWERS];
}

size_t ta_path_name(struct ta_path_names *names, const char *path, size_t bytes, char *out,
		    size_t out_bytes)
{
	struct answer *answer;
	size_t name_bytes;

	if (!bytes || bytes > ANSWER_BYTES || out_bytes < ANSWER_BYTES)
		return walk(names, path, bytes, out, out_bytes);
	answer = place_of(names, path, bytes);
	if (answer->path_bytes == bytes && answer->collapses == names->collapses &&
	    memcmp(answer->path, path, bytes) == 0)
		return put(out, 0, out_bytes, answer->name, answer->name_bytes);
	name_bytes = walk(names, path, bytes, out, out_bytes);
	if (name_bytes > ANSWER_BYTES)
		return name_bytes;
	memcpy(answer->path, path, bytes);
	memcpy(answer->name, out, name_bytes);
	answer->path_bytes = (uint8_t)bytes;
	answer->name_bytes = (uint8_t)name_bytes;
	answer->collapses = names->collapses;
	return name_bytes;
}
