// # File: two processes, one file
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// The first way in the notes: one process writes a file, another reads it.
// Nothing has to be set up, the two need not live at the same time, and anybody
// can look at what they said. But a file is made for keeping, not for talking.
// It takes two writers at once without a word, it makes no reader wait, and it
// shows itself half written. What the kernel offers for each of these troubles:
//
//     append.c            two writers at the end: O_APPEND
//     update.c            read, add, write back: locks
//     locks.c deadlock.c  three kinds of locks: whose they are, who is told
//     wait.c events.c     to be told instead of looking: inotify
//     publish.c           never half a file: rename
//     map.c               the file as memory that both see: mmap
//
//     $ build/ipc/file              every scene
//     $ build/ipc/file locks        one of them
//
//     locks · three kinds of locks: whose is it?
//         2.75 ms  main     I lock byte 0 of a file, three ways; does it ...
//     ... keep out           POSIX   OFD flock
//      another process         yes   yes   yes
//      my child, its copy      yes    no    no
//      my own second open       no   yes   yes
//      my thread, own open      no   yes   yes
//      who wants byte 1         no    no   yes
//     ... stay after
//      another open closed      no   yes   yes
//      a dup closed             no   yes   yes
//      child closed its copy   yes   yes   yes
//      child unlocked it       yes    no    no
//      only a child has it      no   yes   yes
//      exec                    yes   yes   yes
//      death                    no    no    no
//                  ✓ all keep another process out, and go with who holds them
//                  ✓ closing any descriptor of the file drops my POSIX locks
//                  ✓ a child shares my OFD locks and flock, never POSIX locks
//                  ✓ OFD locks and flock last until every copy is closed
//                  ✓ POSIX locks do not keep threads of one process apart
//                  ✓ all outlive exec, if the file stays open
//                  ✓ only flock knows nothing of bytes
//                  ✓ POSIX and OFD locks exclude each other, flock neither
//
// Try: in `append`, let B write "BBBBBB": what is left of its line? In `wait`,
// let the poller sleep for 10 ms: what does it save, and what does it cost? In
// two shells: `flock f sleep 60`, `flock f echo mine`; in a third: `lslocks`.
//
// Read next: ipc/channel/file.c (messages through a file, locks that hand over
// the turn), ipc/pipe.c (a stream that makes its reader wait), ipc/fifo (a pipe
// that has a name), ipc/shm (memory without a file).
// Sources: open(2), fcntl(2), flock(2), inotify(7), rename(2), mmap(2),
// truncate(2); POSIX.1-2017, write(), and 2.9.7, "Thread Interactions with
// Regular File Operations"; POSIX.1-2024, fcntl(), F_OFD_SETLK.

#include "file.h"
#include "lab.h"

static const struct scene scenes[] = {
	{ "append",   "two writers and one end",              append },
	{ "log",      "one write, one line",                  log_of_many },
	{ "lost",     "a lost update",                        lost_update },
	{ "locked",   "the same with a lock",                 locked_update },
	{ "advisory", "a lock stops those who ask",           advisory },
	{ "locks",    "three kinds of locks: whose is it?",   lock_table },
	{ "deadlock", "two who wait for each other",          deadlock },
	{ "end",      "the end of a file makes nobody wait",  end_of_file },
	{ "wait",     "look again and again, or be told",     wait_for_file },
	{ "events",   "of what inotify tells",                events },
	{ "publish",  "all of the new, or all of the old",    publish },
	{ "map",      "one page, four views",                 one_cache },
	{ "shrink",   "the file shrinks under its mapping",   shrink },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/file",
	.summary = "two processes through a file: appending, locks, inotify, "
		   "mmap",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
