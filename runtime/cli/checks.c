/* SPDX-License-Identifier: MIT */
/*
 * checks.c - what stands in the way of tracing a program.
 *
 * What no file tells is not guessed at: inline system calls, RTLD_DEEPBIND, and a
 * library that is loaded later.
 */
#include "runtime/cli/checks.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/cli/elf.h"
#include "runtime/cli/script.h"
#include "runtime/cli/settings.h"

#define SCRIPTS_MAX 5 /* as deep as the kernel follows them */

void ta_cli_find(const struct ta_cli_findings *findings, enum ta_cli_level level,
		 const char *format, ...)
{
	char text[TA_CLI_REASON_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	findings->note(findings->user, level, text);
}

/* From a script to the binary that runs it.  False when there is none. */
static bool follow_scripts(char *path, const char *search_path,
			   const struct ta_cli_findings *findings)
{
	char interpreter[PATH_MAX];
	struct ta_elf elf;

	for (int depth = 0; depth < SCRIPTS_MAX; depth++) {
		if (ta_elf_read(path, &elf) != -ENOEXEC)
			return true;
		int error = ta_cli_script_interpreter(path, search_path, interpreter);

		if (error == -ENOENT) {
			ta_cli_find(findings, TA_CLI_PROBLEM,
				    "%s: its interpreter %s was not found: install it, or change "
				    "the #! line", path, interpreter);
			return false;
		}
		if (error)
			strcpy(interpreter, "/bin/sh"); /* what execvp and shells do */
		ta_cli_find(findings, TA_CLI_OK, "%s: a script%s, run by %s", path,
			    error ? " without a #! line" : "", interpreter);
		strcpy(path, interpreter);
	}
	ta_cli_find(findings, TA_CLI_PROBLEM, "%s: scripts run by scripts, too deep", path);
	return false;
}

static bool same_machine(const char *path, const struct ta_elf *elf, const char *library,
			 const struct ta_cli_findings *findings)
{
	struct ta_elf ours;

	if (ta_elf_read(library[0] ? library : "/proc/self/exe", &ours) < 0)
		return true;
	if (elf->class == ours.class && elf->data == ours.data && elf->machine == ours.machine)
		return true;
	ta_cli_find(findings, TA_CLI_PROBLEM,
		    "%s: a program for %s (%d bit), the library is for %s (%d bit): use a "
		    "tagalong built for %s", path, ta_elf_machine_name(elf->machine),
		    elf->class == ELFCLASS32 ? 32 : 64, ta_elf_machine_name(ours.machine),
		    ours.class == ELFCLASS32 ? 32 : 64, ta_elf_machine_name(elf->machine));
	return false;
}

static void check_loader(const char *path, const struct ta_elf *elf,
			 const struct ta_cli_findings *findings)
{
	const char *advice = "nothing can be preloaded into it: build it dynamically";

	if (elf->shared)
		ta_cli_find(findings, TA_CLI_PROBLEM, "%s: a shared library, not a program", path);
	else if (elf->go)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: a Go program%s: Go makes its system calls itself and passes the C "
			    "library by; use OpenTelemetry's Go instrumentation", path,
			    elf->interpreter[0] ? "" : ", statically linked");
	else if (!elf->interpreter[0])
		ta_cli_find(findings, TA_CLI_PROBLEM, "%s: statically linked%s: %s", path,
			    elf->dynamic ? " (static-pie)" : "", advice);
	else if (strstr(elf->interpreter, "ld-musl"))
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: linked with musl (%s), the library needs glibc: use a build of the "
			    "program for glibc", path, elf->interpreter);
	else if (access(elf->interpreter, X_OK) < 0)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: its loader %s is missing: install the C library it was built for",
			    path, elf->interpreter);
	else
		ta_cli_find(findings, TA_CLI_OK, "%s: dynamic, %s, loader %s", path,
			    ta_elf_machine_name(elf->machine), elf->interpreter);
	if (elf->uring)
		ta_cli_find(findings, TA_CLI_NOTE,
			    "%s: uses io_uring: what it does that way is not seen; if it has a "
			    "setting for epoll, use that", path);
}

/* The address sanitizer as a library looks whether it is the first one, and ends the program if it
 * is not, unless it is told to let that be. */
static bool refuses_others(const struct ta_elf *elf, const struct ta_cli_settings *settings)
{
	static const char *const words[] = { "0", "no", "false" };
	const char *options = ta_cli_env_get(&settings->env, "ASAN_OPTIONS");
	const char *at = strstr(options, "verify_asan_link_order=");
	bool told = false;

	for (size_t i = 0; at && i < sizeof(words) / sizeof(*words); i++)
		told |= strncmp(at + strlen("verify_asan_link_order="), words[i],
				strlen(words[i])) == 0;
	return elf->asan && !told;
}

static void check_sanitizer(const char *path, const struct ta_elf *elf,
			    const struct ta_cli_settings *settings,
			    const struct ta_cli_findings *findings)
{
	if (refuses_others(elf, settings))
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: its address sanitizer ends it when another library is loaded "
			    "before it: add verify_asan_link_order=0 to ASAN_OPTIONS, or link the "
			    "sanitizer statically", path);
}

bool ta_cli_ends_preloaded(const char *path, const struct ta_cli_settings *settings)
{
	struct ta_elf elf;

	return ta_elf_read(path, &elf) == 0 && refuses_others(&elf, settings);
}

/* Programs that get rights by being executed are started without LD_PRELOAD. */
static void check_privileges(const char *path, const struct ta_cli_findings *findings)
{
	struct stat found;
	char value[64];

	if (stat(path, &found) < 0)
		return;
	bool user = (found.st_mode & S_ISUID) && found.st_uid != geteuid();
	bool group = (found.st_mode & S_ISGID) && (found.st_mode & S_IXGRP) &&
		     found.st_gid != getegid();
	bool caps = getxattr(path, "security.capability", value, sizeof(value)) > 0;

	if (user || group)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: set%sid: the loader ignores LD_PRELOAD in it; trace it as the user "
			    "it belongs to", path, user ? "u" : "g");
	else if (found.st_mode & (S_ISUID | S_ISGID))
		ta_cli_find(findings, TA_CLI_NOTE,
			    "%s: set%sid: can be traced by you, not by other users", path,
			    found.st_mode & S_ISUID ? "u" : "g");
	if (caps && geteuid() != 0)
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: has file capabilities: the loader ignores LD_PRELOAD in it; remove "
			    "them (setcap -r) or trace it as root", path);
	else if (caps)
		ta_cli_find(findings, TA_CLI_NOTE,
			    "%s: has file capabilities: can be traced by root, not by other users",
			    path);
}

static void check_settings(const char *path, const struct ta_cli_settings *settings,
			   const struct ta_cli_findings *findings)
{
	const char *slash = strrchr(path, '/');
	const struct ta_config *config = &settings->config;

	if (config->disabled || config->sdk_disabled)
		ta_cli_find(findings, TA_CLI_PROBLEM, "%s is set: nothing is traced; unset it",
			    config->disabled ? "TAGALONG_DISABLED" : "OTEL_SDK_DISABLED");
	else if (!ta_config_wants(config, slash ? slash + 1 : path))
		ta_cli_find(findings, TA_CLI_PROBLEM,
			    "%s: left out by TAGALONG_INCLUDE=%s or TAGALONG_EXCLUDE=%s", path,
			    config->include, config->exclude);
}

void ta_cli_check_program(const char *path, const char *library,
			  const struct ta_cli_settings *settings,
			  const struct ta_cli_findings *findings)
{
	char binary[PATH_MAX];
	struct ta_elf elf;

	snprintf(binary, sizeof(binary), "%s", path);
	if (!follow_scripts(binary, ta_cli_env_get(&settings->env, "PATH"), findings))
		return;
	int error = ta_elf_read(binary, &elf);

	if (error == -EACCES) /* may be executable without being readable */
		ta_cli_find(findings, TA_CLI_NOTE, "%s: cannot be read, so not looked at", binary);
	else if (error)
		ta_cli_find(findings, TA_CLI_PROBLEM, "%s: %s", binary,
			    error == -EINVAL ? "a damaged ELF file" : strerror(-error));
	else if (same_machine(binary, &elf, library, findings))
		check_loader(binary, &elf, findings);
	if (!error)
		check_sanitizer(binary, &elf, settings, findings);
	check_privileges(binary, findings);
	check_settings(binary, settings, findings);
}

static void keep_first_problem(void *user, enum ta_cli_level level, const char *text)
{
	char *reason = user;

	if (level == TA_CLI_PROBLEM && !reason[0])
		snprintf(reason, TA_CLI_REASON_BYTES, "%s", text);
}

bool ta_cli_why_untraceable(const char *path, const char *library,
			    const struct ta_cli_settings *settings,
			    char ret_reason[TA_CLI_REASON_BYTES])
{
	const struct ta_cli_findings findings = { keep_first_problem, ret_reason };

	ret_reason[0] = '\0';
	ta_cli_check_program(path, library, settings, &findings);
	return ret_reason[0] != '\0';
}
