/* SPDX-License-Identifier: MIT */
/*
 * test_report.c - the parts of `tagalong report` that need no file of spans: texts once each,
 * lists of attributes as numbers, the page's parts, files that are replaced as a whole.  What
 * the page shows is tested by tests/report.
 */
#include "runtime/cli/report.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"

static bool is(const struct ta_buf *buf, const char *text)
{
	return buf->bytes == strlen(text) && memcmp(buf->data, text, buf->bytes) == 0;
}

static void tables(void)
{
	struct report_table table;

	ta_report_table_init(&table);
	check(ta_report_text(&table, "a") == 0, "the first");
	check(ta_report_text(&table, "ab") == 1, "one that begins with it");
	check(ta_report_text(&table, "") == 2, "nothing");
	check(ta_report_text(&table, "a") == 0, "the first again");
	check(ta_report_number(&table, "7", 1) == 3, "a number");
	check(ta_report_text(&table, "7") == 4, "its text is something else");
	check(is(&table.text, "\"a\",\n\"ab\",\n\"\",\n7,\n\"7\""), "%.*s", (int)table.text.bytes,
	      table.text.data);
	for (unsigned int i = 0; i < 5000; i++)
		check(ta_report_number(&table, (const char *)&i, sizeof(i)) == 5 + i, "%u", i);
	check(table.count == 5005, "%u", table.count);
	ta_report_table_fini(&table);
}

static bool is_b(struct ta_json_slice key)
{
	return ta_json_key_is(ta_json_string(key), "b");
}

static void attributes(void)
{
	static const char text[] =
		"[{\"key\":\"a\",\"value\":{\"intValue\":\"5\"}},{\"key\":\"b\",\"value\":{}},"
		"{\"key\":\"c\",\"value\":{\"stringValue\":\"a\"}},{\"value\":{}},{\"key\":7}]";
	struct ta_json_slice list = { text, sizeof(text) - 1 };
	struct ta_buf out = { 0 };
	struct report report = { 0 };

	ta_report_table_init(&report.values);
	ta_report_table_init(&report.shapes);
	ta_report_attributes(&report, &out, list, NULL);
	check(is(&report.values.text, "\"a\",\n5,\n\"b\",\nnull,\n\"c\""), "%.*s",
	      (int)report.values.text.bytes, report.values.text.data);
	check(is(&out, "0,1,3,0"), "%.*s", (int)out.bytes, out.data);
	ta_report_attributes(&report, &out, list, is_b);
	ta_report_attributes(&report, &out, (struct ta_json_slice){ 0 }, NULL);
	ta_report_aside(&report, "b", (struct ta_json_slice){ "\"c\"", 3 });
	ta_report_attributes(&report, &out, (struct ta_json_slice){ "[]", 2 }, NULL);
	check(is(&out, "0,1,3,0,1,1,0,2,3,4"), "%.*s", (int)out.bytes, out.data);
	check(is(&report.shapes.text, "[0,2,4],\n[0,4],\n[],\n[2]"), "%.*s",
	      (int)report.shapes.text.bytes, report.shapes.text.data);
	ta_report_table_fini(&report.values);
	ta_report_table_fini(&report.shapes);
	ta_buf_fini(&report.cell);
	ta_buf_fini(&report.list);
	ta_buf_fini(&out);
}

static void parts(void)
{
	static const char *const marks[] = { "@nonce@", "@style@", "@script@", "@index@",
					     "@stacks@", "@details@" };
	struct ta_json_slice html = ta_report_page("html");

	check(html.bytes > 1000 && memcmp(html.text, "<!doctype html>", 15) == 0, "the page");
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		check(memmem(html.text, html.bytes, marks[i], strlen(marks[i])), "no %s", marks[i]);
	check(ta_report_page("style").bytes > 1000 && ta_report_page("script").bytes > 10000,
	      "style and script");
	check(!memmem(ta_report_page("script").text, ta_report_page("script").bytes, "</script", 8),
	      "the script ends itself");
}

static char *content(const char *path, char out[64])
{
	FILE *file = fopen(path, "r");
	size_t bytes = file ? fread(out, 1, 63, file) : 0;

	out[bytes] = '\0';
	if (file)
		fclose(file);
	return out;
}

static void files(void)
{
	char place[] = "/tmp/tagalong-report-XXXXXX", path[64], text[64];
	struct report_file file;

	if (!check(mkdtemp(place) != NULL, "mkdtemp"))
		return;
	snprintf(path, sizeof(path), "%s/page", place);
	check(ta_report_file_open(&file, path) == 0 && fputs("one", file.out) >= 0, "open");
	check(access(path, F_OK) != 0, "there before it is complete");
	check(ta_report_file_close(&file, 0) == 0, "close");
	check(strcmp(content(path, text), "one") == 0, "%s", text);
	check(ta_report_file_open(&file, path) == 0 && fputs("two", file.out) >= 0, "open");
	check(ta_report_file_close(&file, -EIO) == -EIO, "what failed is good");
	check(strcmp(content(path, text), "one") == 0, "%s", text);
	check(ta_report_file_open(&file, place) == -EISDIR, "a directory");
	unlink(path);
	check(rmdir(place) == 0, "something is left in %s", place);
}

int main(void)
{
	check_group("tables", tables);
	check_group("attributes", attributes);
	check_group("parts", parts);
	check_group("files", files);
	return check_status();
}
