/* SPDX-License-Identifier: MIT */
/*
 * name.c - names, files, lines and source of an address.
 *
 * DWARF first, as debuggers do: it knows the function also in parts that the compiler cut
 * out of it ("foo.cold"), and the inlined ones.  Then the symbol tables.
 *
 * What was found is kept with the object as the JSON that it becomes: threads of one program
 * wait in the same places, and so does the next capture.
 *
 * Runs: tagalong-stacks, one thread.
 */
#include "runtime/stacks/name.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/stacks/demangle.h"
#include "runtime/stacks/lines.h"
#include "runtime/stacks/source.h"

#define SLOTS 1024u /* a power of two */
#define TEXT_MAX 1024u

struct ta_name_cache {
	struct ta_named *slots[SLOTS]; /* by address; a newer one takes the place of an older one */
};

static void named_free(struct ta_named *named)
{
	if (!named)
		return;
	for (unsigned int i = 0; i < named->count; i++) {
		free(named->frames[i].text);
		free(named->frames[i].context);
	}
	free(named->frames);
	free(named);
}

void ta_names_free(struct ta_name_cache *cache)
{
	for (unsigned int i = 0; cache && i < SLOTS; i++)
		named_free(cache->slots[i]);
	free(cache);
}

static void put_member(struct ta_buf *buf, const char *key, const char *value)
{
	size_t bytes = strlen(value);

	ta_buf_putc(buf, ',');
	ta_buf_put_json(buf, key, strlen(key));
	ta_buf_putc(buf, ':');
	ta_buf_put_json(buf, value, bytes > TEXT_MAX ? ta_utf8_cut(value, TEXT_MAX) : bytes);
}

static void put_function(struct ta_buf *buf, const char *name, const char *linkage)
{
	const char *raw = linkage ? linkage : name;
	char *readable = raw ? ta_demangle(raw) : NULL;

	if (readable || name)
		put_member(buf, "function", readable ? readable : name);
	if (raw && (readable || (name && strcmp(raw, name) != 0)))
		put_member(buf, "raw_function", raw);
	free(readable);
}

static void put_file(struct ta_buf *buf, const struct ta_line *line, const char *path)
{
	const char *slash = strrchr(line->file, '/');

	put_member(buf, "filename", slash ? slash + 1 : line->file);
	if (path[0] == '/')
		put_member(buf, "abs_path", path);
	if (line->line <= 0)
		return;
	ta_buf_puts(buf, ",\"lineno\":");
	ta_buf_put_i64(buf, line->line);
}

/* The text of a buffer as a string of its own; NULL: empty, or out of memory. */
static char *text_of(struct ta_buf *buf)
{
	char *text;

	ta_buf_putc(buf, '\0');
	text = buf->failed || buf->bytes == 1 ? NULL : strdup(buf->data);
	ta_buf_fini(buf);
	return text;
}

/* std::terminate(), or the throw that calls it. */
static bool gives_up(const char *name)
{
	return name && (strcmp(name, "_ZSt9terminatev") == 0 || strcmp(name, "__cxa_throw") == 0 ||
			strcmp(name, "__cxa_rethrow") == 0 || strcmp(name, "std::terminate") == 0);
}

static void fill(struct ta_named_frame *frame, const struct ta_line *line)
{
	struct ta_buf text = { 0 }, context = { 0 };
	char path[TA_SOURCE_PATH_MAX];

	put_function(&text, line->name, line->linkage);
	if (line->file) {
		ta_source_path(line->folder, line->file, path);
		put_file(&text, line, path);
		ta_source_context(&context, path, line->line);
	}
	frame->terminates = gives_up(line->linkage ? line->linkage : line->name);
	frame->text = text_of(&text);
	frame->context = text_of(&context);
}

/* The name that the symbol tables have for an address, with versions ("@@GLIBC_2.2.5") cut off. */
static const char *symbol_name(struct ta_object *object, uint64_t at, uint64_t *ret_begins)
{
	GElf_Off into;
	GElf_Sym symbol;
	const char *name =
		dwfl_module_addrinfo(object->module, at, &into, &symbol, NULL, NULL, NULL);

	if (name && *name)
		*ret_begins = at - into;
	return name && *name ? name : NULL;
}

static struct ta_named *make(struct ta_object *object, uint64_t at, bool cheap)
{
	struct ta_named *named = calloc(1, sizeof(*named));
	struct ta_line lines[TA_INLINED_MAX] = { 0 };
	const char *symbol;

	if (!named)
		return NULL;
	named->at = at;
	named->cheap = cheap;
	named->count = cheap ? 0 : ta_lines(object, at, lines);
	symbol = symbol_name(object, at, &named->symbol);
	named->count = named->count ? named->count : 1;
	if (!lines[named->count - 1].name)
		lines[named->count - 1].name = symbol;
	if (lines[named->count - 1].begins)
		named->symbol = lines[named->count - 1].begins;
	named->frames = calloc(named->count, sizeof(*named->frames));
	if (!named->frames) {
		free(named);
		return NULL;
	}
	for (unsigned int i = 0; i < named->count; i++)
		fill(&named->frames[i], &lines[named->count - 1 - i]);
	return named;
}

const struct ta_named *ta_name(struct ta_object *object, uint64_t at, bool cheap)
{
	struct ta_named **slot, *named;

	if (!object->names)
		object->names = calloc(1, sizeof(*object->names));
	if (!object->names)
		return NULL;
	slot = &object->names->slots[(at ^ at >> 10 ^ at >> 20) & (SLOTS - 1)];
	if (*slot && (*slot)->at == at && (cheap || !(*slot)->cheap))
		return *slot;
	named = make(object, at, cheap);
	if (named) {
		named_free(*slot);
		*slot = named;
	}
	return named;
}
