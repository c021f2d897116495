/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - what the files of `tagalong doctor` share.
 *
 * doctor.c reads the command line and prints; doctor_install.c looks at the installation
 * and a program's file, doctor_machine.c at the machine, doctor_receivers.c at where traces
 * go (doctor_probe.c connects), doctor_process.c at a running process, with doctor_proc.c
 * (what the kernel says of it), doctor_segment.c (lanes and losses) and doctor_agent.c.
 *
 * Nothing is changed but the run directory, which is made when it is missing; nothing is
 * asked of the process or of its agent.
 *
 * Runs: the command line, one thread.
 */
#ifndef TA_CLI_DOCTOR_H
#define TA_CLI_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/cli/checks.h"
#include "runtime/cli/settings.h"
#include "runtime/export/buf.h"
#include "runtime/wire/segment.h"

struct ta_doctor {
	struct ta_cli_findings findings; /* they come here */
	const char *about;		 /* of which thing the next ones are; a word of JSON */
	bool json;
	bool probe; /* connect to the receivers */
	uint32_t problems, count;
	struct ta_buf document; /* with json */
	char library[PATH_MAX]; /* "" when it is not there */
};

/* ---- doctor_install.c, doctor_machine.c, doctor_receivers.c, doctor_probe.c ---- */

void ta_doctor_library(struct ta_doctor *doctor);
void ta_doctor_program(struct ta_doctor *doctor, const char *name,
		       const struct ta_cli_settings *settings);
void ta_doctor_run_dir(struct ta_doctor *doctor, const struct ta_cli_settings *settings);
void ta_doctor_file(struct ta_doctor *doctor, const struct ta_cli_settings *settings);
void ta_doctor_trials(struct ta_doctor *doctor, const struct ta_cli_settings *settings);
void ta_doctor_machine(struct ta_doctor *doctor, const struct ta_cli_settings *settings);
void ta_doctor_receivers(struct ta_doctor *doctor, const struct ta_cli_settings *settings);

#define TA_DOCTOR_SAID_BYTES 256

/* Looks url's host up and connects to its port, in a process of its own that is ended after
 * some seconds.  0, or -1 with what went wrong and what to do. */
int ta_doctor_probe(const char *url, char ret_said[TA_DOCTOR_SAID_BYTES]);

/* ---- doctor_proc.c ---- */

/* A process, as far as /proc shows it to us. */
struct ta_doctor_proc {
	uint32_t pid, inner_pid; /* the second in its own pid namespace */
	char name[64];
	char state; /* as ps has it */
	uid_t uid;  /* effective */
	int seccomp; /* 0 none, 1 strict, 2 filter */
	bool readable; /* its maps, environment and links */
	bool secure;   /* AT_SECURE: it got rights when it was executed */
	char root[32]; /* "/proc/PID/root" in another mount namespace, else "" */
	char exe[PATH_MAX], cwd[PATH_MAX];
	char *environ_text, **environ_items; /* as it was started; NULL at the end */
};

/* 0 or -errno (-ESRCH: there is none).  readable tells about the rest. */
int ta_doctor_proc_read(struct ta_doctor_proc *proc, uint32_t pid);
void ta_doctor_proc_free(struct ta_doctor_proc *proc);

/* A file that a process has mapped, for the first time in the order of addresses. */
struct ta_doctor_mapping {
	uint64_t start, bytes, inode;
	char path[PATH_MAX];
	bool deleted;
};

/* Calls visit for every mapping of a file until it returns false.  0 or -errno. */
typedef bool ta_doctor_visit_fn(void *user, const struct ta_doctor_mapping *mapping);
int ta_doctor_maps(uint32_t pid, ta_doctor_visit_fn *visit, void *user);

/* One line of a small file of /proc or /sys, without its end; "" when it cannot be had. */
void ta_doctor_line(const char *path, char *out, size_t out_bytes);

/* ---- doctor_process.c ---- */

void ta_doctor_process(struct ta_doctor *doctor, uint32_t pid);

/* ---- doctor_segment.c ---- */

/* What is read of a segment: a copy, believed as far as ta_segment_check() goes. */
struct ta_doctor_segment {
	char dir[PATH_MAX]; /* the run directory, as we reach it */
	uint32_t key;
	bool deleted;
	uint64_t inode;
	bool half_full; /* a lane is */
	struct ta_segment *header; /* with its directory; NULL: it could not be read */
};

void ta_doctor_segment(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
		       const struct ta_doctor_mapping *mapping, struct ta_doctor_segment *segment);

/* ---- doctor_agent.c ---- */

void ta_doctor_agent(struct ta_doctor *doctor, const struct ta_doctor_proc *proc,
		     const struct ta_cli_settings *settings,
		     const struct ta_doctor_segment *segment);

#endif
