/* SPDX-License-Identifier: MIT */
/*
 * export_read.c - files of OTLP JSON lines: what is in them, and where it stands.
 *
 * Takes what any OTLP exporter writes, as `tagalong show` does.  A line is looked at only
 * when it is valid JSON as a whole; of a line that is no OTLP in part, the rest is taken.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/worker.h"
#include "runtime/cli/cli.h"

/* What the functions for one line hand to one another. */
struct reading {
	struct export_store *store;
	const char *line;
	uint64_t offset; /* of the line in its file */
	uint32_t source;
	bool logs;
	bool bad;
	struct ta_json_slice resource, resource_text;
	const struct export_context *context;
};

static bool place_of(const struct reading *reading, struct ta_json_slice text,
		     struct export_place *ret_place)
{
	if (text.bytes > UINT32_MAX)
		return false;
	*ret_place = (struct export_place){
		.context = reading->context,
		.offset = reading->offset + (uint64_t)(text.text - reading->line),
		.bytes = (uint32_t)text.bytes,
		.source = reading->source,
	};
	return true;
}

static void read_links(struct reading *reading, struct export_span *span,
		       struct ta_json_slice links)
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;
	uint64_t hi, lo, id, unused;

	if (!links.bytes || !ta_json_walk(&walk, links.text, links.bytes))
		return;
	while (ta_json_next(&walk, &key, &item))
		if (ta_export_hex(ta_export_member(item, "traceId"), 32, &hi, &lo) &&
		    ta_export_hex(ta_export_member(item, "spanId"), 16, &unused, &id))
			ta_export_link(reading->store, span, hi, lo, id);
}

/* Most spans do not say: then there is nothing to look for. */
static void read_thread(struct reading *reading, struct export_span *span,
			struct ta_json_slice attributes)
{
	struct ta_json_slice name;

	if (!attributes.bytes || !memmem(attributes.text, attributes.bytes, "\"thread.", 8))
		return;
	name = ta_export_any(ta_export_attribute(attributes, "thread.name"));
	span->tid = ta_export_u64(ta_export_any(ta_export_attribute(attributes, "thread.id")));
	if (name.bytes)
		span->thread_name = ta_export_name(reading->store, name);
}

enum part { TRACE_ID, SPAN_ID, PARENT_ID, NAME, KIND, START, END, STATUS, ATTRIBUTES, LINKS, PARTS };

/* The members that are wanted, in one walk. */
static void take_apart(struct ta_json_slice text, struct ta_json_slice parts[PARTS])
{
	static const char *const names[PARTS] = { "traceId", "spanId",	"parentSpanId", "name",
						  "kind",    "startTimeUnixNano",
						  "endTimeUnixNano", "status", "attributes",
						  "links" };
	struct ta_json_slice key, value;
	struct ta_json_walk walk;

	ta_json_walk(&walk, text.text, text.bytes);
	while (ta_json_next(&walk, &key, &value))
		for (int i = 0; i < PARTS; i++)
			if (ta_json_key_is(key, names[i]))
				parts[i] = value;
}

static bool read_span(struct reading *reading, struct ta_json_slice text)
{
	struct ta_json_slice parts[PARTS] = { 0 };
	struct export_span made = { 0 }, *span;
	struct show_span *show = &made.show;
	uint64_t hi, lo, unused;

	take_apart(text, parts);
	if (!ta_export_hex(parts[TRACE_ID], 32, &hi, &lo) ||
	    !ta_export_hex(parts[SPAN_ID], 16, &unused, &show->id) || !(hi | lo) || !show->id ||
	    !place_of(reading, text, &made.place))
		return false;
	ta_export_hex(parts[PARENT_ID], 16, &unused, &show->parent_id);
	show->name = ta_export_copy(parts[NAME]);
	show->kind = (uint8_t)ta_export_u64(parts[KIND]);
	show->status = (uint8_t)ta_export_u64(ta_export_member(parts[STATUS], "code"));
	show->start_ns = ta_export_u64(parts[START]);
	show->end_ns = ta_export_u64(parts[END]);
	if (show->end_ns < show->start_ns)
		show->end_ns = show->start_ns;
	read_thread(reading, &made, parts[ATTRIBUTES]);
	span = ta_show_alloc(NULL, sizeof(*span));
	*span = made;
	ta_show_store_add(&reading->store->show, hi, lo, &span->show);
	read_links(reading, span, parts[LINKS]);
	return true;
}

static bool read_log(struct reading *reading, struct ta_json_slice text)
{
	struct ta_json_slice attributes = ta_export_member(text, "attributes");
	struct export_event *event;
	uint64_t hi = 0, lo = 0, unused, severity;
	struct export_place place;

	if (ta_json_kind(text.text, text.bytes) != TA_JSON_OBJECT ||
	    !place_of(reading, text, &place))
		return false;
	event = ta_show_alloc(NULL, sizeof(*event));
	*event = (struct export_event){ .place = place };
	ta_export_hex(ta_export_member(text, "traceId"), 32, &hi, &lo);
	ta_export_hex(ta_export_member(text, "spanId"), 16, &unused, &event->show.span_id);
	event->show.time_ns = ta_export_u64(ta_export_member(text, "timeUnixNano"));
	severity = ta_export_u64(ta_export_member(text, "severityNumber"));
	event->show.severity = severity <= 24 ? (uint8_t)severity : 0;
	event->show.word = ta_export_copy(ta_export_member(text, "severityText"));
	event->show.text = ta_export_copy(
		ta_export_member(ta_export_member(text, "body"), "stringValue"));
	event->show.id = ta_export_copy(
		ta_export_any(ta_export_attribute(attributes, "tagalong.event.id")));
	event->tid = ta_export_u64(ta_export_any(ta_export_attribute(attributes, "thread.id")));
	ta_show_store_event(&reading->store->show, hi, lo, &event->show);
	return true;
}

/* The member of that name, and all others as they stand, with commas between them. */
static struct ta_json_slice split(struct ta_json_slice object, const char *name, struct ta_buf *buf)
{
	struct ta_json_slice key, value, found = { 0 };
	struct ta_json_walk walk;

	ta_json_walk(&walk, object.text, object.bytes);
	while (ta_json_next(&walk, &key, &value)) {
		if (ta_json_key_is(key, name)) {
			found = value;
			continue;
		}
		if (buf->bytes)
			ta_buf_putc(buf, ',');
		ta_buf_putc(buf, '"');
		ta_buf_put(buf, key.text, key.bytes);
		ta_buf_puts(buf, "\":");
		ta_buf_put(buf, value.text, value.bytes);
	}
	return found;
}

/* Calls take for each object of an array; what is none is bad. */
static void each(struct reading *reading, struct ta_json_slice array,
		 bool (*take)(struct reading *reading, struct ta_json_slice item))
{
	struct ta_json_slice key, item;
	struct ta_json_walk walk;

	if (ta_json_kind(array.text, array.bytes) != TA_JSON_ARRAY ||
	    !ta_json_walk(&walk, array.text, array.bytes)) {
		reading->bad |= array.bytes != 0;
		return;
	}
	while (ta_json_next(&walk, &key, &item))
		if (ta_json_kind(item.text, item.bytes) != TA_JSON_OBJECT || !take(reading, item))
			reading->bad = true;
}

static bool read_scope(struct reading *reading, struct ta_json_slice item)
{
	struct ta_buf text = { 0 };
	struct ta_json_slice items = split(item, reading->logs ? "logRecords" : "spans", &text);
	struct ta_json_slice scope = { text.data, text.bytes };

	if (!text.failed) {
		reading->context = ta_export_context(reading->store, reading->resource_text, scope,
						     reading->resource);
		each(reading, items, reading->logs ? read_log : read_span);
	}
	bool good = !text.failed;

	ta_buf_fini(&text);
	return good;
}

static bool read_resource(struct reading *reading, struct ta_json_slice item)
{
	struct ta_buf text = { 0 };
	struct ta_json_slice scopes =
		split(item, reading->logs ? "scopeLogs" : "scopeSpans", &text);

	reading->resource_text = (struct ta_json_slice){ text.data, text.bytes };
	reading->resource = ta_export_member(item, "resource");
	if (!text.failed)
		each(reading, scopes, read_scope);
	bool good = !text.failed;

	ta_buf_fini(&text);
	return good;
}

bool ta_export_read_line(struct export_store *store, uint32_t source, uint64_t offset,
			 const char *line, size_t bytes)
{
	struct reading reading = { .store = store, .line = line, .offset = offset,
				   .source = source };
	struct ta_json_slice key, value;
	struct ta_json_walk walk;
	bool any = false;

	if (!bytes || strspn(line, " \t\r\n") == bytes)
		return true;
	if (ta_json_kind(line, bytes) != TA_JSON_OBJECT || !ta_json_valid(line, bytes))
		return false;
	ta_json_walk(&walk, line, bytes);
	while (ta_json_next(&walk, &key, &value)) {
		reading.logs = ta_json_key_is(key, "resourceLogs");
		if (!reading.logs && !ta_json_key_is(key, "resourceSpans"))
			continue;
		each(&reading, value, read_resource);
		any = true;
	}
	return !reading.bad && any;
}

/* What cannot be read twice goes to a file without a name first. */
static int keep_copy(int fd)
{
	char buffer[65536];
	FILE *file = tmpfile();
	int copy = file ? dup(fileno(file)) : -1;
	ssize_t got = 0;

	if (file)
		fclose(file);
	while (copy >= 0 && ((got = read(fd, buffer, sizeof(buffer))) > 0 ||
			     (got < 0 && errno == EINTR)))
		for (ssize_t done = 0, put; done < got; done += put)
			if ((put = write(copy, buffer + done, (size_t)(got - done))) < 0)
				goto failed;
	if (copy >= 0 && got == 0)
		return copy;
failed:;
	int error = -errno;

	if (copy >= 0)
		close(copy);
	return error;
}

static int open_source(const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat found;
	int error = 0;

	if (fd < 0 || fstat(fd, &found) != 0)
		error = -errno;
	else if (S_ISDIR(found.st_mode))
		error = -EISDIR;
	if (!error && S_ISREG(found.st_mode) && !standard)
		return fd;
	int copy = error ? error : keep_copy(fd);

	if (fd >= 0)
		close(fd);
	return copy;
}

static void read_lines(struct export_store *store, uint32_t number, FILE *file)
{
	struct export_source *source = &store->sources[number];
	uint64_t offset = 0, line_number = 0;
	size_t capacity = 0;
	char *line = NULL;
	ssize_t bytes;

	while ((bytes = getline(&line, &capacity, file)) >= 0) {
		line_number++;
		if (!ta_export_read_line(store, number, offset, line, (size_t)bytes) &&
		    !source->broken++)
			source->first_broken = line_number;
		offset += (uint64_t)bytes;
		if (store->progress)
			store->progress(++store->lines);
	}
	free(line);
}

static int read_source(struct export_store *store, const char *path)
{
	int fd = open_source(path);
	int reader = fd < 0 ? -1 : dup(fd);
	FILE *file = reader < 0 || lseek(reader, 0, SEEK_SET) < 0 ? NULL : fdopen(reader, "r");

	if (!file) {
		int error = fd < 0 ? fd : -errno;

		if (reader >= 0)
			close(reader);
		if (fd >= 0)
			close(fd);
		return error;
	}
	store->sources = ta_show_alloc(store->sources, (store->source_count + 1) *
							       sizeof(store->sources[0]));
	struct export_source *source = &store->sources[store->source_count];

	*source = (struct export_source){ .fd = fd };
	snprintf(source->path, sizeof(source->path), "%s", path);
	read_lines(store, store->source_count++, file);
	int error = ferror(file) ? -EIO : 0;

	fclose(file);
	return error;
}

/* PATH.N ... PATH.1, the oldest first. */
static void read_rotated(struct export_store *store, const char *path)
{
	char rotated[TA_EXPORT_PATH + 16];
	unsigned int count = 0;

	do
		snprintf(rotated, sizeof(rotated), "%s.%u", path, ++count);
	while (access(rotated, F_OK) == 0);
	while (--count > 0) {
		snprintf(rotated, sizeof(rotated), "%s.%u", path, count);
		int error = read_source(store, rotated);

		if (error)
			ta_cli_say("cannot read %s: %s; it is left out", rotated,
				   strerror(-error));
	}
}

int ta_export_read(struct export_store *store, const char *path, bool all)
{
	char beside[TA_EXPORT_PATH];
	bool rotates = all && strcmp(path, "-") != 0;

	if (rotates)
		read_rotated(store, path);
	int error = read_source(store, path);

	if ((error && error != -ENOENT) || strcmp(path, "-") == 0 ||
	    ta_output_beside(path, beside, sizeof(beside)) || strcmp(beside, path) == 0)
		return error && store->source_count ? 0 : error;
	if (rotates)
		read_rotated(store, beside);
	if (access(beside, F_OK) == 0) {
		int failed = read_source(store, beside);

		if (failed)
			ta_cli_say("cannot read %s: %s; it is left out", beside,
				   strerror(-failed));
	}
	return error && store->source_count ? 0 : error;
}

struct ta_json_slice ta_export_text(struct export_store *store, const struct export_place *place,
				    struct ta_buf *buf)
{
	int fd = store->sources[place->source].fd;
	char *room;

	ta_buf_clear(buf);
	room = ta_buf_reserve(buf, place->bytes);
	if (room && pread(fd, room, place->bytes, (off_t)place->offset) == (ssize_t)place->bytes &&
	    ta_json_kind(room, place->bytes) == TA_JSON_OBJECT &&
	    ta_json_valid(room, place->bytes)) {
		buf->bytes += place->bytes;
		return (struct ta_json_slice){ buf->data, buf->bytes };
	}
	/* Somebody cut the file meanwhile. */
	store->unreadable++;
	return (struct ta_json_slice){ "{}", 2 };
}
