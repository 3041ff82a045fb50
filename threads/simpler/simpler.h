// simpler.h - one task, written twice, and the scenes of threads/simpler
//
// The task is a server that adds up. It speaks in lines:
//
//     hello ann        hello ann                who is there
//     sum 3                                     three numbers follow
//     10
//     20
//     12               42                       after a while: see wait_ns
//     bye              bye ann, 1 sum           and the connection is closed
//
// Before the greeting there is only "hello first", of anything else it says
// "what?". A line may come in any number of packets and a packet may hold any
// number of lines, whole or not (a stream has no messages, see ipc/pipe).
// Requests are answered in order, and who closes its write side still gets what
// it has asked for. A line of LINE bytes or more: "too long", and that is that.

#ifndef THREADS_SIMPLER_H
#define THREADS_SIMPLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { LINE = 64 };

// ## The server

// In memory that the server's process and the scene's share.
struct server {
	int listener;     // non-blocking; the server's
	int stop;         // an eventfd: once it can be read, serving ends
	bool forgetful;   // machine.c with a mistake in it: see `forgotten`
	int64_t wait_ns;  // how long the back end takes for a sum
	_Atomic int open; // connections now. Relaxed: a number by itself
	void *inside; // machine.c: its first connection (in its own process)
};

struct way {
	const char *name, *source;
	// Serves until told to stop, or until it cannot. Any number of
	// connections; whoever finds no room is turned away.
	void (*serve)(struct server *server);
};

// The server has no room for one more client. Leaves the scene, which needs them
// all; the end of the process turns the client away.
_Noreturn void turn_away(int error); // client.c

extern const struct way threads_way; // threads.c
extern const struct way machine_way; // machine.c
enum { THREADS, MACHINE, WAYS };
extern const struct way *const ways[WAYS];

// ## What a line says (line.c)

enum verb { HELLO, SUM, BYE, OTHER };

struct request {
	enum verb verb;
	char name[LINE]; // HELLO
	unsigned count;  // SUM: 1 to 999
};
struct request request_of(const char *line);

// A number's line; what is no number counts as 0. Sums wrap.
uint64_t number_of(const char *line);

// The end of "bye ann, 1 sum".
const char *sums_word(unsigned sums);

// What has been read and not yet been taken.
struct input {
	char bytes[LINE];
	size_t begin, end;
	char line[LINE]; // the last one taken
};

// The next whole line without its newline, or NULL: there is none yet.
// input_full: nor will there be, it is too long.
const char *input_line(struct input *input);
bool input_full(const struct input *input);

// Room for recv(2), of *bytes. Moves what is there to the front.
void *input_room(struct input *input, size_t *bytes);

// ## Machine's side, seen from outside (machine.c; states.c prints it)

enum state { GREETING, COMMAND, NUMBER, WAITING, LEAVING };
extern const char *const state_names[];

struct connection {
	int fd;
	enum state state;
	struct input input;
	char name[LINE];
	unsigned left; // numbers to come
	unsigned sums;
	uint64_t total;
	char output[2 * LINE]; // the answer, what is left of it
	size_t out_begin, out_end;
	bool ended;                       // the client sends no more
	int64_t due_ns;                   // when the back end will have the sum
	uint32_t watched;                 // what epoll has been asked to tell
	struct connection *next, *before; // of all
	struct connection *next_due, *before_due; // of those in state WAITING
};

// ## Servers and clients for the scenes (client.c)

struct running {
	const struct way *way;
	struct server *server;
	pid_t pid;
};

struct running start_server(const struct way *way, int64_t wait_ns);
// One that has stopped itself and waits for count_calls.
struct running start_traced_server(const struct way *way, int64_t wait_ns);

// Tells it to stop, waits for it, and closes what was ours; or only the latter.
struct rusage stop_server(struct running *running);
void close_server(struct running *running);

int connect_to(const struct running *running); // a blocking socket
void send_text(int fd, const char *text);

// Waits until the server has read all that was sent.
void await_read(int fd);
void await_open(const struct running *running, int connections);

// Reads to the end of the stream, or until `bytes` are there.
enum { REPLY = 512 };
size_t receive(int fd, char *reply, size_t bytes);

// A figure of /proc/PID/FILE: of status "Threads", "VmSize" (KiB), of
// smaps_rollup "Anonymous" (KiB); and how many descriptors the process has open.
long status_of_server(const struct running *running, const char *file,
		      const char *key);
int descriptors_of(const struct running *running);

// ## The scenes

void scene_talk(void); // same.c
void scene_split(void);
void scene_joined(void);
void scene_leave(void); // rude.c
void scene_slow(void);
void scene_states(void); // states.c
void scene_forgotten(void);
void scene_steps(void);  // steps.c
void scene_lines(void);  // lines.c
void scene_memory(void); // price.c
void scene_calls(void);
void scene_speed(void);

// lines.c: a file of the source tree, from the program's own folder upwards, then
// from here. Skips the scene if it is in neither.
FILE *open_source(const char *source);

// trace.c: lets a traced server go on and counts the system calls of all its
// threads, until it and its client (a child of ours, too) have ended.
int64_t count_calls(pid_t server, pid_t client);

#endif
