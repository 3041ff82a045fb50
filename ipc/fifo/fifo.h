// fifo.h - the scenes of ipc/fifo, and the little service that they play with
//
// The service squares numbers. What matters is how it is asked: all clients
// write their requests into one FIFO whose path everybody knows, and each gets
// its replies through a FIFO of its own, whose path is in the request.

#ifndef IPC_FIFO_FIFO_H
#define IPC_FIFO_FIFO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// A FIFO is a stream, so a request has a fixed size; and as it is no larger
// than PIPE_BUF (512 bytes at least, says POSIX), one write of it stays whole.
struct request {
	uint32_t client, number; // number 0: the service is to end
	char reply_path[120];
};

struct reply {
	uint32_t number, square;
};

_Static_assert(sizeof(struct request) <= _POSIX_PIPE_BUF, "whole, anywhere");
_Static_assert(sizeof(struct reply) <= _POSIX_PIPE_BUF, "whole, anywhere");

// --- service.c: how it is done ----------------------------------------------

// A fresh FIFO; its path.
const char *fresh_fifo(void);

// Opens a FIFO to read from it, without waiting for a writer and without ever
// seeing an end of file; reads of it wait.
int open_service(const char *path);

// The reply, in two steps. A descriptor or -errno (ENXIO, ENOENT: the client is
// gone); 0 or -errno (EPIPE: it has gone since, EAGAIN: it does not read).
// Neither ever waits. SIGPIPE has to be ignored.
int open_reply(const struct request *request);
int send_reply(int fd, const struct request *request);

// The client's side. Before it asks: opens its reply FIFO; makes a request.
int open_replies(const char *path);
struct request request_for(uint32_t client, uint32_t number,
			   const char *reply_path);

// Writes a request into the service's FIFO with one write.
void send_request(int service, const struct request *request);

// Waits for the reply. False: the server opened the FIFO and left without one.
bool await_reply(int replies, struct reply *reply);

// --- the scenes -------------------------------------------------------------

// meet.c
void name(void);
void rendezvous(void);
void without_waiting(void);

// clients.c
void many_clients(void);
void mixed(void);
void whole(void);

// leave.c
void end_of_file(void);
void reopened(void);
void held_open(void);
void reused(void);

// dead.c
void stuck(void);
void killed(void);
void dropped(void);

#endif
