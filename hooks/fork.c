/* SPDX-License-Identifier: MIT */
/*
 * fork.c - children that share nothing, and children that share everything.
 *
 * Handlers of pthread_atfork do the work for fork, daemon and forkpty; _Fork and
 * clone run none and are served here.  A fork that goes around all of them is
 * noticed by the page that reads zero in a child (preload/init.c).
 *
 * A span that the child's programs will name is published before it is there.
 *
 * A vfork child runs on its parent's memory, thread-local storage included: while
 * it does, every hook of that thread passes straight through.
 *
 * Runs: forking thread, child.  No locks.
 */
#include "hooks/hook.h"

#include <sched.h>
#include <stdarg.h>
#include <unistd.h>

#include "runtime/core/alone.h"
#include "runtime/core/process_span.h"

/* In the parent, with what the call returned. */
static void note_parent(long result)
{
	int saved_errno = errno;

	if (ta_runtime.enabled && !ta_tls.passive && ta_tls.fork_token)
		ta_process_forked_parent(result);
	errno = saved_errno;
}

TA_HOOK pid_t fork(void)
{
	pid_t child = TA_REAL(fork)();

	if (child != 0)
		note_parent(child);
	return child;
}

TA_HOOK pid_t __fork(void);
TA_HOOK pid_t __fork(void)
{
	pid_t child = TA_REAL(__fork)();

	if (child != 0)
		note_parent(child);
	return child;
}

TA_HOOK pid_t _Fork(void)
{
	ta_process_fork_prepare();
	pid_t child = TA_REAL(_Fork)();

	if (child != 0) {
		note_parent(child);
	} else {
		int saved_errno = errno;

		ta_process_fork_child();
		errno = saved_errno;
	}
	return child;
}

TA_HOOK int forkpty(int *master, char *name, const struct termios *terminal,
		    const struct winsize *size)
{
	int child = TA_REAL(forkpty)(master, name, terminal, size);

	if (child != 0)
		note_parent(child);
	if (child > 0)
		ta_fd_forget(*master);
	return child;
}

/* A child that takes leave of its session is about to live a life of its own. */
TA_HOOK pid_t setsid(void)
{
	pid_t session = TA_REAL(setsid)();

	if (session > 0 && ta_runtime.enabled && !ta_tls.passive)
		ta_process_detaches();
	return session;
}

/* daemon makes a new 0, 1 and 2, by calls that nobody can see. */
TA_HOOK int daemon(int keep_dir, int keep_streams)
{
	int result = TA_REAL(daemon)(keep_dir, keep_streams);

	if (result == 0 && ta_runtime.enabled && !ta_tls.passive)
		ta_process_detaches();
	for (int fd = 0; fd < 3 && result == 0 && !keep_streams; fd++)
		ta_fd_forget(fd);
	return result;
}

/* ---- clone ---- */

/* A child that shares memory and this thread's thread-local storage: nobody can
 * tell the two apart, so both are left alone. */
static bool shares_thread(int flags)
{
	return flags & CLONE_VM && !(flags & CLONE_SETTLS);
}

TA_HOOK int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
	va_list list;

	va_start(list, argument);
	pid_t *parent_tid = va_arg(list, pid_t *);
	void *tls = va_arg(list, void *);
	pid_t *child_tid = va_arg(list, pid_t *);

	va_end(list);
	uint8_t passive = ta_tls.passive;

	if ((flags & CSIGNAL) != SIGCHLD && !(flags & CLONE_THREAD))
		ta_runtime.clone_children = true;
	if (!(flags & CLONE_VM))
		ta_process_fork_prepare();
	else if (shares_thread(flags))
		ta_tls.passive = 1;
	if (flags & CLONE_VM && !(flags & CLONE_VFORK))
		ta_is_threaded();
	int child = TA_REAL(clone)(run, stack, flags, argument, parent_tid, tls, child_tid);

	if (!(flags & CLONE_VM))
		note_parent(child);
	else if (flags & CLONE_VFORK || child < 0)
		ta_tls.passive = passive;
	return child;
}

/* ---- vfork ---- */

#if defined(__x86_64__)
/*
 * The child returns through our frame and its later calls overwrite it, so the
 * return address is kept in a register that the system call preserves (as libc
 * does it).  The byte is cleared by whoever comes back second: the parent.
 */
_Static_assert(offsetof(struct ta_tls, passive) == 18, "the assembly below names the offset");
__asm__(".pushsection .text\n"
	".globl vfork\n"
	".globl __vfork\n"
	".type vfork, @function\n"
	".type __vfork, @function\n"
	".balign 16\n"
	"vfork:\n"
	"__vfork:\n"
	".cfi_startproc\n"
	"	endbr64\n"
	"	subq $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call ta_process_span_forking\n"
	"	addq $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	movq ta_tls@gottpoff(%rip), %rdx\n"
	"	movzbl %fs:18(%rdx), %r8d\n" /* already passive (a vfork child of a vfork child) */
	"	movb $1, %fs:18(%rdx)\n"
	"	popq %rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_register %rip, %rdi\n"
	"	movl $58, %eax\n"
	"	syscall\n"
	"	pushq %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"	testq %rax, %rax\n"
	"	jz 1f\n"
	"	movb %r8b, %fs:18(%rdx)\n"
	"	js 2f\n"
	"1:	ret\n"
	"2:	negl %eax\n"
	"	pushq %rax\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call __errno_location@PLT\n"
	"	popq %rdx\n"
	".cfi_adjust_cfa_offset -8\n"
	"	movl %edx, (%rax)\n"
	"	movl $-1, %eax\n"
	"	ret\n"
	".cfi_endproc\n"
	".size vfork, .-vfork\n"
	".size __vfork, .-__vfork\n"
	".popsection\n");
#else
/* Without the assembly a vfork would leave the parent's state to the child: a
 * plain fork is what POSIX allows in its place. */
TA_HOOK pid_t vfork(void)
{
	return fork();
}

TA_HOOK pid_t __vfork(void);
TA_HOOK pid_t __vfork(void)
{
	return fork();
}
#endif
