/* SPDX-License-Identifier: MIT */
/*
 * families.c - calls of every family of hooks, each once when it works and once when it does
 * not: on a 4 KB stack, with errno watched, with the heap watched.
 *
 * stack: each call runs on a stack of its own.  Those that libc itself does in a few hundred
 * bytes get 4 KB; stdio, resolver, syslog and the makers of processes need more without anybody's
 * help, and get what they need and 4 KB.  The page below is painted and must stay as it was.
 *
 * Victim: args='errno|stack|heap' cflags='-fno-builtin -Wno-stringop-overflow -Wno-nonnull' runs=3
 */
#include <err.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <ucontext.h>

#include "family.h"

extern char **environ;

static int client, server, listener, pair[2], pipe_fds[2], epoll_fd, file;
static struct sockaddr_in address;
static char buffer[256];
static struct iovec vector[2] = {{buffer, 3}, {buffer + 3, 5}};
static struct msghdr header = {.msg_iov = vector, .msg_iovlen = 2};
static struct mmsghdr many[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static FILE *stream;
static ucontext_t here, there;
static char *const no_words[] = {(char *)"nowhere", NULL};
static const struct timespec no_time = {0, 0}, past = {1, 0};

static int sign(long value) { return value > 0 ? 1 : value < 0 ? -1 : 0; }

static long keep(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return fd;
}

static long gone(pid_t child)
{
	int status = 0, saved = errno;

	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	errno = saved;
	return child < 0 ? -1 : WEXITSTATUS(status);
}

static void *nothing(void *argument) { return argument; }
static void on_signal(int number) { (void)number; }

/* ---- accept, fd, connect ---- */

static long do_accept(void)
{
	int fd = tcp_dial(&address);
	long got = keep(accept(listener, NULL, NULL));

	keep(fd);
	return got;
}
static long do_accept4(void)
{
	int fd = tcp_dial(&address);
	long got = keep(accept4(listener, NULL, NULL, SOCK_CLOEXEC));

	keep(fd);
	return got;
}
static long bad_accept(void) { return accept(file, NULL, NULL); }
static long do_listen(void) { return listen(listener, 5); }
static long bad_listen(void) { return listen(file, 5); }
static long bad_close(void) { return close(999); }
static long do_dup(void) { return keep(dup(server)); }
static long do_dup2(void) { return keep(dup2(server, 50)); }
static long do_dup3(void) { return keep(dup3(server, 51, O_CLOEXEC)); }
static long bad_dup(void) { return dup(999); }
static long bad_dup2(void) { return dup2(999, 50); }
static long do_fcntl(void) { return keep(fcntl(server, F_DUPFD, 60)); }
static long bad_fcntl(void) { return fcntl(999, F_GETFD); }
static long do_close_range(void) { return close_range(200, 210, 0); }
static long bad_close_range(void) { return close_range(210, 200, 0); }
static long do_closefrom(void) { closefrom(900); return 0; }
static long do_socket(void) { return keep(socket(AF_INET, SOCK_STREAM, 0)); }
static long bad_socket(void) { return socket(-1, 0, 0); }
static long do_pipe(void)
{
	int two[2];
	long result = pipe(two);

	keep(two[0]);
	keep(two[1]);
	return result;
}
static long do_socketpair(void)
{
	int two[2];
	long result = socketpair(AF_UNIX, SOCK_STREAM, 0, two);

	keep(two[0]);
	keep(two[1]);
	return result;
}
static long bad_pipe2(void) { return pipe2(pair + 2 - 2, -1); }
static long do_eventfd(void) { return keep(eventfd(0, 0)); }
static long bad_eventfd(void) { return eventfd(0, -1); }
static long do_epoll_create(void) { return keep(epoll_create1(0)); }
static long bad_epoll_create(void) { return epoll_create(-1); }
static long do_timerfd(void) { return keep(timerfd_create(CLOCK_MONOTONIC, 0)); }
static long bad_timerfd(void) { return timerfd_create(-77, 0); }
static long bad_signalfd(void) { return signalfd(999, &(sigset_t){{0}}, 0); }
static long do_inotify(void) { return keep(inotify_init1(0)); }
static long do_memfd(void) { return keep(memfd_create("x", 0)); }
static long do_open(void) { return keep(open("/dev/null", O_RDONLY)); }
static long do_openat(void) { return keep(openat(AT_FDCWD, "/dev/null", O_RDONLY)); }
static long bad_open(void) { return open("/nowhere/at/all", O_RDONLY); }
static long bad_creat(void) { return creat("/nowhere/at/all", 0600); }
static long do_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long result = connect(fd, (struct sockaddr *)&address, sizeof(address));

	keep(fd);
	keep(accept(listener, NULL, NULL));
	return result;
}
static long bad_connect(void) { return connect(file, (struct sockaddr *)&address, sizeof(address)); }
static long do_getsockopt(void)
{
	int error;
	socklen_t bytes = sizeof(error);

	return getsockopt(server, SOL_SOCKET, SO_ERROR, &error, &bytes);
}
static long bad_getsockopt(void) { return getsockopt(file, SOL_SOCKET, SO_ERROR, NULL, NULL); }
static long bad_shutdown(void) { return shutdown(file, SHUT_RD); }

/* ---- bytes ---- */

static long put(void) { return send(client, "abcdefgh", 8, 0); }
static long do_read(void) { put(); return read(server, buffer, 8); }
static long do_readv(void) { put(); return readv(server, vector, 2); }
static long do_recv(void) { put(); return recv(server, buffer, 8, 0); }
static long do_peek(void) { put(); recv(server, buffer, 8, MSG_PEEK); return recv(server, buffer, 8, 0); }
static long do_recvfrom(void) { put(); return recvfrom(server, buffer, 8, 0, NULL, NULL); }
static long do_recvmsg(void) { put(); return recvmsg(server, &header, 0); }
static void fill_many(void)
{
	for (int i = 0; i < 2; i++)
		many[i].msg_hdr = (struct msghdr){.msg_iov = &vector[i], .msg_iovlen = 1};
}
static long do_recvmmsg(void)
{
	fill_many();
	put();
	return recvmmsg(server, many, 2, MSG_WAITFORONE, NULL);
}
static long bad_read(void) { return read(999, buffer, 8); }
static long bad_recv(void) { return recv(server, buffer, 8, MSG_DONTWAIT); }
static long bad_recvmsg(void) { return recvmsg(server, &header, MSG_DONTWAIT); }
static long get(long result)
{
	int saved = errno;

	if (result > 0)
		NEED(recv(client, buffer, (size_t)result, MSG_WAITALL) == result);
	errno = saved;
	return result;
}
static long do_write(void) { return get(write(server, "abcdefgh", 8)); }
static long do_writev(void) { return get(writev(server, vector, 2)); }
static long do_send(void) { return get(send(server, "abcdefgh", 8, MSG_NOSIGNAL)); }
static long do_sendto(void) { return get(sendto(server, "abcdefgh", 8, 0, NULL, 0)); }
static long do_sendmsg(void) { return get(sendmsg(server, &header, 0)); }
static long do_sendmmsg(void)
{
	fill_many();
	long result = sendmmsg(server, many, 2, 0);

	get(8);
	return result;
}
static long do_sendfile(void) { return get(sendfile(server, file, &(off_t){0}, 8)); }
static long bad_write(void) { return write(999, buffer, 8); }
static long bad_writev(void) { return writev(server, vector, -1); }
static long bad_sendfile(void) { return sendfile(server, 999, NULL, 8); }
static long do_splice(void)
{
	if (write(pipe_fds[1], "12345", 5) != 5)
		return -9;
	return get(splice(pipe_fds[0], NULL, server, NULL, 5, 0));
}
static long bad_splice(void) { return splice(file, NULL, file, NULL, 5, 0); }

/* ---- waiting and handing on ---- */

static long do_poll(void) { return poll(&(struct pollfd){.fd = server, .events = POLLOUT}, 1, 0); }
static long bad_poll(void) { return poll((struct pollfd *)8, 1, 0); }
static long do_ppoll(void) { return ppoll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, &no_time, NULL); }
static long do_select(void) { return select(0, NULL, NULL, NULL, &(struct timeval){0, 0}); }
static long bad_select(void) { return select(-1, NULL, NULL, NULL, NULL); }
static long do_pselect(void) { return pselect(0, NULL, NULL, NULL, &no_time, NULL); }
static long do_epoll_wait(void) { return epoll_wait(epoll_fd, (struct epoll_event *)buffer, 2, 0); }
static long bad_epoll_wait(void) { return epoll_wait(file, (struct epoll_event *)buffer, 2, 0); }
static long do_cond_timedwait(void)
{
	pthread_mutex_lock(&mutex);
	long result = pthread_cond_timedwait(&cond, &mutex, &past);

	pthread_mutex_unlock(&mutex);
	return result;
}
static long do_cond_signal(void) { return pthread_cond_signal(&cond); }
static long do_cond_broadcast(void) { return pthread_cond_broadcast(&cond); }
static long do_sem(void) { sem_post(&semaphore); return sem_wait(&semaphore); }
static long bad_sem(void) { return sem_timedwait(&semaphore, &past); }
static long do_eventfd_io(void)
{
	int fd = eventfd(0, 0);
	eventfd_t value;
	long result = eventfd_write(fd, 3) + eventfd_read(fd, &value);

	keep(fd);
	return result;
}
static long bad_eventfd_read(void) { return eventfd_read(999, &(eventfd_t){0}); }

/* ---- threads, signals ---- */

static long do_thread(void)
{
	pthread_t thread;
	long result = pthread_create(&thread, NULL, nothing, NULL);

	return result ? result : pthread_join(thread, NULL);
}
static long do_sigaction(void) { return sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL); }
static long do_query(void) { return sigaction(SIGUSR1, NULL, &(struct sigaction){.sa_flags = 0}); }
static long bad_sigaction(void) { return sigaction(SIGKILL, &(struct sigaction){.sa_handler = on_signal}, NULL); }
static long do_signal(void) { return signal(SIGUSR1, on_signal) == SIG_ERR; }
static long bad_signal(void) { return signal(SIGKILL, on_signal) == SIG_ERR; }
static long do_raise(void) { return raise(SIGUSR1); }
static long do_sigaltstack(void) { return sigaltstack(NULL, &(stack_t){.ss_flags = 0}); }
static long bad_sigaltstack(void) { return sigaltstack(&(stack_t){.ss_sp = buffer, .ss_size = 1}, NULL); }

/* ---- processes ---- */

static long do_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(7);
	return gone(child);
}
static long do__Fork(void)
{
	pid_t child = _Fork();

	if (child == 0)
		_exit(7);
	return gone(child);
}
static long do_vfork(void)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(7);
	return gone(child);
}
static long do_forkpty(void)
{
	int master = -1;
	pid_t child = forkpty(&master, NULL, NULL, NULL);

	if (child == 0)
		_exit(7);
	long result = gone(child);

	keep(master);
	return result;
}
static long bad_wait(void) { return waitpid(999999, NULL, 0); }
static long bad_waitid(void) { return waitid(P_PID, 999999, NULL, WEXITED); }
static long bad_kill(void) { return kill(getpid(), 999); }
static long bad_setsid(void) { return sign(getpgrp() == getpid() ? setsid() : -1); }
static long bad_execve(void) { return execve("/nowhere/at/all", no_words, environ); }
static long bad_execvp(void) { return execvp("nowhere-at-all", no_words); }
static long bad_execl(void) { return execl("/nowhere/at/all", "x", (char *)NULL); }
static long bad_fexecve(void) { return fexecve(999, no_words, environ); }
static long do_spawn(void)
{
	pid_t child = -1;
	char *words[] = {(char *)"true", NULL};

	if (posix_spawn(&child, "/bin/true", NULL, NULL, words, environ))
		return -1;
	return gone(child);
}
static long bad_spawn(void) { return posix_spawn(&(pid_t){0}, "/nowhere/at/all", NULL, NULL, no_words, environ); }
static long do_system(void) { return WEXITSTATUS(system("exit 3")); }
static long do_popen(void)
{
	FILE *command = popen("exit 4", "r");

	return command ? WEXITSTATUS(pclose(command)) : -1;
}
static long do_syscall(void) { return sign(syscall(SYS_getpid)); }
static long bad_syscall(void) { return syscall(SYS_close, 999); }
static long do_prctl(void) { return prctl(PR_GET_DUMPABLE); }
static long bad_prctl(void) { return prctl(12345); }

/* ---- names, texts ---- */

static long do_getaddrinfo(void)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;
	long result = getaddrinfo("127.0.0.1", "80", &hints, &found);

	if (!result)
		freeaddrinfo(found);
	return result;
}
static long bad_getaddrinfo(void)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found = NULL;

	return getaddrinfo("no.number", "80", &hints, &found) != 0;
}
static long do_gethostbyname(void) { return gethostbyname("127.0.0.1") != NULL; }
static long do_syslog(void) { syslog(LOG_DEBUG, "said %d", 3); return 0; }
static long do_setlogmask(void) { return setlogmask(0xff); }
static long do_fprintf(void) { return fprintf(stream, "said %d %s\n", 3, "times"); }
static long do_fputs(void) { return fputs("said\n", stream) >= 0; }
static long do_fwrite(void) { return (long)fwrite("said\n", 1, 5, stream); }
static long do_fputc(void) { return fputc('\n', stream); }
static long do_warnx(void) { warnx("said %d", 3); return 0; }
static long do_perror(void) { errno = ENOENT; perror("said"); errno = ERRNO_MARK; return 0; }
static void come_back(void) { swapcontext(&there, &here); }
static long do_swapcontext(void)
{
	static char stack[65536];

	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	there.uc_link = NULL;
	makecontext(&there, come_back, 0);
	return swapcontext(&here, &there);
}

static const struct call calls[] = {
	ROW(do_accept), ROW(do_accept4), ROW(bad_accept), ROW(do_listen), ROW(bad_listen), ROW(bad_close), ROW(do_dup),
	ROW(do_dup2), ROW(do_dup3), ROW(bad_dup), ROW(bad_dup2), ROW(do_fcntl), ROW(bad_fcntl), ROW(do_close_range),
	ROW(bad_close_range), ROW(do_closefrom), ROW(do_socket), ROW(bad_socket), ROW(do_pipe), ROW(do_socketpair),
	ROW(bad_pipe2), ROW(do_eventfd), ROW(bad_eventfd), ROW(do_epoll_create), ROW(bad_epoll_create), ROW(do_timerfd),
	ROW(bad_timerfd), ROW(bad_signalfd), ROW(do_inotify), ROW(do_memfd), ROW(do_open), ROW(do_openat), ROW(bad_open),
	ROW(bad_creat), ROW(do_connect), ROW(bad_connect), ROW(do_getsockopt), ROW(bad_getsockopt), ROW(bad_shutdown),
	ROW(do_read), ROW(do_readv), ROW(do_recv), ROW(do_peek), ROW(do_recvfrom), ROW(do_recvmsg), ROW(do_recvmmsg),
	ROW(bad_read), ROW(bad_recv), ROW(bad_recvmsg), ROW(do_write), ROW(do_writev), ROW(do_send), ROW(do_sendto),
	ROW(do_sendmsg), ROW(do_sendmmsg), ROW(do_sendfile), ROW(bad_write), ROW(bad_writev), ROW(bad_sendfile),
	ROW(do_splice), ROW(bad_splice), ROW(do_poll), ROW(bad_poll), ROW(do_ppoll), ROW(do_select), ROW(bad_select),
	ROW(do_pselect), ROW(do_epoll_wait), ROW(bad_epoll_wait), ROW(do_cond_timedwait), ROW(do_cond_signal),
	ROW(do_cond_broadcast), ROW(do_sem), ROW(bad_sem), ROW(do_eventfd_io), ROW(bad_eventfd_read), ROW(do_thread),
	ROW(do_sigaction), ROW(do_query), ROW(bad_sigaction), ROW(do_signal), ROW(bad_signal), BIG(do_raise),
	ROW(do_sigaltstack), ROW(bad_sigaltstack), ROW(do_fork), ROW(do__Fork), ROW(do_vfork), BIG(do_forkpty),
	ROW(bad_wait), ROW(bad_waitid), ROW(bad_kill), ROW(bad_setsid), ROW(bad_execve), BIG(bad_execvp), ROW(bad_execl),
	ROW(bad_fexecve), BIG(do_spawn), BIG(bad_spawn), BIG(do_system), BIG(do_popen), ROW(do_syscall), ROW(bad_syscall),
	ROW(do_prctl), ROW(bad_prctl), BIG(do_getaddrinfo), BIG(bad_getaddrinfo), BIG(do_gethostbyname), BIG(do_syslog),
	ROW(do_setlogmask), BIG(do_fprintf), BIG(do_fputs), BIG(do_fwrite), BIG(do_fputc), BIG(do_warnx), BIG(do_perror),
	ROW(do_swapcontext),
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void prepare(void)
{
	signal(SIGPIPE, SIG_IGN);
	listener = tcp_listener(&address);
	client = tcp_dial(&address);
	server = accept(listener, NULL, NULL);
	NEED(server >= 0 && pipe(pipe_fds) == 0);
	epoll_fd = epoll_create1(0);
	file = open("/etc/passwd", O_RDONLY);
	stream = fopen("/dev/null", "w");
	NEED(epoll_fd >= 0 && file >= 0 && stream != NULL && sem_init(&semaphore, 0, 0) == 0);
	setvbuf(stream, NULL, _IONBF, 0);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "errno";

	prepare();
	all_calls(how, calls, CALLS);
	say_fds("at the end");
	say_no_children("at the end");
	return 0;
}
