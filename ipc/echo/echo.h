// echo.h - one echo server, three ways to wait for a thousand clients
//
// An echo server sends back what it receives (RFC 862). It computes nothing,
// so nothing is left of it but the question that every server has: how does one
// wait for many clients at once? The ways, a file each:
//
//   process.c  a process for each client, which waits for that one only
//   epoll.c    one thread, which asks the kernel who is ready
//   uring.c    one thread, which asks the kernel to do it and say when it is done
//
// Each way promises the same:
//
//   - Every byte comes back, in order. A client that shuts down its write side
//     (half close, shutdown(2)) gets all that is still under way, then end of
//     file.
//   - A client that does not read costs ECHO_BUFFER bytes and no time. The
//     server reads no more from it until those are gone, so TCP's window closes
//     and the client's own sends wait: back pressure.
//   - A client that vanishes, whenever and however, ends its own connection and
//     nothing else.
//   - When descriptors or processes run out, nobody is turned away. New clients
//     wait in the listener's queue, until one leaves or a tenth of a second has
//     passed; the server sleeps meanwhile.
//   - Once told to stop it closes every connection; no process and no descriptor
//     of its own is left when serve returns.
//
// So a server is:
//
//     struct echo_address here;
//     echo_address_parse("127.0.0.1:0", &here);
//     struct echo_job job = {
//             .listener = echo_listen(&here, SOMAXCONN),
//             .stop = eventfd(0, EFD_CLOEXEC),
//             .counts = echo_counts_new(),
//     };
//     echo_way("epoll")->serve(&job);
//
// crowd.c has the clients to try it with. Functions return 0 (or a count, or a
// descriptor) or -errno, print nothing and never exit.

#ifndef ECHO_H
#define ECHO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

enum { ECHO_BUFFER = 16384 };

// What a server has done so far. It lies in memory that forked processes share,
// so anybody may look while it serves. Relaxed atomics: each is a number by
// itself, and nothing else is read because of it.
struct echo_counts {
	_Atomic uint64_t began;  // clients accepted
	_Atomic uint64_t ended;  // of these, gone again
	_Atomic uint64_t failed; // of those, by an error: reset, cut off
	_Atomic uint64_t bytes;  // sent back
	_Atomic uint64_t most;   // the most clients at once
	_Atomic uint64_t rests;  // times that accepting had to rest
	_Atomic uint64_t turns;  // times the server woke up: stays where it is
				 // while nothing happens
};

// NULL when there is no memory. Free it in each process that has it.
struct echo_counts *echo_counts_new(void);
void echo_counts_free(struct echo_counts *counts);

struct echo_job {
	// A listening stream socket of any family. It stays the caller's;
	// serve sets or clears O_NONBLOCK as its way needs it.
	int listener;

	// serve returns once this can be read, and leaves it unread: an
	// eventfd, the end of a pipe, or a signalfd (then a signal stops it).
	int stop;

	// No more clients than this at once; 0 is as many as the system lets.
	unsigned most_clients;

	struct echo_counts *counts;

	// Told when a client has gone, if not NULL: which one (counted from 1)
	// and how many bytes went back to it; error is 0 or a positive errno.
	// Called in the process that served it, where only standard input,
	// output and error are sure to be open.
	void (*gone)(uint64_t client, uint64_t bytes, int error);
};

struct echo_way {
	const char *name;  // "epoll": on the command line
	const char *title; // one line for people

	// Whether this host has it: 0, or -errno and a sentence that says what
	// is missing and how to get it.
	int (*probe)(char *why, size_t why_bytes);

	// Serves until told to stop. Returns 0, or -errno when it cannot begin
	// or cannot go on; in any case nothing of its own is left. Raise the
	// limit of descriptors before (echo_descriptors).
	int (*serve)(const struct echo_job *job);
};

// Every way, from plain to new; ends with NULL. And one by name, or NULL.
extern const struct echo_way *const echo_ways[];
const struct echo_way *echo_way(const char *name);

// ## Where it listens

struct echo_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
	socklen_t bytes;
};

enum { ECHO_TEXT = 160 };

// "127.0.0.1:7007", "[::1]:7007" (port 0: a free one), "unix:/a/path",
// "unix:@name" (abstract, see unix(7); "unix:@" alone: a fresh one). Numbers
// only, no host names. -EINVAL: it is none of these; -ENAMETOOLONG.
int echo_address_parse(const char *text, struct echo_address *address);

// The same back, for people: control characters are '?'.
const char *echo_address_text(const struct echo_address *address,
			      char text[ECHO_TEXT]);

// A listening socket there, close-on-exec. The address then says where it is
// indeed: the port or name that the kernel picked.
int echo_listen(struct echo_address *address, int backlog);

// What hinders it, in words: errno `error` and who is in the way. For a path it
// tries to connect, to tell a server that listens from what a dead one left.
const char *echo_listen_trouble(const struct echo_address *address, int error,
				char why[ECHO_TEXT]);

// Makes room for `wanted` descriptors: raises the soft RLIMIT_NOFILE to the hard
// one, which anybody may. -EMFILE where that is too low; it is raised all the
// same.
int echo_descriptors(size_t wanted);

// ## A crowd of clients
//
// One process plays them all. Everybody has connected and (but for the silent)
// has got a first echo before anybody goes on, so they are all there at the
// same time. What a client sends follows from the seed and its number, and
// those that stay compare every byte that comes back.

enum echo_kind {
	ECHO_PROMPT, // 4 KiB in small messages, each after the last one's echo
	ECHO_HALF,   // sends 8 KiB and half closes, then reads to the end
	ECHO_BIG,    // sends 256 KiB as fast as it can
	ECHO_SLOW,   // sends 256 KiB and reads a byte now and then, at first
	ECHO_GONE,   // closes at once, sends, or half closes; then vanishes
	ECHO_SILENT, // connects and never says a word
	ECHO_KINDS
};

extern const char *const echo_kind_names[ECHO_KINDS];

struct echo_crowd {
	unsigned clients;
	unsigned slow, gone, silent; // percent; the rest: see conduct.c
	uint64_t seed;
	int64_t limit_ns; // whoever has not finished then has failed
};

struct echo_report {
	unsigned sent[ECHO_KINDS]; // clients there were
	unsigned well[ECHO_KINDS]; // whose every byte came back; of the last
				   // two kinds: who could do what it meant to
	unsigned failed;           // all others
	char first[160];           // what befell the first of these
	uint64_t bytes;            // that came back and were right
	int64_t took_ns;           // from the first connect(2) to the last end
	double p50_ns, p99_ns;     // round trips of the prompt; 0: none
};

// How many of each kind there will be.
void echo_crowd_count(const struct echo_crowd *crowd,
		      unsigned count[ECHO_KINDS]);

// Plays the crowd against a server. Returns 0 and the report (failed clients
// are no error), or -errno when it could not be played: -EMFILE when
// RLIMIT_NOFILE is too low for it, -ENETUNREACH when there is no way to there.
int echo_crowd_play(const struct echo_crowd *crowd,
		    const struct echo_address *server,
		    struct echo_report *report);

#endif
