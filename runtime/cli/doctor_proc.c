/* SPDX-License-Identifier: MIT */
/*
 * doctor_proc.c - what the kernel says of a process.
 *
 * Everybody may read /proc/PID/status; maps, environment and links only who could trace
 * the process: its user while it is not setuid or made undumpable, and root.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/doctor.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENVIRON_BYTES (2u << 20) /* more than the kernel lets a program have by default */

static int open_proc(uint32_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, what);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void ta_doctor_line(const char *path, char *out, size_t out_bytes)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(out, (int)out_bytes, file))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void take_status(struct ta_doctor_proc *proc, const char *line)
{
	unsigned int real, effective;

	if (sscanf(line, "Uid: %u %u", &real, &effective) == 2)
		proc->uid = effective;
	if (strncmp(line, "NSpid:", 6) == 0)
		proc->inner_pid = (uint32_t)strtoul(strrchr(line, '\t'), NULL, 10);
	if (strncmp(line, "Name:\t", 6) == 0)
		snprintf(proc->name, sizeof(proc->name), "%.*s", (int)strcspn(line + 6, "\n"),
			 line + 6);
	sscanf(line, "State: %c", &proc->state);
	sscanf(line, "Seccomp: %d", &proc->seccomp);
}

static int read_status(struct ta_doctor_proc *proc)
{
	char path[64], line[512];

	snprintf(path, sizeof(path), "/proc/%u/status", proc->pid);
	FILE *file = fopen(path, "re");

	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fgets(line, sizeof(line), file))
		take_status(proc, line);
	fclose(file);
	return proc->state ? 0 : -ESRCH;
}

static bool read_link(uint32_t pid, const char *what, char *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, what);
	ssize_t bytes = readlink(path, out, PATH_MAX - 1);

	out[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0;
}

/* All of a file that has no size; NULL, or with a zero behind it. */
static char *read_all(int fd, size_t *ret_bytes)
{
	char *text = malloc(ENVIRON_BYTES + 1);
	ssize_t got;

	*ret_bytes = 0;
	while (text && *ret_bytes < ENVIRON_BYTES &&
	       (got = read(fd, text + *ret_bytes, ENVIRON_BYTES - *ret_bytes)) > 0)
		*ret_bytes += (size_t)got;
	if (text)
		text[*ret_bytes] = '\0';
	return text;
}

static void read_environ(struct ta_doctor_proc *proc)
{
	int fd = open_proc(proc->pid, "environ");
	size_t bytes = 0, count = 0, at;

	if (fd < 0)
		return;
	proc->environ_text = read_all(fd, &bytes);
	close(fd);
	for (at = 0; at < bytes; at++)
		count += !proc->environ_text[at];
	proc->environ_items = calloc(count + 2, sizeof(char *));
	if (!proc->environ_items || !proc->environ_text)
		return;
	for (at = 0, count = 0; at < bytes; at += strlen(proc->environ_text + at) + 1)
		proc->environ_items[count++] = proc->environ_text + at;
}

static bool read_secure(uint32_t pid)
{
	Elf64_auxv_t entry;
	bool secure = false;
	int fd = open_proc(pid, "auxv");

	while (fd >= 0 && read(fd, &entry, sizeof(entry)) == (ssize_t)sizeof(entry))
		secure |= entry.a_type == AT_SECURE && entry.a_un.a_val;
	if (fd >= 0)
		close(fd);
	return secure;
}

static bool other_mounts(uint32_t pid)
{
	char theirs[PATH_MAX], ours[PATH_MAX];

	return read_link(pid, "ns/mnt", theirs) &&
	       read_link((uint32_t)getpid(), "ns/mnt", ours) && strcmp(theirs, ours) != 0;
}

int ta_doctor_proc_read(struct ta_doctor_proc *proc, uint32_t pid)
{
	*proc = (struct ta_doctor_proc){ .pid = pid, .inner_pid = pid };
	int error = read_status(proc);

	if (error)
		return error;
	int fd = open_proc(pid, "maps");

	proc->readable = fd >= 0;
	if (fd < 0)
		return 0;
	close(fd);
	read_link(pid, "exe", proc->exe);
	read_link(pid, "cwd", proc->cwd);
	read_environ(proc);
	proc->secure = read_secure(pid);
	if (other_mounts(pid))
		snprintf(proc->root, sizeof(proc->root), "/proc/%u/root", pid);
	return 0;
}

void ta_doctor_proc_free(struct ta_doctor_proc *proc)
{
	free(proc->environ_text);
	free(proc->environ_items);
}

/* "START-END PERMS OFFSET DEV INODE   PATH" */
static bool take_mapping(const char *line, struct ta_doctor_mapping *mapping)
{
	static const char gone[] = " (deleted)";
	uint64_t end;
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64 " %n", &mapping->start,
		   &end, &mapping->inode, &path) != 3 || line[path] != '/')
		return false;
	mapping->bytes = end - mapping->start;
	snprintf(mapping->path, sizeof(mapping->path), "%.*s", (int)strcspn(line + path, "\n"),
		 line + path);
	size_t bytes = strlen(mapping->path), tail = sizeof(gone) - 1;

	mapping->deleted = bytes > tail && strcmp(mapping->path + bytes - tail, gone) == 0;
	if (mapping->deleted)
		mapping->path[bytes - tail] = '\0';
	return true;
}

int ta_doctor_maps(uint32_t pid, ta_doctor_visit_fn *visit, void *user)
{
	static struct ta_doctor_mapping mapping;
	char path[64], *line = NULL;
	size_t capacity = 0;
	bool more = true;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	while (more && getline(&line, &capacity, file) > 0)
		if (take_mapping(line, &mapping))
			more = visit(user, &mapping);
	free(line);
	fclose(file);
	return 0;
}
