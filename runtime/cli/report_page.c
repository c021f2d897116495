/* SPDX-License-Identifier: MIT */
/*
 * report_page.c - the page that the command carries: the files of runtime/cli/page.
 *
 * They are taken into the object file as they are.  The scripts are one text, in this order:
 * what others use comes first, main.js starts it all.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/report.h"

#include <string.h>

/* TA_PAGE_DIR is made known by cmake/agent.cmake. */
#define TEXT(name) ".incbin \"" TA_PAGE_DIR "/" name "\"\n"
#define BEGIN(part) ".global ta_page_" part "\n.hidden ta_page_" part "\nta_page_" part ":\n"
#define END(part)                                                                                  \
	".global ta_page_" part "_end\n.hidden ta_page_" part "_end\nta_page_" part "_end:\n"

__asm__(".pushsection .rodata\n"
	BEGIN("html") TEXT("page.html") END("html")
	BEGIN("style") TEXT("page.css") TEXT("views.css") TEXT("print.css") END("style")
	BEGIN("script")
	TEXT("text.js") TEXT("data.js") TEXT("stats.js") TEXT("filter.js") TEXT("calls.js")
	TEXT("virtual.js") TEXT("chart.js") TEXT("bar.js") TEXT("traces.js") TEXT("values.js")
	TEXT("stack.js") TEXT("span.js") TEXT("timeline.js") TEXT("waterfall.js") TEXT("names.js")
	TEXT("layout.js") TEXT("map.js") TEXT("captured.js") TEXT("theme.js") TEXT("keys.js")
	TEXT("main.js")
	END("script")
	".byte 0\n.popsection\n");

extern const char ta_page_html[], ta_page_html_end[];
extern const char ta_page_style[], ta_page_style_end[];
extern const char ta_page_script[], ta_page_script_end[];

struct ta_json_slice ta_report_page(const char *part)
{
	const char *start = ta_page_html, *end = ta_page_html_end;

	if (strcmp(part, "style") == 0) {
		start = ta_page_style;
		end = ta_page_style_end;
	} else if (strcmp(part, "script") == 0) {
		start = ta_page_script;
		end = ta_page_script_end;
	}
	return (struct ta_json_slice){ start, (size_t)(end - start) };
}
