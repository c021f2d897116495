/* SPDX-License-Identifier: MIT */
/*
 * note.h - the inner halves of hooks, for calls that come through syscall().
 *
 * Each tells the runtime what a call did.  errno is put back; the fd need not be
 * ours.
 */
#ifndef TA_HOOKS_NOTE_H
#define TA_HOOKS_NOTE_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

void ta_note_accepted(int listen_fd, int conn_fd, const struct sockaddr *peer,
		      const socklen_t *bytes);
void ta_note_read(int fd, const struct iovec *iov, int iov_count, ssize_t result, int flags);
void ta_note_wrote(int fd, const struct iovec *iov, int iov_count, ssize_t result);
void ta_note_received(int fd, const struct msghdr *message, ssize_t result, int flags);
void ta_note_closing(int fd);
void ta_note_duplicated(int from, int to);

#endif
