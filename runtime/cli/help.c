/* SPDX-License-Identifier: MIT */
/*
 * help.c - `tagalong help`: the verbs, one verb, and the table of settings.
 *
 * The settings are those of config.def; the same table goes to a terminal, to
 * docs/environment.md (--markdown) and into the man page (--man).
 */
#include <stdio.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/wire/config.h"

static void overview(void)
{
	printf("usage: tagalong [VERB] ...\n"
	       "       tagalong PROGRAM [ARGS...]     the same as tagalong run\n\n"
	       "Traces of programs that nobody will recompile.\n\n");
	for (const struct ta_cli_verb *verb = ta_cli_verbs; verb->name; verb++)
		printf("  %-10s %s\n", verb->name, verb->clause);
	printf("\n`tagalong help VERB` explains a verb, `tagalong help environment` lists the\n"
	       "settings, `tagalong --version` tells the version.\n");
}

static int explain(const char *name)
{
	const struct ta_cli_verb *verb = ta_cli_verb(name);

	/* Its options are many and stand in its own text. */
	if (verb && verb->main == ta_cli_show)
		return ta_cli_show(2, (char *[]){ (char *)"show", (char *)"--help", NULL });
	if (verb) {
		printf("usage: tagalong %s %s\n\n%s.\n%s%s", verb->name, verb->synopsis,
		       verb->clause, verb->text[0] ? "\n" : "", verb->text);
		return 0;
	}
	const char *meant = ta_cli_nearest_verb(name);

	if (!meant)
		meant = ta_cli_nearest(name, (const char *const[]){ "environment", NULL });
	ta_cli_say("help: no such verb '%s'%s%s%s", name, meant ? "; did you mean '" : "",
		   meant ? meant : "", meant ? "'?" : "; `tagalong help` lists them");
	return TA_CLI_USAGE;
}

/* Words of text in lines of at most 78 columns. */
static void print_wrapped(const char *text, const char *indent)
{
	size_t column = 0;

	while (*text) {
		size_t bytes = strcspn(text, " ");

		if (column && column + 1 + bytes > 78) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)printf("%s%.*s", column ? " " : indent, (int)bytes, text);
		text += bytes;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void settings_text(void)
{
	const struct ta_config_row *row;

	printf("Settings are environment variables.  A value that is not allowed is reported\n"
	       "and the default is used.  OTEL_* variables have OpenTelemetry's meaning.\n");
	for (size_t i = 0; (row = ta_config_row(i)); i++) {
		printf("\n%s\n", row->variable);
		print_wrapped(row->text, "    ");
		if (row->allowed[0])
			printf("    allowed: %s\n", row->allowed);
		if (row->dflt[0])
			printf("    default: %s\n", row->dflt);
	}
}

/* A cell: the bar would end it, and <placeholders> would be tags. */
static void print_cell(const char *text)
{
	putchar(' ');
	for (; *text; text++) {
		if (*text == '|')
			putchar('\\');
		putchar(*text);
	}
	fputs(" |", stdout);
}

static void settings_markdown(void)
{
	const struct ta_config_row *row;

	printf("<!-- Made by scripts/docs from runtime/wire/config.def; do not edit. -->\n"
	       "# Settings\n\n"
	       "Environment variables, read when a program starts. A value that is not allowed is\n"
	       "reported and the default is used. The same table: `tagalong help environment`.\n\n"
	       "| variable | allowed | default | meaning |\n"
	       "|---|---|---|---|\n");
	for (size_t i = 0; (row = ta_config_row(i)); i++) {
		printf("| `%s` |", row->variable);
		print_cell(row->allowed);
		print_cell(row->dflt);
		print_cell(row->text);
		putchar('\n');
	}
}

/* roff: a dot or quote in front is a request, a backslash an escape. */
static void print_roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
	putchar('\n');
}

static void settings_man(void)
{
	const struct ta_config_row *row;

	for (size_t i = 0; (row = ta_config_row(i)); i++) {
		printf(".TP\n.B %s\n", row->variable);
		print_roff(row->text);
		if (row->allowed[0])
			printf(".br\nAllowed: "), print_roff(row->allowed);
		if (row->dflt[0])
			printf(".br\nDefault: "), print_roff(row->dflt);
	}
}

static int settings(const char *format)
{
	if (!format)
		settings_text();
	else if (strcmp(format, "--markdown") == 0)
		settings_markdown();
	else if (strcmp(format, "--man") == 0)
		settings_man();
	else
		return ta_cli_bad_option("help", format,
					 (const char *const[]){ "--markdown", "--man", NULL });
	return 0;
}

int ta_cli_help(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		overview();
	else if (strcmp(argv[1], "environment") == 0)
		status = settings(argc > 2 ? argv[2] : NULL);
	else
		status = explain(argv[1]);
	return fflush(stdout) == 0 ? status : 1;
}
