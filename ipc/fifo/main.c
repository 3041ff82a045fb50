// # FIFO: a pipe that has a name
//
// Chapter 10 · Interprocess communication (프로세스 간 통신)
//
// A pipe is handed from parent to child; strangers have no name for it.
// mkfifo(3) gives it one in the file system: whoever knows the path and has the
// permission can open an end of it. That makes a server possible, one process
// that anybody can ask. It also brings troubles that no pipe of a family has,
// for clients come and go as they like.
//
//     meet.c      the name, and open(2) as a meeting
//     service.c   a server and its clients, each line with its reason
//     clients.c   many clients; requests that are mixed, and that are not
//     leave.c     end of file, which is none, and how servers avoid it
//     dead.c      clients that ask and die
//
//     $ build/ipc/fifo              every scene
//     $ build/ipc/fifo server       one of them
//
//     server · a server with many clients
//        67.37 ms  main     4 clients sleep in open; the server starts
//        80.03 ms  main     whom it serves, and the question each waits with:
//     server  ·DDDCCCBBBAAAADDDCCCBBBAAADDDCCCBBBAAADDDCCCCBBBAAADDDCCCBBBBAAA
//     A       ··11111111111122222222222233333333333334444444444445555555555555
//     B       ·111111111222222222222233333333333334444444444445555555555555···
//     C       ·11111122222222222223333333333333444444444444555555555555·······
//     D       111122222222222223333333333333444444444444555555555555··········
//             ┬───────────────┬──────────────┬───────────────┬──────────────┬─
//             0 ms            2              4               6              8
//                  ✓ the server got 20 requests, one at a time
//                  ✓ each client got its own answers, all 20
//
// Try: in `server`, have ask() send a request in two writes. Do the claims
// still hold, and why is that the worst kind of bug? Then do it in a shell:
// `mkfifo f; cat f & echo one >f; sleep 1; echo two >f`. Who printed what, and
// why does the second echo hang?
//
// Read next: ipc/pipe.c (what the ends tell each other), ipc/pipebuf.c (atomic
// writes), ipc/channel/fifo.c (a FIFO as a part to build with), ipc/socket (a
// server that gets a connection for each client).
// Sources: fifo(7), mkfifo(3), open(2), pipe(7), poll(2); POSIX.1-2017, open(),
// read(), write().

#include "fifo.h"
#include "lab.h"

static const struct scene scenes[] = {
	{ "name",     "a name, and nothing in it",              name },
	{ "open",     "opening is a meeting",                   rendezvous },
	{ "nonblock", "not waiting",                            without_waiting },
	{ "server",   "a server with many clients",             many_clients },
	{ "mixed",    "a request in two writes",                mixed },
	{ "whole",    "a request in one write",                 whole },
	{ "eof",      "end of file: the last client leaves",    end_of_file },
	{ "reopen",   "the cure that loses requests",           reopened },
	{ "hold",     "the cure: a write end of its own",       held_open },
	{ "reuse",    "an end that belongs to the last reply",  reused },
	{ "stuck",    "a server that waits for the dead",       stuck },
	{ "killed",   "a server that dies with its client",     killed },
	{ "dropped",  "a server that lets them go",             dropped },
	{ 0 }
};

static const struct lab lab = {
	.name = "ipc/fifo",
	.summary = "a pipe with a name: a server, and clients who come and go",
	.chapter = "10 · Interprocess communication",
	.scenes = scenes,
};

int main(int argc, char **argv)
{
	return lab_main(&lab, argc, argv);
}
