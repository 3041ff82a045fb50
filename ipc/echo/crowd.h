// crowd.h - what the files of the crowd share
//
// conduct.c says who does what, door.c brings all to the gate, talk.c is one
// client's conversation, crowd.c plays until the end.

#ifndef ECHO_CROWD_H
#define ECHO_CROWD_H

#include <sys/types.h>

#include "echo.h"

enum { GREETING = 16, SCRATCH = 65536 };

// How a client leaves that vanishes; see vanish in talk.c.
enum leave { STAYS, AT_ONCE, RESETS, LEAVES_UNREAD, RESETS_HALF_CLOSED };

struct conduct {
	enum echo_kind kind;
	enum leave leave;
	size_t bytes;    // to send in all
	size_t ahead;    // of what came back, at most
	bool half_close; // when all is sent; then the end of file must come
	unsigned bites;  // reads that many times one byte, now and then, first
	int room;        // its receive buffer; 0: as the kernel makes it
};

enum state { CONNECTING, GREETING_BACK, GATE, TALKING, DONE };

struct client {
	const struct conduct *conduct;
	enum state state;
	int fd; // -1: none yet, or no longer
	uint32_t wanted;
	uint64_t seed;
	size_t sent, back; // bytes
	unsigned bites;    // so far
	int64_t asked_ns;  // when a prompt one sent its message
};

struct play {
	const struct echo_crowd *crowd;
	const struct echo_address *server;
	struct echo_report *report;
	struct client *clients;
	int epoll;
	unsigned next;    // to connect
	unsigned at_door; // connecting or greeting
	unsigned arrived; // at the gate, or gone
	unsigned talking; // who has to finish before the silent leave
	bool open;        // the gate
	double *trips_ns;
	size_t trips, room;
	char *out, *in; // SCRATCH bytes each
};

// What the i-th client is.
const struct conduct *crowd_conduct(const struct echo_crowd *crowd, unsigned i);

// Lets as many connect as may stand at the door. Returns whether one found the
// queue full: try again a little later.
bool crowd_send_to_the_door(struct play *p);

// A turn of a client that connects, or that waits for its greeting.
void crowd_connected(struct play *p, struct client *c);
void crowd_greet(struct play *p, struct client *c);

// All who are to talk begin.
void crowd_open_gate(struct play *p);

// The end for a client, well or not; with a reset where that is its manner.
void crowd_did_well(struct play *p, struct client *c, bool reset);
void crowd_failed(struct play *p, struct client *c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// If n is what crowd_receive returned and means that it is over for the client
// (the end of file, an error), says so and returns true.
bool crowd_complain(struct play *p, struct client *c, ssize_t n);

// What epoll shall report of it.
void crowd_want(struct play *p, struct client *c, uint32_t events);

// Sends what it may. Returns 0, 1 when the socket takes no more at present, or
// -errno.
int crowd_send(struct play *p, struct client *c);

// Receives up to `most` bytes and compares them. Returns how many came, 0 at
// the end of file, or -errno (-EILSEQ: not what was sent).
ssize_t crowd_receive(struct play *p, struct client *c, size_t most);

// A turn of a client that talks. And one byte for each that nibbles: returns how
// many still do.
void crowd_talk(struct play *p, struct client *c, uint32_t events);
unsigned crowd_nibble(struct play *p);

#endif
