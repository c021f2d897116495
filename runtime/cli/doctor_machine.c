/* SPDX-License-Identifier: MIT */
/*
 * doctor_machine.c - what of this machine, and of the limits set here, makes traces less.
 *
 * All of these are notes: a program is traced without them, with less.  The numbers are
 * those of preload/segment_file.c and core/arena.c.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/cli/status.h"
#include "runtime/wire/crash.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define SHARE_OF_LIMIT 32u	      /* of the address space, for the segment and for tables */
#define TABLES_BYTES (19ull << 20)    /* when nothing makes them smaller, about */
#define DESCRIPTORS 65536u	      /* numbers below are followed */
#define LANES_LEAST 2u

static unsigned long long mib(uint64_t bytes)
{
	return bytes >> 20;
}

/* ---- where segments are ---- */

static void check_memory(struct ta_doctor *doctor, const char *dir)
{
	struct statfs fs;

	doctor->about = "shm";
	if (statfs(dir, &fs) != 0)
		return; /* said of the run directory */
	uint64_t block = (uint64_t)fs.f_bsize;

	if (fs.f_type != TMPFS_MAGIC && (uint64_t)fs.f_type != RAMFS_MAGIC)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "%s is on a disk: what is recorded gets written there; mount a tmpfs on "
			    "/dev/shm, or set TAGALONG_RUN_DIR to a directory in memory", dir);
	else
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "%s is in memory: %llu MiB, %llu MiB free", dir,
			    mib((uint64_t)fs.f_blocks * block), mib((uint64_t)fs.f_bavail * block));
}

static void check_left_over(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	static struct status_view view;
	uint32_t segments = 0, strange = 0;

	doctor->about = "left_over";
	ta_cli_status_look(&view, settings, settings->run_dir);
	for (const struct status_agent *at = view.agents; at; at = at->next) {
		if (at->alive)
			continue;
		segments += at->program_count;
		strange += at->unreadable;
	}
	if (segments)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "%u segment%s in %s without an agent: save what is in there: tagalong "
			    "drain %s", segments, segments == 1 ? "" : "s", settings->run_dir,
			    settings->run_dir);
	if (strange)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "%u segment%s in %s of another version, or damaged, without an agent: "
			    "drain with the tagalong that made it, or remove it when its program has "
			    "ended", strange, strange == 1 ? "" : "s", settings->run_dir);
	ta_cli_status_free(&view);
}

/* ---- limits ---- */

static uint64_t limit_of(__rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

static void check_address_space(struct ta_doctor *doctor, const struct ta_config *config)
{
	uint64_t space = limit_of(RLIMIT_AS), data = limit_of(RLIMIT_DATA);
	uint64_t lanes = space / SHARE_OF_LIMIT / config->lane_bytes;

	if (lanes < config->lanes)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "ulimit -v %llu: %llu lanes instead of %llu: so many threads can record "
			    "at once; raise it", (unsigned long long)(space >> 10),
			    (unsigned long long)(lanes < LANES_LEAST ? LANES_LEAST : lanes),
			    (unsigned long long)config->lanes);
	if ((space < data ? space : data) / SHARE_OF_LIMIT < TABLES_BYTES)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "ulimit -%s: the tables of connections, requests and spans shrink to a "
			    "%uth of it; raise it", space < data ? "v" : "d", SHARE_OF_LIMIT);
}

static void check_file_size(struct ta_doctor *doctor, const struct ta_config *config)
{
	uint64_t limit = limit_of(RLIMIT_FSIZE);
	uint64_t least = ta_segment_header_bytes(LANES_LEAST) + LANES_LEAST * config->lane_bytes +
			 TA_CRASH_BYTES;
	uint64_t whole = ta_segment_header_bytes((uint32_t)config->lanes) +
			 config->lanes * config->lane_bytes + TA_CRASH_BYTES;

	if (limit < least)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "ulimit -f allows files of %llu KiB, a segment needs %llu: nothing is "
			    "traced; raise it", (unsigned long long)(limit >> 10),
			    (unsigned long long)(least >> 10));
	else if (limit < whole)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "ulimit -f allows files of %llu KiB, all lanes need %llu: fewer threads "
			    "can record at once; raise it", (unsigned long long)(limit >> 10),
			    (unsigned long long)(whole >> 10));
}

static void check_limits(struct ta_doctor *doctor, const struct ta_config *config)
{
	uint64_t files = limit_of(RLIMIT_NOFILE);
	uint32_t before = doctor->count;

	doctor->about = "limits";
	check_address_space(doctor, config);
	check_file_size(doctor, config);
	if (files > DESCRIPTORS)
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "ulimit -n is above %u: connections with higher numbers than that are "
			    "not followed (fd_range); a program that has so many open wants a lower "
			    "limit", DESCRIPTORS);
	if (doctor->count == before)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "limits (ulimit -v -d -f -n) take nothing");
}

/* ---- kernel ---- */

static void check_ptrace(struct ta_doctor *doctor)
{
	char line[16];
	int scope;

	doctor->about = "ptrace";
	ta_doctor_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof(line));
	scope = atoi(line);
	if (scope == 0 || (scope < 3 && geteuid() == 0))
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "ptrace is allowed: crash reports have the stacks of all threads");
	else
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "kernel.yama.ptrace_scope is %d: crash reports have the stack of the "
			    "thread that crashed only; sysctl kernel.yama.ptrace_scope=0%s", scope,
			    scope == 3 ? " (it needs a reboot)" : ", or run as root");
}

static bool has_steady_counter(void)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
#else
	return false;
#endif
}

static void check_clock(struct ta_doctor *doctor)
{
	char source[64];

	doctor->about = "clock";
	ta_doctor_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
		       sizeof(source));
	if (has_steady_counter())
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "times are read from the processor's counter%s%s%s",
			    source[0] ? " (clock source of the kernel: " : "", source,
			    source[0] ? ")" : "");
	else if (strcmp(source, "tsc") == 0 || strcmp(source, "arch_sys_counter") == 0)
		ta_cli_find(&doctor->findings, TA_CLI_OK,
			    "times are the kernel's, by %s", source);
	else
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "this processor has no counter that can be relied on, and the kernel's "
			    "clock source is %s: each time costs a system call; on a machine that "
			    "allows it: clocksource=tsc", source[0] ? source : "not known");
}

static bool wipes_on_fork(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return true;
	bool works = madvise(page, 4096, MADV_WIPEONFORK) == 0;

	munmap(page, 4096);
	return works;
}

static bool reads_itself(void)
{
	char from = 1, to = 0;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static bool has_call(long number)
{
	return syscall(number, NULL, 0, 0, NULL, 0) >= 0 || (errno != ENOSYS && errno != EPERM);
}

static void check_kernel(struct ta_doctor *doctor)
{
	uint32_t before = doctor->count;

	doctor->about = "kernel";
	if (!wipes_on_fork())
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "this kernel has no MADV_WIPEONFORK (Linux 4.14): children that are made "
			    "by a raw system call are taken for their parents; a newer kernel has it");
	if (!reads_itself())
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "process_vm_readv is not allowed here (a container's seccomp profile): "
			    "stacks of crashes and errors are shorter; allow it in the profile");
	if (!has_call(SYS_futex_waitv))
		ta_cli_find(&doctor->findings, TA_CLI_NOTE,
			    "this kernel has no futex_waitv (Linux 5.16): the agent looks at its "
			    "programs by the clock, which costs it some processor time");
	if (access("/proc/self/stat", R_OK) != 0)
		ta_cli_find(&doctor->findings, TA_CLI_PROBLEM,
			    "/proc is not mounted: neither library nor agent work: mount it");
	if (doctor->count == before)
		ta_cli_find(&doctor->findings, TA_CLI_OK, "the kernel has everything that is used");
}

void ta_doctor_machine(struct ta_doctor *doctor, const struct ta_cli_settings *settings)
{
	check_memory(doctor, settings->run_dir);
	check_left_over(doctor, settings);
	check_limits(doctor, &settings->config);
	check_ptrace(doctor);
	check_clock(doctor);
	check_kernel(doctor);
}
