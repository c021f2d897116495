/* SPDX-License-Identifier: MIT */
/*
 * place.c - the private directory, the program below the library, and the end of
 * both.
 *
 * The agent belongs to nobody, so this process makes itself the one that orphans
 * go to: then it can wait for the agent, and end it when something goes wrong.
 *
 * Runs: the outer process.
 */
#include "tests/conformance/replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_LIMIT_MS 45000
#define AGENT_LIMIT_MS 10000

extern char **environ;

static char private_dir[256]; /* "": nothing to clean up */

/* ---- directory ---- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static void make_clock(const char *dir)
{
	char path[320];
	int fd;

	snprintf(path, sizeof(path), "%s/run/" CLOCK_FILE, dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 8) != 0)
		fail(STATUS_UNABLE, "%s: %s", path, strerror(errno));
	close(fd);
}

void place_make(struct place *place)
{
	const char *below = getenv("TMPDIR");
	char run[320];

	snprintf(place->dir, sizeof(place->dir), "%s/tagalong-replay-XXXXXX",
		 below && *below ? below : "/tmp");
	if (!mkdtemp(place->dir))
		fail(STATUS_UNABLE, "%s: %s", place->dir, strerror(errno));
	memcpy(private_dir, place->dir, sizeof(private_dir));
	snprintf(run, sizeof(run), "%s/run", place->dir);
	if (mkdir(run, 0700) != 0)
		fail(STATUS_UNABLE, "%s: %s", run, strerror(errno));
	make_clock(place->dir);
	snprintf(place->file, sizeof(place->file), "%s/spans.jsonl", place->dir);
	snprintf(place->logs, sizeof(place->logs), "%s/spans.logs.jsonl", place->dir);
	snprintf(place->log, sizeof(place->log), "%s/agent.log", place->dir);
	snprintf(place->facts, sizeof(place->facts), "%s/facts.json", place->dir);
}

/* ---- processes ---- */

static void kill_children(void)
{
	char path[64];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (file)
		fclose(file);
}

/* Those of the killed come to us and are killed in turn. */
void place_clean(void)
{
	if (!*private_dir)
		return;
	for (int i = 0; i < 1000; i++) {
		kill_children();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			break;
		usleep(1000);
	}
	nftw(private_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	*private_dir = '\0';
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void watched_signals(sigset_t *ret_signals)
{
	static const int numbers[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP };

	sigemptyset(ret_signals);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaddset(ret_signals, numbers[i]);
}

/* Waits for the end of pid, or of everybody when it is 0.  Returns the status, -1 when
 * the time is over. */
static int wait_for(pid_t pid, long limit_ms)
{
	long until_ms = now_ms() + limit_ms;
	sigset_t signals;
	int status, number;

	watched_signals(&signals);
	for (;;) {
		pid_t ended = waitpid(-1, &status, WNOHANG);
		struct timespec a_while = { 0, 50000000 };

		if (ended < 0)
			return 0;
		if (ended > 0 && ended == pid)
			return status;
		if (ended > 0)
			continue;
		if (now_ms() >= until_ms)
			return -1;
		number = sigtimedwait(&signals, NULL, &a_while);
		if (number > 0 && number != SIGCHLD)
			fail(128 + number, "ended by signal %d", number);
	}
}

/* ---- the program below the library ---- */

struct environment {
	char *items[512];
	unsigned int count;
};

static void set(struct environment *environment, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void set(struct environment *environment, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		need(NULL);
	va_end(arguments);
	if (environment->count + 1 < sizeof(environment->items) / sizeof(*environment->items))
		environment->items[environment->count++] = text;
}

static bool is_ours(const char *variable)
{
	static const char *const ours[] = { "TAGALONG_", "OTEL_", "LD_PRELOAD=", "TRACEPARENT=",
					    "TRACESTATE=" };

	for (unsigned int i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

/* A variable of ours, or a file beside this program. */
static void find_file(const char *variable, const char *name, char *path, size_t size)
{
	const char *said = getenv(variable);
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length > 0 ? length : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	if (said && *said)
		snprintf(path, size, "%s", said);
	else
		snprintf(path, size, "%.*s/%s", (int)(size - strlen(name) - 2), self, name);
	if (access(path, R_OK) != 0)
		fail(STATUS_UNABLE, "%s: %s (see %s)", path, strerror(errno), variable);
}

/* What the traces profile leaves to the agent's own choice is kept from happening
 * in the others: there everything is to come out at the end. */
static void set_flush(struct environment *environment, const cJSON *scenario)
{
	const cJSON *config = json_item(scenario, "config");
	enum profile profile = PROFILE_SCOPES;
	bool traces = json_profile(scenario, &profile) && profile == PROFILE_TRACES;
	double max_spans = json_number(config, "max_spans", traces ? 100 : 1000000);
	double interval_s = json_number(config, "flush_interval", traces ? 10 : 3600);

	set(environment, "TAGALONG_MAX_SPANS=%.0f", max_spans);
	set(environment, "TAGALONG_FLUSH_INTERVAL_MS=%.0f", interval_s * 1000);
	set(environment, "TAGALONG_MAX_TRACE_SPANS=10000000");
	set(environment, "TAGALONG_MAX_TRACE_AGE_MS=86400000");
}

/* The older SDKs never keep more than a hundred breadcrumbs. */
static void set_scopes(struct environment *environment, const cJSON *scenario)
{
	const cJSON *config = json_item(scenario, "config");
	enum profile profile = PROFILE_SCOPES;
	double crumbs = json_number(config, "max_breadcrumbs", 100);

	if (json_profile(scenario, &profile) && profile == PROFILE_HUBS)
		crumbs = fmin(crumbs, 100);
	set(environment, "TAGALONG_MAX_BREADCRUMBS=%.0f", crumbs);
	set(environment, "TAGALONG_TRACES_SAMPLE_RATE=%g",
	    json_number(config, "traces_sample_rate", 1));
}

static void make_environment(struct environment *environment, const struct place *place,
			     const cJSON *scenario)
{
	char library[PATH_MAX], agent[PATH_MAX];

	find_file("TAGALONG_LIBRARY", "libtagalong.so", library, sizeof(library));
	find_file("TAGALONG_TEST_AGENT", "tagalong-test-agent", agent, sizeof(agent));
	for (char **variable = environ; *variable; variable++)
		if (!is_ours(*variable))
			set(environment, "%s", *variable);
	set(environment, "LD_PRELOAD=%s", library);
	set(environment, "TAGALONG_AGENT=%s", agent);
	set(environment, "TAGALONG_RUN_DIR=%s/run", place->dir);
	set(environment, "TAGALONG_FILE=%s", place->file);
	set(environment, "TAGALONG_LOG=%s", place->log);
	set(environment, "TAGALONG_LOG_LEVEL=debug");
	set(environment, "TAGALONG_THREADS=false");
	set(environment, "TAGALONG_SIGNALS=false");
	set(environment, "TAGALONG_AGENT_LINGER_MS=0");
	set(environment, "TAGALONG_PROCESSES=0");
	set_flush(environment, scenario);
	set_scopes(environment, scenario);
}

static void run_program(struct environment *environment, const struct place *place,
			const char *scenario_path, pid_t parent)
{
	const char *arguments[] = { "tagalong-replay", "--inside", scenario_path, place->facts,
				    NULL };
	sigset_t signals;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_UNABLE);
	watched_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	execve("/proc/self/exe", (char **)(uintptr_t)arguments, environment->items);
	_exit(127);
}

int place_run(struct place *place, const char *scenario_path, const cJSON *scenario)
{
	struct environment environment = { .count = 0 };
	pid_t parent = getpid(), pid;
	sigset_t signals;
	int status;

	make_environment(&environment, place, scenario);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	watched_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	pid = fork();
	if (pid < 0)
		fail(STATUS_UNABLE, "fork: %s", strerror(errno));
	if (pid == 0)
		run_program(&environment, place, scenario_path, parent);
	status = wait_for(pid, RUN_LIMIT_MS);
	if (status == -1)
		fail(STATUS_UNABLE, "the program does not end");
	if (WIFSIGNALED(status))
		fail(STATUS_UNABLE, "the program was ended by signal %d", WTERMSIG(status));
	if (wait_for(0, AGENT_LIMIT_MS) == -1)
		fail(STATUS_UNABLE, "the agent does not end");
	return WEXITSTATUS(status);
}
