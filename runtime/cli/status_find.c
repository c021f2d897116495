/* SPDX-License-Identifier: MIT */
/*
 * status_find.c - this user's agents: where they may be, and which of them run.
 *
 * An agent runs while somebody holds the lock on KEY.agent.  Programs try that lock to see
 * whether they have to start one, so we must not hold it, not even for a moment: the
 * kernel's list of locks says the same.  Only where there is no such list the lock is tried,
 * and where it may be incomplete: an agent in another pid namespace is not in it, but its
 * page says that it was alive a moment ago.
 *
 * Runs: the command line, one thread.
 */
#include "runtime/cli/status.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/agent/clock.h"
#include "runtime/agent/segments.h"
#include "runtime/cli/place.h"
#include "runtime/cli/settings.h"
#include "runtime/export/file.h"

#define FRESH_NS 5000000000ull

static void read_locks(struct status_locks *locks)
{
	FILE *file = fopen("/proc/locks", "re");
	char line[256];

	locks->known = file != NULL;
	while (file && fgets(line, sizeof(line), file)) {
		struct status_lock lock;
		unsigned long long inode;

		if (sscanf(line, "%*u: FLOCK %*s WRITE %u %x:%x:%llu", &lock.pid,
			   &lock.device_major, &lock.device_minor, &inode) != 4)
			continue;
		lock.inode = inode;
		locks->items = ta_show_alloc(locks->items,
					     (locks->count + 1) * sizeof(locks->items[0]));
		locks->items[locks->count++] = lock;
	}
	if (file)
		fclose(file);
}

static bool try_lock(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	if (fd >= 0)
		close(fd);
	return held;
}

bool ta_cli_status_locked(const struct status_locks *locks, int dir_fd, const char *name,
			  uint32_t *ret_pid)
{
	struct stat found;

	*ret_pid = 0;
	if (fstatat(dir_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode))
		return false;
	if (!locks->known)
		return try_lock(dir_fd, name);
	for (uint32_t i = 0; i < locks->count; i++) {
		const struct status_lock *lock = &locks->items[i];

		if (lock->inode != found.st_ino || lock->device_major != major(found.st_dev) ||
		    lock->device_minor != minor(found.st_dev))
			continue;
		*ret_pid = lock->pid;
		return true;
	}
	return false;
}

static struct status_agent *agent_of(struct status_view *view, const char *dir, uint32_t key)
{
	struct status_agent *agent;

	for (agent = view->agents; agent; agent = agent->next)
		if (agent->key == key && agent->run_dir == dir)
			return agent;
	agent = ta_show_alloc(NULL, sizeof(*agent));
	*agent = (struct status_agent){ .run_dir = dir, .key = key };
	*view->last_agent = agent;
	view->last_agent = &agent->next;
	return agent;
}

/* "KKKKKKKK" and what is behind it; NULL for other names. */
static const char *key_of(const char *name, uint32_t *ret_key)
{
	char digits[9];

	for (int i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return NULL;
	memcpy(digits, name, 8);
	digits[8] = '\0';
	*ret_key = (uint32_t)strtoul(digits, NULL, 16);
	return name + 8;
}

static void take_file(struct status_view *view, const char *dir, int dir_fd, const char *name)
{
	uint32_t key, pid;
	uint64_t id;
	const char *rest = key_of(name, &key);

	if (!rest)
		return;
	if (strcmp(rest, ".agent") == 0 || strcmp(rest, ".status") == 0)
		agent_of(view, dir, key);
	else if (strncmp(rest, ".journal-", 9) == 0)
		agent_of(view, dir, key)->journal = true;
	else if (ta_segment_name_parse(name, &key, &pid, &id))
		ta_cli_status_segment(agent_of(view, dir, key), dir_fd, name);
}

static void look_at_agent(struct status_view *view, struct status_agent *agent, int dir_fd)
{
	char name[32];
	uint32_t pid;

	snprintf(name, sizeof(name), "%08x.agent", agent->key);
	agent->alive = ta_cli_status_locked(&view->locks, dir_fd, name, &pid);
	agent->page = ta_status_open(dir_fd, agent->key);
	agent->other_version = !agent->page && errno == EPROTO;
	if (agent->page) {
		uint64_t alive_ns = ta_count_get(&agent->page->alive_ns);

		if (!agent->alive && alive_ns <= view->now_ns && view->now_ns - alive_ns < FRESH_NS)
			agent->alive = try_lock(dir_fd, name);
		agent->pid = (uint32_t)ta_count_get(&agent->page->pid);
	}
	if (!agent->pid)
		agent->pid = pid;
}

static void look_at_dir(struct status_view *view, const char *path)
{
	int dir_fd, error = ta_run_dir_open(path, &dir_fd);
	DIR *dir = error ? NULL : fdopendir(dir_fd);

	if (!dir) {
		view->refused += error != -ENOENT;
		if (!error)
			close(dir_fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		take_file(view, path, dir_fd, entry->d_name);
	for (struct status_agent *agent = view->agents; agent; agent = agent->next)
		if (agent->run_dir == path)
			look_at_agent(view, agent, dir_fd);
	closedir(dir);
}

static void add_dir(struct status_view *view, const char *path)
{
	if (path[0] != '/' || view->dir_count == TA_CLI_STATUS_DIRS || strlen(path) >= PATH_MAX)
		return;
	for (uint32_t i = 0; i < view->dir_count; i++)
		if (strcmp(view->dirs[i], path) == 0)
			return;
	strcpy(view->dirs[view->dir_count++], path);
}

/* A file of a process, with a zero behind it; its bytes, or 0. */
static size_t read_proc(const char *pid, const char *what, char *out, size_t out_bytes)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, what);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, out, out_bytes - 1) : 0;

	if (fd >= 0)
		close(fd);
	out[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0 ? (size_t)bytes : 0;
}

/* "tagalong agent --run-dir DIR --key HEX" */
static void add_dir_of_agent(struct status_view *view, const char *pid)
{
	char text[PATH_MAX + 256];
	struct stat found;

	read_proc(pid, "comm", text, sizeof(text));
	if (strcmp(text, "tagalong-agent\n") != 0)
		return;
	snprintf(text, sizeof(text), "/proc/%s", pid);
	if (stat(text, &found) != 0 || found.st_uid != geteuid())
		return;
	size_t bytes = read_proc(pid, "cmdline", text, sizeof(text));

	for (const char *at = text; at < text + bytes; at += strlen(at) + 1)
		if (strcmp(at, "--run-dir") == 0 && at + 10 < text + bytes)
			add_dir(view, at + 10);
}

static void add_dirs_of_agents(struct status_view *view)
{
	DIR *dir = opendir("/proc");

	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
		if (isdigit((unsigned char)entry->d_name[0]))
			add_dir_of_agent(view, entry->d_name);
	if (dir)
		closedir(dir);
}

static void add_dirs(struct status_view *view, const struct ta_cli_settings *settings)
{
	char path[PATH_MAX];

	add_dir(view, settings->run_dir);
	snprintf(path, sizeof(path), "/dev/shm/tagalong-%u", geteuid());
	add_dir(view, path);
	snprintf(path, sizeof(path), "/tmp/tagalong-%u", geteuid());
	add_dir(view, path);
	add_dirs_of_agents(view);
}

/* Those of the run directories, the configured one, and the one of the user's state. */
static void look_at_spools(struct status_view *view, const struct ta_cli_settings *settings,
			   bool only_here)
{
	char path[PATH_MAX + 16];

	for (uint32_t i = 0; i < view->dir_count; i++) {
		snprintf(path, sizeof(path), "%s/spool", view->dirs[i]);
		ta_cli_status_spools(view, path);
	}
	if (only_here)
		return;
	if (settings->config.spool_dir[0] &&
	    ta_cli_absolute(settings->cwd, settings->config.spool_dir, path) == 0)
		ta_cli_status_spools(view, path);
	if (ta_file_state_path(environ, "tagalong/spool", path, sizeof(path)) == 0)
		ta_cli_status_spools(view, path);
}

void ta_cli_status_look(struct status_view *view, const struct ta_cli_settings *settings,
			const char *run_dir)
{
	*view = (struct status_view){ .dir_count = 0 };
	view->last_agent = &view->agents;
	view->last_spool = &view->spools;
	view->now_ns = ta_unix_now_ns();
	read_locks(&view->locks);
	if (run_dir)
		add_dir(view, run_dir);
	else
		add_dirs(view, settings);
	for (uint32_t i = 0; i < view->dir_count; i++)
		look_at_dir(view, view->dirs[i]);
	look_at_spools(view, settings, run_dir != NULL);
}

static void free_agent(struct status_agent *agent)
{
	for (struct status_program *at = agent->programs, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	ta_status_close(agent->page);
	free(agent);
}

void ta_cli_status_free(struct status_view *view)
{
	for (struct status_agent *at = view->agents, *next; at; at = next) {
		next = at->next;
		free_agent(at);
	}
	for (struct status_spool *at = view->spools, *next; at; at = next) {
		next = at->next;
		free(at);
	}
	free(view->locks.items);
	*view = (struct status_view){ .dir_count = 0 };
}

int ta_cli_status_alive(const struct status_view *view)
{
	int count = 0;

	for (const struct status_agent *at = view->agents; at; at = at->next)
		count += at->alive;
	return count;
}
