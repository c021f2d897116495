/* SPDX-License-Identifier: MIT */
/*
 * probe.c - tries what the agent must not be able to do, and what it has to.
 *
 * Started by an agent as its tagalong-stacks; the request on standard input is not
 * looked at.  Verdicts go to $HOME/probe.txt: "ok NAME", or "not ok NAME: errno".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;

static void refused(const char *name, long result, int wanted)
{
	if (result == -1 && errno == wanted)
		fprintf(out, "ok %s\n", name);
	else
		fprintf(out, "not ok %s: %ld, %s\n", name, result, strerror(errno));
}

static void works(const char *name, int good)
{
	fprintf(out, good ? "ok %s\n" : "not ok %s: %s\n", name, strerror(errno));
}

#define REFUSED(name, wanted, ...)                                                                 \
	do {                                                                                       \
		errno = 0;                                                                         \
		refused(#name, syscall(SYS_##name, ##__VA_ARGS__), wanted);                        \
	} while (0)

static pid_t start_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	return child;
}

/* Reading another process is what it is for, writing is not. */
static void try_process(pid_t child)
{
	long word = 7;
	struct iovec local = { &word, sizeof(word) }, remote = { &word, sizeof(word) };
	char registers[1024];
	struct iovec set = { registers, sizeof(registers) };

	works("process_vm_readv", process_vm_readv(child, &local, 1, &remote, 1, 0) == sizeof(word));
	REFUSED(process_vm_writev, EPERM, child, &local, 1, &remote, 1, 0);
	works("seize", ptrace(PTRACE_SEIZE, child, 0, 0) == 0);
	works("interrupt", ptrace(PTRACE_INTERRUPT, child, 0, 0) == 0);
	waitpid(child, NULL, __WALL);
	works("getregset", ptrace(PTRACE_GETREGSET, child, (void *)1, &set) == 0);
	refused("setregset", ptrace(PTRACE_SETREGSET, child, (void *)1, &set), EPERM);
	refused("pokedata", ptrace(PTRACE_POKEDATA, child, &word, 9), EPERM);
	refused("singlestep", ptrace(PTRACE_SINGLESTEP, child, 0, 0), EPERM);
	works("detach", ptrace(PTRACE_DETACH, child, 0, 0) == 0);
	refused("traceme", ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
}

static void try_places(void)
{
	REFUSED(unshare, EPERM, CLONE_NEWUSER);
	REFUSED(setns, EPERM, 0, 0);
	REFUSED(chroot, EPERM, "/");
	REFUSED(pivot_root, EPERM, "/", "/");
	REFUSED(mount, EPERM, "none", "/mnt", "tmpfs", 0, NULL);
	REFUSED(umount2, EPERM, "/proc", 0);
	REFUSED(clone, EPERM, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	REFUSED(clone3, ENOSYS, NULL, 0);
	REFUSED(open_by_handle_at, EPERM, -1, NULL, 0);
}

static void try_kernel(void)
{
	REFUSED(init_module, EPERM, NULL, 0, "");
	REFUSED(finit_module, EPERM, -1, "", 0);
	REFUSED(delete_module, EPERM, "none", 0);
	REFUSED(bpf, EPERM, 0, NULL, 0);
	REFUSED(perf_event_open, EPERM, NULL, 0, -1, -1, 0);
	REFUSED(userfaultfd, EPERM, 0);
	REFUSED(io_uring_setup, ENOSYS, 1, NULL);
	REFUSED(add_key, EPERM, "user", "x", "y", 1, -3);
	REFUSED(keyctl, EPERM, 0, 0, 0, 0, 0);
	REFUSED(kexec_load, EPERM, 0, 0, NULL, 0);
	REFUSED(reboot, EPERM, 0, 0, 0, NULL);
	REFUSED(settimeofday, EPERM, NULL, NULL);
	REFUSED(sethostname, EPERM, "x", 1);
	REFUSED(personality, EPERM, 0x0400000);
	REFUSED(syslog, EPERM, 3, NULL, 0);
}

static void try_others(void)
{
	REFUSED(setuid, EPERM, 0);
	REFUSED(setresuid, EPERM, 0, 0, 0);
	REFUSED(setgroups, EPERM, 0, NULL);
	errno = 0;
	refused("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	refused("AF_ALG", socket(38, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	refused("AF_VSOCK", socket(40, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static void try_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *both = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	refused("map both", both == MAP_FAILED ? -1 : 0, EACCES);
	refused("protect", mprotect(page, 4096, PROT_READ | PROT_EXEC), EACCES);
}

static void *nothing(void *argument)
{
	return argument;
}

static void try_needed(void)
{
	struct addrinfo *found = NULL;
	pthread_t thread;
	int file = open("/proc/self/exe", O_RDONLY), error = pthread_create(&thread, NULL, nothing, NULL);
	int status = 1;

	works("inet", socket(AF_INET, SOCK_STREAM, 0) >= 0);
	works("unix", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	works("resolve", getaddrinfo("localhost", "80", NULL, &found) == 0);
	works("thread", error == 0 && pthread_join(thread, NULL) == 0);
	works("map a library", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED);
	works("start a program", (status = system("exit 3")) != -1 && WEXITSTATUS(status) == 3);
}

int main(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/probe.txt", getenv("HOME"));
	out = fopen(path, "w");
	if (!out)
		return 1;
	pid_t child = start_child();

	try_process(child);
	try_places();
	try_kernel();
	try_others();
	try_code();
	try_needed();
	kill(child, SIGKILL);
	fputs("end\n", out);
	return fclose(out);
}
