/* SPDX-License-Identifier: MIT */
/*
 * limited.c - started with next to nothing: few fds, no room to write files, no
 * new processes, little address space, a small stack, no /dev/shm, no /proc.
 *
 * Victim: root runs=3 wraps='nofile16=prlimit --nofile=16|nofile8=prlimit --nofile=8|fsize0=prlimit --fsize=0|as64m=prlimit --as=67108864|as24m=prlimit --as=25165824|stack128k=prlimit --stack=131072|memlock0=prlimit --memlock=0|nproc=prlimit --nproc=1|data=prlimit --data=4194304|noproc=unshare -m sh -c "mount -t tmpfs none /proc && exec \"\$@\"" sh|core=prlimit --core=0|nobody=setpriv --reuid=65534 --regid=65534 --clear-groups'
 */
#include <pthread.h>

#include "victim.h"

static void *body(void *argument)
{
	char buffer[32];
	int client, server;

	tcp_pair(&client, &server);
	say("fds %d %d\n", client, server);
	for (int i = 0; i < 100; i++) {
		write_full(client, "GET /x HTTP/1.1\r\n\r\n", 19);
		NEED(read_full(server, buffer, 19) == 19);
		write_full(server, "HTTP/1.1 204 No\r\n\r\n", 19);
		NEED(read_full(client, buffer, 19) == 19);
	}
	TRY(close(server));
	TRY(close(client));
	return argument;
}

int main(void)
{
	pthread_t thread;
	int fds[64], opened = 0, error;

	body(NULL);
	error = pthread_create(&thread, NULL, body, NULL);
	if (!error)
		TRY(pthread_join(thread, NULL)); /* first: it writes to the same stream */
	say("thread: %s\n", error ? errno_word(error) : "made");
	while (opened < 64 && (fds[opened] = open("/dev/null", O_RDONLY)) >= 0)
		opened++;
	say("opened %d, then %s\n", opened, opened < 64 ? errno_word(errno) : "enough");
	while (opened)
		close(fds[--opened]);
	say_fds("at the end");
	say_no_children("at the end");
	return 3;
}
