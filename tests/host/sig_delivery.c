/* SPDX-License-Identifier: MIT */
/*
 * sig_delivery.c - what a handler sees and what it may do: siginfo, context,
 * mask, alternate stack, errno, nested and re-entrant delivery, SA_RESETHAND,
 * SA_NODEFER, jumps out, a changed context, threads.
 *
 * Victim: args='info|nested|resethand|nodefer|jump|errno|altstack|context|queue|threads|inherit|nocldwait|wait|small_altstack|io|swap' runs=4 slow
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "victim.h"

static volatile sig_atomic_t count, depth, deepest;
static sigjmp_buf back;
static volatile int reset_seen;

static void install(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	NEED(sigaction(number, &action, NULL) == 0);
}

static void say_mask(const char *when)
{
	sigset_t set;
	char list[256] = "";
	size_t used = 0;

	NEED(sigprocmask(SIG_SETMASK, NULL, &set) == 0);
	for (int number = 1; number < 65; number++)
		if (sigismember(&set, number) == 1)
			used += (size_t)snprintf(list + used, sizeof(list) - used, " %d", number);
	say("%s: blocked%s\n", when, list);
}

/* ---- info ---- */
static void on_info(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;
	stack_t stack;

	say("signal %d code %d mine %d uid %d value %d, context %d\n", number, info->si_code, info->si_pid == getpid(),
	    (int)info->si_uid, info->si_value.sival_int, frame != NULL && frame->uc_mcontext.gregs[REG_RIP] != 0);
	say("context mask has USR2 %d\n", sigismember(&frame->uc_sigmask, SIGUSR2));
	say_mask("in the handler");
	NEED(sigaltstack(NULL, &stack) == 0);
	say("stack flags %d, context's %d\n", stack.ss_flags, frame->uc_stack.ss_flags);
}

static void info(void)
{
	struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
	sigset_t set;
	pid_t child;

	sigaddset(&action.sa_mask, SIGTERM);
	NEED(sigaction(SIGUSR1, &action, NULL) == 0);
	NEED(sigaction(SIGRTMIN + 2, &action, NULL) == 0);
	NEED(sigaction(SIGALRM, &action, NULL) == 0);
	NEED(sigaction(SIGCHLD, &action, NULL) == 0);
	TRY(raise(SIGUSR1));
	TRY(kill(getpid(), SIGUSR1));
	TRY(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 4711}));
	TRY(pthread_kill(pthread_self(), SIGUSR1));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	TRY(raise(SIGUSR1));
	alarm(1);
	pause();
	child = fork();
	if (child == 0)
		_exit(3);
	NEED(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED) == 0);
	sigdelset(&set, SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say_mask("after");
}

/* ---- nested ---- */
static void on_nested(int number)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	count++;
	if (number < SIGRTMIN + 10)
		raise(number + 1);
	depth--;
}

static void nested(void)
{
	for (int number = SIGRTMIN; number <= SIGRTMIN + 10; number++)
		install(number, on_nested, 0);
	for (int i = 0; i < 100; i++)
		raise(SIGRTMIN);
	say("nested: %d deliveries, depth %d\n", (int)count, (int)deepest);
}

/* ---- resethand ---- */
static void on_reset(int number)
{
	struct sigaction old;

	sigaction(number, NULL, &old);
	reset_seen = old.sa_handler == SIG_DFL;
	count++;
}

static void resethand(void)
{
	struct sigaction old;

	for (int i = 0; i < 3; i++) {
		install(SIGUSR1, on_reset, (int)SA_RESETHAND);
		raise(SIGUSR1);
		NEED(sigaction(SIGUSR1, NULL, &old) == 0);
		say("in the handler default %d, after default %d, flags %#x\n", reset_seen, old.sa_handler == SIG_DFL,
		    (unsigned int)old.sa_flags);
	}
	say("sysv: old is default %d\n", sysv_signal(SIGUSR2, on_reset) == SIG_DFL);
	raise(SIGUSR2);
	say("then default %d\n", sysv_signal(SIGUSR2, on_reset) == SIG_DFL);
	install(SIGUSR1, on_reset, (int)SA_RESETHAND);
	raise(SIGUSR1);
	if (fork() == 0) {
		raise(SIGUSR1);
		_exit(1);
	}
	int status;
	NEED(wait(&status) > 0);
	say_status("the second one", status);
}

/* ---- nodefer ---- */
static void on_nodefer(int number)
{
	count++;
	if (++depth > deepest)
		deepest = depth;
	if (depth < 8 && count < 20)
		raise(number);
	depth--;
}

static void nodefer(void)
{
	install(SIGUSR1, on_nodefer, SA_NODEFER);
	raise(SIGUSR1);
	say("with SA_NODEFER: %d deliveries, depth %d\n", (int)count, (int)deepest);
	count = depth = deepest = 0;
	install(SIGUSR1, on_nodefer, 0);
	raise(SIGUSR1);
	say("without: %d deliveries, depth %d\n", (int)count, (int)deepest);
}

/* ---- jump ---- */
static void on_jump(int number)
{
	count++;
	siglongjmp(back, number);
}

static void on_jump_deep(int number)
{
	if (++depth < 5)
		raise(number);
	depth = 0;
	siglongjmp(back, 77);
}

static void jump(void)
{
	char buffer[8];
	int client, server;

	tcp_pair(&client, &server);
	install(SIGUSR1, on_jump, 0);
	install(SIGSEGV, on_jump, 0);
	install(SIGUSR2, on_jump_deep, SA_NODEFER);
	for (int i = 0; i < 2000; i++) {
		int number = sigsetjmp(back, 1);

		if (number == 0)
			raise(SIGUSR1);
		NEED(number == SIGUSR1);
		number = sigsetjmp(back, 1);
		if (number == 0)
			*(volatile int *)8 = 1;
		NEED(number == SIGSEGV);
		number = sigsetjmp(back, 1);
		if (number == 0)
			raise(SIGUSR2);
		NEED(number == 77);
	}
	say("jumped %d times\n", (int)count);
	say_mask("after");
	write_full(client, "GET / HTTP/1.1\r\n\r\n", 18);
	TRY(read(server, buffer, 8));
}

/* ---- errno ---- */
static void on_errno(int number)
{
	(void)number;
	errno = EXDEV;
}

static void change_errno(void)
{
	install(SIGUSR1, on_errno, 0);
	errno = EDOM;
	raise(SIGUSR1);
	say("errno after: %s\n", errno_word(errno));
	errno = EDOM;
	syscall(SYS_kill, getpid(), SIGUSR1);
	say("errno after kill: %s\n", errno_word(errno));
}

/* ---- altstack ---- */
static char *stack_low, *stack_high;

static void on_altstack(int number)
{
	char here;
	stack_t stack;

	NEED(sigaltstack(NULL, &stack) == 0);
	say("signal %d on it %d, flags %d, same %d\n", number, &here >= stack_low && &here < stack_high, stack.ss_flags,
	    stack.ss_sp == stack_low);
	errno = 0;
	say("change while on it: %d %s\n", sigaltstack(&stack, NULL), errno_word(errno));
}

static void altstack(void)
{
	stack_t stack = {.ss_size = 64 * 1024}, old;

	stack.ss_sp = stack_low = malloc(stack.ss_size);
	stack_high = stack_low + stack.ss_size;
	TRY(sigaltstack(NULL, &old));
	say("before: flags %d size %zu\n", old.ss_flags, old.ss_size);
	TRY(sigaltstack(&stack, &old));
	install(SIGUSR1, on_altstack, SA_ONSTACK);
	install(SIGUSR2, on_altstack, 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	TRY(sigaltstack(NULL, &old));
	say("after: flags %d size %zu same %d\n", old.ss_flags, old.ss_size, old.ss_sp == stack_low);
}

/* The smallest stack that the kernel allows and a page: what runtimes give. */
static void on_small(int number)
{
	(void)number;
	count++;
	if (write(1, "small\n", 6) != 6)
		_exit(97);
}

static void small_altstack(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + 4096, guard = 4096;
	unsigned char *memory = malloc(size + guard);
	stack_t stack = {.ss_sp = memory + guard, .ss_size = size};
	size_t intact = 0;

	NEED(memory && size > 4096);
	memset(memory, 0xa5, guard);
	NEED(sigaltstack(&stack, NULL) == 0);
	install(SIGUSR1, on_small, SA_ONSTACK);
	for (int i = 0; i < 3; i++)
		raise(SIGUSR1);
	while (intact < guard && memory[intact] == 0xa5)
		intact++;
	say("below the stack: %s\n", intact == guard ? "untouched" : "written");
}

/* ---- context ---- */
extern void fault_here(void);
extern char fault_end[];
__asm__(".text\nfault_here:\n\tmovl $1, 8\nfault_end:\n\tret\n");

static void on_fault(int number, siginfo_t *seen, void *context)
{
	ucontext_t *frame = context;

	say("signal %d at %#lx, at the instruction %d\n", number, (unsigned long)seen->si_addr,
	    frame->uc_mcontext.gregs[REG_RIP] == (greg_t)(long)fault_here);
	frame->uc_mcontext.gregs[REG_RIP] = (greg_t)(long)fault_end;
	sigaddset(&frame->uc_sigmask, SIGHUP);
}

static void context(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	NEED(sigaction(SIGSEGV, &action, NULL) == 0);
	fault_here();
	fault_here();
	say_mask("the handler blocked one through its context");
}

/* ---- queue ---- */
static char order[256];
static size_t order_used;

static void on_queue(int number, siginfo_t *seen, void *frame)
{
	(void)frame;
	if (order_used < sizeof(order) - 16)
		order_used += (size_t)snprintf(order + order_used, 16, " %d:%d", number - SIGRTMIN, seen->si_value.sival_int);
}

static void queue(void)
{
	struct sigaction action = {.sa_sigaction = on_queue, .sa_flags = SA_SIGINFO};
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, &(sigset_t){0});
	sigfillset(&action.sa_mask);
	for (int i = 0; i < 9; i++) {
		int number = SIGRTMIN + 1 + i % 3;

		NEED(sigaction(number, &action, NULL) == 0);
		NEED(sigqueue(getpid(), number, (union sigval){.sival_int = i}) == 0);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say("order%s\n", order);
}

/* ---- threads ---- */
static __thread int mine;
static volatile int wrong;

static void on_thread(int number)
{
	(void)number;
	mine++;
}

static void *one_of_many(void *argument)
{
	for (int i = 0; i < 2000; i++)
		if (pthread_kill(pthread_self(), SIGUSR1) || mine != i + 1)
			wrong++;
	return argument;
}

static void threads(void)
{
	pthread_t list[8];

	install(SIGUSR1, on_thread, 0);
	for (int i = 0; i < 8; i++)
		NEED(pthread_create(&list[i], NULL, one_of_many, NULL) == 0);
	for (int i = 0; i < 8; i++)
		NEED(pthread_join(list[i], NULL) == 0);
	say("wrong %d, own %d\n", wrong, mine);
}

/* ---- inherit ---- */
static void inherit(void)
{
	pid_t child;

	install(SIGUSR1, on_thread, 0);
	signal(SIGUSR2, SIG_IGN);
	child = fork();
	if (child == 0) {
		raise(SIGUSR1);
		raise(SIGUSR2);
		say("child: %d\n", mine);
		execl("/bin/sh", "sh", "-c", "grep -e SigIgn -e SigCgt -e SigBlk -e SigPnd /proc/self/status | " WITHOUT_FATAL, NULL);
		_exit(1);
	}
	reap("child", child);
	child = vfork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "grep -e SigIgn -e SigCgt /proc/self/status | " WITHOUT_FATAL, NULL);
		_exit(1);
	}
	reap("vfork child", child);
	raise(SIGUSR1);
	say("parent: %d\n", mine);
}

/* ---- nocldwait ---- */
static void nocldwait(void)
{
	install(SIGCHLD, on_thread, SA_NOCLDWAIT);
	if (fork() == 0)
		_exit(3);
	TRY(wait(NULL));
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(3);
	TRY(wait(NULL));
	TRY(system("exit 4"));
}

/* ---- wait ---- */
static void waiting(void)
{
	struct signalfd_siginfo seen;
	siginfo_t info;
	sigset_t set;
	int number = 0, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	install(SIGUSR1, on_thread, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	TRY(sigwait(&set, &number));
	kill(getpid(), SIGUSR1);
	TRY(sigwaitinfo(&set, &info));
	kill(getpid(), SIGUSR1);
	TRY(sigtimedwait(&set, &info, &(struct timespec){1, 0}));
	TRY(sigtimedwait(&set, &info, &(struct timespec){0, 1000}));
	fd = signalfd(-1, &set, 0);
	kill(getpid(), SIGUSR1);
	TRY(read(fd, &seen, sizeof(seen)));
	kill(getpid(), SIGUSR1);
	sigemptyset(&set);
	TRY(sigsuspend(&set));
	say("handler ran %d\n", mine);
}

/* ---- io ---- */
static int pair[2];

static void on_io(int number)
{
	char buffer[32];
	int fd = dup(pair[0]);

	(void)number;
	count++;
	if (fd < 0 || write(fd, "GET / HTTP/1.1\r\n\r\n", 18) != 18 || read(pair[1], buffer, 18) != 18 || close(fd))
		wrong++;
}

static void io(void)
{
	tcp_pair(&pair[0], &pair[1]);
	install(SIGUSR1, on_io, 0);
	for (int i = 0; i < 500; i++)
		raise(SIGUSR1);
	say("handlers did %d exchanges, wrong %d\n", (int)count, wrong);
	say_fds("at the end");
}

/* ---- swap: the handler changes its own disposition ---- */
static void on_second(int number)
{
	(void)number;
	say("second\n");
}

static void on_first(int number)
{
	say("first\n");
	signal(number, on_second);
}

static void swap_handler(void)
{
	install(SIGUSR1, on_first, 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	TRY(signal(SIGUSR1, SIG_IGN) == on_second);
	raise(SIGUSR1);
	TRY(signal(SIGUSR1, on_first) == SIG_IGN);
	raise(SIGUSR1);
	TRY(signal(SIGUSR1, SIG_DFL) == on_second);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {{"info", info}, {"nested", nested}, {"resethand", resethand}, {"nodefer", nodefer},
		     {"jump", jump}, {"errno", change_errno}, {"altstack", altstack}, {"context", context},
		     {"queue", queue}, {"threads", threads}, {"inherit", inherit}, {"nocldwait", nocldwait},
		     {"wait", waiting}, {"small_altstack", small_altstack}, {"io", io}, {"swap", swap_handler}};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc > 1 && !strcmp(argv[1], tests[i].name))
			tests[i].run();
	say("end\n");
	return 0;
}
