// lab.h - what every lab program shares: its voice, and how it fails
//
// A lab is a row of scenes. A scene does something with the kernel, says what
// happened, and claims what that shows. A claim is a checked sentence: when
// the running kernel disagrees with it, the program says so and exits with 1.
//
// Each scene plays in a process of its own, watched by its parent: what it
// leaves open the kernel closes, and whomever it started is gone afterwards,
// also a grandchild that called setsid(2) (see supervisor.h).

#ifndef LAB_H
#define LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"
#include "must.h"

struct scene {
	const char *name;  // one word, given on the command line
	const char *title; // what the reader will see
	void (*play)(void);
};

// What a lab can do for the reader beside its scenes, on the reader's own data:
// `threads/pool sum DIR`, `sync/weave --schedule=AABBAB`. It has the command
// line when its name is the first argument, or, of a name that begins with --,
// when any argument is that option (alone or with =VALUE). It parses all of it
// (argv[0] is "PROGRAM WORD" if a word chose it, which is gone then), with
// options.h, --format=json included; returns the exit status.
struct tool {
	const char *name;    // "sum", "--schedule"
	const char *usage;   // what follows the name: "DIRECTORY..."
	const char *summary; // one line
	int (*main)(int argc, char **argv);
};

struct lab {
	const char *name;           // "ipc/pipe"
	const char *summary;        // one line, for --help and the catalogue
	const char *chapter;        // "10 · Interprocess communication"
	const struct scene *scenes; // ends with a scene whose name is NULL
	const struct tool *tools;   // NULL, or ends like the scenes
};

// Runs the scenes named in argv, or all of them, in that order, and understands
// what every lab understands: --help, --version, --list, --format=text|json,
// --slow, --predict, --timeout, --sweep; or hands over to one of its tools.
// Returns the exit status: 0 every claim held (skipped scenes are named), 1 one
// did not, or a scene claimed nothing, or the output could not be written; 2 bad
// usage; 77 this host could play none of the scenes.
int lab_main(const struct lab *lab, int argc, char **argv);

// One line of the story, with the time since the scene began and the speaker.
// One write(2), so that the lines of several processes stay whole.
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// A picture of several lines (see draw.h), in one piece, without time and
// speaker.
void show(const char *picture);

// The same for lines of text, such as a table: those that are wider than the
// terminal are broken (draw_text).
void show_text(const char *text);

// A sentence that must be true. Counted, in whichever process of the scene
// (or thread of it) it is spoken.
void claim(bool holds, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// Leaves the scene: the host lacks what it needs. Say what, and how to get it.
// Any process of the scene may call it; claims made before still count, and
// nobody makes another. must() calls it where the host has no room: no more
// tasks, descriptors, memory.
_Noreturn void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// fork(2) for a scene: the child speaks as `name` and dies with its parent (if
// a thread calls this, with that thread).
pid_t fork_as(const char *name);

// Names the calling thread in the lines it says (threads, and the child of a
// clone(2) that fork_as does not make).
void speak_as(const char *name);

// Waits for a child; a child that failed is a failed claim. One that left the
// scene (skip) takes its parent along.
void reap(pid_t child);

// Waits until the kernel shows `pid` (a process or a thread) in `state` (R, S,
// T, Z ... as in /proc/PID/stat): scenes wait for states, never for a while. Who is
// in state S has left its CPU, too, where /proc/PID/syscall may be read.
// A process that sleeps because say or claim makes it wait (--slow, a slow
// terminal) does not count as sleeping.
void await_state(pid_t pid, char state);

// A fresh name "/oslab.PID.START.n" (for shm_open, mq_open, sem_open) or path
// of a temporary file or socket, registered so that it is gone after the scene
// however that ends (see names.h). The string lives as long as the process.
const char *fresh_name(void);
const char *fresh_path(void);

#endif
