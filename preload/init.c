/* SPDX-License-Identifier: MIT */
/*
 * init.c - start and stop order, and the only place that decides "active or
 * quiet".
 *
 * Order: real symbols, settings, segment, fork page, agent.  Anything that fails
 * on the way leaves the library quiet: hooks pass through, nothing is printed,
 * nothing is kept open.  Runs before other constructors (priority 101).
 *
 * Quiet from the start: another libc than glibc, TAGALONG_DISABLED, OTEL_SDK_DISABLED,
 * include and exclude lists, setuid programs (AT_SECURE), a second copy of the library.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "hooks/crash.h"
#include "hooks/throws.h"
#include "preload/baseline.h"
#include "preload/real.h"
#include "preload/segment_file.h"
#include "preload/spawn.h"
#include "preload/starter.h"
#include "runtime/core/abort_message.h"
#include "runtime/core/arena.h"
#include "runtime/core/clock.h"
#include "runtime/core/conn.h"
#include "runtime/core/crash.h"
#include "runtime/core/crumb.h"
#include "runtime/core/ends.h"
#include "runtime/core/fd.h"
#include "runtime/core/id.h"
#include "runtime/core/modules.h"
#include "runtime/core/process_carried.h"
#include "runtime/core/process_span.h"
#include "runtime/core/runtime.h"
#include "runtime/core/sys.h"
#include "runtime/core/thread.h"
#include "runtime/include/tagalong.h"
#include "runtime/protocol/traceparent.h"

extern const struct tagalong_api tagalong_api_v1;

/* glibc's own; weak for those that have it not. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
			     void *library) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static char wipe_page[TA_WIRE_PAGE] __attribute__((aligned(4096)));
static char exe_path[512];
static char cwd_path[4096];

/* ---- what the environment says ---- */

static const char *env_value(char *const *envp, const char *name)
{
	size_t length = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
			return *envp + length + 1;
	return "";
}

static const char *program_file(void)
{
	const char *slash = strrchr(exe_path, '/');

	return slash ? slash + 1 : exe_path;
}

static const char *program_name(void)
{
	long bytes = ta_sys(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", exe_path,
			    sizeof(exe_path) - 1);

	exe_path[bytes > 0 ? bytes : 0] = '\0';
	return program_file();
}

/* Under TAGALONG_FOLLOW=0 `tagalong run` names the one process to be traced.
 * Without it, a program whose parent has a segment is a child of a traced one. */
static bool is_unfollowed(const struct ta_config *config, char *const *envp, uint32_t pid)
{
	const char *root = env_value(envp, "TAGALONG_ROOT_PID");
	char run_dir[TA_RUN_DIR_MAX];

	if (config->follow)
		return false;
	if (*root)
		return strtoul(root, NULL, 10) != pid;
	int dir_fd = ta_run_dir_open(config, run_dir);
	bool unfollowed = dir_fd >= 0 && ta_run_dir_has(dir_fd, (uint32_t)ta_sys(SYS_getppid));

	if (dir_fd >= 0)
		ta_sys(SYS_close, dir_fd);
	return unfollowed;
}

static bool is_second_copy(void)
{
	return dlsym(RTLD_DEFAULT, "tagalong_api_v1") != (const void *)&tagalong_api_v1;
}

static bool is_our_command(void)
{
	return strcmp(program_file(), "tagalong") == 0;
}

static bool wanted(const struct ta_config *config, char *const *envp, uint32_t pid)
{
	if (getauxval(AT_SECURE) || is_second_copy() || !ta_config_wants(config, program_name()))
		return false;
	/* Our own command preloads itself and starts programs that need not be traced. */
	ta_runtime.by_environment = *env_value(envp, "LD_PRELOAD") != '\0' && !is_our_command();
	ta_runtime.unfollowed = is_unfollowed(config, envp, pid);
	return !ta_runtime.unfollowed;
}

/* ---- identity ---- */

/* Not AT_RANDOM's bytes: they are the program's stack protector, and ids, which are made
 * from the seed, go to others. */
static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (ta_sys(SYS_getrandom, &seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = ta_now_ns() ^ (uint64_t)(uintptr_t)&seed; /* its address is random, too */
	return seed;
}

static uint8_t propagation(const char *word)
{
	if (strcmp(word, "none") == 0)
		return TA_PROPAGATE_NONE;
	return strcmp(word, "extract") == 0 ? TA_PROPAGATE_EXTRACT : TA_PROPAGATE_INJECT;
}

static uint8_t propagators(const char *list)
{
	uint8_t found = ta_config_matches(list, "tracecontext") ? TA_PROPAGATOR_TRACECONTEXT : 0;

	found |= ta_config_matches(list, "baggage") ? TA_PROPAGATOR_BAGGAGE : 0;
	found |= ta_config_matches(list, "sentry") ? TA_PROPAGATOR_SENTRY : 0;
	if (found == 0 && !ta_config_matches(list, "none"))
		found = TA_PROPAGATOR_TRACECONTEXT | TA_PROPAGATOR_BAGGAGE;
	return found;
}

static void set_runtime(const struct ta_config *config, const struct ta_segment_plan *plan)
{
	struct ta_traceparent parent;

	ta_runtime.outward = config->outward;
	ta_runtime.commands = config->commands;
	ta_runtime.query_text = config->query_text;
	/* Our own command says itself what it does. */
	ta_runtime.processes = config->processes && !is_our_command();
	ta_runtime.propagate = propagation(config->propagate);
	ta_runtime.propagators = propagators(config->propagators);
	ta_runtime.propagate_to_all = strcmp(config->propagate_to, "all") == 0;
	ta_runtime.threads = config->threads;
	ta_runtime.signals = config->signals;
	ta_runtime.http = config->http;
	ta_runtime.follow = config->follow;
	ta_runtime.exit_wait_ms = (uint32_t)config->exit_wait_ms;
	ta_runtime.crash_wait_ms = (uint32_t)config->crash_wait_ms;
	ta_runtime.agentless = strcmp(config->agent, "none") == 0;
	ta_runtime.crashes = config->crashes;
	ta_runtime.child_deaths = config->child_deaths;
	ta_runtime.exit_events = (uint8_t)ta_exit_events(config->exit_status);
	ta_runtime.stacks = config->stacks;
	ta_runtime.breadcrumbs = ta_crumb_kinds(config->breadcrumbs);
	ta_runtime.proc_id = plan->proc_id;
	ta_runtime.seed = plan->seed;
	ta_runtime.pid = plan->pid;
	ta_runtime.creator = true;
	ta_runtime.sampler = ta_sampler_load(config, NULL, NULL);
	if (!ta_traceparent_parse(plan->traceparent, strlen(plan->traceparent), &parent))
		return;
	ta_runtime.remote.trace_hi = parent.trace_hi;
	ta_runtime.remote.trace_lo = parent.trace_lo;
	ta_runtime.remote.span_id = parent.span_id;
	ta_runtime.remote.flags =
		ta_sampling_flags(parent.trace_lo, ta_parent_decided(parent.flags));
}

/* ---- pieces of the start ---- */

static void set_fork_page(void)
{
	ta_wipe = (struct ta_wipe *)(void *)wipe_page;
	atomic_store(&ta_wipe->alive, 1);
	/* An old kernel says no: then only forks that hooks see are noticed. */
	ta_sys(SYS_madvise, wipe_page, sizeof(wipe_page), MADV_WIPEONFORK);
}

/* A connection that was accepted for us and came over exec (inetd, sshd -R). */
static void adopt_standard_input(void)
{
	struct sockaddr_storage peer;
	socklen_t bytes = sizeof(peer);
	struct stat input, other;

	if (ta_sys(SYS_getpeername, 0, &peer, &bytes) != 0 ||
	    (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
		return;
	/* One connection, served by the whole program: what it starts is part of it. */
	atomic_store_explicit(&ta_runtime.serving, true, memory_order_relaxed);
	ta_conn_accepted(0, &peer, bytes, 0);
	atomic_store_explicit(&ta_runtime.serving, false, memory_order_relaxed);
	ta_context_leave_conn(ta_tls.thread);
	if (ta_sys(SYS_newfstatat, 0, "", &input, AT_EMPTY_PATH) != 0)
		return;
	for (int fd = 1; fd < 3; fd++)
		if (ta_sys(SYS_newfstatat, fd, "", &other, AT_EMPTY_PATH) == 0 &&
		    other.st_dev == input.st_dev && other.st_ino == input.st_ino)
			ta_fd_duplicated(0, fd);
}

/* Whether whoever put TRACEPARENT into the environment did it for us (hooks/spawn_env.c). */
static bool is_meant(const char *starter, const struct ta_starter_query *query)
{
	if (strncmp(starter, "self-", 5) == 0)
		return strtoul(starter + 5, NULL, 10) == query->pid;
	return strncmp(starter, "parent-", 7) == 0 &&
	       strtoul(starter + 7, NULL, 10) == query->parent_pid;
}

/* TRACEPARENT, or what the parent process says: if nobody meant TRACEPARENT for us, it may
 * have been left in the environment from an earlier start. */
static const char *find_parent(int dir_fd, char *const *envp, uint32_t pid, char *out)
{
	const char *const carried[TA_CARRIED_COUNT] = { env_value(envp, "TRACEPARENT"),
							env_value(envp, "TRACESTATE"),
							env_value(envp, "BAGGAGE") };
	const char *text = carried[TA_CARRIED_TRACEPARENT];
	struct ta_starter_query query = { .dir_fd = dir_fd,
					  .pid = pid,
					  .parent_pid = (uint32_t)ta_sys(SYS_getppid) };
	struct ta_traceparent given, found = { .span_id = 0 };
	bool is_given = ta_traceparent_parse(text, strlen(text), &given);

	query.certain = is_given;
	if (!(is_given && is_meant(env_value(envp, "TAGALONG_STARTER"), &query)) &&
	    ta_starter_find(&query, &found)) {
		bool same = is_given && found.trace_hi == given.trace_hi &&
			    found.trace_lo == given.trace_lo;

		text = "";
		if (found.span_id) {
			ta_traceparent_format(&found, out);
			text = out;
		}
		is_given = same && found.span_id;
	}
	ta_carried_set(carried, is_given);
	return text;
}

static bool make_segment(const struct ta_config *config, char *const *envp, uint32_t pid)
{
	uint64_t seed = random_seed();
	struct ta_id_source ids = { .state = seed, .salt = pid };
	bool has_cwd = ta_sys(SYS_getcwd, cwd_path, sizeof(cwd_path)) > 0;
	struct ta_segment_plan plan = { .exe = exe_path,
					.proc_id = ta_id_next(&ids),
					.seed = seed,
					.pid = pid,
					.key = ta_config_key(config, envp,
							     has_cwd ? cwd_path : "") };
	char run_dir[TA_RUN_DIR_MAX];
	char traceparent[TA_TRACEPARENT_BYTES + 1];
	int dir_fd = ta_run_dir_open(config, run_dir);

	if (dir_fd < 0)
		return false;
	plan.traceparent = find_parent(dir_fd, envp, pid, traceparent);
	ta_runtime.segment = ta_segment_create(dir_fd, config, &plan);
	if (ta_runtime.segment && !ta_arena_init(ta_runtime.segment->lane_count))
		ta_runtime.segment = NULL; /* left to the agent, which removes what is never used */
	if (ta_runtime.segment) {
		set_runtime(config, &plan);
		ta_clock_init();
		ta_process_span_init(program_file());
		ta_runtime.root = ta_runtime.exit_events == TA_EXIT_EVENTS_PROGRAM &&
				  !ta_run_dir_has(dir_fd, (uint32_t)ta_sys(SYS_getppid));
		ta_agent_spawn(config, dir_fd, run_dir, plan.key, envp);
	}
	ta_sys(SYS_close, dir_fd);
	return ta_runtime.segment != NULL;
}

/* The last that exit() calls, libraries' destructors included; registered before main. */
static void stop(int status, void *nothing)
{
	(void)nothing;
	if (ta_runtime.enabled && !ta_tls.passive) {
		int saved_errno = errno;

		ta_process_check();
		ta_process_ending(status);
		errno = saved_errno;
	}
}

static void begin_to_look(const struct ta_config *config)
{
	__register_atfork(ta_process_fork_prepare, NULL, ta_process_fork_child, &__dso_handle);
	on_exit(stop, NULL);
	ta_runtime.enabled = true;
	ta_modules_init();
	ta_abort_message_init(dlvsym(RTLD_DEFAULT, "__abort_msg", "GLIBC_PRIVATE"));
	ta_crash_init(dlsym(RTLD_DEFAULT, "abort"));
	ta_crash_install();
	if (strcmp(config->exceptions, "all") == 0)
		ta_throws_install();
}

/* A program that was started under a trace says so before anything can happen to it. */
static void publish_span(void)
{
	struct ta_context unused;

	if (ta_runtime.processes && ta_runtime.remote.span_id && ta_thread_self())
		ta_process_span_lend(ta_tls.thread, &unused);
}

__attribute__((constructor(101))) static void start(int argc, char **argv, char **envp)
{
	struct ta_config config;
	int saved_errno = errno;
	uint32_t pid = (uint32_t)ta_sys(SYS_getpid);

	(void)argc;
	(void)argv;
	ta_real_resolve();
	/* Others hand no arguments to constructors. */
	if (!gnu_get_libc_version)
		return;
	ta_config_load(&config, envp, NULL, NULL);
	if (wanted(&config, envp, pid) && make_segment(&config, envp, pid)) {
		set_fork_page();
		begin_to_look(&config);
		publish_span();
		adopt_standard_input();
	}
	errno = saved_errno;
}
