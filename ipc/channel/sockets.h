// sockets.h - what the socket channels share: how two sockets find each other
//
// pair[0] is the left side's socket afterwards and pair[1] the right side's.
// Functions return 0 or -errno; after an error there is no pair.

#ifndef CHANNEL_SOCKETS_H
#define CHANNEL_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

// The way of a connection (SOCK_STREAM, SOCK_SEQPACKET): one socket listens at
// an address, the left one connects to it, and accept(2) makes the right one.
// The listener and its address are gone afterwards.
int sockets_by_accept(int family, int type, int pair[2]);

// The way of datagrams: each socket is bound to an address of its own and
// connected to the other's, so that the kernel drops what others send to it.
int sockets_by_address(int family, int pair[2]);

// One message, whole, by one system call. For UNIX and UDP sockets recv(2)
// with MSG_TRUNC tells how long the message was, also where the buffer was too
// small: -EMSGSIZE instead of a silent cut.
int send_whole(int fd, const void *message, size_t bytes);
ssize_t receive_whole(int fd, void *buffer, size_t bytes);

// The largest message a UNIX socket of this type takes from this user: asked of
// the kernel, by sending.
int sockets_unix_limit(int type, size_t *limit_bytes);

// Whether there is a loopback interface to send through: 0, or -errno and why
// not.
int sockets_probe_loopback(char *why, size_t why_bytes);

#endif
