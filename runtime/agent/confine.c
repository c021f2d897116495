/* SPDX-License-Identifier: MIT */
/*
 * confine.c - capabilities, limits and a system call filter of the agent.
 *
 * The filter refuses, with an error that libraries know how to live with, and lets
 * everything else through: a list of what is allowed would have to know what resolvers,
 * TLS libraries and libc's next version call.  clone3 is refused as unknown, because a
 * filter cannot see its flags; libc takes clone then.
 *
 * Runs: agent, once.  See seccomp(2), capabilities(7).
 */
#include "runtime/agent/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN_BIT 0x40000000u /* x32 */
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define FOREIGN_BIT 0x80000000u
#endif

#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)

/* ---- capabilities ---- */

/* Of root: files wherever the user wants them, reading the programs that it serves (their
 * workers may be other users), its place in the queue for the processor, a port to be scraped. */
static const uint64_t kept = 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
			     1ull << CAP_SYS_PTRACE | 1ull << CAP_SYS_NICE |
			     1ull << CAP_NET_BIND_SERVICE | 1ull << CAP_CHECKPOINT_RESTORE;

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		return -errno;
	/* What a program of ours could get by exec.  Only a process that may set them can. */
	for (unsigned long bit = 0; prctl(PR_CAPBSET_READ, bit, 0, 0, 0) >= 0; bit++)
		if (!(kept >> bit & 1))
			prctl(PR_CAPBSET_DROP, bit, 0, 0, 0);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(kept >> (32 * i));

		data[i].permitted &= mask;
		data[i].effective = data[i].permitted;
		data[i].inheritable &= mask;
	}
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

/* ---- the filter ---- */

#ifdef ARCHITECTURE

#define WORD(field) ((uint32_t)offsetof(struct seccomp_data, field)) /* little-endian: the low half */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WORD(field))
#define ANSWER(errno_or_0)                                                                         \
	BPF_STMT(BPF_RET | BPF_K,                                                                  \
		 (errno_or_0) ? SECCOMP_RET_ERRNO | (errno_or_0) : SECCOMP_RET_ALLOW)
/* One number: refused. */
#define REFUSE(name, error)                                                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ANSWER(error)
/* One number: the rest is decided on an argument; count instructions follow. */
#define ON(name, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, (count))

/* Reading: threads are stopped, looked at and let go. */
#define ALLOW_REQUEST(request) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (request), 0, 1), ANSWER(0)

/* An argument with a bit of the mask is refused. */
#define REFUSE_BITS(argument, mask, error)                                                         \
	LOAD(argument), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (mask), 0, 1), ANSWER(error), ANSWER(0)

static const struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	ANSWER(EPERM),
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FOREIGN_BIT, 0, 1),
	ANSWER(EPERM),

	/* Into other processes. */
	REFUSE(process_vm_writev, EPERM),
	REFUSE(kcmp, EPERM),
#ifdef SYS_pidfd_getfd
	REFUSE(pidfd_getfd, EPERM),
#endif
#ifdef SYS_process_madvise
	REFUSE(process_madvise, EPERM),
#endif
	/* Out of this place. */
	REFUSE(unshare, EPERM),
	REFUSE(setns, EPERM),
	REFUSE(chroot, EPERM),
	REFUSE(pivot_root, EPERM),
	REFUSE(mount, EPERM),
	REFUSE(umount2, EPERM),
#ifdef SYS_open_tree
	REFUSE(open_tree, EPERM),
	REFUSE(move_mount, EPERM),
	REFUSE(fsopen, EPERM),
	REFUSE(fsmount, EPERM),
#endif
#ifdef SYS_mount_setattr
	REFUSE(mount_setattr, EPERM),
#endif
	REFUSE(open_by_handle_at, EPERM),
	REFUSE(clone3, ENOSYS),
	/* Into the kernel. */
	REFUSE(init_module, EPERM),
	REFUSE(finit_module, EPERM),
	REFUSE(delete_module, EPERM),
	REFUSE(kexec_load, EPERM),
#ifdef SYS_kexec_file_load
	REFUSE(kexec_file_load, EPERM),
#endif
	REFUSE(bpf, EPERM),
	REFUSE(perf_event_open, EPERM),
	REFUSE(userfaultfd, EPERM),
#ifdef SYS_io_uring_setup
	REFUSE(io_uring_setup, ENOSYS),
	REFUSE(io_uring_enter, ENOSYS),
	REFUSE(io_uring_register, ENOSYS),
#endif
	REFUSE(add_key, EPERM),
	REFUSE(request_key, EPERM),
	REFUSE(keyctl, EPERM),
	/* Of the machine. */
	REFUSE(reboot, EPERM),
	REFUSE(swapon, EPERM),
	REFUSE(swapoff, EPERM),
	REFUSE(settimeofday, EPERM),
	REFUSE(clock_settime, EPERM),
	REFUSE(clock_adjtime, EPERM),
	REFUSE(adjtimex, EPERM),
	REFUSE(acct, EPERM),
	REFUSE(quotactl, EPERM),
	REFUSE(syslog, EPERM),
	REFUSE(sethostname, EPERM),
	REFUSE(setdomainname, EPERM),
	REFUSE(personality, EPERM),
	REFUSE(vhangup, EPERM),
#ifdef SYS_iopl
	REFUSE(iopl, EPERM),
	REFUSE(ioperm, EPERM),
	REFUSE(modify_ldt, EPERM),
#endif
	/* Somebody else. */
	REFUSE(setuid, EPERM),
	REFUSE(setgid, EPERM),
	REFUSE(setreuid, EPERM),
	REFUSE(setregid, EPERM),
	REFUSE(setresuid, EPERM),
	REFUSE(setresgid, EPERM),
	REFUSE(setgroups, EPERM),
	REFUSE(setfsuid, EPERM),
	REFUSE(setfsgid, EPERM),

	/* Code of its own making. */
	ON(mmap, 5),
	LOAD(args[2]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 0, 1),
	ANSWER(EACCES),
	ANSWER(0),
	ON(mprotect, 4),
	REFUSE_BITS(args[2], PROT_EXEC, EACCES),
	ON(pkey_mprotect, 4),
	REFUSE_BITS(args[2], PROT_EXEC, EACCES),

	ON(clone, 4),
	REFUSE_BITS(args[0], NAMESPACES, EPERM),

	/* The network, and libc's questions about it. */
	ON(socket, 10),
	LOAD(args[0]),
	ALLOW_REQUEST(AF_UNIX),
	ALLOW_REQUEST(AF_INET),
	ALLOW_REQUEST(AF_INET6),
	ALLOW_REQUEST(AF_NETLINK),
	ANSWER(EAFNOSUPPORT),

	ON(ptrace, 22),
	LOAD(args[0]),
	ALLOW_REQUEST(PTRACE_SEIZE),
	ALLOW_REQUEST(PTRACE_INTERRUPT),
	ALLOW_REQUEST(PTRACE_GETREGSET),
	ALLOW_REQUEST(PTRACE_GETSIGINFO),
	ALLOW_REQUEST(PTRACE_PEEKTEXT),
	ALLOW_REQUEST(PTRACE_PEEKDATA),
	ALLOW_REQUEST(PTRACE_ATTACH),
	ALLOW_REQUEST(PTRACE_CONT),
	ALLOW_REQUEST(PTRACE_LISTEN),
	ALLOW_REQUEST(PTRACE_DETACH),
	ANSWER(EPERM),

	ANSWER(0),
};

static int install_filter(void)
{
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(*filter),
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0 ? 0 : -errno;
}

#else /* no filter for this architecture */

static int install_filter(void)
{
	return -ENOSYS;
}

#endif

int ta_confine(void)
{
	/* A core would be a copy of everybody's requests. */
	const struct rlimit no_core = { 0, 0 };
	int core_error = setrlimit(RLIMIT_CORE, &no_core) == 0 ? 0 : -errno;
	int capability_error = drop_capabilities();
	int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? install_filter() : -errno;

	if (!error)
		error = capability_error;
	return error ? error : core_error;
}
