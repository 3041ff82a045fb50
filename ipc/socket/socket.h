// socket.h - the scenes of ipc/socket, and what they share

#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "ipc/echo/echo.h"
#include "lab.h"

// kinds.c: what a socket does with messages
void show_kinds(void);
void show_ends(void);
void show_cuts(void);

// unread.c: a peer that does not read
void show_unread(void);

// rights.c: passing a descriptor. And a message of one byte with a control
// message beside it: sends one (0 or an errno), takes one (whether it came).
int send_beside(int socket, int type, const void *what, size_t bytes);
bool take_beside(int socket, int type, void *what, size_t bytes);
void show_passing(void);
void show_number(void);
void show_dropped(void);

// peer.c: who is there
void show_peer(void);
void show_pidfd(void);
void show_credentials(void);

// addresses.c: paths and abstract names
void show_names(void);
void show_permission(void);
void show_namespace(void);

// backlog.c: the queue at the door
void show_backlog(void);
void show_syn(void);

// close.c: half close, and the wrong way
void show_half(void);
void show_close(void);
void show_copies(void);

// servers.c: a crowd at the three servers of ipc/echo/
void show_servers(void);

// The kinds of AF_UNIX socket, and a connected pair of one.
enum { STREAM, DGRAM, SEQPACKET, KINDS };
extern const struct socket_kind {
	const char *name;
	int type;
} socket_kinds[KINDS];
void pair_of(int kind, int fd[2]);

// A listening socket at a fresh address: "unix:@" or "127.0.0.1:0". Leaves the
// scene where there is no TCP.
int listen_on(const char *text, int backlog, struct echo_address *address);

// A connected stream to there.
int connect_to(const struct echo_address *address);

// 0, or the errno of a call that returned -1.
int error_of(ssize_t result);

#endif
