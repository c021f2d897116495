/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - `tagalong doctor`: can this be traced, is it, and if not, why.
 *
 * One line per finding: ok, note or problem, and what to do.  Findings have names of
 * files and processes in them, which may be anything: no control character gets by.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/cli.h"

struct options {
	const char *program; /* or NULL */
	uint32_t pid;	     /* or 0 */
};

/* ---- what is found ---- */

static void print_clean(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

		putchar(*at < ' ' || *at == 0x7f || c1 ? '?' : *at);
		at += c1;
	}
}

static void put_member(struct ta_buf *document, const char *name, const char *value)
{
	ta_buf_puts(document, name);
	ta_buf_put_json(document, value, strlen(value));
}

static void note_finding(void *user, enum ta_cli_level level, const char *text)
{
	static const char *const words[] = { "ok", "note", "problem" };
	struct ta_doctor *doctor = user;

	doctor->problems += level == TA_CLI_PROBLEM;
	if (doctor->json) {
		ta_buf_puts(&doctor->document, doctor->count ? ",{" : "{");
		put_member(&doctor->document, "\"level\":", words[level]);
		put_member(&doctor->document, ",\"about\":", doctor->about);
		put_member(&doctor->document, ",\"text\":", text);
		ta_buf_putc(&doctor->document, '}');
	} else {
		printf("%-8s", words[level]);
		print_clean(text);
		putchar('\n');
	}
	doctor->count++;
}

static void note_setting(void *user, const struct ta_config_warning *warning)
{
	struct ta_doctor *doctor = user;
	char text[TA_CLI_REASON_BYTES];

	if (ta_cli_settings_words(warning, text, sizeof(text)))
		ta_cli_find(&doctor->findings, TA_CLI_NOTE, "%s", text);
}

static void put_document(struct ta_doctor *doctor)
{
	struct ta_buf *document = &doctor->document;

	ta_buf_puts(document, "],\"problems\":");
	ta_buf_put_u64(document, doctor->problems);
	ta_buf_puts(document, "}\n");
	if (document->failed)
		doctor->problems++;
	else
		fwrite(document->data, 1, document->bytes, stdout);
	ta_buf_fini(document);
}

/* ---- what is looked at ---- */

static int load_settings(struct ta_doctor *doctor, struct ta_cli_settings *settings)
{
	int error = ta_cli_settings_init(settings);

	/* As `tagalong run` would have it. */
	if (!error && ta_cli_env_get(&settings->env, "TAGALONG_FILE")[0] == '\0')
		error = ta_cli_env_set(&settings->env, "TAGALONG_FILE", "tagalong.jsonl");
	doctor->about = "settings";
	return error ? error : ta_cli_settings_load_for(settings, note_setting, doctor);
}

static void look(struct ta_doctor *doctor, const struct options *options,
		 const struct ta_cli_settings *settings)
{
	if (options->pid) {
		ta_doctor_process(doctor, options->pid);
		return;
	}
	ta_doctor_library(doctor);
	if (options->program)
		ta_doctor_program(doctor, options->program, settings);
	ta_doctor_run_dir(doctor, settings);
	ta_doctor_file(doctor, settings);
	if (!options->program) {
		ta_doctor_trials(doctor, settings);
		ta_doctor_machine(doctor, settings);
	}
	if (!options->program || doctor->probe)
		ta_doctor_receivers(doctor, settings);
}

/* ---- the command line ---- */

static int take_pid(const char *value, uint32_t *ret_pid)
{
	char *end = NULL;
	unsigned long pid = value ? strtoul(value, &end, 10) : 0;

	if (!value || pid == 0 || pid > INT_MAX || *end || value[0] < '0' || value[0] > '9')
		return ta_cli_say("doctor: --pid wants the number of a process%s%s: `pgrep NAME` "
				  "tells it", value ? ", not " : "", value ? value : ""),
		       TA_CLI_USAGE;
	*ret_pid = (uint32_t)pid;
	return 0;
}

static int parse(struct ta_doctor *doctor, struct options *options, int argc, char **argv)
{
	static const char *const long_names[] = { "--pid", "--json", "--probe", "--help", NULL };
	int at = 1, error = 0;

	for (; at < argc && argv[at][0] == '-' && !error; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (strcmp(argv[at], "--json") == 0)
			doctor->json = true;
		else if (strcmp(argv[at], "--probe") == 0)
			doctor->probe = true;
		else if (strncmp(argv[at], "--pid=", 6) == 0)
			error = take_pid(argv[at] + 6, &options->pid);
		else if (strcmp(argv[at], "--pid") == 0 || strcmp(argv[at], "-p") == 0)
			error = take_pid(at + 1 < argc ? argv[++at] : NULL, &options->pid);
		else
			error = ta_cli_bad_option("doctor", argv[at], long_names);
	}
	if (error)
		return error;
	options->program = at < argc ? argv[at] : NULL;
	if (options->program && options->pid)
		return ta_cli_say("doctor: --pid %u and %s: give one of them", options->pid,
				  options->program), TA_CLI_USAGE;
	return 0;
}

int ta_cli_doctor(int argc, char **argv)
{
	static struct ta_cli_settings settings;
	static struct ta_doctor doctor;
	struct options options = { .program = NULL };

	doctor.findings = (struct ta_cli_findings){ note_finding, &doctor };
	int error = parse(&doctor, &options, argc, argv);

	if (error)
		return error;
	if (doctor.json)
		ta_buf_puts(&doctor.document, "{\"version\":1,\"findings\":[");
	if (!options.pid)
		error = load_settings(&doctor, &settings);
	if (error)
		return ta_cli_say("doctor: the settings cannot be read: %s", strerror(-error)), 1;
	look(&doctor, &options, &settings);
	if (doctor.json)
		put_document(&doctor);
	if (fflush(stdout) != 0)
		return 1;
	return doctor.problems ? 1 : 0;
}
