/* SPDX-License-Identifier: MIT */
/*
 * doctor_process.c - a running process: is it traced, and if not, why.
 *
 * What is mapped decides: a process that records has a segment.  Only when there is none
 * the reasons are gone through, in the order in which the library would find them.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/agent/segments.h"
#include "runtime/cli/place.h"

#define AGENT_NAME "tagalong-agent"

/* What is mapped of ours. */
struct found {
	struct ta_doctor_mapping preloaded, other, segment; /* no path: none */
};

static bool is_library(const char *path)
{
	return strncmp(strrchr(path, '/') + 1, TA_CLI_LIBRARY, strlen(TA_CLI_LIBRARY)) == 0;
}

static bool take_mapping(void *user, const struct ta_doctor_mapping *mapping)
{
	struct found *found = user;
	uint32_t key, pid;
	uint64_t id;

	if (is_library(mapping->path)) {
		if (!found->preloaded.path[0])
			found->preloaded = *mapping;
		else if (mapping->inode != found->preloaded.inode && !found->other.path[0])
			found->other = *mapping;
	} else if (!found->segment.path[0] &&
		   ta_segment_name_parse(strrchr(mapping->path, '/') + 1, &key, &pid, &id)) {
		found->segment = *mapping;
	}
	return true;
}

/* ---- the process itself ---- */

static const char *name_of(uid_t uid, char out[64])
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(out, 64, "%s", user->pw_name);
	else
		snprintf(out, 64, "user %u", uid);
	return out;
}

static void say_closed(struct ta_doctor *doctor, const struct ta_doctor_proc *proc)
{
	char user[64];

	if (geteuid() == 0)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u (%s) of %s may not be looked into, not even by root here: "
			    "ask outside of this container, or with CAP_SYS_PTRACE", proc->pid,
			    proc->name, name_of(proc->uid, user));
	else
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u (%s) of %s may not be looked into%s: ask as root: sudo "
			    "tagalong doctor --pid %u", proc->pid, proc->name,
			    name_of(proc->uid, user),
			    proc->uid == geteuid() ? ", it is protected" : " by you", proc->pid);
}

/* Whether there is anything more to be looked at. */
static bool look_at_state(struct ta_doctor *doctor, const struct ta_doctor_proc *proc)
{
	char user[64];

	doctor->about = "process";
	if (proc->state == 'Z' || proc->state == 'X') {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u (%s) has ended, and its parent has not asked how: what it "
			    "recorded is with the agent: tagalong show", proc->pid, proc->name);
		return false;
	}
	if (!proc->readable) {
		say_closed(doctor, proc);
		return false;
	}
	if (strcmp(proc->name, AGENT_NAME) == 0) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u is an agent, which is never traced itself: `tagalong status` "
			    "tells what it does", proc->pid);
		return false;
	}
	if (!proc->exe[0]) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u (%s) is a thread of the kernel: there is nothing to trace",
			    proc->pid, proc->name);
		return false;
	}
	ta_cli_find(&doctor->findings, TA_CLI_OK, "process %u (%s) of %s, %s", proc->pid,
		    proc->name, name_of(proc->uid, user), proc->exe);
	return true;
}

static void say_surroundings(struct ta_doctor *doctor, const struct ta_doctor_proc *proc)
{
	if (proc->state == 'T' || proc->state == 't')
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "it is stopped%s: nothing happens in it until it goes on%s",
			    proc->state == 't' ? " by a debugger" : "",
			    proc->state == 't' ? "" : " (kill -CONT)");
	if (proc->inner_pid != proc->pid || proc->root[0])
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "it is in a container, where it has the number %u: an agent of its own "
			    "is in there, and paths are those of the inside", proc->inner_pid);
	if (proc->seccomp)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "it is in a seccomp sandbox (%s): the library makes no system call in "
			    "it, so it wakes no agent and gets no further lanes; crashes leave no "
			    "report", proc->seccomp == 1 ? "strict" : "filter");
}

/* ---- the library ---- */

static bool same_file(const char *path, uint64_t inode)
{
	struct stat found;

	return stat(path, &found) == 0 && found.st_ino == inode;
}

static void say_library(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
			const struct found *found)
{
	char ours[PATH_MAX];

	doctor->about = "library";
	ta_cli_find(&doctor->findings, TA_CLI_OK, "preloaded: %s", found->preloaded.path);
	if (found->preloaded.deleted)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "that file was replaced or removed since it started: it runs on with "
			    "the old one; restart the program for a new one");
	else if (!proc->root[0] && ta_cli_library(ours) == 0 &&
		 !same_file(ours, found->preloaded.inode))
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "this is not the library of this tagalong (%s): if they are of different "
			    "versions, use the tagalong beside it", ours);
	if (found->other.path[0])
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "a second copy is loaded: %s: only one of them records, the other stays "
			    "quiet; name one in LD_PRELOAD", found->other.path);
}

/* ---- why there is none ---- */

static const char *variable(const struct ta_doctor_proc *proc, const char *name)
{
	size_t bytes = strlen(name);

	for (char **at = proc->environ_items; at && *at; at++)
		if (strncmp(*at, name, bytes) == 0 && (*at)[bytes] == '=')
			return *at + bytes + 1;
	return "";
}

/* The configuration that the process was started with, as it would be read there. */
static bool load_settings(const struct ta_doctor_proc *proc, struct ta_cli_settings *settings)
{
	static char *const none[] = { NULL };

	snprintf(settings->cwd, sizeof(settings->cwd), "%s", proc->cwd[0] ? proc->cwd : "/");
	return ta_cli_env_init(&settings->env, proc->environ_items ? proc->environ_items
								   : (char **)none) == 0 &&
	       ta_cli_settings_load(settings, NULL) == 0;
}

/* The file of the program as we can open it. */
static const char *program_path(const struct ta_doctor_proc *proc, char out[32])
{
	if (!proc->root[0] && access(proc->exe, F_OK) == 0)
		return proc->exe;
	snprintf(out, 32, "/proc/%u/exe", proc->pid);
	return out;
}

static void say_preload(struct ta_doctor *doctor, const struct ta_doctor_proc *proc)
{
	const char *preload = variable(proc, "LD_PRELOAD");

	if (strstr(preload, "tagalong"))
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it was started with LD_PRELOAD=%s, and that was not loaded: the file was "
			    "not there, could not be read by its user, or is built for another "
			    "system; its first line on standard error says which", preload);
	else if (preload[0])
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it was started with LD_PRELOAD=%s: the library is not in it; start it "
			    "with `tagalong run`", preload);
	else
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it was started without LD_PRELOAD (or has overwritten its "
			    "environment): a running program cannot be joined; start it with "
			    "`tagalong run`, and where something in between clears the "
			    "environment (sudo, env -i, a service manager), set LD_PRELOAD behind "
			    "that");
}

static void say_secure(struct ta_doctor *doctor)
{
	ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
		    "it got rights when it was executed (setuid, setgid or file capabilities): the "
		    "loader ignores LD_PRELOAD in it, and the library stays quiet; start it as the "
		    "user whose rights it gets");
}

static void say_not_preloaded(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
			      const struct ta_cli_settings *settings)
{
	uint32_t before = doctor->problems;
	char path[32];

	doctor->about = "library";
	ta_cli_find(&doctor->findings, TA_CLI_PROBLEM, "not preloaded: it is not traced");
	doctor->about = "program";
	if (proc->secure)
		say_secure(doctor);
	else
		ta_cli_check_program(program_path(proc, path), doctor->library, settings,
				     &doctor->findings);
	if (doctor->problems == before + 1)
		say_preload(doctor, proc);
}

/* The library is in it, and it has no segment. */
static void say_quiet(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
		      const struct ta_cli_settings *settings)
{
	const struct ta_config *config = &settings->config;
	const char *root = variable(proc, "TAGALONG_ROOT_PID");
	const char *file = strrchr(proc->exe, '/'), *wrong = NULL;

	doctor->about = "segment";
	ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
		    "it has no segment: the library is quiet, and it is not traced");
	if (!config->follow && root[0] && strtoul(root, NULL, 10) != proc->inner_pid)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it was started by a traced program under TAGALONG_FOLLOW=0 (`tagalong "
			    "run --no-follow`): leave that out and restart it");
	else if (config->disabled || config->sdk_disabled)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it was started with %s: unset that and restart it",
			    config->disabled ? "TAGALONG_DISABLED" : "OTEL_SDK_DISABLED");
	else if (proc->secure)
		say_secure(doctor);
	else if (!ta_config_wants(config, file ? file + 1 : proc->exe))
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "it is left out by TAGALONG_INCLUDE=%s or TAGALONG_EXCLUDE=%s: change "
			    "them and restart it", config->include, config->exclude);
	else if (!proc->root[0])
		wrong = ta_cli_run_dir_wrong(settings->run_dir, settings->run_dir_configured);
	if (wrong)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "its run directory %s: %s, and restart the program", settings->run_dir,
			    wrong);
	else if (doctor->problems == 1)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "its settings do not say why: when it started there was no room in its "
			    "run directory (%s), a limit left none (ulimit -v, -f), or its parent was "
			    "traced under TAGALONG_FOLLOW=0; restart it", settings->run_dir);
}

/* ---- all of it ---- */

/* As root we look with the eyes of the user, for whom other run directories and rights hold. */
static void become(uid_t uid)
{
	if (getuid() == 0 && seteuid(uid) != 0)
		return;
}

static void look(struct ta_doctor *doctor, const struct ta_doctor_proc *proc)
{
	static struct ta_cli_settings settings;
	static struct found found;
	struct ta_doctor_segment segment;

	if (ta_cli_library(doctor->library) < 0)
		doctor->library[0] = '\0';
	ta_doctor_maps(proc->pid, take_mapping, &found);
	become(proc->uid);
	bool loaded = load_settings(proc, &settings);

	if (found.preloaded.path[0])
		say_library(doctor, proc, &found);
	if (!found.segment.path[0] && loaded) {
		if (found.preloaded.path[0])
			say_quiet(doctor, proc, &settings);
		else
			say_not_preloaded(doctor, proc, &settings);
	}
	become(0);
	if (!found.segment.path[0])
		return;
	ta_doctor_segment(doctor, proc, &found.segment, &segment);
	ta_doctor_agent(doctor, proc, &settings, &segment);
	free(segment.header);
}

void ta_doctor_process(struct ta_doctor *doctor, uint32_t pid)
{
	static struct ta_doctor_proc proc;
	int error = ta_doctor_proc_read(&proc, pid);

	doctor->about = "process";
	if (error == -ESRCH) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "there is no process %u: it has ended, or is hidden from you; `pgrep NAME` "
			    "tells its number", pid);
		return;
	}
	if (error) {
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "process %u: /proc cannot be read (%s): mount it", pid, strerror(-error));
		return;
	}
	if (look_at_state(doctor, &proc)) {
		look(doctor, &proc);
		say_surroundings(doctor, &proc);
	}
	ta_doctor_proc_free(&proc);
}
