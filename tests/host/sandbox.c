/* SPDX-License-Identifier: MIT */
/*
 * sandbox.c - children that lock themselves in: seccomp (strict, and a filter
 * that kills on every call that the plain program does not make), limits at
 * zero, an empty chroot, another user.  They serve an accepted connection.
 *
 * Victim: args='strict|filter|filter_self|nofile0|nofile16|nproc0|fsize0|as|chroot|setuid|all|stack' root runs=3
 */
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "victim.h"

static int client, server;
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int strict; /* even close is forbidden */

/* Only read, write, close, exit: no say() in here but through write. */
static void serve(void)
{
	char buffer[256];

	for (int i = 0; i < 50; i++) {
		ssize_t got = read(server, buffer, sizeof(buffer));

		if (got <= 0 || write(server, answer, sizeof(answer) - 1) != (ssize_t)sizeof(answer) - 1) {
			write(1, "serve: failed\n", 14);
			break;
		}
	}
	if (!strict && close(server))
		write(1, "close: failed\n", 14);
	write(1, "served\n", 7);
}

static void filter(void)
{
	static const int allowed[] = {SYS_read, SYS_write, SYS_close, SYS_exit, SYS_exit_group, SYS_rt_sigreturn};
	struct sock_filter program[32];
	unsigned short used = 0;
	size_t count = sizeof(allowed) / sizeof(allowed[0]);

	program[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		program[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)allowed[i],
							       (unsigned char)(count - i), 0);
	program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){used, program}) == 0);
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
	TRY(setrlimit(what, &(struct rlimit){value, value}));
}

static void empty_root(void)
{
	char path[] = "root-XXXXXX"; /* the runner removes the directory that it is in */

	NEED(mkdtemp(path) && chdir(path) == 0 && chroot(".") == 0);
	TRY(rmdir("."));
	TRY(open("/etc/passwd", O_RDONLY));
}

static void other_user(void)
{
	NEED(setgroups(0, NULL) == 0 && setgid(65534) == 0);
	TRY(setuid(65534));
	TRY(setuid(0));
}

static void *nothing(void *argument) { return argument; }

static void more_work(void)
{
	int pair[2] = {-1, -1};
	pthread_t thread;

	TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	say("pair %d %d\n", pair[0], pair[1]);
	TRY(dup(server));
	TRY(pthread_create(&thread, NULL, nothing, NULL));
	say("fork %d\n", (int)fork() < 0 ? -1 : 0);
}

static void lock_in(const char *how)
{
	if (!strcmp(how, "nofile0"))
		limit(RLIMIT_NOFILE, 0);
	if (!strcmp(how, "nofile16"))
		limit(RLIMIT_NOFILE, 16);
	if (!strcmp(how, "fsize0"))
		limit(RLIMIT_FSIZE, 0);
	if (!strcmp(how, "stack"))
		limit(RLIMIT_STACK, 65536);
	if (!strcmp(how, "as"))
		limit(RLIMIT_AS, 200u << 20);
	if (!strcmp(how, "nproc0")) {
		limit(RLIMIT_NPROC, 0);
		other_user();
		more_work();
	}
	if (!strcmp(how, "chroot"))
		empty_root();
	if (!strcmp(how, "setuid"))
		other_user();
	if (!strcmp(how, "all")) {
		empty_root();
		limit(RLIMIT_NOFILE, 0);
		limit(RLIMIT_FSIZE, 0);
		limit(RLIMIT_NPROC, 0);
		other_user();
		filter();
	}
	strict = !strcmp(how, "strict");
	if (strict)
		NEED(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
	if (!strcmp(how, "filter"))
		filter();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "filter";
	char buffer[256];
	pid_t child;

	tcp_pair(&client, &server);
	if (!strcmp(how, "filter_self")) {
		write_full(client, "GET /self HTTP/1.1\r\n\r\n", 22);
		shutdown(client, SHUT_WR);
		filter();
		NEED(read(server, buffer, sizeof(buffer)) == 22);
		NEED(write(server, answer, sizeof(answer) - 1) > 0);
		NEED(close(server) == 0);
		say("served\n");
		return 3;
	}
	child = fork();
	NEED(child >= 0);
	if (child == 0) {
		close(client);
		lock_in(how);
		serve();
		syscall(SYS_exit, 5);
	}
	close(server);
	for (int i = 0; i < 50; i++) {
		if (send(client, "GET /sandbox HTTP/1.1\r\nHost: x\r\n\r\n", 34, MSG_NOSIGNAL) != 34)
			break;
		if (read_full(client, buffer, sizeof(answer) - 1) != sizeof(answer) - 1) {
			say("no answer to %d\n", i);
			break;
		}
	}
	reap(how, child);
	return 0;
}
