/* SPDX-License-Identifier: MIT */
/*
 * zoo.c - programs that die of a signal, each in a way of its own.
 *
 *     zoo NAME [ARGUMENT]
 *
 * Each has a tag and a span around its death, and most of them a thread that waits; the
 * function that dies has the victim's name.  What a victim writes to standard output has to
 * be the same with and without the library.
 */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tagalong.h>
#include <ucontext.h>
#include <unistd.h>

#define FAR __attribute__((noinline, noclone))

static const char *argument = "";
static volatile int sink;
static volatile int *volatile nowhere;

/* The usual death. */
FAR static void null_write(void)
{
	*nowhere = 1;
	sink++;
}

/* ---- threads ---- */

static sem_t ready;

static void *wait_for_ever(void *unused)
{
	sem_post(&ready);
	for (;;)
		pause();
	return unused;
}

static void start_waiters(int count)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, &small, wait_for_ever, NULL) != 0)
			exit(90);
	for (int i = 0; i < count; i++)
		sem_wait(&ready);
	usleep(10000); /* they are in pause() */
}

/* ---- pointers ---- */

static int read_through(const volatile int *at)
{
	return *at;
}

FAR static void null_read(void)
{
	sink = read_through(nowhere);
	sink++;
}

FAR static void null_call(void)
{
	void (*volatile call)(void) = NULL;

	call();
	sink++;
}

FAR static void garbage_jump(void)
{
	void (*volatile call)(void) = (void (*)(void))(uintptr_t)0x123456789000;

	call();
	sink++;
}

FAR static void non_canonical_jump(void)
{
	void (*volatile call)(void) = (void (*)(void))(uintptr_t)0xdeadbeefdeadbeef;

	call();
	sink++;
}

FAR static void data_jump(void)
{
	static char data[64];
	void (*volatile call)(void) = (void (*)(void))(uintptr_t)data;

	call();
	sink++;
}

/* Its own stack is wiped: it returns to nowhere, and nothing is left to unwind. */
FAR static void wiped_stack(void)
{
	volatile char *frame = __builtin_frame_address(0);

	for (int i = 0; i < 200; i++)
		frame[i] = 0x41;
}

FAR static void bus(void)
{
	char path[] = "/tmp/tagalong-zoo-XXXXXX";
	int fd = mkstemp(path);
	volatile char *map;

	unlink(path);
	if (ftruncate(fd, 4096) != 0)
		exit(91);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map[4096] = 1;
	sink++;
}

FAR static void read_only(void)
{
	volatile char *text = (char *)(uintptr_t) "a constant";

	text[0] = 1;
	sink++;
}

/* ---- instructions ---- */

FAR static void divide(void)
{
	volatile int zero = 0;

	sink = 10 / zero;
	sink++;
}

FAR static void illegal(void)
{
	__asm__ volatile("ud2");
	sink++;
}

FAR static void breakpoint(void)
{
	__asm__ volatile("int3");
	sink++;
}

FAR static void cpu_limit(void)
{
	struct rlimit limit = { 1, RLIM_INFINITY };

	setrlimit(RLIMIT_CPU, &limit);
	for (;;)
		sink++;
}

FAR static void sigsys_raised(void)
{
	raise(SIGSYS);
	sink++;
}

/* ---- what libc finds ---- */

/* The compiler does not know any more what it points to. */
static void hide(volatile uintptr_t **at)
{
	__asm__ volatile("" : "+r"(*at) : : "memory");
}

FAR static void aborts(void)
{
	abort();
}

FAR static void asserts(void)
{
	assert(sink == 77 && "an apple a day");
}

FAR static void double_free(void)
{
	char *volatile block = malloc(24);

	free(block);
	free(block);
	sink++;
}

FAR static void use_after_free(void)
{
	volatile uintptr_t *one = malloc(24), *two = malloc(24);
	void *volatile again;

	free((void *)two);
	free((void *)one);
	hide(&one);
	hide(&two);
	one[0] ^= 8; /* a pointer to the next free block: not aligned any more */
	again = malloc(24);
	again = malloc(24);
	sink = again != NULL;
}

/* In malloc itself, its lock held (there is a second thread). */
FAR static void malloc_locked(void)
{
	volatile uintptr_t *block = malloc(2000);
	void *volatile behind = malloc(16);

	free((void *)block);
	hide(&block);
	block[1] = 64;
	behind = malloc(3000);
	sink = behind != NULL;
}

/* ---- stacks ---- */

/* Without end, which is the point. */
#pragma GCC diagnostic ignored "-Winfinite-recursion"
FAR static int overflow(int depth)
{
	volatile char frame[500];

	frame[depth % 500] = (char)depth;
	return overflow(depth + 1) + frame[0];
}

static void overflow_main(void)
{
	sink = overflow(0);
}

static void *overflow_there(void *unused)
{
	sink = overflow(0);
	return unused;
}

static void in_thread(void *(*run)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, NULL);
}

static void overflow_thread(void)
{
	in_thread(overflow_there);
}

static void *die_there(void *unused)
{
	tagalong_set_tag("where", "thread");
	null_write();
	return unused;
}

static void thread_dies(void)
{
	in_thread(die_there);
}

static ucontext_t routine, caller;

FAR static void coroutine(void)
{
	null_write();
}

static void on_coroutine(void)
{
	static char stack[65536];

	getcontext(&routine);
	routine.uc_stack.ss_sp = stack;
	routine.uc_stack.ss_size = sizeof(stack);
	routine.uc_link = &caller;
	makecontext(&routine, coroutine, 0);
	swapcontext(&caller, &routine);
}

static void *start_gate(void *gate)
{
	pthread_barrier_wait(gate);
	null_write();
	return NULL;
}

static void two_at_once(void)
{
	pthread_barrier_t gate;
	pthread_t threads[2];

	pthread_barrier_init(&gate, NULL, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, start_gate, &gate);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void threads200(void)
{
	start_waiters(199);
	null_write();
}

static int cloned(void *unused)
{
	(void)unused;
	null_write();
	return 0;
}

/* A thread that libc knows nothing of; it uses the thread-local storage of its creator. */
static void raw_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	clone(cloned, stack + sizeof(stack),
	      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
	for (;;)
		pause();
}

/* ---- handlers of its own ---- */

static void set_handler(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(number, &action, NULL) != 0)
		exit(92);
}

static void crash_in_it(int number)
{
	(void)number;
	null_write();
}

static void in_handler(void)
{
	set_handler(SIGUSR1, crash_in_it, 0);
	raise(SIGUSR1);
}

/* The fault comes while everything is blocked: the kernel kills at once. */
static void in_handler_blocked(void)
{
	struct sigaction action = { .sa_handler = crash_in_it };

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

static char *page;

static void make_writable(int number)
{
	(void)number;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void make_page(void)
{
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void handler_returns(void)
{
	make_page();
	set_handler(SIGSEGV, make_writable, 0);
	for (int i = 0; i < 1000; i++) {
		*(volatile char *)page = 1;
		mprotect(page, 4096, PROT_NONE);
	}
	puts("a thousand barriers");
}

static sigjmp_buf back;

static void jump_back(int number)
{
	siglongjmp(back, number);
}

static void handler_jumps(void)
{
	volatile int faults = 0;

	set_handler(SIGSEGV, jump_back, SA_NODEFER);
	while (faults < 1000)
		if (sigsetjmp(back, 1) == 0)
			*nowhere = 1;
		else
			faults++;
	printf("%d faults\n", faults);
}

static void default_and_raise(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

static void handler_raises(void)
{
	set_handler(SIGSEGV, default_and_raise, 0);
	null_write();
}

static void default_and_return(int number)
{
	signal(number, SIG_DFL);
}

static void handler_raises_at_once(void)
{
	set_handler(SIGSEGV, default_and_raise, SA_NODEFER);
	null_write();
}

static void handler_gives_up(void)
{
	set_handler(SIGSEGV, default_and_return, 0);
	null_write();
}

static void say_and_return(int number)
{
	char text[] = "handled 00\n";

	text[8] = (char)('0' + number / 10);
	text[9] = (char)('0' + number % 10);
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(93);
}

static void resethand(void)
{
	set_handler(SIGSEGV, say_and_return, (int)SA_RESETHAND);
	null_write();
}

static void resethand_by_sysv(void)
{
	sysv_signal(SIGSEGV, say_and_return);
	null_write();
}

static void say_and_exit(int number)
{
	say_and_return(number);
	_exit(0);
}

static void handler_exits(void)
{
	set_handler(SIGSEGV, say_and_exit, 0);
	null_write();
}

/* abort() calls the handler, and ends the program when that returns. */
static void abort_handled(void)
{
	set_handler(SIGABRT, say_and_return, 0);
	aborts();
}

static void abort_handled_by_signal(void)
{
	signal(SIGABRT, say_and_return);
	aborts();
}

/* No abort: the handler returns, and so does raise(). */
static void abort_raised(void)
{
	signal(SIGABRT, say_and_return);
	raise(SIGABRT);
	set_handler(SIGABRT, say_and_return, 0);
	raise(SIGABRT);
}

/* Nor is one that somebody jumps out of; what it leaves on the stack is in the way of the next. */
static void abort_jumped(void)
{
	set_handler(SIGABRT, jump_back, SA_NODEFER);
	for (volatile int i = 0; i < 100; i++)
		if (sigsetjmp(back, 1) == 0)
			aborts();
	puts("a hundred aborts");
}

static void own_altstack(void)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 }, old;

	sigaltstack(NULL, &old);
	printf("before: %d %d\n", old.ss_flags, (int)old.ss_size);
	sigaltstack(&stack, NULL);
	sigaltstack(NULL, &old);
	printf("set: %d %d %d\n", old.ss_flags, (int)old.ss_size, old.ss_sp == stack.ss_sp);
	fflush(stdout);
	set_handler(SIGSEGV, default_and_raise, SA_ONSTACK);
	sink = overflow(0);
}

static void ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	null_write();
}

static void blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	null_write();
}

static void outside_kill(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/* ---- processes ---- */

static int status_of(pid_t child)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

static void forked(void)
{
	pid_t child = fork();

	if (child == 0) {
		tagalong_set_tag("where", "child");
		null_write();
	}
	printf("child: %d\n", status_of(child));
}

/* Twenty that share a segment die at the same time. */
static void forked_storm(void)
{
	pid_t children[20];
	int gate[2], died = 0;
	char byte;

	if (pipe(gate) != 0)
		exit(99);
	for (int i = 0; i < 20; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			close(gate[1]);
			tagalong_set_tag("where", "child");
			if (read(gate[0], &byte, 1) == 0)
				null_write();
			_exit(1);
		}
	}
	close(gate[1]);
	for (int i = 0; i < 20; i++)
		died += status_of(children[i]) == SIGSEGV;
	printf("%d died\n", died);
}

/* What the child may do is less than this, which is the point. */
__attribute__((optimize("O0"))) static void vforked(void)
{
	pid_t child = vfork();

	if (child == 0)
		null_write();
	printf("child: %d\n", status_of(child));
}

static void without_files(void)
{
	closefrom(0);
	null_write();
}

static void jailed(void)
{
	if (chroot(argument) != 0 || chdir("/") != 0 || setgid(65534) != 0 || setuid(65534) != 0)
		exit(94);
	null_write();
}

static void execed(void)
{
	execl("/proc/self/exe", "zoo", "null_write", (char *)NULL);
}

static void library(void)
{
	void *loaded = dlopen(argument, RTLD_NOW);
	void (*call)(void) = loaded ? (void (*)(void))dlsym(loaded, "die_in_library") : NULL;

	if (!call)
		exit(95);
	call();
}

static void at_exit(void)
{
	atexit(null_write);
	exit(0);
}

__attribute__((constructor)) static void constructor(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "constructor") == 0)
		null_write();
}

static void nothing(void)
{
}

/* ---- sandboxes ---- */

/* Everything but write, exit and what the kernel does itself is answered so. */
static void only_write(uint32_t otherwise)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, otherwise),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(98);
}

static void filtered_kill(void)
{
	only_write(SECCOMP_RET_KILL_PROCESS);
	null_write();
}

static void filtered_errno(void)
{
	only_write(SECCOMP_RET_ERRNO | EPERM);
	null_write();
}

static void filtered_trap(void)
{
	only_write(SECCOMP_RET_TRAP);
	getppid();
}

static void strict(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	null_write();
}

static void strict_kill(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	getppid();
}

/* ---- what the program is told of its signals ---- */

static void say_action(const char *when, int number)
{
	struct sigaction now;
	uint64_t mask = 0;

	sigaction(number, NULL, &now);
	memcpy(&mask, &now.sa_mask, sizeof(mask));
	printf("%s %d: %s flags %#x mask %#llx\n", when, number,
	       now.sa_handler == SIG_DFL	? "default" :
	       now.sa_handler == SIG_IGN	? "ignored" :
	       now.sa_handler == say_and_return ? "ours" :
						  "strange",
	       (unsigned)now.sa_flags & ~0x04000000u, (unsigned long long)mask);
}

static const char *name_of(void (*handler)(int))
{
	return handler == SIG_DFL	 ? "default" :
	       handler == SIG_IGN	 ? "ignored" :
	       handler == say_and_return ? "ours" :
					   "strange";
}

static void say_signal(int number)
{
	static void (*const settings[])(int) = { say_and_return, SIG_DFL, SIG_IGN, SIG_DFL, say_and_return,
						 SIG_DFL };

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		printf("signal %d: %s before\n", number, name_of(signal(number, settings[i])));
		say_action("by signal()", number);
	}
}

static void say_flags(int number)
{
	static const int flags[] = { 0, SA_RESTART, SA_NODEFER, (int)SA_RESETHAND, SA_ONSTACK,
				     SA_ONSTACK | SA_NODEFER | SA_RESTART };
	struct sigaction action = { .sa_handler = SIG_DFL };

	sigaddset(&action.sa_mask, SIGUSR2);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		action.sa_flags = flags[i];
		action.sa_handler = i % 2 ? say_and_return : SIG_DFL;
		sigaction(number, &action, NULL);
		say_action("set", number);
		if (i == 3) {
			raise(number);
			say_action("taken", number);
		}
	}
	signal(number, SIG_DFL);
}

static void say_stack(const char *when)
{
	stack_t now;

	sigaltstack(NULL, &now);
	printf("%s: flags %d size %d %s\n", when, now.ss_flags, (int)now.ss_size,
	       now.ss_sp ? "somewhere" : "nowhere");
}

static void *say_stack_there(void *unused)
{
	say_stack("in a thread");
	return unused;
}

static void on_stack(int number)
{
	(void)number;
	say_stack("in a handler");
}

static void queries(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL,	 SIGFPE, SIGABRT,
				       SIGTRAP, SIGSYS, SIGXCPU, SIGUSR1 };
	static char memory[32768];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) }, none = { .ss_flags = SS_DISABLE };
	stack_t small = { .ss_sp = memory, .ss_size = 100 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fflush(stdout);
		say_action("first", numbers[i]);
		say_signal(numbers[i]);
		fflush(stdout);
		say_flags(numbers[i]);
	}
	say_stack("first");
	set_handler(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	printf("too small: %d\n", sigaltstack(&small, NULL));
	printf("%d\n", sigaltstack(&stack, NULL));
	say_stack("set");
	raise(SIGUSR1);
	in_thread(say_stack_there);
	printf("%d\n", sigaltstack(&none, &stack));
	printf("was: %d %d\n", stack.ss_flags, (int)stack.ss_size);
	say_stack("none");
	raise(SIGUSR1);
	fflush(stdout);
}

/* ---- deep, for the optimiser ---- */

FAR static int third(int value)
{
	if (value > 2)
		*nowhere = value;
	return value + sink;
}

FAR static int second(int value)
{
	return third(value + 1) * 3;
}

FAR static int first(int value)
{
	return second(value + 1) * 5;
}

static void deep(void)
{
	sink = first(1);
}

#define ALL                                                                                          \
	X(null_write, 1) X(null_read, 1) X(null_call, 1) X(garbage_jump, 1) X(non_canonical_jump, 1) \
	X(data_jump, 1) X(wiped_stack, 1) X(bus, 1) X(read_only, 1) X(divide, 1) X(illegal, 1)       \
	X(breakpoint, 1) X(cpu_limit, 1) X(sigsys_raised, 1) X(aborts, 1) X(asserts, 1)              \
	X(double_free, 1) X(use_after_free, 1) X(malloc_locked, 1) X(overflow_main, 1)               \
	X(overflow_thread, 1) X(thread_dies, 0) X(on_coroutine, 1) X(two_at_once, 0)                 \
	X(threads200, 0) X(raw_clone, 0) X(in_handler, 1) X(in_handler_blocked, 1)                   \
	X(handler_returns, 0) X(handler_jumps, 0) X(handler_raises, 1) X(handler_gives_up, 1)        \
	X(handler_raises_at_once, 1)                                                                 \
	X(resethand, 1) X(resethand_by_sysv, 1) X(handler_exits, 1) X(abort_handled, 1)              \
	X(own_altstack, 1) X(ignored, 0) X(blocked, 0) X(outside_kill, 1) X(forked, 1) X(vforked, 1) \
	X(without_files, 0) X(jailed, 0) X(execed, 0) X(library, 1) X(at_exit, 0) X(nothing, 0)      \
	X(queries, 0) X(deep, 1) X(filtered_kill, 0) X(filtered_errno, 0) X(filtered_trap, 0)     \
	X(strict, 0) X(strict_kill, 0) X(abort_handled_by_signal, 1) X(abort_raised, 0) X(abort_jumped, 0) X(forked_storm, 0)

int main(int argc, char **argv)
{
#define X(name, waiters) { #name, name, waiters },
	static const struct {
		const char *name;
		void (*run)(void);
		int waiters;
	} victims[] = { ALL };

	for (size_t i = 0; argc > 1 && i < sizeof(victims) / sizeof(victims[0]); i++) {
		if (strcmp(argv[1], victims[i].name) != 0)
			continue;
		argument = argc > 2 ? argv[2] : "";
		start_waiters(victims[i].waiters);
		tagalong_set_tag("victim", argv[1]);
		TAGALONG_SPAN("death") {
			victims[i].run();
		}
		return 0;
	}
	return argc > 1 ? 96 : 97;
}
